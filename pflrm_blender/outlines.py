"""Outlines of masks and of meshes in a photo, and how far apart two of them are. numpy alone.

Places in a photo are shares of its width and height, from the upper left corner.
"""

from __future__ import annotations

import numpy as np

from .texture_raster import covered_pixels

_LEVEL = 0.5  # of a mask: object above, background below
# A cell between four pixels, by which of its corners are inside (upper left 1, upper right 2, lower right 4, lower
# left 8): the pairs of its sides (top 0, right 1, bottom 2, left 3) that the outline joins.
_JOINED = {
    1: [(3, 0)], 2: [(0, 1)], 3: [(3, 1)], 4: [(1, 2)], 5: [(3, 0), (1, 2)], 6: [(0, 2)], 7: [(3, 2)],
    8: [(2, 3)], 9: [(2, 0)], 10: [(0, 1), (2, 3)], 11: [(2, 1)], 12: [(1, 3)], 13: [(1, 0)], 14: [(0, 3)],
}  # fmt: skip


def outline(mask: np.ndarray) -> np.ndarray:
    """The lines (S, 2, 2) between object and background of a mask (H, W) in [0, 1], in no order.

    An object that the photo's edge cuts off has no outline along the edge.
    """
    height, width = mask.shape
    inside = mask > _LEVEL
    case = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    lines = []
    for number, joined in _JOINED.items():
        row, column = np.nonzero(case == number)
        lines += [np.stack([_crossing(mask, row, column, side) for side in pair], axis=1) for pair in joined]
    return (np.concatenate(lines) + 0.5) / (width, height)


def _crossing(mask: np.ndarray, row: np.ndarray, column: np.ndarray, side: int) -> np.ndarray:
    """Where the outline crosses one side of each cell: (N, 2) in pixels whose centres are whole numbers."""
    upright = side in (1, 3)
    row, column = row + (side == 2), column + (side == 1)
    here, there = mask[row, column], mask[row + upright, column + (not upright)]
    # Pairs that a line does not join divide by zero nowhere: a crossing lies between different values.
    along = (_LEVEL - here) / (there - here)
    return np.stack([column, row + along] if upright else [column + along, row], axis=1)


def cover(triangles: np.ndarray, width: int, height: int) -> np.ndarray:
    """The mask (H, W) that triangles (M, 3, 2) leave in a photo of this many pixels."""
    mask = np.zeros(width * height, np.float32)
    for _, pixel, _ in covered_pixels(triangles * (width, height), width, height):
        mask[pixel] = 1.0
    return mask.reshape(height, width)


def gaps(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of N ``points`` (N, 2) the nearest (N, 2) of at least one ``others`` (M, 2), and the distance (N,)."""
    square = ((points[:, None] - others[None]) ** 2).sum(axis=2)
    nearest = square.argmin(axis=1)
    return others[nearest], np.sqrt(square[np.arange(len(points)), nearest])
