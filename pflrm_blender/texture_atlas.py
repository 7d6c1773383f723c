"""A mesh spread out on a square texture: charts of faces that look the same way, seen straight from that side.

The six directions are those of the world, so charts stand upright and a painter knows the front from the back. Faces
that would lie over others of their chart go to a chart of their own: no texel belongs to two faces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .texture_raster import covered_pixels

# Each direction with its right and its up, as seen from outside: charts are never mirrored.
_DIRECTIONS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32)
_RIGHT = np.array([[0, 1, 0], [0, -1, 0], [-1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]], np.float32)
_UP = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0], [0, -1, 0]], np.float32)
_FLATTEST = 0.15  # cosine beyond which a face is stretched too much in a chart's direction
_SMOOTHINGS = 6  # of the normals before faces choose a direction: bumps shall not become charts
_SMALL = 1 / 2000  # share of the surface below which a chart joins its neighbours if it can
_JOININGS = 8
_MOST_LAYERS = 8  # how often faces that lie over others are taken apart
_SHRINK = 0.97  # steps in which charts become smaller until they fit
_INSIDE = 1e-3  # barycentric weight beyond which a texel is truly inside a face, not on its edge


@dataclass(frozen=True)
class Texels:
    """The N texels that a mesh uses: ``pixel`` (N,) = row · size + column with rows upwards, the ``face`` (N,) of
    each, and barycentric ``weights`` (N, 3) of that face's corners."""

    pixel: np.ndarray
    face: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Atlas:
    """``corners`` (M, 3, 2): where the corners of the faces lie on the texture, in texels, y upwards; ``size`` texels
    along each side; ``margin``: texels around each chart that are no other's."""

    corners: np.ndarray
    size: int
    margin: int
    texels: Texels


def unwrap(vertices: np.ndarray, faces: np.ndarray, size: int) -> Atlas:
    """Spread a mesh of ``vertices`` (N, 3) and ``faces`` (M, 3) out on a texture of ``size`` texels along each side."""
    margin = max(2, size // 512)
    normals, areas = face_normals(vertices, faces)
    pairs = _neighbours(faces)
    direction = _choose_directions(faces, len(vertices), normals, areas, pairs)
    layer = np.zeros(len(faces), np.int64)
    for _ in range(_MOST_LAYERS):
        label = direction * _MOST_LAYERS + layer
        chart = _components(len(faces), pairs[:, label[pairs[0]] == label[pairs[1]]])
        flat = _flatten(vertices, faces, direction)
        corners = _pack(flat, chart, size, margin)
        texels, hidden = _draw(corners, size, (vertices[faces].mean(axis=1) * _DIRECTIONS[direction]).sum(axis=1))
        if not len(hidden):
            break
        layer[hidden] += 1
    return Atlas(corners, size, margin, texels)


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (M, 3) and areas (M,) of faces; a face without an area has a normal of zero."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-20)[:, None], length / 2


def _neighbours(faces: np.ndarray) -> np.ndarray:
    """Pairs (2, E) of faces that share an edge."""
    edges = np.sort(np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2).astype(np.int64), axis=1)
    key = edges[:, 0] << 32 | edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    return np.stack([order[same], order[same + 1]]) // 3


