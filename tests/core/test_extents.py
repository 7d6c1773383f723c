"""Distances that silhouettes tell, on balls photographed from distances that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pflrm.core import extents
from pflrm.core.cameras import half_angle_of
from pflrm.core.views import View
from pflrm.tests.core.balls import BALL, LEVEL_VIEWS, MOLECULE, camera_at, look

APART = (3.6, 5.4, 3.1, 4.6)


def photographed(balls: np.ndarray, *, roll: float = 0.0) -> tuple[list[View], np.ndarray]:
    """From distances of which some are 1.7 times others."""
    places = zip(LEVEL_VIEWS, APART, strict=True)
    return look(balls, [camera_at(tilt, turn, roll, distance) for (tilt, turn, _), distance in places])


def told(views: list[View], rotation: np.ndarray) -> np.ndarray:
    """(V,) distances of cameras that are turned so (V, 3, 3)."""
    half_angle = torch.tensor([half_angle_of(view.intrinsics) for view in views])
    return extents.distances(extents.widths(views), half_angle, torch.from_numpy(rotation).float()[None])[0].numpy()


def unequal(distance: np.ndarray) -> np.ndarray:
    """Logs less their mean: the scale is free."""
    log = np.log(distance)
    return log - log.mean()


@pytest.mark.parametrize("roll", [0.0, 35.0])
@pytest.mark.parametrize("balls", [MOLECULE, BALL])
def test_true_rotations_tell_the_distances(balls: np.ndarray, roll: float) -> None:
    views, poses = photographed(balls, roll=roll)
    expected = unequal(poses[:, 2, 3])
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(unequal(told(views, poses[:, :3, :3])), expected, atol=0.08)  # perspective aside


def test_the_largest_inscribed_sphere_has_radius_1() -> None:
    views, poses = photographed(MOLECULE)
    half_angle = np.array([half_angle_of(view.intrinsics) for view in views])
    assert (told(views, poses[:, :3, :3]) * np.sin(half_angle)).max() == pytest.approx(1, abs=1e-5)


def test_neither_the_order_of_views_nor_the_world_matters() -> None:
    views, poses = photographed(MOLECULE)
    rotation, order = poses[:, :3, :3], [2, 0, 3, 1]
    expected = told(views, rotation)
    np.testing.assert_allclose(told([views[i] for i in order], rotation[order]), expected[order], rtol=1e-5)
    np.testing.assert_allclose(told(views, rotation @ rotation[1].T), expected, rtol=1e-3)


def test_two_photos_are_enough() -> None:
    views, poses = photographed(MOLECULE)
    found = told(views[:2], poses[:2, :3, :3])
    assert found[1] / found[0] == pytest.approx(poses[1, 2, 3] / poses[0, 2, 3], rel=0.12)


def test_what_a_photo_cuts_off_tells_no_distance() -> None:
    views, poses = photographed(MOLECULE)
    views[1].unseen[:] = True
    assert extents.widths(views)[1].isnan().all()
    others = [0, 2, 3]
    found = told(views, poses[:, :3, :3])
    np.testing.assert_allclose(
        unequal(found[others]), unequal(told([views[i] for i in others], poses[others, :3, :3])), atol=0.01
    )
    assert np.isfinite(found).all()


def test_one_photo_and_an_empty_one() -> None:
    views, poses = photographed(MOLECULE)
    assert np.isfinite(told(views[:1], poses[:1, :3, :3])).all()
    views[2].image[..., 3] = 0
    assert np.isfinite(told(views, poses[:, :3, :3])).all()
