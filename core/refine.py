"""Test-time refinement: the network's field is carved by the masks and fitted to the photos at the found poses.

The network's triplane is a first guess at low resolution. Here it is sampled onto a voxel grid, which a few hundred
gradient steps can change locally, and held to what the photos say: silhouettes, colours, and the own-frame depths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .fit import Effort, Targets, fit
from .model import Field
from .model.nerf import SURFACE_THICKNESS
from .observations import Observations, look_up, project
from .voxels import Grid, GridDecoder, raw_density

SOLID = 4.0  # log odds of a voxel that is surely matter
EMPTY = -2.0  # log odds of matter below which a carved voxel stays outside
OUTSIDE = -6.0  # log odds at which nobody is asked any more
CARVE_WIDTH = 0.02  # softness of a silhouette, in units of a view's width
# Log odds of matter inside all silhouettes, before the network's field is asked. Of 2, 4 and 6 the last gave the best
# surfaces on six validation scans with true poses: the present weights' field knows less than the silhouettes do.
HULL_BIAS = 6.0
# How much a photo's image in the object's plane counts, and how much of that its colours do: light and prints seldom
# mirror themselves, so that they decide only what no photo shows. Adam makes a step of what little they say there.
IMAGE_WEIGHT, IMAGE_TINTING = 0.3, 0.03
EFFORTS = {"draft": Effort(96, 0), "standard": Effort(128, 100), "best": Effort(160, 300, 360)}
ROOM = 1.25  # half the field's box in units of the object's reach: a long object may be seen from its end first
PIT = 0.06  # half the width of the pits that are filled after the fit
COARSE = 48  # points along an axis by which the hull's box is found


def refine_field(
    field: Field, seen: Observations, mirrored: Observations | None = None, *,
    quality: str, seed: int, progress: Callable[[float], None],
) -> Field:
    """Carve and fit; the result answers the same questions as the network's field, at a finer resolution.

    :param mirrored: what the photos of an object that mirrors itself show besides: it carves and is fitted too, but
        counts less.
    """
    effort = EFFORTS[quality]
    half_extent = max(field.half_extent, ROOM * seen.reach)
    grid = hull_grid(seen, half_extent, effort.resolution)
    values = carve(field, seen, grid, mirrored)
    if effort.steps:
        is_open = values[0] > raw_density(torch.tensor(EMPTY))
        targets = [Targets.of(seen)]
        if mirrored is not None:
            targets.append(Targets.of(mirrored, IMAGE_WEIGHT, IMAGE_TINTING))
        values = mended(fit(values, is_open, grid, targets, effort, seed, progress), values, grid)
    progress(1.0)
    return Field(GridDecoder(grid, half_extent), values)  # type: ignore[arg-type]


def hull_grid(seen: Observations, half_extent: float, resolution: int) -> Grid:
    """Voxels around the hull of the silhouettes, as fine as ``resolution`` of them along the side of the field's box.

    Where the silhouettes leave nothing the grid holds the whole box.
    """
    whole = Grid.over(torch.full((3,), -half_extent), torch.full((3,), half_extent), 2 * half_extent / (COARSE - 1))
    points = whole.points()
    position, depth = project(points, seen)
    distance = distance_inside(position, seen)
    reach = 2 * half_extent / COARSE * seen.intrinsics[:, :1] / depth  # a point of the grid in units of a view's width
    kept = points[(evidence_of(distance + reach, seen.trust) > EMPTY).all(0)]
    if len(kept) == 0:
        kept = points
    return Grid.over(kept.amin(0), kept.amax(0), 2 * half_extent / (resolution - 1))


def distance_inside(position: Tensor, seen: Observations) -> Tensor:
    """Signed distances (V, N) to the silhouettes at positions (V, N, 2), which may lie beside the views."""
    return look_up(seen.distance[:, None], position / 2)[:, 0]


def evidence_of(distance: Tensor, trust: Tensor) -> Tensor:
    """Log odds of matter (V, N) by distances (V, N) to the silhouettes. A view that is trusted less carves less; the
    reference defines the world and is trusted fully."""
    inside = (distance / CARVE_WIDTH).clamp(-12, 4)
    return torch.where(inside < 0, inside * (0.25 + 0.75 * trust[:, None]), inside)


def carve(field: Field, seen: Observations, grid: Grid, mirrored: Observations | None = None) -> Tensor:
    """The first voxel values (4, z, y, x): the network's field, emptied where a mask or a depth says empty."""
    points = grid.points()
    position, depth = project(points, seen)
    distance = distance_inside(position, seen)
    raw = evidence_of(distance, seen.trust).amin(0)
    if mirrored is not None:
        there = distance_inside(project(points, mirrored)[0], mirrored)
        raw = torch.minimum(raw, evidence_of(there, mirrored.trust).amin(0))
    matter = (raw > OUTSIDE).nonzero()[:, 0]  # the rest is empty whatever anybody says
    points, position, depth, distance = points[matter], position[:, matter], depth[:, matter], distance[:, matter]
    with torch.inference_mode():
        density, colour = field.query(points.to(field.device))
    density, colour = density.cpu().clone(), colour.cpu().clone()
    opacity = (1 - torch.exp(-density * SURFACE_THICKNESS)).clamp(0.01, 0.99)
    odds = torch.minimum(raw[matter], torch.logit(opacity) + HULL_BIAS)
    if seen.depth is not None and seen.depth_scale is not None:
        surface = look_up(seen.depth[:, None], position)[:, 0]
        scale = look_up(seen.depth_scale[:, None], position)[:, 0] + SURFACE_THICKNESS
        in_front = ((surface - depth) / scale - 1).clamp(0, 4) * seen.trust[:, None]
        odds = odds - torch.where(distance > 0, in_front, 0.0).sum(0)
    values = torch.zeros(4, len(raw))
    values[0] = raw_density(torch.tensor(OUTSIDE))
    values[0, matter] = raw_density(odds.clamp(OUTSIDE, SOLID))
    sources = [(seen, 1.0)] if mirrored is None else [(seen, 1.0), (mirrored, IMAGE_TINTING)]
    colours = seen_colours(points, sources, colour)
    values[1:, matter] = torch.logit(colours.clamp(0.02, 0.98)).T
    return values.view(4, *grid.shape)


