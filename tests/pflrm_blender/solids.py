"""Meshes with known colours, and photos of them that are cast ray by ray: what a texture must come to."""

from __future__ import annotations

import numpy as np
from pflrm.pflrm_blender.texture_photos import Photo
from pflrm.tests.fake_result import look_at_origin

SIDE = 256  # pixels of a photo
FOCAL = 420.0
BACKGROUND = (1.0, 0.0, 1.0)  # a colour that no object here has


def sphere(rings: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere: vertices (N, 3) and faces (M, 3), counter-clockwise seen from outside."""
    theta = np.linspace(0, np.pi, rings + 1)[:, None]
    phi = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)[None]
    grid = np.stack(np.broadcast_arrays(np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)), -1)
    here = np.arange(rings)[:, None] * 2 * rings + np.arange(2 * rings)
    beside = np.arange(rings)[:, None] * 2 * rings + (np.arange(2 * rings) + 1) % (2 * rings)
    below, across = here + 2 * rings, beside + 2 * rings
    faces = np.concatenate([
        np.stack([here, below, across], -1).reshape(-1, 3), np.stack([here, across, beside], -1).reshape(-1, 3),
    ])
    return weld(grid.reshape(-1, 3), faces)


def weld(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices at one place become one; faces that lose their area go."""
    _, first, of = np.unique(np.round(vertices, 6), axis=0, return_index=True, return_inverse=True)
    faces = of.reshape(-1)[faces]
    kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return vertices[first].astype(np.float32), faces[kept].astype(np.int32)


def squares(*heights: float, sides: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Squares that look along +z, one above another: vertices and faces, two to a square."""
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    vertices = np.concatenate([
        np.column_stack([square * side, np.full(4, height)]) for height, side in zip(heights, sides, strict=True)
    ])
    faces = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(len(heights))])
    return vertices.astype(np.float32), faces.astype(np.int32)


def rainbow(points: np.ndarray) -> np.ndarray:
    """A colour (…, 3) for each point of the unit sphere, with waves that only a photo shows."""
    return 0.5 + 0.3 * np.sin(np.stack([7 * points[..., 0], 6 * points[..., 1] + 1, 8 * points[..., 2] + 2], axis=-1))


def camera(azimuth: float, elevation: float = 0.0, distance: float = 4.0) -> np.ndarray:
    return look_at_origin(azimuth, elevation, distance)


def above(x: float = 0.0, distance: float = 4.0) -> np.ndarray:
    """A camera over the squares that looks down, from ``x`` beside their middle and turned towards it."""
    position = np.array([x, 0.0, distance])
    forward = -position / np.linalg.norm(position)
    right = np.cross([0.0, -1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ position
    return matrix


def photo_of_sphere(world_to_camera: np.ndarray, *, light: float = 1.0, masked: bool = True) -> Photo:
    """The unit sphere in its ``rainbow`` colours; ``light`` multiplies the light that falls into the camera."""
    origin, rays = _rays(world_to_camera)
    along = (rays @ origin)[..., None]
    inside = along**2 - (origin @ origin - 1)
    points = origin + rays * (-along - np.sqrt(np.maximum(inside, 0)))
    hit = inside[..., 0] > 0
    colours = np.where(hit[..., None], exposed(rainbow(points), light), BACKGROUND)
    return _photo(colours, hit, world_to_camera, masked)


def photo_of_squares(
    world_to_camera: np.ndarray, heights: tuple[float, ...], sides: tuple[float, ...], colours: np.ndarray
) -> Photo:
    """Squares of one colour each."""
    origin, rays = _rays(world_to_camera)
    picture, near = np.broadcast_to(BACKGROUND, rays.shape).copy(), np.full(rays.shape[:2], np.inf)
    for height, side, colour in zip(heights, sides, colours, strict=True):
        far = (height - origin[2]) / rays[..., 2]
        points = origin + rays * far[..., None]
        hit = (far > 0) & (far < near) & (np.abs(points[..., :2]) < side).all(axis=-1)
        picture[hit], near[hit] = colour, far[hit]
    return _photo(picture, np.isfinite(near), world_to_camera, True)


def exposed(srgb: np.ndarray, light: float) -> np.ndarray:
    """sRGB values in other light."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) * light
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _rays(world_to_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The camera's place (3,) and the directions (SIDE, SIDE, 3) of its pixels."""
    middle = (np.arange(SIDE) + 0.5 - SIDE / 2) / FOCAL
    rays = np.stack(np.broadcast_arrays(middle[None], middle[:, None], 1.0), axis=-1) @ world_to_camera[:3, :3]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    return -world_to_camera[:3, :3].T @ world_to_camera[:3, 3], rays


def _photo(colours: np.ndarray, hit: np.ndarray, world_to_camera: np.ndarray, masked: bool) -> Photo:
    intrinsics = np.array([FOCAL, FOCAL, SIDE / 2, SIDE / 2])
    mask = hit.astype(np.float32) if masked else None
    return Photo(np.rint(255 * colours).astype(np.uint8), mask, intrinsics, world_to_camera, 1.0)
