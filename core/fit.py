"""Voxels fitted to the photos: gradient steps on colour and opacity of random rays, where the masks leave matter.

Of the rays' samples only those near open voxels are asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .jit import f32
from .model.nerf import box_interval
from .observations import Observations, look_up
from .ray_marching import Rays, residual
from .smoothness import add_area, add_roughness, blurred
from .voxels import Grid, raw_density

COLOUR_RATE = 0.1
DENSITY_RATE = 0.4
COLOUR_ROUGHNESS = 3e-3
# What a unit of surface costs beside the residuals. Silhouettes leave corners and bumps that no photo contradicts;
# objects seldom have them. Divided by the steps, for Adam walks on wherever nothing else pulls. Five times as much
# shrinks objects.
TENSION = 0.02
HALF_SOLID = float(raw_density(torch.tensor(0.0)))
BESIDE = 0.05  # widths of a view beside a silhouette where rays are still cast: elsewhere there is nothing to fit


@dataclass(frozen=True)
class Effort:
    """Voxels along the side of the field's box, gradient steps, rays a view and step."""

    resolution: int
    steps: int
    rays: int = 224


def fit(
    values: Tensor, is_open: Tensor, grid: Grid, targets: Sequence[Targets], effort: Effort, seed: int,
    progress: Callable[[float], None],
) -> Tensor:
    """Voxel values (4, z, y, x) after Adam; see ``GridDecoder``.

    :param is_open: (z, y, x) bool. What the masks have emptied stays empty: Adam would follow the faintest gradient
        there and raise floaters.
    """
    generator = torch.Generator().manual_seed(seed)
    density, colour = values[0].clone(), values[1:].permute(1, 2, 3, 0).contiguous()
    optimiser = torch.optim.Adam(
        [{"params": [density], "lr": DENSITY_RATE}, {"params": [colour], "lr": COLOUR_RATE}], fused=True
    )
    near = (F.max_pool3d(is_open[None].float(), 3, stride=1, padding=1)[0] > 0).numpy()
    spacing = f32(2 * float(grid.half[0]) / (grid.shape[2] - 1))
    for step in range(effort.steps):
        by_density, by_colour = np.zeros(density.shape, np.float32), np.zeros(colour.shape, np.float32)
        voxels = density.numpy(), colour.numpy(), near, grid.half.numpy()
        for some in targets:
            residual(*voxels, some.rays(grid, effort.rays, generator), max(grid.shape), by_density, by_colour)
        # Adam makes every voxel's step as long as its neighbour's: what few rays tell a voxel is shared first, or the
        # surface is pitted.
        density.grad = torch.from_numpy(blurred(by_density))
        # What the area asks is not shared: blurred it does harm.
        solid, by_solid = torch.sigmoid(density - HALF_SOLID), torch.zeros_like(density)
        add_area(solid.numpy(), spacing, f32(TENSION / effort.steps), by_solid.numpy())
        density.grad += by_solid * solid * (1 - solid)
        density.grad.masked_fill_(~is_open, 0)
        add_roughness(colour.numpy(), f32(COLOUR_ROUGHNESS / effort.resolution**3 / 3), by_colour)
        colour.grad = torch.from_numpy(by_colour)
        for group, rate in zip(optimiser.param_groups, (DENSITY_RATE, COLOUR_RATE), strict=True):
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / effort.steps))
        optimiser.step()
        progress(step / effort.steps)
    return torch.cat([density[None], colour.permute(3, 0, 1, 2)])


@dataclass(frozen=True)
class Targets:
    """What some views show, how much it counts, how much of that their colours do, and the pixels at which rays are
    cast: of a slender object few of a view's pixels show anything."""

    seen: Observations
    weight: float
    tinting: float
    pixels: Tensor  # (V, S²) indices of all pixels, those on the silhouette and close to it first
    count: Tensor  # (V,) of these
    share: Tensor  # (V,) of the view that they are

    @classmethod
    def of(cls, seen: Observations, weight: float = 1.0, tinting: float = 1.0) -> Targets:
        margin = seen.mask.shape[-1] // 2
        close = (seen.distance[:, margin:-margin, margin:-margin] > -BESIDE).flatten(1)
        count = close.sum(1)
        pixels = close.int().argsort(dim=1, descending=True, stable=True)
        return cls(seen, weight, tinting, pixels, count, count / close.shape[1])

    def random(self, rays: int, side: int, generator: torch.Generator) -> Tensor:
        """(V, rays, 2) positions in [0, 1], in views of ``side`` pixels."""
        chosen = (torch.rand(len(self.count), rays, generator=generator) * self.count[:, None]).long()
        pixel = self.pixels.gather(1, chosen)
        within = torch.rand(*pixel.shape, 2, generator=generator)
        return (torch.stack([pixel % side, pixel // side], -1) + within) / side

    def rays(self, grid: Grid, count: int, generator: torch.Generator) -> Rays:
        """Random rays, ``count`` of each view, such that their weighted sum is ``weight`` times a mean over pixels;
        views that are trusted less count less."""
        seen = self.seen
        views, samples = len(seen.rgb), max(grid.shape)  # as dense as the voxels
        uv = self.random(count, seen.mask.shape[-1], generator)
        ground = torch.rand(views, count, 3, generator=generator)  # what white lacks to a random background
        offset = torch.rand(views * count, 1, generator=generator)
        ahead = (uv - seen.intrinsics[:, None, 2:]) / seen.intrinsics[:, None, :2]
        rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3:]
        directions = torch.cat([ahead, torch.ones_like(ahead[..., :1])], -1) @ rotation  # (V, M, 3)
        origins = -(rotation.transpose(1, 2) @ translation).transpose(1, 2) - grid.middle
        begin, end = box_interval(origins, directions, grid.half)
        position = 2 * uv - 1
        mask = look_up(seen.mask[:, None], position)[:, 0]
        known = look_up(seen.known[:, None].float(), position)[:, 0]
        wanted = look_up(seen.rgb, position).transpose(1, 2) - (1 - mask)[..., None] * ground
        trust = self.weight * (0.2 + 0.8 * seen.trust) * self.share / (views * count)
        parts = (
            origins.expand_as(directions), directions, begin, (end - begin) / samples, offset, 1 - ground, wanted, mask,
            trust[:, None] * known, torch.full_like(known, self.tinting),
        )
        return Rays(*(part.reshape(views * count, *part.shape[2:]).contiguous().numpy() for part in parts))
