"""The likeliest vertical of a set of cameras, and what it costs to be tilted against it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pflrm.core import verticals
from pflrm.core.hull import level_rotation
from pflrm.core.verticals import USUAL_ELEVATION, Verticals
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

ELEVATIONS, AZIMUTHS = (10.0, 35.0, 5.0, 50.0), (0.0, 70.0, 150.0, 260.0)
NOBODY_KNOWS = Verticals(torch.zeros(4, 3), torch.tensor([USUAL_ELEVATION] * 4))


def cameras(
    rolls: tuple[float, ...] = (0.0,) * 4, seed: int = 0, elevations: tuple[float, ...] = ELEVATIONS
) -> tuple[torch.Tensor, np.ndarray]:
    """World-to-camera rotations (4, 3, 3) rolled by degrees, and the sky (3,) of their world, which is turned."""
    level = level_rotation(torch.tensor(elevations).deg2rad(), torch.tensor(AZIMUTHS).deg2rad()).double().numpy()
    rolled = Rotation.from_rotvec(np.outer(rolls, [0, 0, 1]), degrees=True).as_matrix() @ level
    world = Rotation.random(random_state=seed).as_matrix()
    return torch.from_numpy(rolled @ world.T).float(), world[:, 2]


def cost(rotation: torch.Tensor, up: np.ndarray) -> float:
    seen = rotation @ torch.from_numpy(up / np.linalg.norm(up)).float()
    return float(verticals.unusual(NOBODY_KNOWS, seen).sum())


@pytest.mark.parametrize("seed", range(6))
def test_level_cameras_tell_the_vertical(seed: int) -> None:
    rotation, up = cameras(seed=seed)
    np.testing.assert_allclose(verticals.likeliest(NOBODY_KNOWS, rotation.numpy()), up, atol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_photos_from_the_side_do_not_stand_on_their_heads(seed: int) -> None:
    """Upside down they would be level too, and from a usual height."""
    rotation, up = cameras(seed=seed, elevations=(0.0, 5.0, -5.0, 2.0))
    np.testing.assert_allclose(verticals.likeliest(NOBODY_KNOWS, rotation.numpy()), up, atol=1e-4)


@pytest.mark.parametrize("rolls", [(2.0, -3.0, 1.0, 4.0), (0.0, 0.0, 25.0, 0.0), (-6.0, 3.0, 8.0, -2.0)])
def test_no_other_vertical_suits_better(rolls: tuple[float, ...]) -> None:
    """Against scipy's minimum of the same cost, from many starts."""
    rotation, true = cameras(rolls)
    starts = Rotation.random(40, random_state=1).apply([0, 0, 1])
    standing = [start if np.mean(rotation.numpy()[:, 1] @ start) < 0 else -start for start in starts]
    best = min(minimize(lambda up: cost(rotation, up), start, method="Nelder-Mead").fun for start in standing)
    found = verticals.likeliest(NOBODY_KNOWS, rotation.numpy())
    assert cost(rotation, found) < best + 0.02
    assert found @ true > 0.98


def test_a_measured_vertical_decides() -> None:
    rotation, _ = cameras()
    felt = torch.tensor([[0.0, 0, 0], [0.3, -0.9, -0.2], [0, 0, 0], [0, 0, 0]])
    felt[1] /= felt[1].norm()
    knows = Verticals(felt, NOBODY_KNOWS.elevation)
    up = torch.from_numpy(verticals.likeliest(knows, rotation.numpy()))
    torch.testing.assert_close(rotation[1] @ up, felt[1])
    costs = verticals.unusual(knows, rotation @ up)
    assert costs[1] < 1e-4
    assert (costs[[0, 2, 3]] > 0.5).all()  # the others are not level under it


def test_rolls_cost_and_usual_heights_do_not() -> None:
    angle = torch.tensor([0.0, 3.0, 10.0, 30.0]).deg2rad()
    none = torch.zeros(4)
    rolled = verticals.unusual(NOBODY_KNOWS, torch.stack([angle.sin(), -angle.cos(), none], -1))
    raised = verticals.unusual(NOBODY_KNOWS, torch.stack([none, -angle.cos(), -angle.sin()], -1))
    assert (rolled.diff() > 0).all()
    assert rolled[-1] < 3  # who holds the camera askew is believed, if all photos say so
    assert not raised.any()
