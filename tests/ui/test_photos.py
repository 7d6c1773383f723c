"""The photos in the panel: how many, what was found in each, and its mask."""

from __future__ import annotations

import os
from types import SimpleNamespace

import bpy
import pytest
from pflrm.pflrm_blender import inspection
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests.ui.recorder import drawn
from pflrm.ui import mask, panel


def test_an_empty_list_says_where_to_drop(found):
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "Drop 2–8 photos of one object here." in layout.words()
    assert "pflrm.photos_add" in layout.record["operators"]


def test_photos_are_named(listed):
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert {"front", "left", "back"} <= set(layout.record["words"])
    assert {"pflrm.reconstruct", "pflrm.place_cameras"} <= set(layout.record["operators"])
    assert {"quality", "focal", "face_limit", "texture", "placement", "size"} <= set(layout.record["properties"])
    assert "Masks" in layout.record["words"]
    assert layout.record["properties"].count("mask") == 3


def test_what_is_missing_is_said_in_its_place(listed, photos, monkeypatch):
    listed.pflrm.photos[0].problem = "No object was found in front.png."
    photos[1].unlink()
    listed.pflrm.photos[2].enabled = False
    words = drawn(panel.PFLRM_PT_main.draw).words()
    assert "No object was found in front.png." in words
    assert "left.png is not there any more." in words
    listed.pflrm.photos[1].enabled = False
    assert "no other cameras" in drawn(panel.PFLRM_PT_main.draw).words()


@pytest.mark.parametrize(("count", "words"), [
    (4, "More photos make better cameras"), (5, ""), (8, ""),
    (9, "Of 9 photos the run uses the reference and the 7 that differ most."), (13, "13 photos are in use"),
])  # fmt: skip
def test_few_and_many_photos(found, photos, count, words):
    for number in range(count):
        photo = found.pflrm.photos.add()
        photo.name, photo.filepath = f"{number}", str(photos[0])
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert words in layout.words()
    assert ("photos" in layout.words()) == bool(words)


def test_one_click_takes_a_photo_in_or_out_and_a_star_marks_the_reference(listed):
    listed.pflrm.photos[0].enabled = False
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert layout.record["properties"].count("enabled") == 3
    signs = [icon for icon in layout.record["icons"] if icon in ("SOLO_ON", "CHECKBOX_HLT", "CHECKBOX_DEHLT")]
    assert signs == ["CHECKBOX_DEHLT", "SOLO_ON", "CHECKBOX_HLT"]


def test_long_names_differ_where_a_camera_counts(listed):
    names = ("PXL_20210526_021804355", "PXL_20210526_021824030", "left")
    for photo, name in zip(listed.pflrm.photos, names, strict=True):
        photo.name = name
    words = drawn(panel.PFLRM_PT_main.draw).record["words"]
    shown = [word for word in words if word.endswith(("4355", "4030", "left"))]
    assert shown == ["…26_021804355", "…26_021824030", "left"]


def test_each_photo_tells_what_was_found_in_it(listed, monkeypatch):
    path = listed.pflrm.photos[1].filepath
    states = {
        "front": inspection.PhotoState(width=64, height=48, focal_35mm=26.96, origin="alpha", share=0.2),
        "left": inspection.PhotoState(problem=f"No object was found in {path}. Give a mask."),
        "back": inspection.PhotoState(width=64, height=48, origin="automatic", share=0.2, touches_border=True),
    }
    monkeypatch.setattr(inspection, "state_of", lambda photo: states[photo.name])
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert layout.record["operators"].count("pflrm.mask_preview") == 3
    assert layout.record["labels"].count("ƒ 27 mm") == 1
    words = layout.words()
    assert "No object was found in left.png." in words
    assert layout.record["icons"].count("ERROR") == 2  # at the photo and before the words
    assert layout.record["icons"].count("QUESTION") == 2
    assert "cut off at the edge" in words


def test_from_how_high_a_photo_was_taken(listed, monkeypatch):
    state = inspection.PhotoState(width=64, height=48, focal_35mm=26, tilt=22.6, origin="alpha", share=0.2)
    monkeypatch.setattr(inspection, "state_of", lambda photo: state if photo.name == "front" else None)
    listed.pflrm.photos[1].height = "HIGH"
    listed.pflrm.active_photo = 0
    labels = drawn(panel.PFLRM_PT_main.draw).record["labels"]
    assert [label for label in labels if "°" in label] == ["ƒ26 ∠23°", "∠ 45°"]
    layout = drawn(mask.PFLRM_PT_mask.draw)
    assert "height" in layout.record["properties"]
    assert "Looks down by 23° by its phone" in layout.words()


