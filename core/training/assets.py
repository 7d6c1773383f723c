"""The pack of meshes and textures in memory, in the form that the renderer reads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..errors import InputError
from .meshes import SUPPORT_DIRECTIONS, build_hierarchy, support_points
from .pack import POSITION_RANGE

SURFACE_SIZE = 64  # pixels of a surface texture; more would be lost on views of 128 pixels
PICTURE_SIZE = 128  # pixels of a mesh's texture


class Assets(NamedTuple):
    """Arrays of K meshes with T triangles and of the textures. A tuple, so that compiled code takes it as it is."""

    surfaces: np.ndarray  # (·, H, H, 3) uint8 sRGB: textures for primitives
    pictures: np.ndarray  # (·, W, W, 3) uint8 sRGB: textures of meshes
    roots: np.ndarray  # (K + 1,) int32: first node of each mesh, then the end
    nodes: np.ndarray  # (·, 6) float32 boxes of the hierarchy
    links: np.ndarray  # (·, 3) int32: node after the subtree, first triangle, number of triangles
    triangles: np.ndarray  # (T, 9) float32: first corner and two edges, in the unit ball, z up
    uvs: np.ndarray  # (T, 6) float32: texture coordinates of the three corners, v upwards
    materials: np.ndarray  # (T,) int32: row of ``colours``
    colours: np.ndarray  # (·, 4) float32: linear RGB and index of a picture or -1
    supports: np.ndarray  # (K, SUPPORT_DIRECTIONS, 3) float32: extreme vertices of each mesh


def no_assets() -> Assets:
    """What procedural objects with procedural textures need: nothing."""
    return Assets(
        np.zeros((0, SURFACE_SIZE, SURFACE_SIZE, 3), np.uint8),
        np.zeros((0, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8),
        np.zeros(1, np.int32), np.zeros((0, 6), np.float32), np.zeros((0, 3), np.int32),
        np.zeros((0, 9), np.float32), np.zeros((0, 6), np.float32), np.zeros(0, np.int32),
        np.zeros((0, 4), np.float32), np.zeros((0, SUPPORT_DIRECTIONS, 3), np.float32),
    )


def _decode(joined: np.ndarray, ends: np.ndarray, size: int) -> np.ndarray:
    """(K, size, size, 3) uint8 RGB of encoded images that lie one after the other."""
    images = np.zeros((len(ends), size, size, 3), np.uint8)
    for k, content in enumerate(np.split(joined, ends[:-1]) if len(ends) else ()):
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
        images[k] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)[..., ::-1]
    return images


def load_pack(path: Path) -> Assets:
    """Read a pack that ``pack.pack`` wrote and build the hierarchies of its meshes (seconds).

    :raises InputError: the file is missing or no pack.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = dict(file)
        return _assets(data)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is no pack of training assets: {error}.", "Write one with python -m pflrm.core.training.pack."
        ) from error


def _assets(data: dict[str, np.ndarray]) -> Assets:
    vertices = data["vertices"].astype(np.float32) / np.float32(POSITION_RANGE)
    total = len(data["faces"])
    meshes = len(data["face_ends"])
    nodes, links = np.zeros((2 * total + 1, 6), np.float32), np.zeros((2 * total + 1, 3), np.int32)
    triangles, uvs = np.zeros((total, 9), np.float32), np.zeros((total, 6), np.float32)
    materials = np.zeros(total, np.int32)
    roots = np.zeros(meshes + 1, np.int32)
    supports = np.zeros((meshes, SUPPORT_DIRECTIONS, 3), np.float32)
    vertex_start = face_start = node = 0
    for k, (vertex_end, face_end) in enumerate(zip(data["vertex_ends"], data["face_ends"], strict=True)):
        own = vertices[vertex_start:vertex_end]
        corners = own[data["faces"][face_start:face_end].astype(np.int64)]  # (M, 3, 3)
        order = np.empty(len(corners), np.int64)
        node = build_hierarchy(corners, order, nodes, links, node, face_start)
        roots[k + 1] = node
        corners = corners[order]
        part = slice(face_start, face_end)
        triangles[part, :3] = corners[:, 0]
        triangles[part, 3:6] = corners[:, 1] - corners[:, 0]
        triangles[part, 6:] = corners[:, 2] - corners[:, 0]
        uvs[part] = data["uvs"][part][order].reshape(-1, 6)
        materials[part] = data["materials"][part][order]
        support_points(own, supports[k])
        vertex_start, face_start = vertex_end, face_end
    colours = data["colours"].astype(np.float32)
    colours[:, :3] = (colours[:, :3] / 255.0) ** 2
    return Assets(
        _decode(data["surface_bytes"], data["surface_ends"], SURFACE_SIZE),
        _decode(data["picture_bytes"], data["picture_ends"], PICTURE_SIZE),
        roots, nodes[:node].copy(), links[:node].copy(), triangles, uvs, materials, colours, supports,
    )
