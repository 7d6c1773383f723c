"""What keeps voxels smooth, against exact areas and automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pflrm.core.smoothness import SOFTEST, add_area, add_roughness, blurred
from pflrm.core.voxels import Grid
from torch.nn import functional as F

SHAPE = (7, 9, 8)


@pytest.mark.parametrize("radius", [0.4, 0.8])
def test_the_area_of_a_ball(radius: float) -> None:
    """Within a tenth, which is what a grid tells of a slope: what counts is that it grows with the square."""
    grid = Grid.over(torch.full((3,), -1.0), torch.full((3,), 1.0), 0.025)
    solid = torch.sigmoid(100 * (radius - grid.points().norm(dim=-1))).view(grid.shape).numpy()
    assert add_area(solid, np.float32(0.025), np.float32(1), np.zeros_like(solid)) == pytest.approx(
        4 * np.pi * radius**2, rel=0.1
    )


def test_slopes_of_the_area_and_of_roughness_are_those_of_their_definitions() -> None:
    solid, colour = (torch.rand(*shape, dtype=torch.float64, requires_grad=True) for shape in (SHAPE, (*SHAPE, 3)))
    corner = solid[:-1, :-1, :-1]
    across = torch.stack([solid[1:, :-1, :-1], solid[:-1, 1:, :-1], solid[:-1, :-1, 1:]]) - corner
    area = 0.04 * ((across.square().sum(0) + float(SOFTEST) ** 2).sqrt() - float(SOFTEST)).sum()
    rough = sum(colour.diff(dim=axis).square().sum() for axis in range(3))
    before = torch.rand(*SHAPE), torch.rand(*SHAPE, 3)  # slopes are added to what is there
    by_solid, by_colour = (part.numpy().copy() for part in before)
    found = add_area(solid.detach().float().numpy(), np.float32(0.2), np.float32(3), by_solid)
    add_roughness(colour.detach().float().numpy(), np.float32(0.5), by_colour)
    assert found == pytest.approx(area.item(), rel=1e-5)
    slopes = torch.autograd.grad(3 * area, solid)[0], torch.autograd.grad(0.5 * rough, colour)[0]
    np.testing.assert_allclose(by_solid - before[0].numpy(), slopes[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(by_colour - before[1].numpy(), slopes[1].numpy(), atol=1e-4)


def test_means_of_neighbours() -> None:
    values = torch.rand(*SHAPE)
    expected = F.avg_pool3d(values[None], 3, stride=1, padding=1)[0]
    np.testing.assert_allclose(blurred(values.numpy()), expected.numpy(), rtol=1e-5)