def mended(fitted: Tensor, carved: Tensor, grid: Grid) -> Tensor:
    """The fitted voxels (4, z, y, x) without pits and tunnels narrower than 2 ``PIT``, and smooth from one to the next.

    Photos that do not quite agree, by their cameras or by a highlight, are explained best by a hole with another colour
    in each direction. A closing fills it, but with no more matter than the silhouettes had left.
    """
    reach = round(PIT * (grid.shape[2] - 1) / float(grid.high[0] - grid.low[0]))
    density, size = fitted[None, :1], 2 * reach + 1
    grown = F.max_pool3d(density, size, stride=1, padding=reach)
    closed = -F.max_pool3d(-grown, size, stride=1, padding=reach)
    density = torch.maximum(density, torch.minimum(closed, carved[None, :1]))
    smooth = F.avg_pool3d(density, 3, stride=1, padding=1, count_include_pad=False)
    return torch.cat([smooth[0], fitted[1:]])


def seen_colours(points: Tensor, sources: Sequence[tuple[Observations, float]], colour: Tensor) -> Tensor:
    """A first colour (N, 3) of each voxel: the photos', weighted towards views that look at its side of the object, and
    by how much each of the sources counts."""
    looks = [_looks(points, *one) for one in sources]
    sampled, facing, worth = (torch.cat(parts) for parts in zip(*looks, strict=True))
    weights = torch.softmax(6 * facing, 0) * worth
    total = weights.sum(0)[:, None]
    own = (weights[..., None] * sampled).sum(0)
    return torch.where(total > 1e-3, own / total.clamp(min=1e-3), colour)


def _looks(points: Tensor, seen: Observations, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """The views' colours (V, N, 3) at points, how directly they look at that side (V, N), and what that is worth."""
    position, _ = project(points, seen)
    rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3:]
    centres = -(rotation.transpose(1, 2) @ translation)[..., 0]
    facing = F.normalize(centres, dim=-1) @ F.normalize(points, dim=-1).T
    worth = weight * (distance_inside(position, seen) > 0) * (0.1 + seen.trust[:, None])
    return look_up(seen.rgb, position).transpose(1, 2), facing, worth
