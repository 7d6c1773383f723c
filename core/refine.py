"""Test-time refinement: the network's field is carved by the masks and fitted to the photos at the found poses.

The network's triplane is a first guess at low resolution. Here it is sampled onto a voxel grid, which a few hundred
gradient steps can change locally, and held to what the photos say: silhouettes, colours, and the own-frame depths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .fit import Effort, fit
from .model import Field
from .model.nerf import DENSITY_BIAS, DENSITY_SCALE, SURFACE_THICKNESS
from .observations import Observations, look_up, project

SOLID = 4.0  # raw density of a voxel that is surely matter; see GridDecoder
EMPTY = 1.0  # raw density below which a carved voxel is outside (an opacity of 12 % over SURFACE_THICKNESS)
CARVE_WIDTH = 0.02  # softness of a silhouette, in units of a view's width
# Log odds of matter inside all silhouettes, before the network's field is asked. Of 2, 4 and 6 the last gave the best
# surfaces on six validation scans with true poses: the present weights' field knows less than the silhouettes do.
HULL_BIAS = 6.0
EFFORTS = {"draft": Effort(64, 0), "standard": Effort(80, 60), "best": Effort(128, 300, 512, 112)}


@dataclass(frozen=True)
class GridDecoder:
    """Voxel values (B, 4, R, R, R) and points (B, N, 3) → density (B, N) and colour (B, N, 3).

    It takes the place of the triplane decoder: the first value is its raw density, the others are colour logits.
    """

    half_extent: float

    def __call__(self, values: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        unit = points / self.half_extent
        sampled = F.grid_sample(values, unit[:, None, None], padding_mode="border", align_corners=True)
        out = sampled[:, :, 0, 0].transpose(1, 2)  # (B, N, 4)
        inside = (unit.abs().amax(-1) <= 1).float()
        return DENSITY_SCALE * F.softplus(out[..., 0] + DENSITY_BIAS) * inside, torch.sigmoid(out[..., 1:])


def refine_field(
    field: Field, seen: Observations, *, quality: str, seed: int, progress: Callable[[float], None],
) -> Field:
    """Carve and fit; the result answers the same questions as the network's field, at a finer resolution."""
    effort = EFFORTS[quality]
    values = carve(field, seen, effort.resolution)
    decoder = GridDecoder(field.half_extent)
    if effort.steps:
        values = fit(values, values[0] > EMPTY, field.half_extent, seen, effort, seed, progress)
    progress(1.0)
    return Field(decoder, values)  # type: ignore[arg-type]


def grid_points(resolution: int, half_extent: float) -> Tensor:
    """Voxel positions (R³, 3), in the order that ``grid_sample`` expects: z slowest, x fastest."""
    line = torch.linspace(-half_extent, half_extent, resolution)
    z, y, x = torch.meshgrid(line, line, line, indexing="ij")
    return torch.stack([x, y, z], -1).view(-1, 3)


def carve(field: Field, seen: Observations, resolution: int) -> Tensor:
    """The first voxel values (4, R, R, R): the network's field, emptied where a mask or a depth says empty."""
    points = grid_points(resolution, field.half_extent)
    with torch.inference_mode():
        density, colour = field.query(points.to(field.device))
    density, colour = density.cpu().clone(), colour.cpu().clone()
    opacity = (1 - torch.exp(-density * SURFACE_THICKNESS)).clamp(0.01, 0.99)
    position, depth = project(points, seen)
    distance = look_up(signed_distances(seen.mask)[:, None], position)[:, 0]  # (V, N)
    inside = (distance / CARVE_WIDTH).clamp(-12, 4)
    # A view that is trusted less carves less; the reference defines the world and is trusted fully.
    evidence = torch.where(inside < 0, inside * (0.25 + 0.75 * seen.trust[:, None]), inside).amin(0)
    raw = torch.minimum(evidence, torch.logit(opacity) + HULL_BIAS)
    if seen.depth is not None and seen.depth_scale is not None:
        surface = look_up(seen.depth[:, None], position)[:, 0]
        scale = look_up(seen.depth_scale[:, None], position)[:, 0] + SURFACE_THICKNESS
        in_front = ((surface - depth) / scale - 1).clamp(0, 4) * seen.trust[:, None]
        raw = raw - torch.where(distance > 0, in_front, 0.0).sum(0)
    raw = raw.clamp(-6, SOLID)
    colours = seen_colours(points, seen, distance, colour)
    values = torch.cat([_raw_density(raw)[:, None], torch.logit(colours.clamp(0.02, 0.98))], 1)
    return values.T.reshape(4, resolution, resolution, resolution).contiguous()


def seen_colours(points: Tensor, seen: Observations, distance: Tensor, colour: Tensor) -> Tensor:
    """A first colour (N, 3) of each voxel: the photos', weighted towards views that look at its side of the object."""
    position, _ = project(points, seen)
    sampled = look_up(seen.rgb, position).transpose(1, 2)  # (V, N, 3)
    rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3:]
    centres = -(rotation.transpose(1, 2) @ translation)[..., 0]
    facing = F.normalize(centres, dim=-1) @ F.normalize(points, dim=-1).T  # (V, N)
    weights = torch.softmax(6 * facing, 0) * (distance > 0) * (0.1 + seen.trust[:, None])
    total = weights.sum(0)[:, None]
    own = (weights[..., None] * sampled).sum(0)
    return torch.where(total > 1e-3, own / total.clamp(min=1e-3), colour)


def signed_distances(masks: Tensor) -> Tensor:
    """Signed distance (V, S, S) to the outline in units of the width, positive inside."""
    fields = []
    for mask in masks.numpy() > 0.5:
        inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
        outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
        fields.append((inside - outside) / mask.shape[1])
    return torch.from_numpy(np.stack(fields)).float()


def _raw_density(logit: Tensor) -> Tensor:
    """The raw density whose opacity over SURFACE_THICKNESS has this logit."""
    absorbed = F.softplus(logit)  # −log(1 − opacity)
    softplus = (absorbed / (SURFACE_THICKNESS * DENSITY_SCALE)).clamp(min=1e-4)
    return torch.log(torch.expm1(softplus)) - DENSITY_BIAS
