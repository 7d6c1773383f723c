"""The triplane NeRF: planes → density and colour, and volume rendering (paper §3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig
from .transformer import mlp

DENSITY_SCALE = 20.0  # a saturated decoder turns opaque within a few ray samples
DENSITY_BIAS = -3.0  # a fresh decoder is a thin fog through which gradients reach everywhere
SURFACE_THICKNESS = 0.05  # a surface stands where this thickness of its density would absorb half the light


class TriplaneDecoder(nn.Module):
    """Planes (B, 3, C, R, R) over [-h, h]³ and points (B, N, 3) → density (B, N) and colour (B, N, 3) in [0, 1]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.half_extent = config.half_extent
        widths = [3 * config.triplane_channels] + [config.nerf_width] * (config.nerf_layers - 1) + [4]
        self.mlp = mlp(widths, nn.ReLU)

    def forward(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        batch, count, _ = points.shape
        unit = points.float() / self.half_extent
        axes = torch.stack([unit[..., [0, 1]], unit[..., [0, 2]], unit[..., [1, 2]]], dim=1)  # (B, 3, N, 2)
        features = F.grid_sample(
            planes.float().flatten(0, 1), axes.reshape(batch * 3, count, 1, 2), padding_mode="border",
            align_corners=False,
        )  # (3B, C, N, 1)
        features = features.view(batch, -1, count).transpose(1, 2)  # (B, N, 3C)
        out = self.mlp(features).float()
        inside = (unit.abs().amax(-1) <= 1).float()
        density = DENSITY_SCALE * F.softplus(out[..., 0] + DENSITY_BIAS) * inside
        return density, torch.sigmoid(out[..., 1:])


@dataclass(frozen=True)
class Field:
    """One object's density and colour, ready to be asked at any point."""

    decoder: TriplaneDecoder
    planes: Tensor  # (3, C, R, R)

    @property
    def half_extent(self) -> float:
        return self.decoder.half_extent

    @property
    def level(self) -> float:
        """The density of the surface."""
        return math.log(2) / SURFACE_THICKNESS

    @property
    def device(self) -> torch.device:
        return self.planes.device

    def query(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points (..., 3) in the world → density (...) and colour (..., 3) in [0, 1]."""
        density, colour = self.decoder(self.planes[None], points.reshape(1, -1, 3))
        return density.view(points.shape[:-1]), colour.view(points.shape)


@dataclass(frozen=True)
class Rendering:
    """What rays (B, M) see: colour on white (B, M, 3), opacity (B, M), expected point (B, M, 3) of the opaque part."""

    colour: Tensor
    opacity: Tensor
    point: Tensor


def box_interval(origins: Tensor, directions: Tensor, half_extent: float | Tensor) -> tuple[Tensor, Tensor]:
    """Where rays (..., 3) enter and leave the box, whose half sides are all the same or (3,); an empty interval where
    they miss it."""
    inverse = 1.0 / torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    first, second = (-half_extent - origins) * inverse, (half_extent - origins) * inverse
    near = torch.minimum(first, second).amax(-1).clamp(min=0)
    far = torch.maximum(first, second).amin(-1)
    return near, torch.maximum(far, near)


def render_rays(
    decoder: TriplaneDecoder, planes: Tensor, origins: Tensor, directions: Tensor, samples: int,
    jitter: torch.Generator | None = None,
) -> Rendering:
    """March rays (B, M, 3) through the box by quadrature; directions need not be of unit length.

    :param jitter: draws one offset a ray, for training; without it samples lie in the middle of their steps.
    """
    near, far = box_interval(origins, directions, decoder.half_extent)
    offset = torch.full_like(near, 0.5)
    if jitter is not None:
        offset = torch.rand(near.shape, generator=jitter, device=near.device)
    steps = torch.arange(samples, device=near.device)
    t = near[..., None] + (far - near)[..., None] * (steps + offset[..., None]) / samples  # (B, M, K)
    points = origins[..., None, :] + t[..., None] * directions[..., None, :]
    density, colour = decoder(planes, points.flatten(1, 2))
    density, colour = density.view(t.shape), colour.view(*t.shape, 3)
    length = (far - near) / samples * directions.norm(dim=-1)
    absorbed = density * length[..., None]
    before = torch.exp(-torch.cumsum(absorbed, -1) + absorbed)  # transmittance in front of each sample
    weights = before * (1 - torch.exp(-absorbed))
    opacity = weights.sum(-1)
    seen = (weights[..., None] * colour).sum(-2) + (1 - opacity)[..., None]
    point = (weights[..., None] * points).sum(-2) / opacity.clamp(min=1e-4)[..., None]
    return Rendering(seen, opacity, point)