def test_unsure_cameras_ask_for_heights_that_are_open(listed, result_file, monkeypatch):
    monkeypatch.setattr(inspection, "state_of", lambda photo: None)
    result = scenes.apply_result(listed, scenes.load_result(result_file), "Robot")
    listed.pflrm_result = bpy.data.collections[result.collection]
    words = "from how high each was taken"
    assert words in drawn(panel.PFLRM_PT_main.draw).words()
    for photo in listed.pflrm.photos:
        photo.height = "LEVEL"
    assert words not in drawn(panel.PFLRM_PT_main.draw).words()
    listed.pflrm.photos[0].height = "PHOTO"
    for name in result.cameras:
        bpy.data.objects[name]["pflrm_confidence"] = 0.5
    assert words not in drawn(panel.PFLRM_PT_main.draw).words()


def test_what_is_wrong_with_several_photos_is_said_once(listed, monkeypatch):
    said = {"front": "No object was found in front.png.", "left": "left.png is empty (0 bytes).",
            "back": "No object was found in back.png."}  # fmt: skip
    monkeypatch.setattr(inspection, "state_of", lambda photo: inspection.PhotoState(problem=said[photo.name]))
    words = drawn(panel.PFLRM_PT_main.draw).words()
    assert "No object was found in front.png, back.png. left.png is empty (0 bytes)." in words


def test_what_is_found_late_moves_no_button(listed, monkeypatch):
    buttons = {}
    for name, state in (("early", None), ("late", inspection.PhotoState(origin="automatic", sure=False))):
        monkeypatch.setattr(inspection, "state_of", lambda photo, state=state: state)
        order = drawn(panel.PFLRM_PT_main.draw).record["order"]
        buttons[name] = order[:order.index("pflrm.place_cameras") + 1]
    assert buttons["early"] == buttons["late"]
    assert any("hard to tell" in words for words in order)


def test_the_system_is_not_asked_for_files_at_every_redraw(listed, monkeypatch):
    monkeypatch.setattr(inspection, "_silent_until", float("inf"))
    asked, stat = [], os.stat

    def count(path, *more, **options):
        asked.append(path)
        return stat(path, *more, **options)

    monkeypatch.setattr(os, "stat", count)
    for _ in range(5):
        drawn(panel.PFLRM_PT_main.draw)
    files = [path for path in map(str, asked) if path.endswith(".png")]
    assert len(files) <= len(listed.pflrm.photos)


def test_the_mask_of_a_photo_can_be_seen_and_painted(listed, monkeypatch):
    state = inspection.PhotoState(width=64, height=48, focal_35mm=27.0, origin="automatic", share=0.2, sure=False)
    monkeypatch.setattr(inspection, "state_of", lambda photo: state)
    layout = drawn(mask.PFLRM_PT_mask.draw)
    assert "Object cut out automatically, 20% of the picture" in layout.words()
    assert "Hard to tell" in layout.words()
    assert layout.record["operators"] == ["pflrm.mask_edit"]
    image = bpy.data.images.new("back Mask", 4, 4, alpha=True)
    image["pflrm_mask_of"] = listed.pflrm.photos[2].filepath
    layout = drawn(mask.PFLRM_PT_mask.draw)
    assert layout.record["operators"] == ["pflrm.mask_edit", "pflrm.mask_use", "pflrm.mask_discard"]


def test_the_image_editor_has_the_brushes_of_a_mask_alone(found):
    image, tools = bpy.data.images.new("Any", 4, 4), bpy.context.tool_settings
    arguments = {"space_data": SimpleNamespace(image=image), "tool_settings": tools}
    assert drawn(mask.draw_header, **arguments).record["operators"] == []
    image["pflrm_mask_of"] = "/photos/front.png"
    operators = drawn(mask.draw_header, **arguments).record["operators"]
    assert operators == ["pflrm.mask_brush", "pflrm.mask_brush", "pflrm.mask_use", "pflrm.mask_discard"]
