from __future__ import annotations

import bpy
import pytest
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender import session


@pytest.fixture
def shown(extension, result_file):
    """A scene with the cameras front, left and back."""
    result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot")
    extension.pflrm_result = bpy.data.collections[result.collection]
    return extension


def test_look_through_makes_it_the_scenes_camera(shown):
    bpy.ops.pflrm.look_through(camera="left")
    assert shown.camera.name == "left"
    bpy.ops.pflrm.look_through()
    assert shown.camera.name == "front"
    with pytest.raises(RuntimeError, match="no camera right"):
        bpy.ops.pflrm.look_through(camera="right")


def test_match_render_size_follows_the_photo_of_the_camera(shown):
    shown.render.pixel_aspect_x = 2.0
    bpy.ops.pflrm.look_through(camera="left")
    bpy.ops.pflrm.match_render_size()
    assert (shown.render.resolution_x, shown.render.resolution_y) == (48, 64)
    assert shown.render.pixel_aspect_x == 1.0


def test_the_reference_decides_when_the_camera_is_the_artists(shown):
    shown.camera = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    bpy.ops.pflrm.match_render_size()
    assert (shown.render.resolution_x, shown.render.resolution_y) == (64, 48)


def test_markers_on_request_come_behind_the_others(shown):
    frames = {marker.frame for marker in shown.timeline_markers}
    bpy.ops.pflrm.camera_markers()
    new = {marker.frame: marker.camera.name for marker in shown.timeline_markers if marker.frame not in frames}
    assert new == {4: "front", 5: "left", 6: "back"}


def test_without_a_result_they_do_not_start(extension):
    for name in ("look_through", "match_render_size", "camera_markers", "show_colours"):
        assert not getattr(bpy.ops.pflrm, name).poll()


def test_the_report_says_what_a_helper_needs(extension, monkeypatch):
    from pflrm.pflrm_blender import report

    monkeypatch.setenv("PFLRM_PYTHON", "/nowhere/python")
    monkeypatch.setattr(session.state, "notice", session.Notice("ERROR", "It broke.", "Do this.", "Traceback: line 7"))
    words = report.text()
    for fact in ("PF-LRM: 0.1.0", f"Blender: {bpy.app.version_string}", "It broke.", "Do this.", "Traceback: line 7"):
        assert fact in words
