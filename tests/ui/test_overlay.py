"""The overlay's handler: it asks nothing of the graphics card while the overlay is off, and forgives what is gone."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests import fake_result
from pflrm.ui import overlay


@pytest.fixture
def result(extension, tmp_path, photos):
    masks = {f"mask_{index}": np.uint8(255 * np.pad(np.ones((20, 20)), 14)) for index in range(3)}
    path = fake_result.make_result(tmp_path / "result.npz", photos, **masks)
    made = scenes.apply_result(extension, scenes.load_result(path), "Robot")
    extension.pflrm_result = bpy.data.collections[made.collection]
    return made


@pytest.fixture
def viewport(extension, monkeypatch):
    """What is drawn, by camera and kind, in a viewport that stands for Blender's."""
    drawn: list[tuple[str, str]] = []

    def batch(camera, kind, hangs_on, find):
        find()
        drawn.append((camera.name, kind))

    state = SimpleNamespace(depth_test_set=lambda mode: None, blend_set=lambda mode: None)
    monkeypatch.setitem(__import__("sys").modules, "gpu", SimpleNamespace(state=state))
    monkeypatch.setattr(overlay, "_batch", batch)
    space = SimpleNamespace(
        overlay=SimpleNamespace(show_overlays=True), camera=None, region_3d=SimpleNamespace(view_perspective="PERSP")
    )

    def draw() -> list[tuple[str, str]]:
        drawn.clear()
        monkeypatch.setattr(overlay, "bpy", SimpleNamespace(context=SimpleNamespace(scene=extension, space_data=space)))
        overlay._draw()
        return list(drawn)

    return SimpleNamespace(space=space, draw=draw)


def test_it_is_off_by_default(result, viewport):
    assert viewport.draw() == []


@pytest.mark.parametrize(("switch", "kind"), [("outlines", "outline"), ("errors", "errors"), ("points", "points")])
def test_each_kind_has_its_switch(result, viewport, extension, switch, kind):
    setattr(extension.pflrm_overlay, switch, True)
    assert viewport.draw() == [(name, kind) for name in result.cameras]
    viewport.space.overlay.show_overlays = False
    assert viewport.draw() == []


def test_through_a_camera_its_own_photo_alone_is_shown(result, viewport, extension):
    extension.pflrm_overlay.outlines = True
    viewport.space.camera = bpy.data.objects[result.cameras[1]]
    assert len(viewport.draw()) == 3
    viewport.space.region_3d.view_perspective = "CAMERA"
    assert viewport.draw() == [(result.cameras[1], "outline")]


def test_what_is_deleted_or_hidden_is_not_shown(result, viewport, extension):
    extension.pflrm_overlay.outlines = extension.pflrm_overlay.errors = True
    bpy.data.objects[result.mesh].hide_viewport = True  # as beside other cameras
    assert {kind for _, kind in viewport.draw()} == {"outline"}
    bpy.data.objects.remove(bpy.data.objects[result.mesh])
    bpy.data.objects.remove(bpy.data.objects[result.cameras[0]])
    assert viewport.draw() == [(name, "outline") for name in result.cameras[1:]]
    bpy.data.collections[result.collection].hide_viewport = True
    assert viewport.draw() == []
    bpy.data.collections.remove(bpy.data.collections[result.collection])
    assert viewport.draw() == []


def test_it_is_found_again_only_when_something_has_changed(result, monkeypatch):
    monkeypatch.setattr(overlay, "_to_gpu", lambda drawing, kind: object())
    camera, mesh = bpy.data.objects[result.cameras[0]], bpy.data.objects[result.mesh]
    first = overlay._errors(camera, mesh)
    assert overlay._errors(camera, mesh) is first
    mesh.data.vertices[0].co.x += 0.1
    second = overlay._errors(camera, mesh)
    assert second is not first
    camera.location.x += 0.1
    bpy.context.view_layer.update()
    assert overlay._errors(camera, mesh) is not second
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert overlay._found == {}


def test_the_handler_comes_and_goes_with_the_extension(extension):
    import pflrm

    assert overlay._handle is not None
    pflrm.unregister()
    assert overlay._handle is None
    assert overlay._forget not in bpy.app.handlers.load_pre
    pflrm.register()
    assert overlay._handle is not None


def test_what_was_found_is_kept_as_long_as_its_camera_is_there(result, monkeypatch):
    monkeypatch.setattr(overlay, "_found", {})
    monkeypatch.setattr(overlay, "_to_gpu", lambda drawing, kind: drawing)
    cameras = [bpy.data.objects[name] for name in result.cameras]
    for camera in cameras:
        assert overlay._batch(camera, "outline", (1,), lambda: "found") == "found"
    assert overlay._batch(cameras[0], "outline", (1,), lambda: "again") == "found"
    bpy.data.objects.remove(cameras[2])
    overlay._batch(cameras[0], "outline", (2,), lambda: "moved")
    assert set(overlay._found) == {(name, "outline") for name in result.cameras[:2]}
