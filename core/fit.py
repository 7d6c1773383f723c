"""Voxels fitted to the photos: gradient steps on colour and opacity of random rays, where the masks leave matter.

Of the rays' samples only those near open voxels are asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .model.nerf import DENSITY_BIAS, DENSITY_SCALE, box_interval
from .observations import Observations, look_up
from .voxels import Grid, raw_density

COLOUR_RATE = 0.1
DENSITY_RATE = 0.4
COLOUR_ROUGHNESS = 3e-3
# How much more it costs to leave a mask empty than to stand out of it: one wrong camera can only take matter away
# from what the others show.
MISSING = 3.0
# What a unit of surface costs beside the residuals. Silhouettes leave corners and bumps that no photo contradicts;
# objects seldom have them. Divided by the steps, for Adam walks on wherever nothing else pulls. Five times as much
# shrinks objects.
TENSION = 0.02
HALF_SOLID = float(raw_density(torch.tensor(0.0)))
BESIDE = 0.05  # widths of a view beside a silhouette where rays are still cast: elsewhere there is nothing to fit
SOFTEST = 0.01  # differences between neighbours of less than this are no surface


@dataclass(frozen=True)
class Effort:
    """Voxels along the side of the field's box, gradient steps, rays a view and step."""

    resolution: int
    steps: int
    rays: int = 224


def fit(
    values: Tensor, is_open: Tensor, grid: Grid, seen: Observations, effort: Effort, seed: int,
    progress: Callable[[float], None],
) -> Tensor:
    """Voxel values (4, z, y, x) after Adam; see ``GridDecoder``.

    :param is_open: (z, y, x) bool. What the masks have emptied stays empty: Adam would follow the faintest gradient
        there and raise floaters.
    """
    generator = torch.Generator().manual_seed(seed)
    density, colour = values[:1].clone().requires_grad_(), values[1:].clone().requires_grad_()
    optimiser = torch.optim.Adam(
        [{"params": [density], "lr": DENSITY_RATE}, {"params": [colour], "lr": COLOUR_RATE}], fused=True
    )
    targets = Targets.of(seen)
    near = F.max_pool3d(is_open[None].float(), 3, stride=1, padding=1)[0] > 0
    for step in range(effort.steps):
        loss = ray_loss(torch.cat([density, colour]), near, grid, seen, targets, effort.rays, generator)
        density.grad, colour.grad = torch.autograd.grad(loss, [density, colour])
        # Adam makes every voxel's step as long as its neighbour's: what few rays tell a voxel is shared first, or the
        # surface is pitted.
        density.grad = F.avg_pool3d(density.grad, 3, stride=1, padding=1)
        # What the area asks is not shared: blurred it does harm.
        density.grad += torch.autograd.grad(TENSION / effort.steps * surface_area(density[0], grid), density)[0]
        add_roughness(colour.grad, colour, COLOUR_ROUGHNESS / effort.resolution**3 / 3)
        density.grad.masked_fill_(~is_open, 0)
        for group, rate in zip(optimiser.param_groups, (DENSITY_RATE, COLOUR_RATE), strict=True):
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / effort.steps))
        optimiser.step()
        progress(step / effort.steps)
    return torch.cat([density, colour]).detach()


