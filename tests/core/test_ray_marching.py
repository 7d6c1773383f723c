"""What rays show of voxels, against the same in float64 with automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pflrm.core.model.nerf import DENSITY_BIAS, DENSITY_SCALE
from pflrm.core.ray_marching import MISSING, Rays, residual
from torch.nn import functional as F

SHAPE, HALF, SAMPLES, COUNT = (9, 12, 10), np.array([0.9, 1.1, 0.8], np.float32), 24, 200


@pytest.fixture(scope="module")
def rays() -> Rays:
    """Through the box from all around, some of them beside it."""
    rng = np.random.default_rng(0)
    origin = rng.normal(size=(COUNT, 3))
    origin *= 3 / np.linalg.norm(origin, axis=1, keepdims=True)
    direction = (rng.uniform(-0.8, 0.8, size=(COUNT, 3)) * HALF - origin) * rng.uniform(0.5, 2, size=(COUNT, 1))
    first, second = (-HALF - origin) / direction, (HALF - origin) / direction
    begin, end = np.minimum(first, second).max(1), np.maximum(first, second).min(1)
    end[::10] = begin[::10]  # beside it
    parts = (
        origin, direction, begin, (end - begin) / SAMPLES, rng.random(COUNT), rng.random((COUNT, 3)),
        rng.random((COUNT, 3)), rng.random(COUNT), rng.random(COUNT), rng.random(COUNT),
    )
    return Rays(*(part.astype(np.float32) for part in parts))


def voxels(solid: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Raw densities, logits of colours, and which voxels are asked: all but a corner."""
    rng = np.random.default_rng(1)
    near = np.ones(SHAPE, bool)
    near[:4, :5, :5] = False
    return rng.normal(solid, 2, SHAPE).astype(np.float32), rng.normal(size=(*SHAPE, 3)).astype(np.float32), near


def reference(density: torch.Tensor, colour: torch.Tensor, near: np.ndarray, rays: Rays) -> torch.Tensor:
    """The residual by a few operations on whole tensors."""
    origin, direction, begin, interval, offset, back, wanted, mask, weight, tinting = (
        torch.from_numpy(part).double() for part in rays
    )
    t = begin[:, None] + interval[:, None] * (torch.arange(SAMPLES) + offset[:, None])
    unit = (origin[:, None] + t[..., None] * direction[:, None]) / torch.from_numpy(HALF)  # (M, K, 3)
    values = torch.cat([density[..., None], colour], -1).permute(3, 0, 1, 2)
    sampled = F.grid_sample(values[None], unit[None, None], align_corners=True, padding_mode="border")[0, :, 0]
    size = torch.tensor(SHAPE).flip(0)
    index = torch.minimum(((unit + 1) * (0.5 * (size - 1))).round().long().clamp(min=0), size - 1)
    asked = torch.from_numpy(near)[index[..., 2], index[..., 1], index[..., 0]] & (interval > 0)[:, None]
    absorbed = DENSITY_SCALE * F.softplus(sampled[0] + DENSITY_BIAS) * (interval * direction.norm(dim=-1))[:, None]
    absorbed = torch.where(asked, absorbed, 0.0)
    weights = torch.exp(-torch.cumsum(absorbed, -1) + absorbed) * (1 - torch.exp(-absorbed))
    opacity = weights.sum(-1)
    shown = torch.einsum("mk,cmk->mc", weights, torch.sigmoid(sampled[1:])) + (1 - opacity)[:, None] * back
    outline = torch.where(opacity < mask, float(MISSING), 1.0) * (opacity - mask).square()
    return (weight * asked.any(1) * (tinting * (shown - wanted).square().mean(-1) + outline)).sum()


@pytest.mark.parametrize(("solid", "left_out"), [(-2.0, 0.0), (3.0, 5e-4)], ids=["fog", "solid"])
def test_the_residual_and_its_slopes_are_those_of_the_reference(rays: Rays, solid: float, left_out: float) -> None:
    """But for what is behind the opaque."""
    density, colour, near = voxels(solid)
    by_density, by_colour = np.zeros_like(density), np.zeros_like(colour)
    value = residual(density, colour, near, HALF, rays, SAMPLES, by_density, by_colour)
    parameters = [torch.from_numpy(part).double().requires_grad_() for part in (density, colour)]
    expected = reference(parameters[0], parameters[1], near, rays)
    assert value == pytest.approx(expected.item(), rel=3e-4)
    for found, true in zip((by_density, by_colour), torch.autograd.grad(expected, parameters), strict=True):
        assert np.abs(found - true.numpy()).max() < 1e-4 * true.abs().max() + left_out


def test_slopes_are_added(rays: Rays) -> None:
    density, colour, near = voxels(0.0)
    once, twice = (np.zeros_like(density), np.zeros_like(colour)), (np.zeros_like(density), np.zeros_like(colour))
    residual(density, colour, near, HALF, rays, SAMPLES, *once)
    for _ in range(2):
        residual(density, colour, near, HALF, rays, SAMPLES, *twice)
    np.testing.assert_allclose(twice[0], 2 * once[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(twice[1], 2 * once[1], rtol=1e-4, atol=1e-6)


def test_nothing_is_asked_where_nothing_is_open(rays: Rays) -> None:
    density, colour, near = voxels(3.0)
    by_density, by_colour = np.zeros_like(density), np.zeros_like(colour)
    assert residual(density, colour, np.zeros_like(near), HALF, rays, SAMPLES, by_density, by_colour) == 0
    assert not by_density.any()
    assert not by_colour.any()
