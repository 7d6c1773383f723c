"""Marching cubes of a field where its surface is: blocks of a fine grid, sampled and marched like a dense one.

A coarse grid comes first. Blocks of fine samples stand where its samples change side, and then in every neighbour into
which the surface leaves a block, until it is closed. Time and memory go with the surface, not with the box.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Protocol

import numpy as np
import torch

from .errors import RuntimeMissingError

COARSE_CELLS = 64  # cells along an axis of the first grid: a part that fits between its samples may be missed
CHUNK = 1 << 17  # points of one query
BATCH = 1 << 17  # samples that are marched at once
OCCUPIED = 0.5  # occupancy of the surface

Progress = Callable[[float], None]


class Density(Protocol):
    """Density in the box [-half_extent, half_extent]³, ``level`` at the surface; the second answer is not used."""

    @property
    def half_extent(self) -> float: ...

    @property
    def level(self) -> float: ...

    @property
    def device(self) -> torch.device | str: ...

    def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...


def march_field(field: Density, resolution: int, progress: Progress) -> tuple[np.ndarray, np.ndarray, float]:
    """The closed surface of a field; empty space around the box closes a surface that the box cuts.

    :param resolution: cells along each axis of the field's box, rounded up to a multiple of the coarse grid's.
    :returns: vertices (N, 3) float64 in the world, faces (M, 3) int64, counter-clockwise seen from outside, and the
        length of a cell.
    """
    block = max(1, resolution // COARSE_CELLS)
    blocks = -(-resolution // block)
    cell = 2 * field.half_extent / (blocks * block)
    coarse = _query_occupancy(field, _lattice(np.arange(blocks + 1)), blocks, lambda share: progress(0.3 * share))
    wanted = _crossed_cells(np.pad(coarse.reshape((blocks + 1,) * 3), 1))
    if block % 2 == 0 and block > 2:  # blocks of half the size lie closer around the surface
        values, corners = sample_blocks(field, wanted, 2, lambda share: progress(0.3 + 0.1 * share))
        blocks, block = 2 * blocks, block // 2
        wanted = np.zeros((blocks + 2,) * 3, dtype=bool)
        for offset in product((0, 1), repeat=3):
            part = values[:, *(slice(start, start + 2) for start in offset)] > OCCUPIED
            crossed = part.any(axis=(1, 2, 3)) & ~part.all(axis=(1, 2, 3))
            # Of the layer around the box only the half that touches it is left.
            wanted[tuple((corners[crossed] + offset + 1).T)] = True
    values, corners = sample_blocks(field, wanted, block, lambda share: progress(0.4 + 0.5 * share))
    vertices, faces = march_blocks(values, corners)
    progress(1.0)
    return vertices * cell - field.half_extent, faces, cell


def sample_blocks(
    field: Density, wanted: np.ndarray, block: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Occupancy in some blocks of samples, and in all further ones into which the surface leaves them.

    :param wanted: (n, n, n) bool, blocks to begin with; the outermost ones lie around the box, where nothing is.
    :param block: cells along the side of a block.
    :returns: occupancy (K, block + 1, block + 1, block + 1) float32, the outer samples of neighbours being the same
        ones, and the grid index (K, 3) of each block's first sample; the box begins at index 0.
    """
    last = (len(wanted) - 2) * block
    # A block owns all its samples but those of its far sides, which are its neighbours': each sample is asked once.
    row = np.full([length + 1 for length in wanted.shape], -1, dtype=np.int32)  # of a block's own samples
    own = np.empty((0, block**3), dtype=np.float32)
    local = _lattice(np.arange(block))
    near = (local == 0).any(axis=1)
    done = np.zeros_like(wanted)
    values, corners = [np.empty((0, *(block + 1,) * 3), dtype=np.float32)], [np.empty((0, 3), dtype=np.int32)]
    while wanted.any():
        new = np.argwhere(wanted).astype(np.int32)
        needed = np.zeros(row.shape, dtype=bool)
        for offset in product((0, 1), repeat=3):
            needed[tuple((new + offset).T)] = True
        fresh = np.argwhere(needed & (row < 0)).astype(np.int32)
        row[tuple(fresh.T)] = len(own) + np.arange(len(fresh))
        own = np.concatenate([own, np.empty((len(fresh), block**3), dtype=np.float32)])
        points = [((owner[:, None] - 1) * block + part).reshape(-1, 3)
                  for owner, part in ((fresh, local[near]), (new, local[~near]))]
        # The first round is nearly all of the work.
        section = progress if len(corners) == 1 else lambda share: progress(1.0)
        asked = _query_occupancy(field, np.concatenate(points), last, section)
        own[np.ix_(row[tuple(fresh.T)], near)] = asked[: len(points[0])].reshape(len(fresh), near.sum())
        own[np.ix_(row[tuple(new.T)], ~near)] = asked[len(points[0]) :].reshape(len(new), (~near).sum())
        values.append(_with_far_sides(own.reshape(-1, *(block,) * 3), row, new))
        corners.append(new)
        done |= wanted
        wanted = _left_into(values[-1], new, wanted.shape) & ~done
    return np.concatenate(values), (np.concatenate(corners) - 1) * block