@dataclass(frozen=True)
class Targets:
    """The pixels at which rays are cast: of a slender object few of a view's pixels show anything."""

    pixels: Tensor  # (V, S²) indices of all pixels, those on the silhouette and close to it first
    count: Tensor  # (V,) of these
    share: Tensor  # (V,) of the view that they are

    @classmethod
    def of(cls, seen: Observations) -> Targets:
        margin = seen.mask.shape[-1] // 2
        close = (seen.distance[:, margin:-margin, margin:-margin] > -BESIDE).flatten(1)
        count = close.sum(1)
        return cls(close.int().argsort(dim=1, descending=True, stable=True), count, count / close.shape[1])

    def random(self, rays: int, side: int, generator: torch.Generator) -> Tensor:
        """(V, rays, 2) positions in [0, 1], in views of ``side`` pixels."""
        chosen = (torch.rand(len(self.count), rays, generator=generator) * self.count[:, None]).long()
        pixel = self.pixels.gather(1, chosen)
        within = torch.rand(*pixel.shape, 2, generator=generator)
        return (torch.stack([pixel % side, pixel // side], -1) + within) / side


def ray_loss(
    values: Tensor, near: Tensor, grid: Grid, seen: Observations, targets: Targets, rays: int,
    generator: torch.Generator,
) -> Tensor:
    """Photometric and silhouette residuals of random rays, less those of rays that miss the open voxels: they are
    constant. Views that are trusted less count less.

    :param near: (z, y, x) bool, voxels that are open or have open neighbours: elsewhere samples are not asked.
    """
    views, samples = len(seen.rgb), max(grid.shape)  # as dense as the voxels
    uv = targets.random(rays, seen.mask.shape[-1], generator)
    ground = torch.rand(views, rays, 3, generator=generator)  # what white lacks to a random background
    offset = torch.rand(views * rays, 1, generator=generator)
    ahead = (uv - seen.intrinsics[:, None, 2:]) / seen.intrinsics[:, None, :2]
    rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3:]
    directions = torch.cat([ahead, torch.ones_like(ahead[..., :1])], -1) @ rotation  # (V, M, 3)
    origins = -(rotation.transpose(1, 2) @ translation).transpose(1, 2) - grid.middle
    begin, end = box_interval(origins, directions, grid.half)
    interval = ((end - begin) / samples).view(-1, 1)
    t = begin.view(-1, 1) + interval * (torch.arange(samples) + offset)  # (VM, K)
    origins, directions = origins.expand_as(directions).reshape(-1, 3), directions.reshape(-1, 3)
    unit = (origins[:, None] + t[..., None] * directions[:, None]) / grid.half  # (VM, K, 3)
    size = torch.tensor(grid.shape).flip(0)
    index = ((unit + 1) * (0.5 * (size - 1))).round_().long().clamp_(min=0)
    index = torch.minimum(index, size - 1)
    asked = near[index[..., 2], index[..., 1], index[..., 0]] & (interval > 0)
    hit = asked.any(-1).nonzero()[:, 0]
    asked = asked[hit]
    place = asked.view(-1).nonzero()[:, 0]
    ray = place // samples
    sampled = F.grid_sample(values[None], unit[hit][asked][None, None, None], align_corners=True)[0, :, 0, 0]  # (4, N)
    length = (interval[hit] * directions[hit].norm(dim=-1, keepdim=True))[ray, 0]
    density = DENSITY_SCALE * F.softplus(sampled[0] + DENSITY_BIAS)
    absorbed = torch.zeros(asked.numel()).index_copy(0, place, density * length).view(asked.shape)
    before = torch.exp(-torch.cumsum(absorbed, -1) + absorbed)  # transmittance in front of each sample
    weights = before * (1 - torch.exp(-absorbed))
    opacity = weights.sum(-1)
    colour = torch.sigmoid(sampled[1:]).T * weights.view(-1)[place][:, None]
    # Before one fixed background a half transparent surface of a wrong colour would pass: change it for every ray.
    back = 1 - ground.view(-1, 3)[hit]
    shown = torch.zeros(len(hit), 3).index_add(0, ray, colour) + (1 - opacity)[:, None] * back
    position = 2 * uv - 1
    mask = look_up(seen.mask[:, None], position).reshape(-1)[hit]
    wanted = look_up(seen.rgb, position).transpose(1, 2).reshape(-1, 3)[hit] - (1 - mask)[:, None] * (1 - back)
    outline = torch.where(opacity < mask, MISSING, 1.0) * (opacity - mask).square()
    error = (shown - wanted).square().mean(-1) + outline
    known = look_up(seen.known[:, None].float(), position).reshape(-1)[hit]
    weight = ((0.2 + 0.8 * seen.trust) * targets.share)[hit // rays] * known
    return (weight * error).sum() / (views * rays)


def surface_area(density: Tensor, grid: Grid) -> Tensor:
    """Area of the surface that raw densities (z, y, x) make, in the world's units: the total variation of what is solid
    (Rudin, Osher and Fatemi, 1992)."""
    solid = torch.sigmoid(density - HALF_SOLID)
    corner = solid[:-1, :-1, :-1]
    across = torch.stack([solid[1:, :-1, :-1], solid[:-1, 1:, :-1], solid[:-1, :-1, 1:]]) - corner
    variation = (across.square().sum(0) + SOFTEST**2).sqrt() - SOFTEST
    step = 2 * float(grid.half[0]) / (grid.shape[2] - 1)
    return step**2 * variation.sum()


def add_roughness(gradient: Tensor, values: Tensor, weight: float) -> None:
    """Add the gradient of the weighted sum of squared differences between neighbouring voxels (C, z, y, x)."""
    for axis in (1, 2, 3):
        pull = 2 * weight * values.detach().diff(dim=axis)
        gradient.narrow(axis, 1, pull.shape[axis]).add_(pull)
        gradient.narrow(axis, 0, pull.shape[axis]).sub_(pull)
