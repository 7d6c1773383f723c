"""Images of a coloured mesh on white: what a novel view of a reconstruction looks like, without a graphics card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..cameras import Intrinsics
from ..mesh import Mesh

SUPERSAMPLING = 2  # samples along a pixel's side
CHUNK = 1 << 20  # pixel centres of one step


def load_rgba(path: Path) -> np.ndarray:
    """An RGBA photo (H, W, 4) float32 in [0, 1]."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255


def on_white(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 3) of an image (H, W, 4) with straight alpha."""
    return rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]


def render_mesh(mesh: Mesh, world_to_camera: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """A photo (H, W, 3) float32 of the mesh with its vertex colours on white: a depth buffer, smoothed by averaging."""
    fine = intrinsics.resized(intrinsics.width * SUPERSAMPLING, intrinsics.height * SUPERSAMPLING)
    size = np.array([fine.width, fine.height])
    image = np.ones((fine.height * fine.width, 3), dtype=np.float32)
    depth = np.full(fine.height * fine.width, np.inf)
    seen = mesh.vertices.astype(np.float64) @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    faces = mesh.faces[(seen[mesh.faces, 2] > 1e-6).all(axis=1)]
    pixels = seen[:, :2] / seen[:, 2:] * [fine.fx, fine.fy] + [fine.cx, fine.cy]
    # The pixels whose centres can lie in a triangle; triangles of one extent are drawn together.
    low = np.clip(np.ceil(pixels[faces].min(axis=1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(pixels[faces].max(axis=1) - 0.5) + 1, 0, size).astype(np.int64)
    extent = np.where((high > low).all(axis=1), (high - low).max(axis=1), 0)
    for side in np.unique(extent[extent > 0]):
        offsets = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
        members = np.flatnonzero(extent == side)
        for part in np.array_split(members, -(-len(members) * len(offsets) // CHUNK)):
            grid = low[part, None] + offsets  # (M, K, 2)
            vertices = faces[part]
            index, near, colour = _fill(grid, pixels[vertices], seen[vertices, 2], mesh.colours[vertices], size)
            _keep_nearest(image, depth, index, near, colour)
    image = image.reshape(intrinsics.height, SUPERSAMPLING, intrinsics.width, SUPERSAMPLING, 3)
    return image.mean(axis=(1, 3))


def render_mask(mesh: Mesh, world_to_camera: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """(H, W) float32 share of each pixel that the mesh covers."""
    black = replace(mesh, colours=np.zeros_like(mesh.colours))
    return 1 - render_mesh(black, world_to_camera, intrinsics)[..., 0]


def _fill(
    grid: np.ndarray, corners: np.ndarray, depths: np.ndarray, colours: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel index, depth and colour (N, 3) of the pixels (M, K, 2) whose centres lie in their triangle (M, 3, 2)."""
    to_corner = corners[:, None] - (grid[:, :, None] + 0.5)  # (M, K, 3, 2)
    weights = _cross(np.roll(to_corner, -1, axis=2), np.roll(to_corner, -2, axis=2))  # (M, K, 3), sums to the area
    area = weights.sum(axis=2, keepdims=True)
    weights = np.divide(weights, area, out=np.full_like(weights, -1.0), where=np.abs(area) > 1e-12)
    inside = (weights >= 0).all(axis=2) & (grid < size).all(axis=2)
    triangle = np.nonzero(inside)[0]
    over_depth = weights[inside] / depths[triangle]  # 1 / z and colour / z are linear in the image
    near = 1 / over_depth.sum(axis=1)
    colour = np.einsum("nk,nkc->nc", over_depth, colours[triangle]) * near[:, None]
    return grid[inside] @ [1, size[0]], near, colour


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _keep_nearest(
    image: np.ndarray, depth: np.ndarray, index: np.ndarray, near: np.ndarray, colour: np.ndarray
) -> None:
    """Put samples into the buffers where nothing nearer stands."""
    order = np.argsort(-near, kind="stable")  # of equal indices the last assignment stands: the nearest
    index, near, colour = index[order], near[order], colour[order]
    closer = near < depth[index]
    depth[index[closer]] = near[closer]
    image[index[closer]] = colour[closer]