def _lattice(line: np.ndarray) -> np.ndarray:
    """(n³, 3) int32: all triples of a line's n values, the last fastest."""
    return np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int32)


def _crossed_cells(volume: np.ndarray) -> np.ndarray:
    """(n-1, n-1, n-1) bool: the cells with corners on both sides of the surface."""
    inside = volume > OCCUPIED
    some, every = inside, inside
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        some = some[tuple(low)] | some[tuple(high)]
        every = every[tuple(low)] & every[tuple(high)]
    return some & ~every


def _with_far_sides(own: np.ndarray, row: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(K, b + 1, b + 1, b + 1): the blocks' own samples (·, b, b, b) and the first ones of the neighbours beyond."""
    block = own.shape[1]
    whole = np.empty((len(corners), *(block + 1,) * 3), dtype=own.dtype)
    for offset in product((0, 1), repeat=3):
        there = tuple(slice(block, None) if far else slice(0, block) for far in offset)
        here = tuple(slice(0, 1) if far else slice(None) for far in offset)
        whole[:, *there] = own[:, *here][row[tuple((corners + offset).T)]]
    return whole


def _left_into(values: np.ndarray, corners: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where in the grid of blocks (shape) lie neighbours into which the surface leaves these blocks."""
    inside = values > OCCUPIED
    entered = np.zeros(shape, dtype=bool)
    for axis, (side, step) in product(range(3), ((0, -1), (-1, 1))):
        face = inside.take(side, axis=axis + 1)
        crossed = face.any(axis=(1, 2)) & ~face.all(axis=(1, 2))
        entered[tuple((corners[crossed] + step * np.eye(3, dtype=np.int64)[axis]).T)] = True
    return entered


@torch.no_grad()
def _query_occupancy(field: Density, indices: np.ndarray, last: int, progress: Progress) -> np.ndarray:
    """Occupancy (N,) in [0, 1] at grid points (N, 3) of a box that ends at index ``last``; outside of it nothing is.

    density / (density + level) puts the surface at one half. It bounds the huge densities deep inside, which would
    otherwise pull every vertex to the outer end of its edge and show the grid as steps.
    """
    values = np.empty(len(indices), dtype=np.float32)
    scale = 2 * field.half_extent / last
    for begin in range(0, len(indices), CHUNK):
        index = torch.as_tensor(indices[begin : begin + CHUNK], device=field.device).float()
        density = field.query(index * scale - field.half_extent)[0].float().clamp_min(0)
        occupancy = torch.nan_to_num(1 - field.level / (density + field.level))
        within = (index.amin(-1) >= 0) & (index.amax(-1) <= last)
        values[begin : begin + CHUNK] = (occupancy * within).cpu().numpy()
        progress(min(1.0, (begin + CHUNK) / len(indices)))
    return values


def march_blocks(values: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes of blocks (K, b + 1, b + 1, b + 1) that begin at grid indices (K, 3), welded where they touch.

    :returns: vertices (N, 3) float64 in units of cells, faces (M, 3) int64, counter-clockwise seen from outside.
    """
    batch = max(1, BATCH // values[0].size) if len(values) else 1
    keys, vertices, faces, count = [np.empty(0, np.int64)], [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
    for begin in range(0, len(values), batch):
        edge, vertex, face = _march_batch(values[begin : begin + batch], corners[begin : begin + batch])
        keys.append(edge)
        vertices.append(vertex)
        faces.append(face + count)
        count += len(vertex)
    key = np.concatenate(keys)
    # A vertex inside a block is the block's alone (key −1); of those on its sides the first one stands for all.
    shared = np.flatnonzero(key >= 0)
    _, first, group = np.unique(key[shared], return_index=True, return_inverse=True)
    stands = np.arange(count)
    stands[shared] = shared[first[group.reshape(-1)]]
    kept = stands == np.arange(count)
    return np.concatenate(vertices)[kept], (np.cumsum(kept) - 1)[stands[np.concatenate(faces)]]


def _march_batch(values: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys (N,), vertices (N, 3) and faces (M, 3) of a batch of blocks; vertices with one key are one.

    The blocks stand on each other in one tall volume, which is marched at once. A vertex is told by its edge, whose
    middle it is as long as samples are only inside or outside; the samples themselves say then where on the edge it
    lies. So neighbours know their common vertices by whole numbers.
    """
    side, block = values.shape[1], values.shape[1] - 1
    tower = values.reshape(-1, side, side)
    middles, faces = march(tower > OCCUPIED)
    doubled = np.rint(2 * middles).astype(np.int64)  # (N, 3): odd along the vertex' edge
    index = doubled[:, 0] // (2 * side)  # of a vertex' block
    local = doubled - np.outer(2 * side * index, [1, 0, 0])
    # What lies between the last layer of a block and the first of the next is no part of the surface.
    kept = local[:, 0] <= 2 * block
    owner = np.where(kept, index, -1)[faces]  # (M, 3)
    faces = faces[(owner[:, 0] >= 0) & (owner[:, 0] == owner[:, 1]) & (owner[:, 0] == owner[:, 2])]
    faces = (np.cumsum(kept) - 1)[faces]
    doubled, local, begin = doubled[kept], local[kept], corners[index[kept]]
    low, high = doubled // 2, (doubled + 1) // 2
    at_low, at_high = (tower[end[:, 0], end[:, 1], end[:, 2]].astype(np.float64) for end in (low, high))
    along = ((OCCUPIED - at_low) / (at_high - at_low))[:, None] * (high - low)
    touching = ((local == 0) | (local == 2 * block)).any(axis=1)
    key = (local + 2 * (begin + block)) @ (1 << np.array([42, 21, 0]))
    return np.where(touching, key, -1), begin + local // 2 + along, faces


def march(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes of samples (X, Y, Z) bool by PyMCubes, or by scikit-image where PyMCubes has no wheel.

    :returns: vertices (N, 3), each in the middle of an edge between samples, and faces (M, 3) int64.
    :raises RuntimeMissingError: neither package is installed.
    """
    try:
        import mcubes
    except ImportError:
        return march_with_skimage(inside)
    vertices, faces = mcubes.marching_cubes(inside, OCCUPIED)
    return vertices, faces.astype(np.int64)


def march_with_skimage(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``march`` by scikit-image."""
    try:
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise RuntimeMissingError(
            "Neither pymcubes nor scikit-image is installed, and a mesh needs one of them.",
            "Install the packages again from the add-on's preferences.",
        ) from error
    if inside.all() or not inside.any():  # scikit-image raises an error for an empty surface
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    # "ascent" is about scikit-image's own order of axes: the faces look outwards with it.
    vertices, faces, _, _ = marching_cubes(
        inside.astype(np.float32), OCCUPIED, gradient_direction="ascent", method="lorensen"
    )
    return vertices, faces.astype(np.int64)
