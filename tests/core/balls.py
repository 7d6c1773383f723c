"""Objects made of balls, whose masks and colours follow from geometry alone, and photos of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pflrm.core.cameras import Intrinsics, pose
from pflrm.core.views import Photo, View, canonical_view
from scipy.spatial.transform import Rotation

# Centre, radius and colour of each ball. No two directions see the same.
MOLECULE = np.array([
    [0.0, 0.0, 0.0, 0.45, 0.8, 0.2, 0.2],
    [0.7, 0.1, 0.1, 0.30, 0.2, 0.7, 0.3],
    [-0.3, 0.6, -0.2, 0.28, 0.2, 0.3, 0.9],
    [-0.1, -0.2, 0.75, 0.25, 0.9, 0.8, 0.2],
    [-0.5, -0.4, -0.4, 0.22, 0.6, 0.2, 0.7],
    [0.4, -0.5, -0.5, 0.18, 0.1, 0.7, 0.8],
])
# A quarter turn about the vertical changes nothing.
CROSS = np.array([
    [0.0, 0.0, -0.3, 0.4, 0.8, 0.3, 0.2],
    [0.0, 0.0, 0.5, 0.25, 0.2, 0.4, 0.8],
    *([0.7 * x, 0.7 * y, -0.3, 0.22, 0.3, 0.7, 0.3] for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))),
])
# A half turn about the vertical changes nothing, a quarter turn does.
DUMBBELL = CROSS[[0, 1, 2, 4]]
BALL = np.array([[0.0, 0.0, 0.0, 0.8, 0.6, 0.6, 0.6]])
CAMERA = Intrinsics.from_fov(128, 128, 40)
LEVEL_VIEWS = ((15.0, 0.0, 0.0), (35.0, 80.0, 0.0), (5.0, 170.0, 0.0), (25.0, 260.0, 0.0))


def camera_at(elevation: float, azimuth: float, roll: float, distance: float = 3.6) -> np.ndarray:
    """World-to-camera (4, 4) of a camera that looks at the origin; degrees."""
    tilt, turn = math.radians(elevation), math.radians(azimuth)
    away = np.array([math.cos(tilt) * math.cos(turn), math.cos(tilt) * math.sin(turn), math.sin(tilt)])
    right = np.cross(-away, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(-away, right), -away])
    return pose(Rotation.from_euler("z", roll, degrees=True).as_matrix() @ level, np.array([0.0, 0.0, distance]))


def photograph(balls: np.ndarray, world_to_camera: np.ndarray) -> Photo:
    """Cast a ray through every pixel; colours are those of the nearest ball, darker towards its rim."""
    rows, columns = np.mgrid[0:CAMERA.height, 0:CAMERA.width] + 0.5
    rays = np.stack([(columns - CAMERA.cx) / CAMERA.fx, (rows - CAMERA.cy) / CAMERA.fy, np.ones_like(rows)], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    rgba = np.zeros((*rows.shape, 4), np.float32)
    nearest = np.full(rows.shape, np.inf)
    for ball in balls:
        centre = world_to_camera[:3, :3] @ ball[:3] + world_to_camera[:3, 3]
        along = rays @ centre
        inside = ball[3] ** 2 - (centre @ centre - along**2)
        hit = (inside > 0) & (along - np.sqrt(np.maximum(inside, 0)) < nearest)
        nearest = np.where(hit, along - np.sqrt(np.maximum(inside, 0)), nearest)
        rgba[hit] = [*ball[4:], 1.0]
    return Photo(Path("balls.png"), rgba, (CAMERA.width, CAMERA.height), CAMERA, "given", ())


def look(balls: np.ndarray, cameras: list[np.ndarray]) -> tuple[list[View], np.ndarray]:
    """Canonical views and their true world-to-camera (V, 4, 4)."""
    views = [canonical_view(photograph(balls, camera), 64) for camera in cameras]
    turned = [
        pose(view.photo_from_view.T, np.zeros(3)) @ camera for view, camera in zip(views, cameras, strict=True)
    ]
    return views, np.stack(turned)


def random_depth(views: int) -> dict[str, np.ndarray]:
    """What a network might tell of as many views, as ``silhouettes.prepare`` takes it."""
    rng = np.random.default_rng(0)
    return {
        "depth": (3 + rng.normal(scale=0.3, size=(views, 16, 16))).astype(np.float32),
        "depth_log_scale": rng.uniform(-2.5, -0.5, size=(views, 16, 16)).astype(np.float32),
    }
