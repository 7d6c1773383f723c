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

from .camera_sets import CameraSets
from .information import Terms
from .outline_rays import SLACK, WIDTH, Lines, deepest, margins
from .silhouettes import signed_distances
from .views import View, cut_off


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
    lines: Lines


def prepare(views: Sequence[View], focal: Tensor, detail: Detail) -> Outlines:
    """The outlines of canonical views at these views' own resolution; ``focal`` (V,) in half widths."""
    masks = [_solid(view.image[..., 3]) for view in views]
    points = torch.from_numpy(np.stack([
        _spread(mask, view.unseen, detail.points) for mask, view in zip(masks, views, strict=True)
    ]))
    middle = np.full((len(focal), 2), 0.5, np.float32)
    intrinsics = np.column_stack([focal.numpy()[:, None].repeat(2, 1) / 2, middle])
    rays = (points / focal[:, None, None]).numpy()
    return Outlines(detail, Lines(intrinsics, signed_distances(masks, views).numpy(), rays))


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
    real = ~cut_off(unseen)[pixels[:, 1], pixels[:, 0]]
    pixels = pixels[real] if real.any() else pixels
    even = np.round(np.linspace(0, len(pixels) - 1, count)).astype(int)
    return ((pixels[even] + 0.5) / (len(mask) / 2) - 1).astype(np.float32)


@dataclass(frozen=True)
class OutlineObjective:
    """Minus the mismatch of all outlines, a share in [0, 1], times its weight."""

    outlines: Outlines
    weight: float

    @torch.no_grad()
    def look(self, sets: CameraSets) -> tuple[Tensor, np.ndarray]:
        points = touching(self.outlines, *sets.arrays(), _ones(sets))
        return self.terms(sets, points)[0].total(), points

    def value(self, sets: CameraSets, points: np.ndarray) -> Tensor:
        inside, *slopes, _ = margins(
            self.outlines.lines, *sets.arrays(), _ones(sets), points, self._weight(points), True
        )
        return self._terms(inside).total() + sets.with_slopes(slopes)

    def terms(self, sets: CameraSets, points: np.ndarray) -> list[Terms]:
        return [self._terms(depth_inside(self.outlines, *sets.arrays(), _ones(sets), points))]

    def _terms(self, inside: np.ndarray) -> Terms:
        miss = (-torch.from_numpy(inside) - float(SLACK)).clamp(min=0).flatten(1)
        return Terms(-miss / (miss + float(WIDTH)), self._weight(inside))

    def _weight(self, points: np.ndarray) -> float:
        return self.weight / points[0].size


def _ones(sets: CameraSets) -> np.ndarray:
    """(B,) zooms: the search takes focal lengths as they are told or assumed."""
    return np.ones(len(sets), np.float32)


def touching(outlines: Outlines, R: np.ndarray, T: np.ndarray, zoom: np.ndarray) -> np.ndarray:
    """(B, V, N) where each ray is deepest inside the other masks, before or behind the object's centre; cameras as in
    :mod:`.outline_rays`."""
    detail = outlines.detail
    return deepest(outlines.lines, R, T, zoom, detail.depths, np.array(detail.finer))


def depth_inside(outlines: Outlines, R: np.ndarray, T: np.ndarray, zoom: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(B, V, N) how far inside the other masks points lie, in half widths, at offsets (B, V, N) from the centre."""
    return margins(outlines.lines, R, T, zoom, points, 0.0, False)[0]
