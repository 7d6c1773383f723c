from __future__ import annotations

import bpy
import pytest
from pflrm.pflrm_blender import history, session
from pflrm.pflrm_blender import scene as scenes


def list_photos(scene: bpy.types.Scene, photos: list) -> None:
    for path in photos:
        photo = scene.pflrm.photos.add()
        photo.name, photo.filepath = path.stem, str(path)


def in_use(scene: bpy.types.Scene) -> list[str]:
    return [photo.name for photo in scene.pflrm.photos if photo.enabled]


@pytest.fixture
def made(extension, worker, photos):
    """A scene with a result of the photos left and front, in Draft quality."""
    list_photos(extension, [photos[1], photos[0]])
    chosen = extension.pflrm
    chosen.photos[0].mask, chosen.photos[1].height = str(photos[2]), "HIGH"
    chosen.quality, chosen.focal, chosen.focal_35mm, chosen.texture, chosen.title = "draft", "LENS", 35.0, "0", "Robot"
    session.start(extension, poses_only=True)
    session.wait()
    return extension


def test_photos_and_options_come_back(made, photos):
    chosen = made.pflrm
    chosen.photos.clear()
    list_photos(made, [photos[2], photos[0]])
    chosen.quality, chosen.focal, chosen.focal_35mm, chosen.texture, chosen.title = "best", "PHOTO", 50.0, "4096", ""
    assert bpy.ops.pflrm.use_again() == {"FINISHED"}
    assert [photo.name for photo in chosen.photos] == ["left", "front", "back"]  # no photo is lost
    assert in_use(made) == ["left", "front"]
    assert [photo.mask for photo in chosen.photos] == [str(photos[2]), "", ""]
    assert [photo.height for photo in chosen.photos] == ["PHOTO", "HIGH", "PHOTO"]
    assert (chosen.quality, chosen.focal, chosen.texture, chosen.title) == ("draft", "LENS", "0", "Robot")
    assert chosen.focal_35mm == pytest.approx(35.0)
    assert session.build_request(chosen, poses_only=False)["photos"] == [str(photos[1]), str(photos[0])]


def test_they_survive_the_file(made, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    asked = history.asked(made.pflrm_result)
    assert asked["poses_only"] is True
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "work.blend"))
    assert history.asked(bpy.context.scene.pflrm_result) == asked


def test_what_another_version_knew_is_passed_over(made):
    memory = history.asked(made.pflrm_result)
    memory["options"] |= {"colour": "red", "quality": "ultra", "size": 3.0}
    memory["photos"][0] |= {"height": "MOON", "film": "35 mm"}
    del memory["photos"][1]["height"]
    history.use_again(made.pflrm, memory)
    assert made.pflrm.quality == "draft"
    assert [photo.height for photo in made.pflrm.photos] == ["PHOTO", "HIGH"]
    assert made.pflrm.size == pytest.approx(3.0)


def test_a_result_of_a_script_has_no_options(extension, result_file):
    result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot")
    extension.pflrm_result = bpy.data.collections[result.collection]
    with pytest.raises(RuntimeError, match="made by a script"):
        bpy.ops.pflrm.use_again()
