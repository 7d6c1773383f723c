"""A painted box as canonical cameras see it: cameras, surface and paint are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
from pflrm.core.cameras import canonical_intrinsics, object_distance, pose, reference_pose
from scipy.spatial.transform import Rotation

HALF_ANGLE = 0.35
HALF_SIDES = np.array([0.35, 0.55, 0.75])


def smooth(points: np.ndarray) -> np.ndarray:
    """Paint (..., 3) that changes slowly and is nowhere twice the same, at points (..., 3)."""
    return 0.5 + 0.4 * np.sin(points @ np.array([[7.0, 1.0, 2.0], [2.0, 6.0, 1.0], [1.0, 2.0, 5.0]]))


def lively(points: np.ndarray) -> np.ndarray:
    """Paint with details of all sizes."""
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(60, 3)) * np.geomspace(4, 30, 60)[:, None]
    phases = rng.uniform(0, 2 * np.pi, 60)
    grey = np.sin(points @ waves.T + phases) @ rng.normal(size=60)
    return np.clip(0.5 + 0.06 * np.repeat(grey[..., None], 3, axis=-1), 0, 1)


def cameras_around(euler: list[list[float]]) -> np.ndarray:
    """(V, 4, 4) cameras turned about the box by degrees around its vertical and then tilted; the first as it is."""
    turns = Rotation.from_euler("zx", euler, degrees=True).as_matrix()
    return np.array([reference_pose(object_distance(HALF_ANGLE)) @ pose(turn, np.zeros(3)) for turn in turns])


def met(
    world_to_view: np.ndarray, directions: np.ndarray, half_sides: np.ndarray = HALF_SIDES
) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (..., 3) of a view first meet the box: points (..., 3), and whether they do (...)."""
    rays = directions @ world_to_view[:3, :3]
    origin = -world_to_view[:3, :3].T @ world_to_view[:3, 3]
    planes = np.stack([(-half_sides - origin) / rays, (half_sides - origin) / rays])
    near, far = planes.min(0).max(-1), planes.max(0).min(-1)
    return origin + near[..., None] * rays, near < far


def box_view(
    world_to_view: np.ndarray, size: int, paint: Callable[[np.ndarray], np.ndarray] = smooth,
    half_sides: np.ndarray = HALF_SIDES,
) -> SimpleNamespace:
    """The box as a canonical camera of so many pixels sees it."""
    intrinsics = canonical_intrinsics(HALF_ANGLE, size)
    v, u = (np.mgrid[:size, :size] + 0.5 - size / 2) / intrinsics.fx
    points, hit = met(world_to_view, np.stack([u, v, np.ones_like(u)], -1), half_sides)
    image = np.concatenate([paint(points), hit[..., None]], -1).astype(np.float32)
    unseen = np.zeros((2 * size, 2 * size), bool)
    return SimpleNamespace(
        image=image, intrinsics=intrinsics, unseen=unseen, up=None, photo=SimpleNamespace(tilt=None)
    )


def taken_for(view: SimpleNamespace, factor: float) -> SimpleNamespace:
    """The same view, taken for one of a lens ``factor`` times as long."""
    return SimpleNamespace(**{**vars(view), "intrinsics": view.intrinsics.with_focal_scaled(factor)})


def disturbed(poses: np.ndarray, degrees: float, seed: int) -> np.ndarray:
    """All cameras but the first turned about the object by this much around random axes, and shifted a little."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(len(poses), 3))
    turns = Rotation.from_rotvec(np.radians(degrees) * axes / np.linalg.norm(axes, axis=1, keepdims=True)).as_matrix()
    moved = poses.copy()
    moved[1:, :3, :3] = turns[1:] @ poses[1:, :3, :3]
    moved[1:, :3, 3] += rng.normal(size=(len(poses) - 1, 3)) * 0.05
    return moved
