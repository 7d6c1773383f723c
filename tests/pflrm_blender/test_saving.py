"""Where photos and masks are after the file was saved elsewhere, copied, or moved with its project."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import pytest
from pflrm.pflrm_blender import history, masks
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender.properties import path_of
from pflrm.tests import fake_result


@pytest.fixture
def project(extension, tmp_path):
    """A folder with the photos front, left and back, and a scene that does not list them yet."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def fill(project: Path) -> None:
    """The photos are listed, two of them with a mask, one of which is being painted; a result was made from them."""
    files = fake_result.make_photos(project)
    scene = bpy.context.scene
    bpy.ops.pflrm.photos_add(directory=str(project), files=[{"name": file.name} for file in files])
    result_file = fake_result.make_result(project / "result.npz", files)
    (project / "mask.png").write_bytes(files[1].read_bytes())
    scene.pflrm.photos[1].mask = "//mask.png" if bpy.data.is_saved else str(project / "mask.png")
    masks.begin(scene.pflrm.photos[0], files[0])
    made = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
    scene.pflrm_result = bpy.data.collections[made.collection]
    history.remember(scene.pflrm_result, history.snapshot(scene.pflrm, poses_only=True))


def save(path: Path, **options: bool) -> None:
    path.parent.mkdir(exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **options)


def check(folder: Path) -> None:
    """All that the open file says of files leads to those in a folder."""
    scene = bpy.context.scene
    bpy.ops.pflrm.use_again()
    photos = scene.pflrm.photos
    assert [path_of(photo) for photo in photos] == [folder / f"{name}.png" for name in ("front", "left", "back")]
    assert all(path_of(photo).is_file() for photo in photos)
    assert Path(bpy.path.abspath(photos[1].mask)).resolve() == folder / "mask.png"
    assert masks.painted(photos[0]) is not None
    scene.pflrm.photos.clear()
    bpy.ops.pflrm.use_again()
    assert [path_of(photo) for photo in photos] == [folder / f"{name}.png" for name in ("front", "left", "back")]


def test_saved_in_another_folder_it_finds_them(project, tmp_path):
    save(project / "work.blend")
    fill(project)
    assert bpy.context.scene.pflrm.photos[0].filepath == "//front.png"
    save(tmp_path / "elsewhere" / "work.blend")
    check(project)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    check(project)


def test_a_copy_elsewhere_finds_them_and_the_open_file_does_too(project, tmp_path):
    save(project / "work.blend")
    fill(project)
    save(tmp_path / "elsewhere" / "copy.blend", copy=True)
    assert bpy.context.scene.pflrm.photos[0].filepath == "//front.png"
    check(project)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "copy.blend"))
    check(project)


@pytest.mark.parametrize("saved_first", [True, False])
def test_a_project_that_moves_as_a_whole_finds_them(project, tmp_path, saved_first):
    if saved_first:
        save(project / "work.blend")
    fill(project)
    save(project / "work.blend")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    moved = Path(shutil.move(project, tmp_path / "archive"))
    bpy.ops.wm.open_mainfile(filepath=str(moved / "work.blend"))
    check(moved)


def test_a_save_that_fails_changes_nothing(project, tmp_path):
    save(project / "work.blend")
    fill(project)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "work.blend").mkdir()
    with pytest.raises(RuntimeError):
        save(tmp_path / "elsewhere" / "work.blend")
    assert bpy.context.scene.pflrm.photos[0].filepath == "//front.png"
    check(project)


def test_photos_outside_the_project_stay_where_they_are_named(project, tmp_path):
    fill(project)
    save(tmp_path / "elsewhere" / "work.blend")
    assert bpy.context.scene.pflrm.photos[0].filepath == str(project / "front.png")
    check(project)
