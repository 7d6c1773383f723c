"""Cameras that saw one object, as the refinement moves them: poses, one focal length for all where nobody told it, and
the plane in which the object mirrors itself where it is taken for symmetric.

A focal length that is ``zoom`` times the assumed one stretches all depths in front of the cameras by as much; then the
photos hardly change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

ZOOM = 0.4  # spread of the log of a focal length that nobody told


@dataclass(frozen=True)
class Slopes:
    """How something changes with each number of V cameras, and of the plane."""

    rotation: np.ndarray  # (V, 3, 3)
    translation: np.ndarray  # (V, 3)
    zoom: float
    plane: np.ndarray = field(default_factory=lambda: np.zeros(4))

    def __add__(self, other: Slopes) -> Slopes:
        return Slopes(
            self.rotation + other.rotation, self.translation + other.translation, self.zoom + other.zoom,
            self.plane + other.plane,
        )

    def __mul__(self, weight: float) -> Slopes:
        return Slopes(weight * self.rotation, weight * self.translation, weight * self.zoom, weight * self.plane)


@dataclass(frozen=True)
class Rig:
    """V cameras, or B times as many side by side, in float64. The first one stays where it is but for the zoom."""

    poses: np.ndarray  # (V, 4, 4) or (B, V, 4, 4), world to view
    zoom: np.ndarray  # () or (B,) factor of all views' focal lengths
    plane: np.ndarray | None = None  # (4,) or (B, 4) unit normal, and how far along it the plane is from the origin

    @property
    def views(self) -> int:
        """V."""
        return self.poses.shape[-3]

    def alone(self) -> Rig:
        """The same as one of B = 1."""
        return Rig(self.poses[None], self.zoom[None], None if self.plane is None else self.plane[None])

    def apart(self) -> list[Rig]:
        """B rigs one by one."""
        planes = [None] * len(self.poses) if self.plane is None else self.plane
        return [Rig(*parts) for parts in zip(self.poses, self.zoom, planes, strict=True)]

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rotations (..., V, 3, 3), translations (..., V, 3) and zooms (...) in float32, for compiled functions."""
        R, T = self.poses[..., :3, :3].astype(np.float32), self.poses[..., :3, 3].astype(np.float32)
        return R, T, np.asarray(self.zoom, np.float32)[()]  # numba tells numbers from arrays of no dimension

    def parameters(self, zooming: bool) -> int:
        """How many numbers a move has: turns and shifts of all cameras but the first, the zoom where it may change, and
        tilt and shift of the plane where there is one."""
        return 6 * (self.views - 1) + zooming + (0 if self.plane is None else 3)

    def moved(self, move: np.ndarray) -> Rig:
        """After a move (P,), or B rigs after moves (B, P): turns of all cameras but the first about the object's
        centre, rotation vectors of the cameras' own axes; then their shifts; then the change of the log of the zoom, or
        nothing; then the plane's, if there is one."""
        others, several = self.views - 1, move.shape[:-1]
        turn, shift = np.moveaxis(move[..., : 6 * others].reshape(*several, 2, others, 3), -3, 0)
        plane, rest = None, move[..., 6 * others :]
        if self.plane is not None:
            plane, rest = tilted(self.plane, rest[..., -3:]), rest[..., :-3]
        poses = np.empty((*several, *self.poses.shape))
        poses[...] = self.poses
        poses[..., 1:, :3, :3] = rotation_of(turn) @ self.poses[1:, :3, :3]
        poses[..., 1:, :3, 3] += shift
        return Rig(poses, np.broadcast_to(self.zoom, several), plane).zoomed(np.exp(rest.sum(-1)))

    def zoomed(self, factor: np.ndarray) -> Rig:
        """With focal lengths that are ``factor`` (B,) or () times as long, from as much farther away."""
        poses = self.poses.copy()
        poses[..., 2, 3] *= factor[..., None]
        return Rig(poses, self.zoom * factor, self.plane)

    def mirrored(self) -> Rig:
        """2V cameras: these, and those that would have taken the photos, flipped from left to right, of the object's
        image in the plane."""
        assert self.plane is not None
        turned = self._turned_normal()
        images = self.poses.copy()
        images[..., :3, :3] -= 2 * turned[..., None] * self.plane[..., None, None, :3]
        images[..., :3, 3] += 2 * self.plane[..., None, 3:] * turned
        images[..., 0, :] *= -1
        return Rig(np.concatenate([self.poses, images], -3), self.zoom)

    def _turned_normal(self) -> np.ndarray:
        """(..., V, 3) the plane's normal as the cameras see it."""
        assert self.plane is not None
        return (self.poses[..., :3, :3] @ self.plane[..., None, :3, None])[..., 0]

    def slopes_of_mirrored(self, slopes: Slopes) -> Slopes:
        """How a function of the 2V cameras of ``mirrored`` changes with these V and their plane."""
        assert self.plane is not None
        views, normal, turned = self.views, self.plane[:3], self._turned_normal()
        by_R, by_T = slopes.rotation[views:].copy(), slopes.translation[views:].copy()
        by_R[:, 0] *= -1
        by_T[:, 0] *= -1
        along = by_R @ normal  # (V, 3)
        by_turned = 2 * (self.plane[3] * by_T - along)
        by_normal = np.einsum("vij,vi->j", self.poses[:, :3, :3], by_turned) - 2 * np.einsum("vij,vi->j", by_R, turned)
        return Slopes(
            slopes.rotation[:views] + by_R + by_turned[..., None] * normal, slopes.translation[:views] + by_T,
            slopes.zoom, np.append(by_normal, 2 * (turned * by_T).sum()),
        )

    def slope_of_move(self, slopes: Slopes, zooming: bool) -> np.ndarray:
        """(P,) how a function that has these slopes changes with small moves."""
        turning = (slopes.rotation[1:] @ self.poses[1:, :3, :3].transpose(0, 2, 1)).reshape(-1, 9)
        turn = turning[:, [7, 2, 3]] - turning[:, [5, 6, 1]]  # what an antisymmetric matrix has of it
        parts = [turn.ravel(), slopes.translation[1:].ravel()]
        if zooming:
            parts.append([slopes.zoom * self.zoom + (slopes.translation[:, 2] * self.poses[:, 2, 3]).sum()])
        if self.plane is not None:
            parts += [np.stack(_across(self.plane[:3])) @ slopes.plane[:3], slopes.plane[3:]]
        return np.concatenate(parts)


