from __future__ import annotations

import importlib
import math
import os
import time

import bpy
import numpy as np
import pytest
from pflrm.pflrm_blender import job, results, session
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.pflrm_blender.properties import current_result
from pflrm.tests import fake_result


def add(scene: bpy.types.Scene, photos: list) -> None:
    for path in photos:
        photo = scene.pflrm.photos.add()
        photo.name, photo.filepath = path.stem, str(path)


class TestRequest:
    def test_says_what_the_artist_chose(self, extension, photos):
        add(extension, photos)
        chosen = extension.pflrm
        chosen.photos[1].enabled = False
        chosen.quality, chosen.focal, chosen.fov = "draft", "ANGLE", math.radians(60)
        request = session.build_request(chosen, poses_only=False)
        assert request["photos"] == [str(photos[0]), str(photos[2])]
        assert request["options"] == {
            "quality": "draft", "poses_only": False, "device": "auto", "fov": pytest.approx(60),
        }

    def test_says_from_how_high_photos_were_taken(self, extension, photos):
        add(extension, photos)
        extension.pflrm.photos[1].height = "HIGH"
        assert session.build_request(extension.pflrm, poses_only=False)["options"]["tilts"] == [None, 45, None]

    def test_the_worker_knows_every_option(self, extension, photos):
        """Held against the worker's own reader of requests."""
        from pflrm.core.request import parse

        add(extension, photos)
        for photo in extension.pflrm.photos:
            photo.mask = str(photos[0])
            photo.height = "ABOVE"
        extension.pflrm.photos[1].mask = ""  # found without
        extension.pflrm.photos[1].height = "PHOTO"
        for focal in ("PHOTO", "LENS", "ANGLE"):
            extension.pflrm.focal = focal
            message = {**session.build_request(extension.pflrm, poses_only=False), "output": "/tmp/result.npz"}
            assert parse(message).photos == tuple(photos)

    @pytest.mark.parametrize(("change", "words"), [
        (lambda scene, photos: scene.pflrm.photos.clear(), "no photos"),
        (lambda scene, photos: add(scene, photos * 4), "15 photos are in use, but 12 are the most"),
        (lambda scene, photos: photos[1].unlink(), "left.png is not there"),
    ])  # fmt: skip
    def test_what_is_missing_is_said_in_words(self, extension, photos, change, words):
        add(extension, photos)
        change(extension, photos)
        with pytest.raises(PflrmError, match=words) as caught:
            session.build_request(extension.pflrm, poses_only=False)
        assert caught.value.kind == "input"
        assert caught.value.remedy


