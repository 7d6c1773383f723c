"""Photos that know which way is up: their views stand upright, and cameras keep to the vertical they have measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pflrm.core import agreement, pairs, verticals
from pflrm.core.cameras import load_known_cameras, minimal_rotation, upright_rotation
from pflrm.core.errors import InputError
from pflrm.core.photos import load_photo, load_photos
from pflrm.core.refine_poses import refine_poses
from pflrm.core.rigs import rig_of
from pflrm.core.search import search_poses
from pflrm.core.silhouettes import prepare
from pflrm.core.views import View, canonical_view
from pflrm.tests.core.balls import BALL, CROSS, LEVEL_VIEWS, MOLECULE, camera_at, look, photograph
from pflrm.tests.core.photo_files import apple_note, exif_with, save_cutout
from scipy.spatial.transform import Rotation

ROLLS = (0, 90, -130, 40)
ROLLED = [(elevation, azimuth, roll) for (elevation, azimuth, _), roll in zip(LEVEL_VIEWS, ROLLS, strict=True)]


def views_that_know(balls: np.ndarray, cameras: list[np.ndarray]) -> list[View]:
    return [canonical_view(replace(photograph(balls, one), up=one[:3, 2]), 64) for one in cameras]


def errors(found: np.ndarray, views: list[View], cameras: list[np.ndarray]) -> np.ndarray:
    """(V - 1,) degrees between found and true rotations relative to the first view."""
    true = np.stack([view.photo_from_view.T @ one[:3, :3] for view, one in zip(views, cameras, strict=True)])
    wrong = (found[1:, :3, :3] @ found[0, :3, :3].T) @ (true[1:] @ true[0].T).transpose(0, 2, 1)
    return np.degrees(Rotation.from_matrix(wrong).magnitude())


@pytest.mark.parametrize("seed", range(5))
def test_an_upright_rotation_looks_there_and_stands(seed):
    direction, up = Rotation.random(2, random_state=seed).apply([0, 0, 1])
    rotation = upright_rotation(direction, up)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation[:, 2], direction)
    across, down, _ = rotation.T @ up
    assert across == pytest.approx(0, abs=1e-12)
    assert down < 0


def test_seen_from_above_nothing_stands():
    np.testing.assert_array_equal(upright_rotation(np.array([0.0, 0, 1]), np.array([0.05, 0, -1])),
                                  minimal_rotation(np.array([0.0, 0, 1])))


def test_a_rolled_photo_makes_the_view_of_a_level_one():
    level, rolled = (views_that_know(MOLECULE, [camera_at(20, 30, roll)])[0] for roll in (0, 75))
    difference = np.abs(level.image[..., 3] - rolled.image[..., 3])
    assert difference.mean() < 0.01  # the edges' pixels alone
    np.testing.assert_allclose(level.up, rolled.up, atol=0.01)


def test_cameras_of_rolled_photos_are_found():
    """Level photos are what the search expects; photos that know their vertical may be rolled as they like."""
    cameras = [camera_at(*angles) for angles in ROLLED]
    views = views_that_know(MOLECULE, cameras)
    found = search_poses(views, effort="draft")[0]
    assert errors(found.world_to_camera, views, cameras).max() < 12
    vertical = views[0].photo_from_view.T @ cameras[0][:3, 2]
    np.testing.assert_allclose(found.world_to_camera[0, :3, :3] @ found.up, vertical, atol=0.08)


def test_the_vertical_tells_what_level_photos_cannot():
    """The cross looks alike from four sides, but from no two elevations: with the vertical known all elevations are."""
    cameras = [camera_at(*angles) for angles in ((50, 0, 0), (5, 80, 0), (30, 200, 0))]
    views = views_that_know(CROSS, cameras)
    found = search_poses(views, effort="draft")[0].world_to_camera
    for pose, view, camera in zip(found, views, cameras, strict=True):
        up = found[0, :3, :3].T @ (views[0].photo_from_view.T @ cameras[0][:3, 2])
        np.testing.assert_allclose(pose[:3, :3] @ up, view.photo_from_view.T @ camera[:3, 2], atol=0.1)


def test_tables_prefer_the_measured_elevations():
    views = views_that_know(MOLECULE, [camera_at(*angles) for angles in LEVEL_VIEWS])
    views[3] = look(MOLECULE, [camera_at(*LEVEL_VIEWS[3])])[0][0]  # knows nothing
    table = pairs.level_table(prepare(views, 24, depths=8))
    best = np.degrees(table.elevations[table.likely.argmax(1)].numpy())
    np.testing.assert_allclose(best[:3], [angles[0] for angles in LEVEL_VIEWS[:3]], atol=6)
    assert not table.likely[3].any()


def test_one_vertical_for_all_that_know_it():
    """The judge of the refinement holds a tilted camera against a set, if its photo knows better."""
    cameras = [camera_at(*angles) for angles in LEVEL_VIEWS]
    views = views_that_know(MOLECULE, cameras)
    true = torch.from_numpy(np.stack([
        np.vstack([np.hstack([view.photo_from_view.T @ one[:3, :3], [[0], [0], [3.6]]]), [[0, 0, 0, 1]]])
        for view, one in zip(views, cameras, strict=True)
    ])).float()
    tilted = true.clone()
    tilt = torch.from_numpy(Rotation.from_euler("x", 10, degrees=True).as_matrix()).float()
    tilted[2, :3, :3] = tilt @ true[2, :3, :3]

    def cost(poses: torch.Tensor, knowing: bool) -> float:
        scene = agreement.prepare(views, pixels=32, depths=8)
        if not knowing:
            scene = replace(scene, verticals=replace(scene.verticals, up=torch.zeros(4, 3)))
        rig = rig_of(poses.numpy())
        _, surface = agreement.judge(scene, rig)
        (*_, tilts), _ = agreement.terms_at(scene, rig, surface)
        return -float(tilts.total())

    assert cost(true, True) < 0.01
    assert cost(tilted, True) > 1
    assert cost(tilted, False) < 0.1  # level photos may be taken from any usual height


def test_a_measured_vertical_pulls_until_it_is_unlikely():
    up = torch.tensor([0.0, -1.0, 0.0])
    angle = torch.tensor([0.0, 2.0, 4.0, 8.0, 30.0]).deg2rad()
    turned = torch.stack([torch.zeros(5), -angle.cos(), angle.sin()], -1)
    cost = verticals.off_vertical(turned, up)
    assert cost[0] == 0
    assert (cost.diff() > 0).all()
    assert cost[-1] < 10  # a wrong measurement is overruled by what all photos show


def test_the_vertical_follows_the_refined_cameras():
    cameras = [camera_at(*angles) for angles in LEVEL_VIEWS]
    views = views_that_know(MOLECULE, cameras)
    found = [replace(one, up=np.array([1.0, 0, 0])) for one in search_poses(views, effort="draft")]
    refined = refine_poses(views, found, quality="standard")
    assert errors(refined[0].world_to_camera, views, cameras).max() < 8
    vertical = views[0].photo_from_view.T @ cameras[0][:3, 2]
    np.testing.assert_allclose(refined[0].world_to_camera[0, :3, :3] @ refined[0].up, vertical, atol=0.02)


def test_what_somebody_says_goes_before_the_phone(tmp_path):
    path = save_cutout(tmp_path / "a.png", exif=exif_with(maker_note=apple_note(-1, 0, 0)))
    assert load_photo(path).up is not None
    photo = load_photo(path, tilt=30)
    assert (photo.up, photo.tilt) == (None, 30)


def test_as_many_tilts_as_photos(tmp_path):
    paths = [save_cutout(tmp_path / name, width) for name, width in (("a.png", 96), ("b.png", 120))]
    assert [photo.tilt for photo in load_photos(paths, tilts=[None, 20])] == [None, 20]
    with pytest.raises(InputError, match="1 tilts for 2 photos"):
        load_photos(paths, tilts=[20])


def test_elevations_that_are_said():
    photos = [photograph(MOLECULE, camera_at(*angles)) for angles in LEVEL_VIEWS[:2]]
    views = [canonical_view(replace(photo, tilt=tilt), 64) for photo, tilt in zip(photos, (45, None), strict=True)]
    scene = prepare(views, 24, depths=8)
    elevations = torch.tensor([[0.0], [30], [40], [45], [50], [60], [90]]).deg2rad()
    cost = verticals.unusual_elevation(scene.verticals, elevations)
    assert cost[:, 0].argmin() == 3
    torch.testing.assert_close(cost[2, 0], cost[4, 0])
    assert cost[:, 0].max() <= 4.5  # who errs is overruled by what all photos show
    assert not cost[:6, 1].any()  # where nobody says anything, all usual ones are alike
    assert cost[6, 1] > 0


def test_the_search_believes_what_is_said():
    """A ball without marks looks alike from everywhere: nothing but the words decides."""
    photos = [replace(photograph(BALL, camera_at(20, azimuth, 0)), tilt=tilt)
              for azimuth, tilt in ((0, 5.0), (120, 50.0), (240, 30.0))]
    found = search_poses([canonical_view(photo, 64) for photo in photos], effort="draft")[0]
    elevations = -np.degrees(np.arcsin(found.world_to_camera[:, 2, :3] @ found.up))
    np.testing.assert_allclose(elevations, [5, 50, 30], atol=8)


def test_a_file_tells_the_vertical_with_and_without_a_lens(tmp_path):
    lens = {"width": 96, "height": 64, "fx": 90, "fy": 90, "cx": 48, "cy": 32}
    paths = [save_cutout(tmp_path / name, width) for name, width in (("a.png", 96), ("b.png", 120), ("c.png", 132))]
    note = exif_with(maker_note=apple_note(-1, 0, 0))
    save_cutout(tmp_path / "c.png", 132, exif=note)
    (tmp_path / "known.json").write_text(json.dumps({"photos": [
        {"file": "a.png", "up": [0, -0.8, -0.6], **lens}, {"file": "b.png", "up": [0, -0.6, -0.8]},
        {"file": "c.png", **lens, "width": 132},
    ]}))
    a, b, c = load_photos(paths, intrinsics_file=tmp_path / "known.json")
    np.testing.assert_array_equal(a.up, [0, -0.8, -0.6])
    np.testing.assert_array_equal(b.up, [0, -0.6, -0.8])
    np.testing.assert_allclose(c.up, [0, -1, 0], atol=1e-9)  # by its own maker note
    assert (a.focal_source, b.focal_source) == ("given", "assumed")


@pytest.mark.parametrize("up", [[0, 1], [0, -2, 0], ["x", 0, 0], [0, float("nan"), 0], 3])
def test_a_direction_that_is_none_is_refused(tmp_path, up):
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"photos": [{"file": "a.png", "up": up}]}))
    with pytest.raises(InputError, match=r"a\.png|no valid value"):
        load_known_cameras(path)
