"""A photo as a source of colours for a mesh: what of the surface it shows, and how far each of its pixels is trusted.

A reconstructed mesh never fits its photos exactly, so a photo is trusted less towards every outline: there the mesh
may lie beside the object, and the pixel show the background, or what stands in front.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .texture_atlas import face_normals
from .texture_raster import blur, depth_buffer, distance_inside, fill, sample, shrink, spread

_BUFFER = 640  # pixels along the longer side of a depth buffer: finer than the mesh's own errors
_MARGIN = 0.04  # around the object in the photo, as shares of the object's longer side, as are the next three
_OUTLINE = 0.03  # width of the band along outlines in which trust grows
_FRINGE = 0.004  # along the mask, where object and background mix
_SOFT = 0.02  # radius beyond which differences between photos are light rather than detail
_SOFT_PIXELS = 4  # of that radius: what is blurred needs no more
_LEAST_TRUST = 0.1  # at the outline itself: better than no photo, as long as no other shows the place
_STEP = 0.06  # a change of depth between neighbouring pixels, in mesh radii, that is an outline inside the object
_TOLERANCE = 0.015  # of depths, in mesh radii
_GRAZING = 0.1  # cosine of the angle from which on a photo shows nothing useful
_FALLOFF = 2.0  # exponent of the cosine


@dataclass(frozen=True)
class Photo:
    """An upright photo and its camera.

    ``pixels`` (H, W, 3) uint8 sRGB, top row first; ``mask`` (H', W') float32 in [0, 1], one on the object, of the
    same shape if not the same size, or None; ``intrinsics`` (4,) fx, fy, cx, cy in pixels of ``pixels``;
    ``world_to_camera`` (4, 4) OpenCV; ``confidence`` in [0, 1].
    """

    pixels: np.ndarray
    mask: np.ndarray | None
    intrinsics: np.ndarray
    world_to_camera: np.ndarray
    confidence: float


@dataclass(frozen=True)
class Source:
    """A photo prepared for a mesh: ``sharp`` (H, W, 3) sRGB, without the background, in the pixels of ``intrinsics``;
    ``soft`` the same without details, in pixels ``softness`` times as large; ``trust`` and ``depth`` (h, w) in those
    of ``coarse``."""

    world_to_camera: np.ndarray
    intrinsics: np.ndarray
    sharp: np.ndarray
    soft: np.ndarray
    softness: int
    coarse: np.ndarray
    trust: np.ndarray
    depth: np.ndarray
    tolerance: float

    def with_gain(self, gain: np.ndarray) -> Source:
        """The same photo with its light multiplied by ``gain`` (3,)."""
        return replace(self, sharp=brighten(self.sharp, gain), soft=brighten(self.soft, gain))

    def sharp_at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The photo's colours (N, 3) at pixels."""
        return sample(self.sharp, x, y)

    def soft_at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The photo's colours (N, 3) without details."""
        return sample(self.soft, x / self.softness, y / self.softness)

    def trust_at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far the photo is trusted (N,) at points (N, 3) of the surface, zero where it does not show them, and
        where they lie: x and y (N,) in the pixels of ``sharp``."""
        seen = points @ self.world_to_camera[:3, :3].T.astype(np.float32)
        seen += self.world_to_camera[:3, 3].astype(np.float32)
        depth = seen[:, 2]
        front = depth > 1e-6
        ray = seen[:, :2] / np.where(front, depth, 1)[:, None]
        column, row = (ray[:, axis] * self.coarse[axis] + self.coarse[2 + axis] for axis in (0, 1))
        height, width = self.depth.shape
        inside = front & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        nearest = np.clip(row, 0, height - 1).astype(np.int64) * width + np.clip(column, 0, width - 1).astype(np.int64)
        visible = inside & (depth <= self.depth.ravel()[nearest] + self.tolerance)
        trust = np.where(visible, sample(self.trust[..., None], column, row)[:, 0], 0)
        x, y = (ray[:, axis] * self.intrinsics[axis] + self.intrinsics[2 + axis] for axis in (0, 1))
        return trust, x, y


def prepare(photo: Photo, vertices: np.ndarray, faces: np.ndarray, texels: float) -> Source | None:
    """Make a photo the source of colours for a mesh; None if it does not show it.

    :param vertices: (N, 3) in the world of the camera.
    :param texels: along a unit of the surface; a photo that is much finer is reduced.
    """
    seen = vertices @ photo.world_to_camera[:3, :3].T + photo.world_to_camera[:3, 3]
    depth = np.maximum(seen[:, 2], 1e-6)
    drawn = faces[(seen[faces, 2] > 1e-6).all(axis=1)]
    at = seen[:, :2] / depth[:, None] * photo.intrinsics[:2] + photo.intrinsics[2:]
    window = _window(at[np.unique(drawn)], photo.pixels.shape) if len(drawn) else None
    if window is None:
        return None
    (left, top), (right, bottom) = window
    pixels_a_unit = float(photo.intrinsics[:2].mean() / np.median(depth))
    factor = max(1, int(pixels_a_unit / texels))
    sharp = shrink(photo.pixels[top:bottom, left:right], factor) / np.float32(255)
    height, width = sharp.shape[:2]
    to_sharp = np.array([1 / factor, 1 / factor])
    intrinsics = _moved(photo.intrinsics, (left, top), to_sharp)

    size = np.maximum(np.rint(np.array([width, height]) * min(1.0, _BUFFER / max(width, height))), 1).astype(int)
    scale = size / np.array([width, height])
    coarse = _moved(intrinsics, (0, 0), scale)
    corners = ((at - [left, top]) * to_sharp * scale)[drawn]
    buffer, face = depth_buffer(corners, seen[drawn, 2], *size)
    radius = float(np.linalg.norm(vertices - vertices.mean(axis=0), axis=1).max())
    mask = None if photo.mask is None else _mask_in(photo, (left, top), factor, (height, width))
    trust = _trust(photo, vertices, drawn, coarse, buffer, face, mask, radius)
    longest = max(height, width)
    reliable = _on_grid(mask if mask is not None else (face >= 0).astype(np.float32), height, width) > 0.9
    fringe = max(1, round((_FRINGE if mask is not None else _OUTLINE / 2) * longest))
    core = distance_inside(reliable, fringe + 1) > fringe
    sharp = fill(sharp, core if core.any() else reliable)
    softness = max(1, int(_SOFT * longest / _SOFT_PIXELS))
    soft = blur(shrink(sharp, softness), max(1, round(_SOFT * longest / softness)))
    return Source(
        photo.world_to_camera, intrinsics, sharp, soft, softness, coarse, trust, _farthest_near(buffer),
        _TOLERANCE * radius,
    )  # fmt: skip


def brighten(srgb: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """sRGB values (…, 3) whose light is multiplied by ``gain`` (3,)."""
    return to_srgb(to_linear(srgb) * gain.astype(np.float32))


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Light from sRGB values (IEC 61966-2-1)."""
    srgb = np.maximum(srgb, 0)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(light: np.ndarray) -> np.ndarray:
    """sRGB values from light."""
    light = np.maximum(light, 0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _window(at: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """The first and past the last pixel (x, y) of a photo around the projected mesh, or None if it lies outside."""
    low, high = at.min(axis=0), at.max(axis=0)
    margin = _MARGIN * float((high - low).max()) + 2
    size = np.array([shape[1], shape[0]])
    low, high = np.clip(np.floor(low - margin), 0, size), np.clip(np.ceil(high + margin), 0, size)
    return (low.astype(int), high.astype(int)) if (high - low >= 8).all() else None


def _moved(intrinsics: np.ndarray, corner: tuple[int, int], scale: np.ndarray) -> np.ndarray:
    """Intrinsics after cropping at ``corner`` and scaling."""
    return np.concatenate([intrinsics[:2] * scale, (intrinsics[2:] - corner) * scale])


def _mask_in(photo: Photo, corner: tuple[int, int], factor: int, shape: tuple[int, int]) -> np.ndarray:
    """The photo's mask in the pixels of its reduced window."""
    assert photo.mask is not None
    scale = np.array(photo.mask.shape) / photo.pixels.shape[:2]
    row, column = np.mgrid[: shape[0], : shape[1]].reshape(2, -1) + 0.5
    x, y = (column * factor + corner[0]) * scale[1], (row * factor + corner[1]) * scale[0]
    return sample(photo.mask[..., None], x, y).reshape(shape)


def _on_grid(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture (h, w) in another number of pixels."""
    if picture.shape == (height, width):
        return picture
    row, column = np.mgrid[:height, :width].reshape(2, -1) + 0.5
    x, y = column * picture.shape[1] / width, row * picture.shape[0] / height
    return sample(picture[..., None], x, y).reshape(height, width)


def _farthest_near(depth: np.ndarray) -> np.ndarray:
    """The greatest depth around each pixel, so that a surface does not hide itself by rounding; zero on background."""
    found = spread(np.where(np.isfinite(depth), depth, 0), np.maximum)
    return found.astype(np.float32)


def _trust(
    photo: Photo, vertices: np.ndarray, faces: np.ndarray, coarse: np.ndarray, depth: np.ndarray, face: np.ndarray,
    mask: np.ndarray | None, radius: float,
) -> np.ndarray:  # fmt: skip
    """How far each pixel (h, w) of the depth buffer is trusted: by angle, by distance to outlines, by the camera."""
    height, width = depth.shape
    surface = face >= 0
    normals, _ = face_normals(vertices, faces)
    normals = (normals @ photo.world_to_camera[:3, :3].T).astype(np.float32)
    row, column = np.mgrid[:height, :width] + 0.5
    ray = np.stack([(column - coarse[2]) / coarse[0], (row - coarse[3]) / coarse[1], np.ones_like(row)], axis=-1)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    cosine = np.where(surface, -(ray * normals[face]).sum(axis=-1), 0).astype(np.float32)
    few = max(1, round(0.008 * max(height, width)))  # bumps of the mesh shall not make patches of photos
    smooth = blur(np.dstack([np.maximum(cosine, 0), surface]), few)
    cosine = smooth[..., 0] / np.maximum(smooth[..., 1], 1e-3)
    angle = np.clip((cosine - _GRAZING) / (1 - _GRAZING), 0, 1) ** _FALLOFF

    band = max(2, round(_OUTLINE * max(height, width)))
    shown = surface if mask is None else surface & (_on_grid(mask, height, width) > 0.5)
    outline = _ramp(distance_inside(np.pad(shown, 1), band)[1:-1, 1:-1] / band)
    finite = np.where(surface, depth, np.inf)
    nearest, farthest = spread(finite, np.minimum), spread(np.where(surface, depth, 0), np.maximum)
    inner = _ramp(distance_inside(~(surface & (farthest - nearest > _STEP * radius)), band) / band)
    trust = angle * (_LEAST_TRUST + (1 - _LEAST_TRUST) * outline) * inner
    return (np.where(surface, trust, 0) * (0.2 + 0.8 * photo.confidence)).astype(np.float32)


def _ramp(share: np.ndarray) -> np.ndarray:
    return share * share * (3 - 2 * share)
