from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from pflrm.operators import masks as operators
from pflrm.operators.masks import words_about
from pflrm.pflrm_blender import inspection, masks, session
from pflrm.tests import fake_result


@pytest.fixture
def listed(extension, photos, monkeypatch) -> Iterator[bpy.types.Scene]:
    """A scene with the photos front, left and back, in a worker's reach; front has a mask of the artist's own."""
    monkeypatch.setenv("PFLRM_PYTHON", sys.executable)
    bpy.ops.pflrm.photos_add(directory=str(photos[0].parent), files=[{"name": photo.name} for photo in photos])
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[12:36, 16:48] = 255
    fake_result.write_png(photos[0].parent / "own.png", pixels)
    extension.pflrm.photos[0].mask = str(photos[0].parent / "own.png")
    yield extension
    inspection.unregister()


def erase(image: bpy.types.Image, share: float = 1.0) -> None:
    """What the brush does: the lower part of the picture becomes transparent."""
    width, height = image.size
    pixels = np.array(image.pixels[:]).reshape(height, width, 4)
    pixels[: round(share * height), :, 3] = 0.0
    image.pixels[:] = pixels.ravel().tolist()


def alpha_of(path: str) -> np.ndarray:
    image = bpy.data.images.load(bpy.path.abspath(path), check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    return np.array(image.pixels[:]).reshape(*reversed(image.size), 4)[..., 0]


def test_a_mask_goes_into_an_image_and_back_into_a_file_of_its_own(listed, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    own = Path(bpy.path.abspath(listed.pflrm.photos[0].mask))
    before = own.read_bytes()
    assert bpy.ops.pflrm.mask_edit(index=0) == {"FINISHED"}
    image = masks.painted(listed.pflrm.photos[0])
    assert image.packed_file is not None  # saved with the .blend, painted or not
    pixels = np.array(image.pixels[:]).reshape(48, 64, 4)
    assert (pixels[..., 3] > 0.5).mean() == pytest.approx(0.25)
    assert (pixels[36:, :32, 0] > 0.9).all()  # the photo is still there where it is transparent
    erase(image, 0.5)
    assert bpy.ops.pflrm.mask_use(index=0) == {"FINISHED"}
    photo = listed.pflrm.photos[0]
    assert Path(bpy.path.abspath(photo.mask)).parent == tmp_path / "PF-LRM Masks"
    alpha = alpha_of(photo.mask)
    assert (alpha > 0.5).mean() == pytest.approx(0.125)
    assert set(np.round(alpha, 3).ravel()) == {0.0, 1.0}
    assert own.read_bytes() == before
    assert masks.painted(photo) is None
    options = session.build_request(listed.pflrm, poses_only=False)["options"]
    assert options["masks"] == [bpy.path.abspath(photo.mask), None, None]
    assert inspection.wait_for(photo).share == pytest.approx(0.125)


def test_no_file_is_written_over(listed, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    names = []
    for _ in range(2):
        bpy.ops.pflrm.mask_edit(index=0)
        bpy.ops.pflrm.mask_use(index=0)
        names.append(Path(bpy.path.abspath(listed.pflrm.photos[0].mask)).name)
    assert names == ["front mask.png", "front mask 2.png"]


def test_before_the_file_is_saved_the_mask_goes_to_the_users_folder(listed, tmp_path, monkeypatch):
    monkeypatch.setattr(bpy.utils, "user_resource", lambda kind: str(tmp_path / kind))
    bpy.ops.pflrm.mask_edit(index=0)
    bpy.ops.pflrm.mask_use(index=0)
    assert Path(listed.pflrm.photos[0].mask).is_relative_to(tmp_path / "DATAFILES")


def test_an_empty_mask_is_not_used(listed):
    bpy.ops.pflrm.mask_edit(index=0)
    erase(masks.painted(listed.pflrm.photos[0]))
    with pytest.raises(RuntimeError, match="The mask of front is empty"):
        bpy.ops.pflrm.mask_use(index=0)
    assert listed.pflrm.photos[0].mask.endswith("own.png")
    assert masks.painted(listed.pflrm.photos[0]) is not None  # nothing that was painted is lost


def test_painting_goes_on_where_it_was_left(listed):
    bpy.ops.pflrm.mask_edit(index=0)
    erase(masks.painted(listed.pflrm.photos[0]), 0.5)
    bpy.ops.pflrm.mask_edit(index=0)
    alpha = np.array(masks.painted(listed.pflrm.photos[0]).pixels[:])[3::4]
    assert (alpha > 0.5).mean() == pytest.approx(0.125)


def test_what_was_painted_is_saved_with_the_file(listed, tmp_path):
    bpy.ops.pflrm.mask_edit(index=0)
    erase(masks.painted(listed.pflrm.photos[0]), 0.5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "work.blend"))
    alpha = np.array(masks.painted(bpy.context.scene.pflrm.photos[0]).pixels[:])[3::4]
    assert (alpha > 0.5).mean() == pytest.approx(0.125)


def test_a_mask_that_is_left_takes_its_brush_along(listed):
    """The brush that removes from masks would erase in whatever the artist paints next."""
    bpy.ops.pflrm.mask_edit(index=0)
    image, other = masks.painted(listed.pflrm.photos[0]), bpy.data.images.new("Other", 4, 4)
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.ui_type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    brush = bpy.data.brushes.new("Mine", mode="TEXTURE_PAINT")  # without a window Blender activates none
    brush.blend = "MUL"
    tools = SimpleNamespace(image_paint=SimpleNamespace(brush=brush))
    assert operators._set_brush(SimpleNamespace(tool_settings=tools), "REMOVE")
    assert brush.blend == "ERASE_ALPHA"
    assert operators._watch_brush() is not None
    assert brush.blend == "ERASE_ALPHA"
    area.spaces.active.image = other
    assert operators._watch_brush() is None
    assert brush.blend == "MUL"


def test_discard_gives_up_the_painting_then_the_painted_mask_and_never_the_artists_own(listed, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    photo = listed.pflrm.photos[0]
    bpy.ops.pflrm.mask_edit(index=0)
    bpy.ops.pflrm.mask_discard(index=0)
    assert masks.painted(photo) is None
    with pytest.raises(RuntimeError, match="No mask was painted for front"):
        bpy.ops.pflrm.mask_discard(index=0)
    assert photo.mask.endswith("own.png")
    bpy.ops.pflrm.mask_edit(index=0)
    bpy.ops.pflrm.mask_use(index=0)
    bpy.ops.pflrm.mask_discard(index=0)
    assert photo.mask == ""
    assert (tmp_path / "PF-LRM Masks" / "front mask.png").is_file()


def test_where_nothing_was_found_there_is_a_picture_to_paint_on(listed, photos):
    fake_result.write_png(photos[1], np.full((64, 48, 3), 128, np.uint8))
    assert bpy.ops.pflrm.mask_edit(index=1) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="empty"):
        bpy.ops.pflrm.mask_use(index=1)


def test_the_preview_says_what_is_known(listed):
    assert bpy.ops.pflrm.mask_preview(index=0) == {"FINISHED"}
    words = words_about(listed.pflrm.photos[0])
    assert words == "Object cut out by its mask, 25% of the picture; focal length not in its EXIF"


def test_without_a_worker_the_reason_is_said(listed, monkeypatch):
    monkeypatch.setenv("PFLRM_PYTHON", "/nowhere/python")
    with pytest.raises(RuntimeError, match="front has not been looked at yet"):
        bpy.ops.pflrm.mask_edit(index=0)
    with pytest.raises(RuntimeError, match="No mask of front is being painted"):
        bpy.ops.pflrm.mask_use(index=0)
