"""A photo, and its canonical view: what a square virtual camera that looks straight at the object would have seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from .cameras import Intrinsics, bounding_cone, canonical_intrinsics, minimal_rotation, upright_rotation
from .cutouts import cuts


@dataclass(frozen=True)
class Photo:
    """A photo with its background removed.

    ``rgba`` (H, W, 4) float32 in [0, 1], straight alpha, upright, at most 1600 pixels long; ``size`` (width, height)
    and ``intrinsics`` belong to the upright original; ``focal_source`` is "given", "exif" or "assumed"; ``up`` (3,) is
    the direction of the sky in the photo's camera, if it is known; ``tilt`` how far from above somebody says it was
    taken, in degrees; ``exposure`` that of ``image_files.ImageContent``.
    """

    path: Path
    rgba: np.ndarray
    size: tuple[int, int]
    intrinsics: Intrinsics
    focal_source: str
    warnings: tuple[str, ...]
    up: np.ndarray | None = None
    tilt: float | None = None
    exposure: float | None = None


@dataclass(frozen=True)
class View:
    """The canonical view of a photo: ``image`` (S, S, 4) float32 straight alpha, seen by ``intrinsics``.

    ``photo_from_view`` (3, 3) turns directions of the view's camera into directions of the photo's camera. Where the
    photo knows its ``up`` (3,), the view stands upright, and knows it too.
    ``unseen`` (2S, 2S) bool, over twice the view's extent: where an object that the photo cuts off may go on.
    """

    image: np.ndarray
    intrinsics: Intrinsics
    photo_from_view: np.ndarray
    photo: Photo
    unseen: np.ndarray

    @property
    def up(self) -> np.ndarray | None:
        """The direction of the sky (3,) in the view's camera, if it is known."""
        return None if self.photo.up is None else self.photo_from_view.T @ self.photo.up


def canonical_view(photo: Photo, size: int) -> View:
    """Resample a photo into the square virtual camera that looks straight at the object (design, Canonical view).

    :param size: pixels on a side of the view.
    """
    height, width = photo.rgba.shape[:2]
    camera = photo.intrinsics.resized(width, height)
    axis, half_angle = bounding_cone(photo.rgba[..., 3] > 0.5, camera)
    photo_from_view = minimal_rotation(axis) if photo.up is None else upright_rotation(axis, photo.up)
    view_camera = canonical_intrinsics(half_angle, size)
    # Where the photo is finer than the view, take several samples a pixel and average them: no aliasing.
    samples = _samples_a_pixel(view_camera, camera, photo_from_view)
    fine = view_camera.resized(size * samples, size * samples)
    x, y = _project_grid(fine, camera, photo_from_view)
    premultiplied = photo.rgba.copy()
    premultiplied[..., :3] *= photo.rgba[..., 3:]
    finest = cv2.remap(premultiplied, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0.0,) * 4)
    image = np.asarray(cv2.resize(finest, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32)
    image[..., :3] /= np.maximum(image[..., 3:], 1e-3)
    unseen = _beyond_cuts(photo.rgba[..., 3], view_camera, camera, photo_from_view)
    return View(np.clip(image, 0, 1), view_camera, photo_from_view, photo, unseen)


def cut_off(unseen: np.ndarray) -> np.ndarray:
    """(S, S) bool, where a view's mask ends only because the photo does, or close to it; ``unseen`` as in ``View``."""
    margin = len(unseen) // 4
    return cv2.dilate(unseen.astype(np.uint8), np.ones((5, 5), np.uint8))[margin:-margin, margin:-margin] > 0


def _beyond_cuts(alpha: np.ndarray, view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> np.ndarray:
    """(2S, 2S) bool, over twice a view's extent: where the object may go on beyond the edges that cut it, by no more
    than half the length of the cut: a round object that is cut in half goes on as far."""
    size = view.width
    wide = Intrinsics(2 * size, 2 * size, view.fx, view.fy, view.cx + size / 2, view.cy + size / 2)
    x, y = _project_grid(wide, camera, photo_from_view)
    beyond = (-0.5 - x, x - camera.width + 0.5, -0.5 - y, y - camera.height + 0.5)
    unseen = np.zeros(x.shape, dtype=bool)
    for cut, outward, along in zip(cuts(alpha), beyond, (y, y, x, x), strict=True):
        if cut is not None:
            first, last = cut
            aside = np.maximum(first - along, along - last).clip(min=0)
            unseen |= (outward > 0) & (np.hypot(outward, aside) <= (last - first + 1) / 2)
    return unseen


def zoomed(views: Sequence[View], factor: float) -> list[View]:
    """The views of cameras whose focal lengths are ``factor`` times as long, in as many pixels."""
    photos = [replace(view.photo, intrinsics=view.photo.intrinsics.with_focal_scaled(factor)) for view in views]
    return [canonical_view(photo, view.intrinsics.width) for photo, view in zip(photos, views, strict=True)]


def closeups(views: Sequence[View]) -> list[View]:
    """The same views in twice as many pixels on a side."""
    return [canonical_view(view.photo, 2 * view.intrinsics.width) for view in views]


def _project_grid(view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a view lie in the photo: x and y (S, S) float32 as OpenCV counts, pixel centres at +0."""
    x = (np.arange(view.width, dtype=np.float32) + 0.5 - view.cx) / view.fx
    y = (np.arange(view.height, dtype=np.float32)[:, None] + 0.5 - view.cy) / view.fy
    right, down, forward = (np.float32(row[0]) * x + np.float32(row[1]) * y + np.float32(row[2])
                            for row in photo_from_view)
    # What lies behind the photo's camera is on no photo.
    seen = forward > 1e-3
    depth = np.where(seen, forward, 1)
    in_photo = [np.where(seen, focal * side / depth + centre - 0.5, -1e4).astype(np.float32)
                for side, focal, centre in ((right, camera.fx, camera.cx), (down, camera.fy, camera.cy))]
    return in_photo[0], in_photo[1]


def _samples_a_pixel(view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> int:
    """How many photo pixels lie along a view pixel, at most, where the object is."""
    # The object's circle is sampled, not the corners: they may look past the photo's image plane.
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = view.width / 2 / view.fx
    points = np.column_stack([radius * np.cos(turns), radius * np.sin(turns), np.ones(16)])
    step = 1 / view.fx
    largest = 1.0
    for offset in ((step, 0, 0), (0, step, 0)):
        here, there = points @ photo_from_view.T, (points + offset) @ photo_from_view.T
        front = (here[:, 2] > 0.1) & (there[:, 2] > 0.1)
        moved = (there[:, :2] / there[:, 2:] - here[:, :2] / here[:, 2:]) * (camera.fx, camera.fy)
        if front.any():
            largest = max(largest, float(np.linalg.norm(moved[front], axis=1).max()))
    return min(math.ceil(largest - 0.1), max(1, 4096 // view.width))