def _choose_directions(
    faces: np.ndarray, count: int, normals: np.ndarray, areas: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """The direction (M,) in which each face is drawn: near its own normal, and mostly that of its neighbours."""
    smooth = normals
    for _ in range(_SMOOTHINGS):
        around = np.stack(
            [np.bincount(faces.ravel(), np.repeat(smooth[:, axis] * areas, 3), count) for axis in range(3)], axis=1
        )
        smooth = around[faces].sum(axis=1)
        smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-20)
    facing = normals @ _DIRECTIONS.T  # (M, 6)
    direction = (smooth @ _DIRECTIONS.T).argmax(axis=1)
    rows = np.arange(len(faces))
    direction = np.where(facing[rows, direction] > _FLATTEST, direction, facing.argmax(axis=1))
    # Small charts dissolve from their borders into the neighbours that suit them best.
    for _ in range(_JOININGS):
        chart = _components(len(faces), pairs[:, direction[pairs[0]] == direction[pairs[1]]])
        small = np.bincount(chart, areas, len(faces))[chart] < _SMALL * areas.sum()
        wanted, best = direction.copy(), np.full(len(faces), _FLATTEST, np.float32)
        for here, there in (pairs, pairs[::-1]):
            other = direction[there]
            better = small[here] & ~small[there] & (facing[here, other] > best[here])
            wanted[here[better]], best[here[better]] = other[better], facing[here[better], other[better]]
        if (wanted == direction).all():
            break
        direction = wanted
    return direction


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    """For each of ``count`` things the smallest number among those that ``pairs`` (2, E) connect it with."""
    parent = np.arange(count)
    while True:
        a, b = parent[pairs]
        low, high = np.minimum(a, b), np.maximum(a, b)
        apart = low != high
        if not apart.any():
            return parent
        parent[high[apart]] = low[apart]
        while (parent[parent] != parent).any():
            parent = parent[parent]


def _flatten(vertices: np.ndarray, faces: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The faces' corners (M, 3, 2) as seen from their directions."""
    corners = vertices[faces]
    return np.stack([np.einsum("mkc,mc->mk", corners, axes[direction]) for axes in (_RIGHT, _UP)], axis=-1)


def _pack(flat: np.ndarray, chart: np.ndarray, size: int, margin: int) -> np.ndarray:
    """Move the charts side by side on the texture, as large as they fit; corners (M, 3, 2) in texels."""
    _, chart = np.unique(chart, return_inverse=True)
    order = np.argsort(chart, kind="stable")
    starts = np.searchsorted(chart[order], np.arange(chart.max() + 1))
    low = np.minimum.reduceat(flat.min(axis=1)[order], starts)
    extent = np.maximum.reduceat(flat.max(axis=1)[order], starts) - low
    scale = size / math.sqrt(max(float(extent.prod(axis=1).sum()), 1e-20))
    place = None
    while place is None:
        scale *= _SHRINK
        if scale * float(extent.max()) < size / 8:  # thousands of charts whose margins alone fill the texture
            margin = 0
        place = _shelves(np.ceil(extent * scale).astype(np.int64) + 2 * margin, size)
    return (flat - low[chart, None]) * scale + (place[chart, None] + margin)


def _shelves(boxes: np.ndarray, size: int) -> np.ndarray | None:
    """Places (K, 2) of boxes (K, 2) on shelves, the highest first, each on the first shelf with room; None if none."""
    place = np.zeros_like(boxes)
    ends: list[int] = []
    floors: list[int] = []
    top = 0
    for index in np.lexsort((-boxes[:, 0], -boxes[:, 1])):
        width, height = boxes[index].tolist()
        shelf = next((number for number, end in enumerate(ends) if end + width <= size), len(ends))
        if shelf == len(ends):
            if top + height > size or width > size:
                return None
            ends.append(0)
            floors.append(top)
            top += height
        place[index] = ends[shelf], floors[shelf]
        ends[shelf] += width
    return place


def _draw(corners: np.ndarray, size: int, height: np.ndarray) -> tuple[Texels, np.ndarray]:
    """The texels of faces, and the faces that lie under others; ``height`` (M,) tells which of two is above."""
    parts = list(covered_pixels(corners, size, size))
    face, pixel, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    shared = np.flatnonzero(np.bincount(pixel, minlength=size * size)[pixel] > 1)
    shared = shared[np.lexsort((height[face[shared]], pixel[shared]))]  # of each texel's faces the last is above
    top = np.append(pixel[shared[1:]] != pixel[shared[:-1]], True)[: len(shared)]
    under, above = shared[~top], shared[top]
    above = above[np.searchsorted(pixel[above], pixel[under])]
    inside = weights.min(axis=1) > _INSIDE
    hidden = np.unique(face[under[inside[under] & inside[above]]])
    kept = np.ones(len(pixel), bool)
    kept[under] = False
    return Texels(pixel[kept].astype(np.int32), face[kept].astype(np.int32), weights[kept]), hidden
