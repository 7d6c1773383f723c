"""The functions for scripts, with a real worker process and a stub pipeline."""

import json
import tempfile
from pathlib import Path

import bpy
import pytest
from pflrm.pflrm_blender import api, job, results
from pflrm.pflrm_blender.errors import PflrmError

pytestmark = pytest.mark.usefixtures("stub_python")


def test_cameras_and_mesh_are_made(scene, photo):
    stages = []
    result = api.reconstruct([photo("front"), photo("left")], on_progress=lambda stage, _: stages.append(stage))
    assert result.collection == "PF-LRM Tin robot"
    assert len(result.cameras) == 2
    assert all(bpy.data.objects[name].type == "CAMERA" for name in result.cameras)
    assert len(bpy.data.objects[result.mesh].data.polygons) == 8
    assert result.warnings == ("A warning from the worker.",)
    assert stages[-2:] == ["Making the Mesh", "Projecting Photos"]
    assert bpy.data.collections[result.collection].name in scene.collection.children


def test_place_cameras_makes_no_mesh(scene, photo):
    result = api.place_cameras([photo("front"), photo("left")], name="Chair")
    assert result.collection == "PF-LRM Chair"
    assert result.mesh is None
    assert not [item for item in scene.objects if item.type == "MESH"]


def test_masks_for_some_photos(scene, photo):
    assert api.reconstruct([photo("front"), photo("left")], masks=[photo("mask"), None]).cameras


def test_a_face_limit_stays_live(scene, photo):
    result = api.reconstruct([photo("front")], face_limit=6)
    assert [modifier.type for modifier in bpy.data.objects[result.mesh].modifiers] == ["DECIMATE"]
    assert results.faces_of(bpy.data.objects[result.mesh]) == 6
    assert len(bpy.data.objects[result.mesh].data.polygons) == 8


def test_another_scene(scene, photo):
    other = bpy.data.scenes.new("Other")
    result = api.reconstruct([photo("front")], scene=other, size=3.0)
    assert result.collection in other.collection.children
    assert not scene.objects
    assert max(bpy.data.objects[result.mesh].dimensions) == pytest.approx(3.0, abs=1e-4)


def test_paths_relative_to_the_blend_file(scene, photo, tmp_path):
    photo("front")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    result = api.reconstruct(["//tin_robot/front.png"], cameras_file="//cameras.json")
    assert result.cameras
    assert json.loads((tmp_path / "cameras.json").read_text()) == {"photos": []}


def test_the_temporary_result_is_removed(scene, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    api.reconstruct([photo("front")])
    with pytest.raises(PflrmError):
        api.reconstruct([photo("bug")])
    assert not list(tmp_path.glob("pflrm-*"))


@pytest.mark.parametrize(
    ("behaviour", "kind"), [("weights", "runtime"), ("memory", "memory"), ("full", "failure"), ("kill", "memory")]
)
def test_failures_carry_a_remedy_and_leave_the_scene_alone(scene, photo, behaviour, kind):
    with pytest.raises(PflrmError) as caught:
        api.reconstruct([photo(behaviour)])
    assert caught.value.kind == kind
    assert caught.value.remedy
    assert not scene.objects
    assert not scene.collection.children


def test_a_result_that_cannot_be_read(scene, photo, monkeypatch):
    def refuse(path):
        raise api.ResultError(f"The result {path} cannot be read.")

    monkeypatch.setattr(api, "load_result", refuse)
    with pytest.raises(PflrmError, match=r"result\.npz cannot be read"):
        api.reconstruct([photo("front")])
    assert not scene.objects


def test_wrong_arguments(scene, photo):
    with pytest.raises(TypeError, match="colour"):
        api.reconstruct([photo("front")], colour=1)
    with pytest.raises(TypeError, match="list"):
        api.reconstruct(photo("front"))
    with pytest.raises(PflrmError, match="no photo"):
        api.reconstruct([])
    with pytest.raises(PflrmError, match="quality"):
        api.reconstruct([photo("front")], quality="ultra")
    with pytest.raises(PflrmError, match="face_limit is 3"):
        api.reconstruct([photo("front")], face_limit=3)
    with pytest.raises(PflrmError, match="/nowhere/python"):
        api.reconstruct([photo("front")], interpreter="/nowhere/python")


def test_an_interrupt_cancels(scene, photo):
    def interrupt(stage, fraction):
        if stage == "Waiting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.reconstruct([photo("wait")], on_progress=interrupt)
    assert job.shared().state == job.IDLE
    assert api.reconstruct([photo("front")]).mesh


def test_default_names():
    assert results.default_name(["/photos/tin_robot/a.png", "/photos/tin_robot/b.png"]) == "Tin robot"
    assert results.default_name([Path("/photos/one/a_cat.png"), Path("/photos/two/b.png")]) == "A cat"
    assert results.default_name(["/a.png"]) == "A"
