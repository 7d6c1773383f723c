from __future__ import annotations

import bpy
import numpy as np
import pytest
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender import session
from pflrm.tests import fake_result


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


def test_look_through_decides_what_is_rendered_where_markers_bind_cameras(shown):
    bpy.ops.pflrm.look_through(camera="back")
    shown.frame_set(shown.frame_current)  # as a render does: the frame's marker chooses the camera
    assert shown.camera.name == "back"
    shown.timeline_markers.clear()
    shown.frame_set(7)
    bpy.ops.pflrm.look_through(camera="left")
    assert (shown.camera.name, shown.frame_current) == ("left", 7)


def test_other_cameras_move_in_place_and_hide_the_mesh_of_the_first(extension, photos, tmp_path):
    first = np.load(fake_result.make_result(tmp_path / "first.npz", photos))["world_to_camera"]
    turned = first.copy()
    turned[1] = first[2]
    file = fake_result.make_result(
        tmp_path / "two.npz", photos, alternatives=np.stack([first, turned]),
        alternative_confidence=np.array([[1.0, 0.6, 0.5], [1.0, 0.3, 0.2]]),
        symmetry=np.array("The object looks alike from 2 sides."),
    )
    result = scenes.apply_result(extension, scenes.load_result(file), "Robot")
    extension.pflrm_result = bpy.data.collections[result.collection]
    left, back, mesh = (bpy.data.objects[name] for name in ("left", "back", result.mesh))
    before = left.matrix_local.copy()
    assert bpy.data.collections[result.collection]["pflrm_symmetry"] == "The object looks alike from 2 sides."

    assert bpy.ops.pflrm.other_cameras() == {"FINISHED"}
    np.testing.assert_allclose(left.matrix_local, back.matrix_local, atol=1e-6)
    assert left["pflrm_confidence"] == pytest.approx(0.3)
    assert mesh.hide_render
    assert mesh.hide_viewport

    assert bpy.ops.pflrm.other_cameras(step=-1) == {"FINISHED"}
    np.testing.assert_allclose(left.matrix_local, before, atol=1e-6)
    assert left["pflrm_confidence"] == pytest.approx(0.6)
    assert not mesh.hide_render
    assert not mesh.hide_viewport


def test_a_result_without_alternatives_says_so(shown):
    with pytest.raises(RuntimeError, match="one set of cameras"):
        bpy.ops.pflrm.other_cameras()


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
    for name in ("look_through", "match_render_size", "camera_markers", "show_colours", "other_cameras"):
        assert not getattr(bpy.ops.pflrm, name).poll()


def test_the_report_says_what_a_helper_needs(extension, monkeypatch):
    from pflrm.pflrm_blender import report

    monkeypatch.setenv("PFLRM_PYTHON", "/nowhere/python")
    monkeypatch.setattr(session.state, "notice", session.Notice("ERROR", "It broke.", "Do this.", "Traceback: line 7"))
    words = report.text()
    for fact in ("PF-LRM: 0.1.0", f"Blender: {bpy.app.version_string}", "It broke.", "Do this.", "Traceback: line 7"):
        assert fact in words
