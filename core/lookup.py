"""The rays of a view's pixels as all views see them, and what masks and colours say along them. Compiled.

R (V, 3, 3) and T (V, 3) are the cameras, world to view. Positions u and v are in [-1, 1].
"""

import math
from typing import NamedTuple

import numpy as np

from .jit import FAR, device, f32

CLOSEST = f32(0.2)  # depth before a camera at which points are seen that are even closer
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


class Views(NamedTuple):
    """V views and N sampled pixels of each, all float32 but ``nearest``."""

    intrinsics: np.ndarray  # (V, 4) normalised
    distance: np.ndarray  # (V, 2S, 2S) to the outline in widths of a view, positive inside; over twice its extent
    colour: np.ndarray  # (V, S, S, 3) comparable ones
    rays: np.ndarray  # (V, N, 2) at depth 1
    own: np.ndarray  # (V, N, 3) the pixels' colours
    commonness: np.ndarray  # (V, N) log of the mean likeness of such a pixel to all pixels of the object
    rough_commonness: np.ndarray  # (V, N) the same if colours are compared roughly
    nearest: np.ndarray  # (V, C, C) int32, the sampled pixel nearest to a cell of the view, N on the background


class Predicted(NamedTuple):
    """What a network takes for the surface: its depth less the centre's, and how wrong that may be (Laplace's scale);
    nothing where S is 0."""

    maps: np.ndarray  # (V, S, S, 2)
    own: np.ndarray  # (V, N, 2) at the sampled pixels


@device
def turned(R, vector):
    """A rotation (3, 3) of a vector."""
    return (
        R[0, 0] * vector[0] + R[0, 1] * vector[1] + R[0, 2] * vector[2],
        R[1, 0] * vector[0] + R[1, 1] * vector[1] + R[1, 2] * vector[2],
        R[2, 0] * vector[0] + R[2, 1] * vector[1] + R[2, 2] * vector[2],
    )


@device
def turned_back(R, vector):
    """Its inverse."""
    return (
        R[0, 0] * vector[0] + R[1, 0] * vector[1] + R[2, 0] * vector[2],
        R[0, 1] * vector[0] + R[1, 1] * vector[1] + R[2, 1] * vector[2],
        R[0, 2] * vector[0] + R[1, 2] * vector[1] + R[2, 2] * vector[2],
    )


@device
def world_ray(views, R, T, zoom, source, pixel):
    """The ray of a pixel: where it starts, and by how much it goes on for a unit of depth, both in the world."""
    direction = turned_back(R[source], (views.rays[source, pixel, 0] / zoom, views.rays[source, pixel, 1] / zoom, ONE))
    x, y, z = turned_back(R[source], T[source])
    return (-x, -y, -z), direction


@device
def trace(views, R, T, zoom, source, pixel, lines):
    """Fill in ``lines`` (V, 2, 3): the point at depth d of a pixel's ray is seen by a view where the first two of
    ``lines[view, 0] + d * lines[view, 1]`` over the third say, which is its depth there over the zoom: all focal
    lengths are ``zoom`` times as long as the intrinsics say."""
    start, direction = world_ray(views, R, T, zoom, source, pixel)
    for view in range(len(R)):
        for end in range(2):
            point, shift = (direction, ZERO) if end else (start, ONE)
            x = R[view, 0, 0] * point[0] + R[view, 0, 1] * point[1] + R[view, 0, 2] * point[2] + shift * T[view, 0]
            y = R[view, 1, 0] * point[0] + R[view, 1, 1] * point[1] + R[view, 1, 2] * point[2] + shift * T[view, 1]
            z = R[view, 2, 0] * point[0] + R[view, 2, 1] * point[1] + R[view, 2, 2] * point[2] + shift * T[view, 2]
            z /= zoom
            lines[view, end, 0] = TWO * views.intrinsics[view, 0] * x + (TWO * views.intrinsics[view, 2] - ONE) * z
            lines[view, end, 1] = TWO * views.intrinsics[view, 1] * y + (TWO * views.intrinsics[view, 3] - ONE) * z
            lines[view, end, 2] = z


@device
def seen_at(lines, view, depth):
    """Position (u, v) and depth in a view of the point at a depth of a traced ray."""
    z = max(lines[view, 0, 2] + depth * lines[view, 1, 2], CLOSEST)
    u, v = lines[view, 0, 0] + depth * lines[view, 1, 0], lines[view, 0, 1] + depth * lines[view, 1, 1]
    return u / z, v / z, z


@device
def seen_along(lines, view, depth, seen):
    """The same of points at depths (K,), into ``seen`` (3, K): apart from the rest, for then it is vectorised."""
    a, b, c = lines[view, 0, 0], lines[view, 0, 1], lines[view, 0, 2]
    p, q, r = lines[view, 1, 0], lines[view, 1, 1], lines[view, 1, 2]
    for k in range(len(depth)):
        z = max(c + depth[k] * r, CLOSEST)
        seen[0, k] = (a + depth[k] * p) / z
        seen[1, k] = (b + depth[k] * q) / z
        seen[2, k] = z


@device
def cell_of(position, size):
    """Index of the cell of ``size`` along [-1, 1] that is nearest to a position."""
    # Of 64 bits it could not be computed for several positions at once; without a sign nothing counts from the end.
    return np.uint32(np.int32(min(max((position + ONE) * HALF * f32(size), ZERO), f32(size - 1))))


