"""How unusual cameras are, compiled, against whole tensors in float64 with automatic differentiation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pflrm.core.habits import ASIDE, CLOSER, habits
from pflrm.core.rigs import ZOOM
from pflrm.core.verticals import USUAL_ELEVATION, Verticals, unusual
from scipy.spatial.transform import Rotation

UP = np.array([0.48, -0.6, 0.64])
CENTRES = np.array([[0.1, 0, 3.0], [-0.2, 0.1, 3.5], [0.3, 0.4, 2.2], [0, 0, 0.2]])  # the last one is too near to count
SAID = (math.radians(20), 0.0, math.radians(10))


def told(rotation: np.ndarray, measured: bool) -> Verticals:
    """Of four photos: one elevation is said, and perhaps two verticals are measured, one of them wrongly."""
    up = np.zeros((4, 3), np.float32)
    if measured:
        up[1] = rotation[1] @ Rotation.from_rotvec([0.04, 0, 0.03]).apply(UP)
        up[2] = [0, -1, 0]
    return Verticals(torch.from_numpy(up), torch.tensor([USUAL_ELEVATION, USUAL_ELEVATION, USUAL_ELEVATION, SAID]))


@pytest.mark.parametrize("measured", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_values_and_slopes_are_those_of_the_formulas(seed: int, measured: bool) -> None:
    rotation = Rotation.random(4, random_state=seed).as_matrix()
    verticals, zoom = told(rotation, measured), 1.3
    R, T, factor = (
        torch.from_numpy(np.array(part)).double().requires_grad_() for part in (rotation, CENTRES, zoom)
    )
    exact = Verticals(verticals.up.double(), verticals.elevation.double())
    tilted = unusual(exact, R @ torch.from_numpy(UP))
    distance = (T[1:, 2] / T[0, 2]).clamp(min=0.1).log() / CLOSER
    rest = 0.5 * ((T[1:, :2] / ASIDE).square().sum() + distance.square().sum() + (factor.log() / ZOOM).square())
    expected = torch.autograd.grad(tilted.sum() + rest, (R, T, factor))
    tilts, other, *slopes = habits(
        rotation.astype(np.float32), CENTRES.astype(np.float32), np.float32(zoom), UP.astype(np.float32),
        verticals.up.numpy(), verticals.elevation.numpy(),
    )
    np.testing.assert_allclose(tilts, tilted.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert other == pytest.approx(rest.item(), rel=1e-4)
    for found, true in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(found, true, rtol=2e-3, atol=2e-3)
