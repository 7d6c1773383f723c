"""How far cameras are from what is usual, as the refinement weighs it. Compiled.

People hold the object in the middle, photograph it from about the same distance with a lens that is neither long nor
wide, and hold the camera level (:mod:`.verticals`).
"""

import math

import numpy as np

from .jit import host
from .rigs import ZOOM
from .verticals import tilt

ASIDE, CLOSER = 0.5, 0.3  # spread of the centre across a view, and of the log of its distance
NEAREST = 0.1  # of that distance, in those of the first camera: from there on nearer ones count no more


@host
def habits(R, T, zoom, vertical, up, elevation):
    """How unusual cameras R (V, 3, 3) and T (V, 3) are.

    :param vertical: (3,) of the world; what is told of it, ``up`` and ``elevation`` (V, 3), as in ``Verticals``.
    :returns: by their tilts (V,); by all else; and the slopes (V, 3, 3), (V, 3) and () of the sum along R, T and zoom.
    """
    views = len(R)
    tilts, slope_R = np.zeros(views, np.float32), np.zeros((views, 3, 3), np.float32)
    slope_T = np.zeros((views, 3), np.float32)
    for view in range(views):
        x, y, z = 0.0, 0.0, 0.0
        for j in range(3):
            x, y, z = x + R[view, 0, j] * vertical[j], y + R[view, 1, j] * vertical[j], z + R[view, 2, j] * vertical[j]
        tilts[view], by_x, by_y, by_z = tilt(up[view], elevation[view], x, y, z)
        for j in range(3):
            slope_R[view, 0, j] = by_x * vertical[j]
            slope_R[view, 1, j] = by_y * vertical[j]
            slope_R[view, 2, j] = by_z * vertical[j]
    length = math.log(zoom) / ZOOM
    rest = 0.5 * length * length
    for view in range(1, views):
        ratio = T[view, 2] / T[0, 2]
        distance = math.log(max(ratio, NEAREST)) / CLOSER
        rest += 0.5 * (T[view, 0] ** 2 + T[view, 1] ** 2) / ASIDE**2 + 0.5 * distance * distance
        slope_T[view, 0], slope_T[view, 1] = T[view, 0] / ASIDE**2, T[view, 1] / ASIDE**2
        if ratio > NEAREST:
            slope_T[view, 2] += distance / (CLOSER * T[view, 2])
            slope_T[0, 2] -= distance / (CLOSER * T[0, 2])
    return tilts, rest, slope_R, slope_T, length / (ZOOM * zoom)