class TestRun:
    def test_a_result_lands_in_the_scene(self, extension, worker, photos):
        add(extension, photos)
        extension.pflrm.title, extension.pflrm.size, extension.pflrm.placement = "Robot", 0.4, "CURSOR"
        extension.pflrm.face_limit = 6
        extension.cursor.location = (1, 2, 3)
        session.start(extension, poses_only=False)
        extension.cursor.location = (9, 9, 9)  # too late
        session.wait()
        assert extension.pflrm_result.name == "PF-LRM Robot"
        assert tuple(bpy.data.objects["PF-LRM Robot Root"].location) == (1, 2, 3)
        assert extension.pflrm_result_size == pytest.approx(0.4)
        assert results.faces_of(bpy.data.objects["PF-LRM Robot"]) == 6
        assert session.state.notice.level == "WARNING"  # the worker had one
        assert "A warning from the worker." in session.state.notice.remedy

    def test_what_holds_for_several_photos_is_said_once(self, extension, worker, photos, result_file):
        add(extension, photos)
        said = [f"The object in {name}.png is cut off." for name in ("front", "back")]
        fake_result.make_result(result_file, photos, warnings=np.array([*said, "front.png and left.png look alike."]))
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.notice.remedy.splitlines() == [
            "The object in front.png, back.png is cut off.", "front.png and left.png look alike.",
        ]

    def test_a_failure_names_the_photo_and_leaves_the_scene(self, extension, worker, photos):
        add(extension, photos)
        worker.answers({
            "event": "error", "kind": "input", "message": "No object was found in left.png.",
            "remedy": "Give a mask.", "traceback": None,
        })  # fmt: skip
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.notice.text == "No object was found in left.png."
        assert [bool(photo.problem) for photo in extension.pflrm.photos] == [False, True, False]
        assert not bpy.data.objects

    def test_the_panel_can_tell_the_remaining_time(self, extension):
        run = session.Run(0, "Robot", 1.0, (0, 0, 0), True, started=time.monotonic() - 6.0)
        assert run.seconds_left() is None
        run.fraction = 0.75
        assert run.seconds_left() == pytest.approx(2.0, abs=0.5)

    def test_cancel(self, extension, worker, photos):
        add(extension, photos)
        worker.answers({"sleep": 60})
        session.start(extension, poses_only=False)
        session.cancel()
        session.wait()
        assert session.state.notice.text == "The run was cancelled."
        assert session.state.notice.level == "INFO"

    def test_a_failure_names_files_without_their_folders_and_no_others(self, extension, worker, tmp_path):
        for name in ("1.png", "2.png", "11.png"):
            fake_result.write_png(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
        add(extension, [tmp_path / name for name in ("1.png", "2.png", "11.png")])
        message = f"{tmp_path}/11.png and {tmp_path}/2.png are the same photo."
        worker.answers({"event": "error", "kind": "input", "message": message, "remedy": "Remove one.",
                        "traceback": None})
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.notice.text == "11.png and 2.png are the same photo."
        problems = [photo.problem for photo in extension.pflrm.photos]
        assert problems == ["", *["11.png and 2.png are the same photo. Remove one."] * 2]

    def test_a_damaged_result_is_told(self, extension, worker, photos, result_file):
        add(extension, photos)
        result_file.write_bytes(b"nothing")
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.notice.level == "ERROR"
        assert "cannot be read" in session.state.notice.text


class TestQueue:
    def test_each_run_takes_what_was_chosen_at_its_click(self, extension, worker, photos):
        add(extension, photos)
        for title, face_limit, placement in (("One", 0, (0, 0, 0)), ("Two", 6, (5, 0, 0)), ("Three", 0, (7, 0, 0))):
            extension.pflrm.title, extension.pflrm.face_limit = title, face_limit
            extension.pflrm.placement, extension.cursor.location = "CURSOR", placement
            session.start(extension, poses_only=False)
        assert [run.name for run in session.state.queue] == ["Two", "Three"]
        extension.pflrm.title = "Too Late"
        session.wait()
        made = results.results_of(extension)
        assert [result.name for result in made] == ["PF-LRM One", "PF-LRM Two", "PF-LRM Three"]
        assert [results.faces_of(results.mesh_of(result)) for result in made] == [8, 6, 8]
        assert [results.root_of(result).location.x for result in made] == [0, 5, 7]
        assert extension.pflrm_result == made[-1]

    def test_cancel_goes_on_with_the_next(self, extension, worker, photos):
        add(extension, photos)
        worker.answers({"sleep": 60})
        session.start(extension, poses_only=False)
        session.start(extension, poses_only=False)
        worker.answers(*worker.RESULT)
        session.cancel()
        session.wait()
        assert len(results.results_of(extension)) == 1
        assert session.state.queue == []

    def test_a_failure_does_not_stop_the_others(self, extension, worker, photos, result_file, monkeypatch):
        add(extension, photos)
        good, begin = result_file.read_bytes(), session._begin
        result_file.write_bytes(b"nothing")
        session.start(extension, poses_only=False)
        session.start(extension, poses_only=False)
        monkeypatch.setattr(session, "_begin", lambda run: (result_file.write_bytes(good), begin(run)))
        while session.state.queue:
            session._advance(0.2)
        assert "cannot be read" in session.state.notice.text  # is still said while the next one runs
        session.wait()
        assert session.state.notice.collection

    def test_cleared_it_leaves_the_run_alone(self, extension, worker, photos):
        add(extension, photos)
        assert not bpy.ops.pflrm.clear_queue.poll()
        session.start(extension, poses_only=False)
        session.start(extension, poses_only=False)
        assert bpy.ops.pflrm.clear_queue() == {"FINISHED"}
        session.wait()
        assert len(results.results_of(extension)) == 1

    def test_another_file_empties_it(self, extension, worker, photos):
        add(extension, photos)
        session.start(extension, poses_only=False)
        session.start(extension, poses_only=False)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert session.state.run is None
        assert session.state.queue == []


class TestWhenTheFileChangesMeanwhile:
    def test_a_renamed_scene_is_found(self, extension, worker, photos):
        add(extension, photos)
        session.start(extension, poses_only=False)
        extension.name = "Another"
        session.wait()
        assert extension.pflrm_result is not None

    def test_a_deleted_scene_discards_the_result_in_words(self, extension, worker, photos):
        add(extension, photos)
        session.start(extension, poses_only=False)
        bpy.data.scenes.new("Other")
        bpy.data.scenes.remove(extension)
        session.wait()
        assert "its scene was deleted" in session.state.notice.text
        assert not bpy.data.objects

    def test_another_file_cancels_the_run_in_words(self, extension, worker, photos):
        add(extension, photos)
        session.start(extension, poses_only=False)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert session.state.run is None
        assert "another file was opened" in session.state.notice.text
        while session._tick() is not None:  # as the timer does, until the worker is free again
            time.sleep(0.05)
        scene = bpy.context.scene
        add(scene, photos)
        session.start(scene, poses_only=False)
        session.wait()
        assert scene.pflrm_result is not None

    def test_a_failure_in_blender_leaves_the_scene_as_it_was(self, extension, worker, photos, monkeypatch):
        add(extension, photos)

        def fail(*_: object) -> None:
            raise RuntimeError("out of luck")

        monkeypatch.setattr(scenes._Builder, "_make_mesh", fail)
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.run is None
        assert "out of luck" in session.state.notice.text
        assert "RuntimeError" in session.state.notice.details  # for the report
        assert not bpy.data.objects

    @pytest.mark.parametrize("place", [
        "texture.read_photos", "texture.project", "history.remember", "showing.covers_of", "showing.frame",
        "showing.select_only",
    ])  # fmt: skip
    def test_a_failure_on_the_way_into_the_scene_ends_the_run(self, extension, worker, photos, monkeypatch, place):
        from pflrm import pflrm_blender

        add(extension, photos)
        bpy.ops.mesh.primitive_cube_add()
        extension.pflrm_result = earlier = bpy.data.collections.new("Earlier")
        extension.collection.children.link(earlier)
        before = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "images", "materials")}

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("out of luck")

        module, name = place.split(".")
        monkeypatch.setattr(importlib.import_module(f"{pflrm_blender.__name__}.{module}"), name, fail)
        session.start(extension, poses_only=False)
        session.wait()
        assert session.state.run is None
        assert session.state.notice.level == "ERROR"
        assert "out of luck" in session.state.notice.text
        assert {kind: set(getattr(bpy.data, kind)) for kind in before} == before
        assert extension.pflrm_result == earlier
        assert extension.camera is None
        assert not extension.timeline_markers

    def test_it_waits_while_an_object_of_any_view_layer_is_edited(self, extension):
        bpy.ops.mesh.primitive_cube_add()
        window, other = bpy.context.window_manager.windows[0], bpy.data.scenes.new("Other")
        assert session._may_receive(extension)
        second = extension.view_layers.new("Second")
        second.objects.active = bpy.data.objects["Cube"]
        bpy.ops.object.mode_set(mode="EDIT")
        window.scene = other  # the window that comes first shows something else
        assert not session._may_receive(extension)
        window.scene = extension
        bpy.ops.object.mode_set(mode="OBJECT")
        assert session._may_receive(extension)

    def test_it_waits_while_blender_renders(self, extension, monkeypatch):
        assert not session.is_rendering()
        assert session._may_receive(extension)
        monkeypatch.setattr(session, "is_rendering", lambda: True)
        assert not session._may_receive(extension)


