"""Cameras: intrinsics, poses and the canonical view. The only place where conventions are converted.

Cameras follow OpenCV: x right, y down, z forward, pixel centres at +0.5. ``world_to_camera`` is a 4×4 matrix. The
world is right-handed with z up and y forward. The reference camera sits at (0, −d, 0) and looks along +y.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .errors import InputError
from .lenses import FULL_FRAME_WIDTH, fov_of, is_possible

CANONICAL_FILL = 0.9  # share of a canonical view's half width that the object's bounding circle takes
LEAST_UPRIGHT = 0.1  # of the vertical across the optical axis, below which its direction in the image is noise
# Directions of the reference camera in the world: x stays right, y points down and z forward.
REFERENCE_ROTATION = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera of ``width`` × ``height`` pixels; focal lengths and principal point in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_fov(cls, width: int, height: int, degrees: float) -> Intrinsics:
        """A centred camera with square pixels and this field of view across the longer side."""
        focal = 0.5 * max(width, height) / math.tan(math.radians(degrees) / 2)
        return cls(width, height, focal, focal, width / 2, height / 2)

    @classmethod
    def from_focal_35mm(cls, width: int, height: int, millimetres: float) -> Intrinsics:
        """A centred camera with square pixels and this 35 mm equivalent focal length."""
        focal = millimetres / FULL_FRAME_WIDTH * max(width, height)
        return cls(width, height, focal, focal, width / 2, height / 2)

    def matrix(self) -> np.ndarray:
        """The 3×3 calibration matrix, float64."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same camera sampled with other pixels."""
        x, y = width / self.width, height / self.height
        return Intrinsics(width, height, self.fx * x, self.fy * y, self.cx * x, self.cy * y)

    def with_focal_scaled(self, factor: float) -> Intrinsics:
        """The same sensor behind a lens of ``factor`` times the focal length."""
        return replace(self, fx=self.fx * factor, fy=self.fy * factor)

    def normalised(self) -> np.ndarray:
        """(4,) fx, fy, cx, cy in units of the width and height: what the network is conditioned on."""
        return np.array([self.fx / self.width, self.fy / self.height, self.cx / self.width, self.cy / self.height])


@dataclass(frozen=True)
class Camera:
    """Where a photo was taken: ``world_to_camera`` (4, 4) float64 and a confidence in [0, 1]."""

    file: str
    intrinsics: Intrinsics
    world_to_camera: np.ndarray
    confidence: float


