from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from pflrm.operators.photos import add_photos, paths_in
from pflrm.tests import fake_result


def names(scene: bpy.types.Scene) -> list[str]:
    return [photo.name for photo in scene.pflrm.photos]


@pytest.fixture
def listed(extension, photos):
    """The scene with three photos in its list: front, left, back."""
    bpy.ops.pflrm.photos_add(directory=str(photos[0].parent), files=[{"name": photo.name} for photo in photos])
    return extension


class TestAdd:
    def test_several_at_once_in_their_order(self, listed, photos):
        assert names(listed) == ["front", "left", "back"]
        assert [photo.filepath for photo in listed.pflrm.photos] == [str(photo) for photo in photos]

    def test_what_is_no_photo_or_known_is_passed_over(self, listed, photos, tmp_path):
        (tmp_path / "notes.txt").write_text("x")
        files = [{"name": name} for name in ("notes.txt", "front.png", "missing.png")]
        assert bpy.ops.pflrm.photos_add(directory=str(tmp_path), files=files) == {"CANCELLED"}
        assert names(listed) == ["front", "left", "back"]

    def test_more_than_a_run_can_choose_from_are_switched_off(self, listed, photos, tmp_path):
        for number in range(11):
            (tmp_path / f"more{number}.png").write_bytes(photos[0].read_bytes())
        bpy.ops.pflrm.photos_add(directory=str(tmp_path), files=[{"name": f"more{n}.png"} for n in range(11)])
        assert [photo.enabled for photo in listed.pflrm.photos] == [True] * 12 + [False] * 2

    def test_paths_follow_a_file_that_is_saved(self, extension, photos, tmp_path):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
        bpy.ops.pflrm.photos_add(directory=str(tmp_path), files=[{"name": "front.png"}])
        assert bpy.context.scene.pflrm.photos[0].filepath == "//front.png"

    def test_too_many_are_switched_off_in_words_and_the_artists_choice_is_his_own(self, listed, tmp_path):
        said = []
        operator = SimpleNamespace(report=lambda _, words: said.append(words))
        listed.pflrm.photos[0].enabled = False
        for number in range(11):
            fake_result.write_png(tmp_path / f"{number}.png", np.zeros((8, 8, 3), np.uint8))
        add_photos(operator, bpy.context, [tmp_path / f"{number}.png" for number in range(10)])
        assert said == []
        add_photos(operator, bpy.context, [tmp_path / "10.png"])
        assert said == ["12 photos are the most: the others are switched off"]
        assert [photo.name for photo in listed.pflrm.photos if not photo.enabled] == ["front", "10"]


class TestPaste:
    def test_paths_of_every_file_manager_are_read(self, photos):
        text = f'"{photos[0]}"\n\n  {photos[1]}  \r\n{photos[2].as_uri()}'
        assert paths_in(text) == photos

    def test_spaces_in_an_address_are_no_escapes(self, tmp_path):
        path = tmp_path / "my photo.png"
        assert paths_in(path.as_uri()) == [path]

    def test_a_photo_that_was_copied_twice_comes_once(self, extension, photos):
        operator = SimpleNamespace(report=lambda *_: None)
        assert add_photos(operator, bpy.context, [photos[0], photos[0]]) == {"FINISHED"}
        assert names(extension) == ["front"]


class TestOrder:
    def test_the_reference_moves_to_the_front(self, listed):
        listed.pflrm.photos[2].enabled = False
        bpy.ops.pflrm.photo_reference(index=2)
        assert names(listed) == ["back", "front", "left"]
        assert listed.pflrm.photos[0].enabled

    def test_move(self, listed):
        assert bpy.ops.pflrm.photo_move(index=0, direction="DOWN") == {"FINISHED"}
        assert names(listed) == ["left", "front", "back"]
        assert bpy.ops.pflrm.photo_move(index=0, direction="UP") == {"CANCELLED"}

    def test_remove_and_clear_leave_the_files(self, listed, photos):
        bpy.ops.pflrm.photo_remove(index=1)
        assert names(listed) == ["front", "back"]
        bpy.ops.pflrm.photos_clear()
        assert names(listed) == []
        assert all(photo.is_file() for photo in photos)

    def test_an_empty_list_is_said(self, extension):
        with pytest.raises(RuntimeError, match="poll"):
            bpy.ops.pflrm.photo_remove()
