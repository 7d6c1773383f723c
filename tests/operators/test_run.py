from __future__ import annotations

import bpy
import pytest
from pflrm.pflrm_blender import session


@pytest.fixture
def listed(extension, photos):
    bpy.ops.pflrm.photos_add(directory=str(photos[0].parent), files=[{"name": photo.name} for photo in photos])
    extension.pflrm.title = "Robot"
    return extension


def test_reconstruct_waits_in_background_mode(listed, worker):
    assert bpy.ops.pflrm.reconstruct() == {"FINISHED"}
    assert listed.pflrm_result.name == "PF-LRM Robot"
    assert worker.request()["options"]["poses_only"] is False


def test_place_cameras_asks_for_no_mesh(listed, worker):
    bpy.ops.pflrm.place_cameras()
    assert worker.request()["options"]["poses_only"] is True


def test_a_failure_reaches_a_script_as_an_exception(listed, worker):
    worker.answers({"event": "error", "kind": "memory", "message": "The device is full.", "remedy": "Use Draft."})
    with pytest.raises(RuntimeError, match=r"The device is full\. Use Draft\."):
        bpy.ops.pflrm.reconstruct()


def test_what_is_missing_is_reported_and_shown(listed, worker, photos):
    photos[1].unlink()
    with pytest.raises(RuntimeError, match="left.png is not there"):
        bpy.ops.pflrm.reconstruct()
    assert session.state.notice.text.startswith("left.png")


def test_without_photos_it_does_not_start(extension):
    assert not bpy.ops.pflrm.reconstruct.poll()
    assert not bpy.ops.pflrm.cancel.poll()


def test_without_a_runtime_the_remedy_is_said(listed, monkeypatch):
    monkeypatch.setenv("PFLRM_PYTHON", "/nowhere/python")
    with pytest.raises(RuntimeError, match="/nowhere/python"):
        bpy.ops.pflrm.reconstruct()
