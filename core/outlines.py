"""Outlines: how well each photo's outline is explained by the other photos, to a fraction of a pixel.

The ray through an outline's pixel touches the object, so under true cameras some point on it lies inside the masks of
all views (silhouette coherence: Hernández, Schmitt and Cipolla, 2007). The visual hull of :mod:`.hull` asks the same
of few pixels on a coarse grid, which half of all wrong cameras can satisfy; here the masks' own resolution counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from . import hull
from .camera_sets import CameraSets
from .information import Terms
from .silhouettes import DEPTH_RANGE, signed_distances
from .views import View

SLACK = 0.006  # half widths by which a point may miss a mask: masks are not better than that
WIDTH = 0.023  # a miss beyond the slack that counts half; far ones are faults of a mask


@dataclass(frozen=True)
class Detail:
    """Points on each outline, depths along their rays, and depths around the best one in each further look."""

    points: int
    depths: int
    finer: tuple[int, ...]


COARSE = Detail(24, 16, (7,))
FINE = Detail(72, 20, (9, 5))


@dataclass(frozen=True)
class Outlines:
    """V views: N rays through their outlines, and how far from each mask's edge a position is."""

    detail: Detail
    focal: Tensor  # (V,) in half widths
    rays: Tensor  # (V, N, 3) at depth 1
    signed_distance: Tensor  # (V, 1, 2S, 2S) in half widths, positive inside; covers [-2, 2]


def prepare(views: Sequence[View], focal: Tensor, detail: Detail) -> Outlines:
    """The outlines of canonical views at these views' own resolution; ``focal`` (V,) in half widths."""
    masks = [_solid(view.image[..., 3]) for view in views]
    points = torch.from_numpy(np.stack([
        _spread(mask, view.unseen, detail.points) for mask, view in zip(masks, views, strict=True)
    ]))
    rays = torch.cat([points / focal[:, None, None], torch.ones(*points.shape[:2], 1)], 2)
    return Outlines(detail, focal, rays, signed_distances(masks, views)[:, None])


def _solid(alpha: np.ndarray) -> np.ndarray:
    mask = (alpha > 0.5).astype(np.uint8)
    if not mask.any():
        mask[mask.shape[0] // 2, mask.shape[1] // 2] = 1
    return mask


def _spread(mask: np.ndarray, unseen: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) positions in half widths, spread evenly along the outlines of a mask (S, S) and its holes, but not
    where the photo's edge cuts the object: nothing ends there."""
    chains, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    pixels = np.concatenate([chain[:, 0] for chain in chains])
    margin = len(mask) // 2
    cut = cv2.dilate(unseen.astype(np.uint8), np.ones((5, 5), np.uint8))[margin:-margin, margin:-margin] > 0
    real = ~cut[pixels[:, 1], pixels[:, 0]]
    pixels = pixels[real] if real.any() else pixels
    even = np.round(np.linspace(0, len(pixels) - 1, count)).astype(int)
    return ((pixels[even] + 0.5) / (len(mask) / 2) - 1).astype(np.float32)


@dataclass(frozen=True)
class OutlineObjective:
    """Minus the mismatch of all outlines, a share in [0, 1], times its weight."""

    outlines: Outlines
    weight: float

    @torch.no_grad()
    def look(self, sets: CameraSets) -> tuple[Tensor, Tensor]:
        points = touching(self.outlines, sets)
        return self.value(sets, points), points

    def value(self, sets: CameraSets, points: Tensor) -> Tensor:
        return self.terms(sets, points)[0].total()

    def terms(self, sets: CameraSets, points: Tensor) -> list[Terms]:
        inside = depth_inside(self.outlines, sets, points, "bilinear")
        miss = (-inside - SLACK).clamp(min=0).flatten(1)
        return [Terms(-miss / (miss + WIDTH), self.weight / miss.shape[1])]


def touching(outlines: Outlines, sets: CameraSets) -> Tensor:
    """(B, V, N, 1) where each ray is deepest inside all masks, before or behind the object's centre."""
    step = 2 * DEPTH_RANGE / outlines.detail.depths
    steps = (torch.arange(outlines.detail.depths) + 0.5) * step - DEPTH_RANGE
    offset = steps.expand(*sets.centre.shape[:2], outlines.rays.shape[1], -1)
    best = _deepest(outlines, sets, offset, "nearest")
    for count in outlines.detail.finer:
        best = _deepest(outlines, sets, best + torch.linspace(-step, step, count), "bilinear")
        step = 2 * step / (count - 1)
    return best


def _deepest(outlines: Outlines, sets: CameraSets, offset: Tensor, mode: str) -> Tensor:
    inside = depth_inside(outlines, sets, offset, mode)
    return torch.gather(offset, 3, inside.argmax(-1, keepdim=True))


def depth_inside(outlines: Outlines, sets: CameraSets, offset: Tensor, mode: str) -> Tensor:
    """(B, V, N, K) how far inside all masks points lie, in half widths, at offsets (B, V, N, K) from the centre."""
    depth = sets.centre[:, :, 2, None, None] + offset / sets.zoom[:, None, None, None]
    positions, _ = hull.project(outlines.focal, outlines.rays, sets, depth)
    return hull.sample(outlines.signed_distance, positions / 2, mode)[:, 0].amin(0)