@device
def between_cells(position, size):
    """Lower one of the two cells around a position, how far it is from there to the next, and the slope of that."""
    exact = (position + ONE) * HALF * f32(size) - HALF
    within = min(max(exact, ZERO), f32(size - 1))
    lower = min(int(within), size - 2)
    return lower, within - f32(lower), HALF * f32(size) if within == exact else ZERO


@device
def inside_along(views, lines, depth, seen, inside):
    """Fill ``inside`` (K,): how deep points at depths (K,) lie inside all masks, in units of the world, by the nearest
    pixels; ``seen`` (3, K) is for use meanwhile."""
    size = views.distance.shape[1]
    inside[:] = FAR
    for view in range(len(lines)):
        seen_along(lines, view, depth, seen)
        scale = ONE / views.intrinsics[view, 0]
        for k in range(len(depth)):
            edge = views.distance[view, cell_of(HALF * seen[1, k], size), cell_of(HALF * seen[0, k], size)]
            inside[k] = min(inside[k], edge * seen[2, k] * scale)


@device
def inside_at(views, lines, depth):
    """How deep one point lies inside all masks, interpolated between pixels: the depth, the view that decides it, and
    its slopes along position and depth there."""
    least, decides = FAR, 0
    by_u = by_v = by_z = ZERO
    for view in range(len(lines)):
        u, v, z = seen_at(lines, view, depth)
        edge, edge_u, edge_v = edge_at(views.distance, view, u, v)
        scale = z / views.intrinsics[view, 0]
        if edge * scale < least:
            least, decides = edge * scale, view
            by_u, by_v, by_z = edge_u * scale, edge_v * scale, edge / views.intrinsics[view, 0]
    return least, decides, by_u, by_v, by_z


@device
def edge_at(distance, view, u, v):
    """How far a position is from the outline, in maps (V, 2S, 2S) over twice the views' extent, interpolated between
    pixels; and its slopes along u and v."""
    size = distance.shape[1]
    row, down, per_row = between_cells(v * HALF, size)
    column, right, per_column = between_cells(u * HALF, size)
    upper, upper_next = distance[view, row, column], distance[view, row, column + 1]
    lower, lower_next = distance[view, row + 1, column], distance[view, row + 1, column + 1]
    top, bottom = upper + right * (upper_next - upper), lower + right * (lower_next - lower)
    across = (upper_next - upper) + down * ((lower_next - lower) - (upper_next - upper))
    return top + down * (bottom - top), HALF * across * per_column, HALF * (bottom - top) * per_row


@device
def nearest_colour(views, view, u, v, source, pixel, tint):
    """How far the colour at a position is from a pixel's own, which is exposed ``tint`` differently: three channels."""
    row, column = cell_of(v, views.colour.shape[1]), cell_of(u, views.colour.shape[2])
    return (
        views.colour[view, row, column, 0] - views.own[source, pixel, 0] - tint[0],
        views.colour[view, row, column, 1] - views.own[source, pixel, 1] - tint[1],
        views.colour[view, row, column, 2] - views.own[source, pixel, 2] - tint[2],
    )


@device
def squared(colour):
    """Of a difference of colours, whose root has a slope at zero."""
    return colour[0] * colour[0] + colour[1] * colour[1] + colour[2] * colour[2] + f32(1e-4)


@device
def squared_difference(views, view, u, v, source, pixel, tint):
    """That square, interpolated between pixels, and half its slopes along u and v."""
    size = views.colour.shape[1]
    row, down, per_row = between_cells(v, size)
    column, right, per_column = between_cells(u, size)
    total, by_u, by_v = f32(1e-4), ZERO, ZERO
    for channel in range(3):
        upper, upper_next = views.colour[view, row, column, channel], views.colour[view, row, column + 1, channel]
        lower = views.colour[view, row + 1, column, channel]
        lower_next = views.colour[view, row + 1, column + 1, channel]
        top, bottom = upper + right * (upper_next - upper), lower + right * (lower_next - lower)
        difference = top + down * (bottom - top) - views.own[source, pixel, channel] - tint[channel]
        total += difference * difference
        by_u += difference * ((upper_next - upper) + down * ((lower_next - lower) - (upper_next - upper)))
        by_v += difference * (bottom - top)
    return total, by_u * per_column, by_v * per_row


@device
def exponential(x):
    """Of numbers that are not far from zero, to a millionth: vectorised, which a library's function is not."""
    x = min(max(x, f32(-60)), f32(60)) * f32(1 / 64)
    power = ONE + x * (ONE + x * (f32(1 / 2) + x * (f32(1 / 6) + x * (f32(1 / 24) + x * f32(1 / 120)))))
    for _ in range(6):
        power *= power
    return power


@device
def logarithm(x):
    """Of numbers between a tenth and ten, to a hundred thousandth: vectorised too."""
    root = math.sqrt(math.sqrt(x))
    t = (root - ONE) / (root + ONE)
    return f32(8) * t * (ONE + t * t * (f32(1 / 3) + t * t * (f32(1 / 5) + t * t * f32(1 / 7))))


@device
def greatest(values):
    """Index of the first greatest of some numbers (K,)."""
    best = 0
    for k in range(1, len(values)):
        if values[k] > values[best]:
            best = k
    return best
