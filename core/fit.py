"""Voxels fitted to the photos: gradient steps on colour and opacity of random rays, where the masks leave matter.

Only the part of the grid that can change is computed with: rays are sampled in the box around it, and of their samples
only those near open voxels are asked.
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

COLOUR_RATE = 0.1
DENSITY_RATE = 0.15
DENSITY_ROUGHNESS = 1e-3
COLOUR_ROUGHNESS = 3e-3


@dataclass(frozen=True)
class Effort:
    """Voxels along the side of the grid, gradient steps, rays a view and step, samples along the side of the box."""

    resolution: int
    steps: int
    rays: int = 320
    samples: int = 72


@dataclass(frozen=True)
class Part:
    """The box of the grid (4, R, R, R) that holds all open voxels: slices of z, y and x, its middle and half sides
    (3,) in x, y, z in the world, and where its voxels, or neighbours of theirs, are open (z, y, x) bool."""

    slices: tuple[slice, ...]
    middle: Tensor
    half: Tensor
    near: Tensor

    @classmethod
    def of(cls, is_open: Tensor, half_extent: float) -> Part:
        """The part around the open voxels (R, R, R), of which there must be some, and one layer more."""
        near = F.max_pool3d(is_open[None].float(), 3, stride=1, padding=1)[0] > 0
        place = near.nonzero()
        low, high = place.amin(0), place.amax(0)
        step = 2 * half_extent / (len(is_open) - 1)
        slices = tuple(slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True))
        begin, end = low.flip(0) * step - half_extent, high.flip(0) * step - half_extent
        return cls(slices, (begin + end) / 2, (end - begin) / 2, near[slices])


def fit(
    values: Tensor, is_open: Tensor, half_extent: float, seen: Observations, effort: Effort, seed: int,
    progress: Callable[[float], None],
) -> Tensor:
    """Voxel values (4, R, R, R) after Adam; see ``refine.GridDecoder``.

    :param is_open: (R, R, R) bool. What the masks have emptied stays empty: Adam would follow the faintest gradient
        there and raise floaters.
    """
    if not is_open.any():
        return values
    generator = torch.Generator().manual_seed(seed)
    part = Part.of(is_open, half_extent)
    density, colour = (
        values[channels, *part.slices].clone().requires_grad_() for channels in (slice(0, 1), slice(1, 4))
    )
    optimiser = torch.optim.Adam(
        [{"params": [density], "lr": DENSITY_RATE}, {"params": [colour], "lr": COLOUR_RATE}], fused=True
    )
    held = ~is_open[part.slices]
    samples = math.ceil(effort.samples * float(part.half.max()) / half_extent)
    for step in range(effort.steps):
        loss = ray_loss(torch.cat([density, colour]), part, seen, effort.rays, samples, generator)
        density.grad, colour.grad = torch.autograd.grad(loss, [density, colour])
        add_roughness(density.grad, density, DENSITY_ROUGHNESS / is_open.numel())
        add_roughness(colour.grad, colour, COLOUR_ROUGHNESS / is_open.numel() / 3)
        density.grad.masked_fill_(held, 0)
        for group, rate in zip(optimiser.param_groups, (DENSITY_RATE, COLOUR_RATE), strict=True):
            group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * step / effort.steps))
        optimiser.step()
        progress(step / effort.steps)
    fitted = values.clone()
    fitted[:, *part.slices] = torch.cat([density, colour]).detach()
    return fitted


def ray_loss(
    values: Tensor, part: Part, seen: Observations, rays: int, samples: int, generator: torch.Generator
) -> Tensor:
    """Photometric and silhouette residuals of random rays, less those of rays that miss the open voxels: they are
    constant. Views that are trusted less count less."""
    views = len(seen.rgb)
    uv = torch.rand(views, rays, 2, generator=generator)
    ground = torch.rand(views, rays, 3, generator=generator)  # what white lacks to a random background
    offset = torch.rand(views * rays, 1, generator=generator)
    ahead = (uv - seen.intrinsics[:, None, 2:]) / seen.intrinsics[:, None, :2]
    rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3:]
    directions = torch.cat([ahead, torch.ones_like(ahead[..., :1])], -1) @ rotation  # (V, M, 3)
    origins = -(rotation.transpose(1, 2) @ translation).transpose(1, 2) - part.middle
    near, far = box_interval(origins, directions, part.half)
    interval = ((far - near) / samples).view(-1, 1)
    t = near.view(-1, 1) + interval * (torch.arange(samples) + offset)  # (VM, K)
    origins, directions = origins.expand_as(directions).reshape(-1, 3), directions.reshape(-1, 3)
    unit = (origins[:, None] + t[..., None] * directions[:, None]) / part.half  # (VM, K, 3)
    size = torch.tensor(part.near.shape).flip(0)
    index = ((unit + 1) * (0.5 * (size - 1))).round_().long().clamp_(min=0)
    index = torch.minimum(index, size - 1)
    asked = part.near[index[..., 2], index[..., 1], index[..., 0]] & (interval > 0)
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
    error = (shown - wanted).square().mean(-1) + (opacity - mask).square()
    weight = 0.2 + 0.8 * seen.trust[hit // rays]
    return (weight * error).sum() / (views * rays)


def add_roughness(gradient: Tensor, values: Tensor, weight: float) -> None:
    """Add the gradient of the weighted sum of squared differences between neighbouring voxels (C, z, y, x)."""
    for axis in (1, 2, 3):
        pull = 2 * weight * values.detach().diff(dim=axis)
        gradient.narrow(axis, 1, pull.shape[axis]).add_(pull)
        gradient.narrow(axis, 0, pull.shape[axis]).sub_(pull)
