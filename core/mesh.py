"""From a density field to a clean triangle mesh with colours.

Marching cubes finds the surface (``marching.py``), floating crumbs and hidden inner shells go, and the field is asked
for the colours. The paper (§4.2.2) fuses 100 rendered depth maps instead; marching cubes on the same field needs no
rendering. The mesh is as fine as the grid: fewer faces are a lower resolution, or
Blender's Decimate modifier, which an artist can change afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from .errors import InputError
from .marching import CHUNK, Density, Progress, march_field

SMALLEST_PART = 0.02  # share of the largest part's area below which a part is a crumb
TAUBIN = (0.5, -0.53)  # one smoothing step shrinks, the next one inflates: the volume stays


class Field(Density, Protocol):
    """What a mesh is made from: density and colour in the box [-half_extent, half_extent]³."""

    def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Density (...) and colour (..., 3) in [0, 1] at points (..., 3)."""
        ...


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh in world coordinates.

    ``vertices`` (N, 3) float32; ``faces`` (M, 3) int32, counter-clockwise seen from outside; ``normals`` (N, 3)
    float32 unit vectors; ``colours`` (N, 3) float32 RGB in [0, 1], sRGB values as in the photos.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    colours: np.ndarray


def extract_mesh(
    field: Field,
    *,
    resolution: int = 128,
    smallest_part: float = SMALLEST_PART,
    smoothing: int = 2,
    progress: Progress | None = None,
) -> Mesh:
    """The surface of a field.

    :param resolution: cells along each axis of the field's box, rounded up where the coarse grid needs it.
    :param smallest_part: parts with less than this share of the largest part's area are dropped.
    :param smoothing: Taubin smoothing steps; 0 keeps the surface of marching cubes.
    :param progress: called with a fraction in [0, 1]; what it raises ends the work.
    :raises InputError: the field has no surface.
    """
    report = progress or (lambda fraction: None)
    vertices, faces, cell = march_field(field, resolution, _section(report, 0.0, 0.8))
    vertices, faces = keep_outer_parts(vertices, faces, smallest_part)
    if len(faces) == 0:
        raise InputError(
            "The model found no surface in these photos.",
            "Check that the masks keep the object and that all photos show the same object, or use other photos.",
        )
    report(0.9)
    vertices = smooth(vertices, faces, smoothing)
    normals = vertex_normals(vertices, faces)
    # Half a cell inside, where the field was trained to carry the colour that the photos show.
    colours = _query_colours(field, vertices - 0.5 * cell * normals, _section(report, 0.9, 1.0))
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32), normals.astype(np.float32), colours)


def _section(progress: Progress, begin: float, end: float) -> Progress:
    """Progress of a step that takes the whole from ``begin`` to ``end``."""
    return lambda fraction: progress(begin + (end - begin) * fraction)


@torch.no_grad()
def _query_colours(field: Field, points: np.ndarray, progress: Progress) -> np.ndarray:
    colours = np.empty(points.shape, dtype=np.float32)
    for begin in range(0, len(points), CHUNK):
        part = torch.as_tensor(points[begin : begin + CHUNK], dtype=torch.float32, device=field.device)
        colour = field.query(part)[1].float().clamp(0, 1)
        colours[begin : begin + CHUNK] = torch.nan_to_num(colour).cpu().numpy()
        progress(min(1.0, (begin + CHUNK) / len(points)))
    return colours


def keep_outer_parts(vertices: np.ndarray, faces: np.ndarray, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Drop crumbs (less than ``smallest`` of the largest part's area) and everything that lies inside another part.

    The wall of a cavity faces inwards, so its signed volume is negative; a body within a cavity is found by the
    winding number of the outer walls around it. Neither can be seen from outside.
    """
    if len(faces) == 0:
        return vertices, faces
    edges = coo_matrix((np.ones(len(faces) * 2), (np.r_[faces[:, 0], faces[:, 1]], np.r_[faces[:, 1], faces[:, 2]])),
                       shape=(len(vertices), len(vertices)))
    count, part_of_vertex = connected_components(edges, directed=False)
    part_of_face = part_of_vertex[faces[:, 0]]
    triangles = vertices[faces]  # (M, 3, 3)
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = np.bincount(part_of_face, np.linalg.norm(cross, axis=1) / 2, count)
    volume = np.bincount(part_of_face, _dot(triangles[:, 0], cross) / 6, count)
    outward = np.flatnonzero((area >= smallest * area.max()) & (volume > 0))
    kept = [
        part for part in outward
        if not _is_enclosed(triangles[part_of_face == part][0].mean(axis=0),
                            triangles[np.isin(part_of_face, outward[outward != part])])
    ]
    faces = faces[np.isin(part_of_face, kept)]
    used, faces = np.unique(faces, return_inverse=True)
    return vertices[used], faces.reshape(-1, 3)


def _is_enclosed(point: np.ndarray, triangles: np.ndarray) -> bool:
    """Whether closed surfaces (M, 3, 3) wind around a point: solid angles after van Oosterom and Strackee, 1983."""
    a, b, c = np.moveaxis(triangles - point, 1, 0)
    la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    triple = _dot(a, np.cross(b, c))
    solid = 2 * np.arctan2(triple, la * lb * lc + _dot(a, b) * lc + _dot(b, c) * la + _dot(c, a) * lb)
    return bool(solid.sum() / (4 * np.pi) > 0.5)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b)


def smooth(vertices: np.ndarray, faces: np.ndarray, steps: int) -> np.ndarray:
    """Taubin smoothing: the noise of the grid goes, the volume stays."""
    if steps == 0:
        return vertices
    ends = faces.T.ravel(), np.roll(faces, -1, axis=1).T.ravel()
    one_way = csr_matrix((np.ones(faces.size), ends), shape=(len(vertices),) * 2)
    neighbours = ((one_way + one_way.T) > 0).astype(float)  # an edge counts once, however many faces share it
    degree = np.asarray(neighbours.sum(axis=1))  # (N, 1)
    for _ in range(steps):
        for factor in TAUBIN:
            vertices = vertices + factor * (neighbours @ vertices / degree - vertices)
    return vertices


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), the faces around a vertex weighted by their areas."""
    triangles = vertices[faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    corners = faces.ravel()
    normals = np.column_stack([np.bincount(corners, np.repeat(cross[:, k], 3), len(vertices)) for k in range(3)])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.maximum(length, 1e-30), [0.0, 0.0, 1.0])