def pose(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """A 4×4 matrix from a 3×3 rotation and a translation (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def invert_pose(matrix: np.ndarray) -> np.ndarray:
    """The inverse of rigid transforms (..., 4, 4)."""
    inverse = np.zeros_like(matrix)
    rotation = np.swapaxes(matrix[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3] = -(rotation @ matrix[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def object_distance(half_angle: float) -> float:
    """Distance at which a sphere of radius 1 fills a cone of this half angle (radians)."""
    return 1.0 / math.sin(half_angle)


def reference_pose(distance: float) -> np.ndarray:
    """The pose of the reference camera, ``distance`` in front of the origin, looking along +y with z up."""
    return pose(REFERENCE_ROTATION, np.array([0.0, 0.0, distance]))


def canonical_intrinsics(half_angle: float, size: int) -> Intrinsics:
    """The square virtual camera whose field of view makes a cone of ``half_angle`` (radians) fill CANONICAL_FILL."""
    focal = CANONICAL_FILL * (size / 2) / math.tan(half_angle)
    return Intrinsics(size, size, focal, focal, size / 2, size / 2)


def half_angle_of(canonical: Intrinsics) -> float:
    """The half angle (radians) of the object's cone that a canonical camera was made for."""
    return math.atan(CANONICAL_FILL * (canonical.width / 2) / canonical.fx)


def minimal_rotation(direction: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) without roll that turns the optical axis (0, 0, 1) onto ``direction``."""
    x, y, z = direction / np.linalg.norm(direction)
    if z < -1 + 1e-9:
        raise ValueError("the direction points straight backwards")
    return np.array([
        [1 - x * x / (1 + z), -x * y / (1 + z), x],
        [-x * y / (1 + z), 1 - y * y / (1 + z), y],
        [-x, -y, z],
    ])


def upright_rotation(direction: np.ndarray, up: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) that turns the optical axis onto ``direction`` so that ``up`` (3,) points up in the image.

    Both are unit vectors. Seen along the vertical there is no up: then as ``minimal_rotation``.
    """
    down = direction * (up @ direction) - up
    if np.linalg.norm(down) < LEAST_UPRIGHT:
        return minimal_rotation(direction)
    down = down / np.linalg.norm(down)
    return np.stack([np.cross(down, direction), down, direction], axis=1)


def bounding_cone(mask: np.ndarray, intrinsics: Intrinsics) -> tuple[np.ndarray, float]:
    """The narrowest cone from the camera that holds a mask.

    :param mask: (H, W) bool; at least one pixel is set.
    :returns: the cone's axis as a unit vector (3,) in camera coordinates and its half angle in radians.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = np.concatenate([contour[:, 0] for contour in contours])  # (N, 2) integer pixels
    hull = cv2.convexHull(corners)[:, 0].astype(np.float64) + 0.5
    rays = np.column_stack([
        (hull[:, 0] - intrinsics.cx) / intrinsics.fx,
        (hull[:, 1] - intrinsics.cy) / intrinsics.fy,
        np.ones(len(hull)),
    ])
    axis = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).mean(axis=0)
    # A circle on the image plane is a cone only around the optical axis: turn the axis there until it stays. The
    # plane stretches turns near the rim by 1 + radius², so wide cones would overshoot without this divisor.
    for _ in range(6):
        rotation = minimal_rotation(axis)
        turned = rays @ rotation
        plane = (turned[:, :2] / turned[:, 2:]).astype(np.float32)
        (x, y), radius = cv2.minEnclosingCircle(plane)
        stretch = 1 + radius**2
        axis = rotation @ np.array([x / stretch, y / stretch, 1.0])
    return axis / np.linalg.norm(axis), math.atan(max(radius, 0.5 / intrinsics.fx))


def rotation_angle(rotation: np.ndarray) -> np.ndarray:
    """The angle in degrees of rotation matrices (..., 3, 3)."""
    cosine = (np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def save_cameras(
    path: Path, cameras: Sequence[Camera], reference: int = 0, up: Sequence[float] = (0.0, 0.0, 1.0),
) -> None:
    """Write cameras.json (design boundary 4); ``up`` (3,) is the direction of the sky in the world."""
    photos = [
        {
            "file": camera.file,
            "width": camera.intrinsics.width,
            "height": camera.intrinsics.height,
            "fx": camera.intrinsics.fx,
            "fy": camera.intrinsics.fy,
            "cx": camera.intrinsics.cx,
            "cy": camera.intrinsics.cy,
            "world_to_camera": camera.world_to_camera.tolist(),
            "confidence": camera.confidence,
        }
        for camera in cameras
    ]
    content = {"photos": photos, "units": "object", "reference": reference, "up": list(up)}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


@dataclass(frozen=True)
class KnownCamera:
    """What is known of a photo's camera beforehand: ``up`` (3,) is a unit vector towards the sky in its axes."""

    intrinsics: Intrinsics | None
    up: np.ndarray | None


def load_known_cameras(path: Path) -> dict[str, KnownCamera]:
    """Read what is known of each photo's camera from a file in the form of cameras.json; poses in it are not used.

    An entry may have ``up``: the direction of the sky in the camera's axes (x right, y down, z forward), a unit vector.
    One that has it may do without the intrinsics.

    :returns: by file name without its folder.
    :raises InputError: the file is missing, is no JSON, lacks a value, or has two photos of one file name.
    """
    remedy = "Give a file in the form of cameras.json, with width, height, fx, fy, cx, cy in pixels for each photo."
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["photos"]
        by_file: dict[str, KnownCamera] = {}
        for entry in entries:
            name = Path(entry["file"]).name
            if name in by_file:
                raise ValueError(f"file: two photos are called {name}")
            by_file[name] = _known_camera(entry)
    except OSError as error:
        raise InputError(f"The intrinsics file {path} cannot be read: {error.strerror}.", remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The intrinsics file {path} has no valid value for {error}.", remedy) from error
    for name, known in by_file.items():
        _check(name, known, path, remedy)
    return by_file


def _known_camera(entry: dict[str, Any]) -> KnownCamera:
    up = None if entry.get("up") is None else np.array(entry["up"], dtype=np.float64)
    if up is not None and "fx" not in entry:
        return KnownCamera(None, up)
    intrinsics = Intrinsics(
        int(entry["width"]), int(entry["height"]),
        float(entry["fx"]), float(entry["fy"]), float(entry["cx"]), float(entry["cy"]),
    )
    return KnownCamera(intrinsics, up)


def _check(name: str, known: KnownCamera, path: Path, remedy: str) -> None:
    lens, up = known.intrinsics, known.up
    if lens is not None and not _is_camera(lens):
        values = (lens.fx, lens.fy, lens.cx, lens.cy)
        raise InputError(f"The intrinsics of {name} in {path} are not a camera: {values}.", remedy)
    if up is not None and (up.shape != (3,) or not abs(np.linalg.norm(up) - 1) < 0.01):
        raise InputError(f"The direction up of {name} in {path} is no unit vector: {up.tolist()}.",
                         "Give three numbers, the direction of the sky in the camera's axes, or leave it out.")


def _is_camera(lens: Intrinsics) -> bool:
    """Whether the values can be in pixels: in units of the width or in millimetres they make a lens that nobody has."""
    values = (lens.fx, lens.fy, lens.cx, lens.cy)
    if not all(map(math.isfinite, values)) or min(lens.width, lens.height, lens.fx, lens.fy) <= 0:
        return False
    return all(is_possible(fov_of(focal, max(lens.width, lens.height))) for focal in (lens.fx, lens.fy))