def rig_of(poses: np.ndarray) -> Rig:
    """Cameras (V, 4, 4), or sets of them (B, V, 4, 4), of the focal lengths that the views say."""
    return Rig(poses.astype(float), np.ones(poses.shape[:-3]))


def together(rigs: Sequence[Rig]) -> Rig:
    """Single rigs, all with a plane or all without one, side by side."""
    planes = [rig.plane for rig in rigs if rig.plane is not None]
    return Rig(
        np.stack([rig.poses for rig in rigs]), np.stack([rig.zoom for rig in rigs]),
        np.stack(planes) if planes else None,
    )


def tilted(plane: np.ndarray, move: np.ndarray) -> np.ndarray:
    """(..., 4) planes (..., 4) after moves (..., 3): the normal tilts along two axes across it, then the plane shifts.
    """
    first, second = _across(plane[..., :3])
    normal = _unit(plane[..., :3] + move[..., :1] * first + move[..., 1:2] * second)
    return np.concatenate([normal, plane[..., 3:] + move[..., 2:]], -1)


def _across(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two directions at right angles to each of some unit vectors (..., 3) and to each other."""
    first = _unit(_cross(normal, np.eye(3)[np.abs(normal).argmin(-1)]))
    return first, _cross(normal, first)


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """numpy's is made for all shapes, and takes ten times as long for a few vectors."""
    on, back = [1, 2, 0], [2, 0, 1]
    return first[..., on] * second[..., back] - first[..., back] * second[..., on]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors * vectors).sum(-1, keepdims=True))


def rotation_of(turn: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3)."""
    angle = np.sqrt((turn * turn).sum(-1) + 1e-24)[..., None, None]
    cross = np.zeros((*turn.shape, 3))
    cross[..., [2, 0, 1], [1, 2, 0]] = turn
    cross[..., [1, 2, 0], [2, 0, 1]] = -turn
    return np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * (cross @ cross)
