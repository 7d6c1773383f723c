"""Compile what the first run would otherwise have to wait for: a small ball in two photos goes through all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .cameras import canonical_intrinsics
from .model import Field
from .observations import Observations
from .refine import refine_field
from .refine_poses import refine_poses
from .search import search_poses
from .views import Photo, View, canonical_view

SIDE, HALF_ANGLE = 48, 0.35


class _Fog:
    """In place of a network: thin grey fog everywhere."""

    half_extent = 1.6

    def __call__(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full(points.shape[:2], 3.0), torch.full((*points.shape[:2], 3), 0.5)


def compile_everything() -> None:
    """Takes some seconds where it has been done before."""
    views = [_ball(), _ball()]
    found = refine_poses(views, search_poses(views, effort="draft")[:1], quality="standard", uneven=True)[0]
    seen = Observations.of(views, found.world_to_camera, np.ones(2), None, None)
    refine_field(Field(_Fog(), torch.zeros(1)), seen, quality="standard", seed=0, progress=lambda share: None)  # type: ignore[arg-type]


def _ball() -> View:
    row, column = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - 0.5
    inside = np.hypot(row, column) < 0.4
    rgba = np.stack([0.5 + row, 0.5 + column, np.full_like(row, 0.5), inside], -1).astype(np.float32)
    camera = canonical_intrinsics(HALF_ANGLE, SIDE)
    return canonical_view(Photo(Path("ball"), rgba, (SIDE, SIDE), camera, "given", ()), SIDE)
