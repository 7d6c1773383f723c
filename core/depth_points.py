"""What the network takes for the surface in each photo, as points for the viewport: own-frame depths along the rays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cameras import half_angle_of, object_distance
from .views import View

MOST_ACROSS = 32  # points along the side of a view: enough to see a surface, few enough to keep in a .blend
RIGHT_WITHIN = 0.1  # of the object's radius


def depth_points(
    views: Sequence[View], world_to_view: np.ndarray, depth: np.ndarray, log_scale: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Points of the object that each photo shows, in the photo's own camera (OpenCV) at the scale of the world.

    :param depth: (V, G, G) own-frame z-depth and ``log_scale`` (V, G, G) the log of its Laplace scale.
    :returns: a (N, 4) float32 for each view: x, y, z, and how sure the network is that z is right to RIGHT_WITHIN.
    """
    return tuple(map(_points_of, views, np.linalg.norm(world_to_view[:, :3, 3], axis=1), depth, log_scale))


def _points_of(view: View, distance: float, depth: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    side = len(depth)
    step = -(-side // MOST_ACROSS)
    row, column = np.mgrid[step // 2 : side : step, step // 2 : side : step].reshape(2, -1)
    pixel = ((np.stack([row, column]) + 0.5) / side * len(view.image)).astype(int)
    shown = view.image[pixel[0], pixel[1], 3] > 0.5
    row, column = row[shown], column[shown]
    fx, fy, cx, cy = view.intrinsics.normalised()
    rays = np.stack([((column + 0.5) / side - cx) / fx, ((row + 0.5) / side - cy) / fy, np.ones(len(row))], axis=1)
    scale = distance / object_distance(half_angle_of(view.intrinsics))
    points = (rays * depth[row, column, None] * scale) @ view.photo_from_view.T
    sure = 1 - np.exp(-RIGHT_WITHIN / np.exp(log_scale[row, column]))  # within that of a Laplace distribution's middle
    return np.column_stack([points, sure]).astype(np.float32)
