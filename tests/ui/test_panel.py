"""The panel is drawn into a layout that writes down what it is told, and that knows Blender's operators, properties
and icons: a name that Blender does not have fails here and not on an artist's screen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
from pflrm import operators
from pflrm.pflrm_blender import (
    bases,
    environment,
    history,
    inspection,
    install,
    plan,
    runtime,
    session,
    setting_up,
    variants,
)
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.pflrm_blender.properties import machine
from pflrm.tests.ui.recorder import Recorder, doctor, drawn
from pflrm.ui import mask, menus, panel, setup


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


def test_a_missing_runtime_is_offered_with_the_size_of_its_download(found, monkeypatch, tmp_path):
    _lacks_a_runtime(monkeypatch, _planned(tmp_path))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "No Python was found." in layout.words()
    assert "pflrm.set_up" in layout.record["operators"]
    assert "Set Up… (420 MB download)" in layout.record["labels"]
    assert "online access is off" in layout.words()
    _lacks_a_runtime(monkeypatch, _planned(tmp_path, wheels=tmp_path))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "Set Up… (no download)" in layout.record["labels"]
    assert "online access" not in layout.words()


def test_a_runtime_that_cannot_be_made_says_why(found, monkeypatch):
    _lacks_a_runtime(monkeypatch, PflrmError("runtime", "There is no torch for this machine.", "Buy another."))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "There is no torch for this machine. Buy another." in layout.words()
    assert "pflrm.set_up" not in layout.record["operators"]
    assert "pflrm.open_preferences" in layout.record["operators"]


def test_a_named_python_that_is_missing_leads_to_the_preferences(found, monkeypatch, tmp_path):
    _lacks_a_runtime(monkeypatch, _planned(tmp_path))
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere")
    operators = drawn(panel.PFLRM_PT_main.draw).record["operators"]
    assert "pflrm.open_preferences" in operators
    assert "pflrm.set_up" not in operators


def test_an_environment_of_an_earlier_version_works_and_can_be_renewed(found, monkeypatch):
    monkeypatch.setattr(plan, "is_ours", lambda folder: True)
    monkeypatch.setattr(environment, "older_torch", lambda here: "2.12.1")
    for layout in (drawn(panel.PFLRM_PT_main.draw), doctor()):
        assert f"PyTorch 2.12.1 is set up; this version of PF-LRM was made for {variants.TORCH}." in layout.words()
        assert "Update…" in layout.record["labels"]
        assert "Set Up Again…" not in layout.record["labels"]
    monkeypatch.setattr(environment, "older_torch", lambda here: "")
    assert "Update…" not in drawn(panel.PFLRM_PT_main.draw).record["labels"]
    assert "Set Up Again…" in doctor().record["labels"]


def test_a_set_up_on_its_way(found, monkeypatch, tmp_path):
    under_way = install.Installation(_planned(tmp_path), "0.1.0")
    under_way.stage = "Checking"
    under_way.lines.extend(["Collecting torch", "Installing collected packages: torch"])
    monkeypatch.setattr(setting_up, "_current", under_way)
    for layout in (drawn(panel.PFLRM_PT_main.draw), doctor()):
        assert layout.record["progress"][0][0].startswith("Checking")
        assert "Collecting torch" in layout.words()
        assert "pflrm.set_up_cancel" in layout.record["operators"]
        assert "pflrm.set_up" not in layout.record["operators"]


def _planned(goal: Path, wheels: Path | None = None) -> plan.Plan:
    build = variants.choose(variants.Hardware("Linux", "x86_64"))
    return plan.Plan(goal / "runtime", bases.Base(Path("/usr/bin/python3"), (3, 11), True), build, wheels, build.index)


def _lacks_a_runtime(monkeypatch: pytest.MonkeyPatch, planned: plan.Plan | PflrmError) -> None:
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(environment, "find", lambda here: PflrmError("runtime", "No Python was found.", "Do"))
    monkeypatch.setattr(environment, "planned", lambda wishes: planned)


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


def test_a_run_shows_its_stage_and_can_be_cancelled(listed, monkeypatch):
    run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, 0.0, stage="Refining Poses", fraction=0.54)
    monkeypatch.setattr(session.state, "run", run)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert layout.record["progress"] == [("Refining Poses   54%", 0.54)]
    assert "s left" in layout.words()
    assert "pflrm.cancel" in layout.record["operators"]
    assert "Reconstruct" not in layout.record["labels"]
    assert "Add to Queue" in layout.record["labels"]
    assert "pflrm.clear_queue" not in layout.record["operators"]
    monkeypatch.setattr(session.state, "queue", [run, run])
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "2 waiting" in layout.words()
    assert "pflrm.clear_queue" in layout.record["operators"]


def test_the_panel_does_not_jump_while_a_run_progresses(listed, monkeypatch):
    shapes = set()
    for stage, fraction in (("Starting", 0.0), ("Reading Photos", 0.04), ("Finding Poses", 0.4), ("Done", 1.0)):
        run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, stage=stage, fraction=fraction)
        monkeypatch.setattr(session.state, "run", run)
        record = drawn(panel.PFLRM_PT_main.draw).record
        shapes.add(tuple((kind, len(record[kind])) for kind in ("words", "operators", "progress", "icons")))
    assert len(shapes) == 1


def test_a_result_that_waits_for_object_mode_says_so(listed, monkeypatch, result_file):
    run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, 0.0, result=scenes.load_result(result_file))
    monkeypatch.setattr(session.state, "run", run)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "go to Object Mode" in layout.words()
    assert "pflrm.cancel" in layout.record["operators"]
    monkeypatch.setattr(session, "is_rendering", lambda: True)
    assert "when the render has ended" in drawn(panel.PFLRM_PT_main.draw).words()


@pytest.mark.parametrize(("kind", "report"), [("memory", True), ("input", False), ("cancelled", False)])
def test_a_failure_is_said_with_its_remedy_and_a_report_if_that_can_help(listed, monkeypatch, kind, report):
    notice = session.Notice.of(PflrmError(kind, "It is full.", "Use Draft."))
    monkeypatch.setattr(session.state, "notice", notice)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "It is full. Use Draft." in layout.words()
    assert ("pflrm.copy_report" in layout.record["operators"]) == report


def test_what_hides_a_result_can_be_hidden_until_it_is(found, monkeypatch, result_file):
    bpy.ops.mesh.primitive_cube_add(size=9.0)
    found.pflrm_result = bpy.data.collections[
        scenes.apply_result(found, scenes.load_result(result_file), "Robot").collection
    ]
    notice = session.Notice("INFO", "It is ready.", collection=found.pflrm_result.name, cover="Cube")
    monkeypatch.setattr(session.state, "notice", notice)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "It stands inside Cube" in layout.words()
    assert "Hide Cube" in layout.record["labels"]
    assert bpy.ops.pflrm.uncover() == {"FINISHED"}
    bpy.context.view_layer.update()
    assert bpy.data.objects["Cube"].hide_render
    assert "pflrm.uncover" not in drawn(panel.PFLRM_PT_main.draw).record["operators"]
    with pytest.raises(RuntimeError, match="Nothing covers the result"):
        bpy.ops.pflrm.uncover()


def test_word_of_a_result_goes_with_it(found, monkeypatch, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    notice = session.Notice("INFO", "PF-LRM Robot is ready.", collection=result.collection)
    monkeypatch.setattr(session.state, "notice", notice)
    assert "is ready" in drawn(panel.PFLRM_PT_main.draw).words()
    bpy.data.collections.remove(bpy.data.collections[result.collection])
    assert "is ready" not in drawn(panel.PFLRM_PT_main.draw).words()


def test_a_result_shows_cameras_and_confidence(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "3 cameras · 8 faces · 2.5 s" in layout.words()
    assert [word for word in layout.record["words"] if set(word) <= {"●", "○"} and word] == ["●●●", "●●○", "●○○"]
    assert layout.record["operators"].count("pflrm.look_through") == 3
    assert {"pflrm_photo_opacity", "pflrm_result_size"} <= set(layout.record["properties"])
    assert {"outlines", "errors", "points"}.isdisjoint(layout.record["properties"])  # it has none of them


def test_the_overlays_of_a_result_are_those_that_it_has(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    for known, shown in (("pflrm_outline", {"outlines", "errors"}), ("pflrm_points", {"outlines", "errors", "points"})):
        bpy.data.objects[result.cameras[0]][known] = [0.0]
        overlays = {"outlines", "errors", "points"} & set(drawn(panel.PFLRM_PT_main.draw).record["properties"])
        assert overlays == shown
    bpy.data.objects.remove(bpy.data.objects[result.mesh])
    assert "errors" not in drawn(panel.PFLRM_PT_main.draw).record["properties"]


def test_which_way_is_up_is_a_click_away(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert [label for label in layout.record["labels"] if label in ("X", "Y", "Z")] == ["X", "Y", "Z"]
    assert "pflrm.drop_to_floor" in layout.record["operators"]


@pytest.mark.parametrize(("device", "words"), [
    ("auto", "RTX 4090, 24.0 GiB"), ("cpu", "x86_64"), ("mps", "This machine's torch has no device mps."),
])  # fmt: skip
def test_the_options_tell_the_device_and_its_memory(found, monkeypatch, device, words):
    devices = ({"kind": "cuda", "name": "RTX 4090", "memory": 24 * 2**30},
               {"kind": "cpu", "name": "x86_64", "memory": None})  # fmt: skip
    report = runtime.RuntimeReport(Path("/usr/bin/python3"), "3.11", devices=devices)
    monkeypatch.setattr(environment, "report", lambda here: report)
    monkeypatch.setattr(setup, "machine", lambda: replace(machine(), device=device))
    layout = Recorder()
    setup.draw_device(layout)
    assert layout.record["words"] == [words]


def test_the_environment_is_asked_for_its_devices_once(found, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(environment, "report", lambda here: None)
    monkeypatch.setattr(environment, "busy", lambda: bool(asked))
    monkeypatch.setattr(environment, "check", asked.append)
    for _ in range(3):
        setup.draw_device(Recorder())
    assert len(asked) == 1


def test_the_history_lists_results_newest_first(found, result_file):
    for name in ("Robot", "Statue"):
        made = scenes.apply_result(found, scenes.load_result(result_file), name)
    found.pflrm_result = bpy.data.collections[made.collection]
    history.remember(found.pflrm_result, history.snapshot(found.pflrm, poses_only=False))
    layout = drawn(panel.PFLRM_PT_main.draw)
    names = [label for label in layout.record["labels"] if label.startswith("PF-LRM")]
    assert names == ["PF-LRM Statue", "PF-LRM Robot"]
    assert {"Standard · 3 photos · 2.5 s", "3 photos · 2.5 s"} <= set(layout.record["words"])
    operators = layout.record["operators"]
    assert [operators.count(f"pflrm.{name}") for name in ("use_again", "result_delete", "compare")] == [2, 2, 1]


def test_a_result_whose_objects_are_gone_says_so_and_can_be_cleared_away(found, result_file):
    made = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = collection = bpy.data.collections[made.collection]
    for item in list(collection.objects):
        bpy.data.objects.remove(item)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "All that this run has made was deleted." in layout.words()
    assert "pflrm.result_delete" in layout.record["operators"]
    assert "pflrm_photo_opacity" not in layout.record["properties"]
    bpy.ops.pflrm.result_delete()
    assert found.pflrm_result is None


def test_menus(listed):
    photo = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[1])
    assert {"pflrm.photo_reference", "pflrm.photo_move", "pflrm.photo_remove"} <= set(photo.record["operators"])
    assert "pflrm.photos_clear" in drawn(menus.PFLRM_MT_photos.draw).record["operators"]


def test_the_menu_of_a_photo_offers_what_can_be_done(listed):
    labels = [
        set(drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=photo).record["labels"]) & {"Move Earlier", "Move Later"}
        for photo in listed.pflrm.photos
    ]
    assert labels == [{"Move Later"}, {"Move Earlier", "Move Later"}, {"Move Earlier"}]
    first = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[0])
    assert "pflrm.photo_reference" not in first.record["operators"]


@pytest.mark.parametrize(("name", "opened"), [("front.png", True), ("FRONT.JPG", True), ("front.png.desktop", False)])
def test_nothing_but_photos_is_opened_for_a_file_of_a_stranger(listed, name, opened):
    listed.pflrm.photos[1].filepath = f"//{name}"
    menu = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[1])
    assert ("wm.path_open" in menu.record["operators"]) == opened


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


def test_the_menu_of_everything_begins_with_what_is_needed_first(listed, monkeypatch, tmp_path):
    everything = drawn(menus.PFLRM_MT_all.draw).record["operators"]
    assert everything[0] == "pflrm.photos_add"
    assert sorted(everything) == sorted(cls.bl_idname for cls in operators.CLASSES)
    _lacks_a_runtime(monkeypatch, _planned(tmp_path))
    without = drawn(menus.PFLRM_MT_all.draw).record["operators"]
    assert without[0] == "pflrm.set_up"
    assert sorted(without) == sorted(everything)
