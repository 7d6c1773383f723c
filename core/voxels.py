"""A grid of voxels in a part of the field's box, and how it answers a field's questions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .model.nerf import DENSITY_BIAS, DENSITY_SCALE, SURFACE_THICKNESS


@dataclass(frozen=True)
class Grid:
    """Voxels ``shape`` (z, y, x) whose outermost positions are ``low`` and ``high`` (3,) in x, y, z of the world."""

    low: Tensor
    high: Tensor
    shape: tuple[int, int, int]

    @classmethod
    def over(cls, low: Tensor, high: Tensor, step: float) -> Grid:
        """A grid from ``low`` on, to ``high`` or at most ``step``, the distance of its voxels, further."""
        counts = torch.ceil((high - low) / step - 1e-3).clamp(min=1)
        x, y, z = (int(count) + 1 for count in counts)
        return cls(low, low + counts * step, (z, y, x))

    @property
    def middle(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def half(self) -> Tensor:
        """Half the sides (3,) in x, y, z."""
        return (self.high - self.low) / 2

    def points(self) -> Tensor:
        """Voxel positions (N, 3), in the order that ``grid_sample`` expects: z slowest, x fastest."""
        lines = [
            torch.linspace(float(a), float(b), n)
            for a, b, n in zip(self.low, self.high, reversed(self.shape), strict=True)
        ]
        z, y, x = torch.meshgrid(*reversed(lines), indexing="ij")
        return torch.stack([x, y, z], -1).view(-1, 3)


@dataclass(frozen=True)
class GridDecoder:
    """Voxel values (B, 4, z, y, x) and points (B, N, 3) → density (B, N) and colour (B, N, 3); around them is nothing.

    It takes the place of the triplane decoder: the first value is its raw density, the others are colour logits.
    ``half_extent`` is that of the field's box, which holds the grid.
    """

    grid: Grid
    half_extent: float

    def __call__(self, values: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        unit = (points - self.grid.middle) / self.grid.half
        sampled = F.grid_sample(values, unit[:, None, None], padding_mode="border", align_corners=True)
        out = sampled[:, :, 0, 0].transpose(1, 2)  # (B, N, 4)
        inside = (unit.abs().amax(-1) <= 1).float()
        return DENSITY_SCALE * F.softplus(out[..., 0] + DENSITY_BIAS) * inside, torch.sigmoid(out[..., 1:])


def raw_density(logit: Tensor) -> Tensor:
    """The raw density whose opacity over SURFACE_THICKNESS has this logit."""
    absorbed = F.softplus(logit)  # −log(1 − opacity)
    softplus = (absorbed / (SURFACE_THICKNESS * DENSITY_SCALE)).clamp(min=1e-4)
    return torch.log(torch.expm1(softplus)) - DENSITY_BIAS
