"""Points from depths, against a ball whose surface is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pflrm.core.cameras import Intrinsics, half_angle_of, object_distance
from pflrm.core.depth_points import depth_points
from pflrm.core.views import Photo, canonical_view

RADIUS = 0.8
CENTRE = np.array([0.2, -0.1, 1.0]) * 5.0  # off the photo's axis


def ball_photo(size: int = 240) -> Photo:
    """A photo of a ball, in which it stands off the middle."""
    camera = Intrinsics(fx=200.0, fy=200.0, cx=size / 2, cy=size / 2, width=size, height=size)
    y, x = (np.mgrid[:size, :size] + 0.5 - size / 2) / 200.0
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    away = np.linalg.norm(np.cross(rays, CENTRE), axis=-1)
    rgba = np.ones((size, size, 4), np.float32)
    rgba[..., 3] = away < RADIUS
    return Photo(Path("ball.png"), rgba, (size, size), camera, "given", ())


def test_points_lie_on_the_surface_that_the_depths_tell():
    view = canonical_view(ball_photo(), 96)
    own = object_distance(half_angle_of(view.intrinsics))
    side = 48
    fx, fy, cx, cy = view.intrinsics.normalised()
    row, column = (np.mgrid[:side, :side] + 0.5) / side
    rays = np.stack([(column - cx) / fx, (row - cy) / fy, np.ones_like(row)], axis=-1)
    rays_unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    along = rays_unit[..., 2] * own  # to the place nearest to the middle of a ball of radius 1
    depth = (along - np.sqrt(np.maximum(1 - own**2 + along**2, 0))) * rays_unit[..., 2]
    pose = np.eye(4)
    pose[2, 3] = np.linalg.norm(CENTRE)
    log_scale = np.full((1, side, side), np.log(0.1))
    (points,) = depth_points([view], pose[None], depth[None], log_scale)
    assert 100 < len(points) <= 32 * 32
    ratio = np.linalg.norm(CENTRE) / own
    assert np.linalg.norm(points[:, :3] - CENTRE, axis=1) == pytest.approx(ratio, rel=0.02)
    assert ratio == pytest.approx(RADIUS, rel=0.02)
    assert points[:, 3] == pytest.approx(1 - np.exp(-1))
