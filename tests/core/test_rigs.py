"""Moves of cameras and of the plane in which an object mirrors itself."""

from __future__ import annotations

import numpy as np
import pytest
from pflrm.core.rigs import Rig, Slopes, rig_of, rotation_of, tilted, together
from scipy.spatial.transform import Rotation

RNG = np.random.default_rng(0)
PLANE = np.array([0.6, 0.0, 0.8, 0.1])


@pytest.fixture(scope="module")
def rig() -> Rig:
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, :3, :3] = Rotation.random(3, random_state=0).as_matrix()
    poses[:, :3, 3] = [[0.1, 0, 3], [0, 0, 4], [0, 1, 3]]
    return Rig(poses, np.float64(1.1), PLANE)


@pytest.mark.parametrize("length", [1e-6, 0.1, 3.0])
def test_rotations_are_scipys(length: float) -> None:
    turns = length * RNG.normal(size=(2, 4, 3))
    expected = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(2, 4, 3, 3)
    np.testing.assert_allclose(rotation_of(turns), expected, atol=1e-9)


def test_a_move_turns_shifts_and_zooms_all_cameras_but_the_first(rig: Rig) -> None:
    move = np.zeros(rig.parameters(zooming=True))
    assert len(move) == 6 * 2 + 1 + 3
    move[3:6], move[9:12], move[12] = [0.1, 0.2, -0.1], [0.3, 0, 0.5], np.log(1.5)
    there = rig.moved(move)
    np.testing.assert_allclose(there.poses[0, :, 3], [0.1, 0, 3 * 1.5, 1])
    np.testing.assert_allclose(there.poses[:2, :3, :3], rig.poses[:2, :3, :3])
    turned = Rotation.from_rotvec([0.1, 0.2, -0.1]).as_matrix() @ rig.poses[2, :3, :3]
    np.testing.assert_allclose(there.poses[2, :3, :3], turned)
    np.testing.assert_allclose(there.poses[2, :3, 3], [0.3, 1, 3.5 * 1.5])
    assert there.zoom == pytest.approx(1.1 * 1.5)
    np.testing.assert_allclose(there.plane, PLANE)


def test_moves_side_by_side_are_those_one_by_one(rig: Rig) -> None:
    moves = 0.1 * RNG.normal(size=(4, rig.parameters(zooming=True)))
    several, single = rig.moved(moves), together([rig.moved(move) for move in moves])
    for one, other in zip((several, several.mirrored()), (single, single.mirrored()), strict=True):
        np.testing.assert_allclose(one.poses, other.poses)
        np.testing.assert_allclose(one.zoom, other.zoom)
    np.testing.assert_allclose(several.plane, single.plane)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("zooming", [False, True])
def test_slopes_are_those_of_small_moves(rig: Rig, zooming: bool, mirrored: bool) -> None:
    """Against differences of a function that is linear in the cameras, or in the cameras and their images."""
    views = 6 if mirrored else 3
    slopes = Slopes(RNG.normal(size=(views, 3, 3)), RNG.normal(size=(views, 3)), 0.7)

    def value(there: Rig) -> float:
        seen = there.mirrored() if mirrored else there
        parts = seen.poses[:, :3, :3] * slopes.rotation, seen.poses[:, :3, 3] * slopes.translation
        return sum(part.sum() for part in parts) + slopes.zoom * float(seen.zoom)

    steps = 1e-5 * np.eye(rig.parameters(zooming))
    differences = [(value(rig.moved(step)) - value(rig.moved(-step))) / 2e-5 for step in steps]
    found = rig.slope_of_move(rig.slopes_of_mirrored(slopes) if mirrored else slopes, zooming)
    np.testing.assert_allclose(found, differences, atol=1e-7)


def test_planes_tilt_in_all_directions() -> None:
    planes = RNG.normal(size=(5, 4))
    planes[:, :3] /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    moved = tilted(planes[:, None], np.tile(0.1 * np.eye(3), (5, 1, 1)))
    np.testing.assert_allclose(np.linalg.norm(moved[..., :3], axis=-1), 1)
    np.testing.assert_allclose(moved[:, 2], planes + [0, 0, 0, 0.1])
    turned = moved[:, :2, :3] - planes[:, None, :3]
    assert (np.linalg.norm(turned, axis=-1) > 0.09).all()
    assert (np.abs((turned[:, 0] * turned[:, 1]).sum(-1)) < 0.001).all()
    np.testing.assert_allclose(tilted(planes, np.zeros((5, 3))), planes)


def test_cameras_of_known_lenses_have_no_zoom() -> None:
    poses = np.tile(np.eye(4, dtype=np.float32), (5, 2, 1, 1))
    assert (rig_of(poses).zoom == np.ones(5)).all()
    assert rig_of(poses[0]).zoom == 1