class TestResultInFront:
    def test_its_size_and_opacity_can_be_changed_later(self, extension, result_file):
        result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot")
        extension.pflrm_result = bpy.data.collections[result.collection]
        extension.pflrm_result_size = 3.0
        assert bpy.data.objects[result.root].scale.x == pytest.approx(3.0 / 2.0)
        extension.pflrm_photo_opacity = 0.9
        alphas = [bpy.data.objects[name].data.background_images[0].alpha for name in result.cameras]
        assert alphas == pytest.approx([0.9] * 3)

    def test_its_cameras_see_it_at_every_size(self, extension, result_file):
        result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot")
        extension.pflrm_result = bpy.data.collections[result.collection]
        camera = bpy.data.objects[result.cameras[0]]
        near, far = camera.data.clip_start, camera.data.clip_end
        for size in (1000.0, 0.01, 100.0):
            extension.pflrm_result_size = size
            bpy.context.view_layer.update()
            distance = (camera.matrix_world.translation - bpy.data.objects[result.mesh].matrix_world.translation).length
            assert camera.data.clip_start < distance / 10 < distance * 10 < camera.data.clip_end
        assert (camera.data.clip_start, camera.data.clip_end) == pytest.approx((100 * near, 100 * far))

    def test_a_deleted_one_is_not_shown(self, extension, result_file):
        result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot")
        extension.pflrm_result = bpy.data.collections[result.collection]
        assert current_result(extension) == extension.pflrm_result
        extension.collection.children.unlink(extension.pflrm_result)
        assert current_result(extension) is None
        assert extension.pflrm_result_size == 0.0


def test_disabling_the_extension_ends_the_worker(extension, worker, photos):
    import pflrm

    add(extension, photos)
    worker.answers({"event": "progress", "stage": "Refining Poses", "fraction": 0.4}, {"sleep": 60})
    session.start(extension, poses_only=False)
    while session.state.run.stage != "Refining Poses":
        session._advance(0.1)
    pid = job.shared().worker_pid
    pflrm.unregister()
    try:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert session.state.run is None
    finally:
        pflrm.register()
