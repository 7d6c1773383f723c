"""The visual hull on a grid around the object's centre, and where rays first meet it. Compiled.

V, G, N, K are views, cells along the side of the grid, rays, and samples along each.
"""

import numpy as np

from .jit import FAR, device, f32, host
from .lookup import CLOSEST, edge_at, turned, turned_back

ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


@host
def depth_inside(distance, intrinsics, R, T, line):
    """How deep points lie inside all masks, (G, G, G) along z, y, x.

    :param distance: (V, 2S, 2S) to the outline in half widths, positive inside; over twice the views' extent.
    :param intrinsics: (V, 4) normalised; R (V, 3, 3) and T (V, 3) are the cameras, world to view.
    :param line: (G,) coordinates along each axis.
    """
    cells = len(line)
    inside = np.full((cells, cells, cells), FAR)
    for view in range(len(R)):
        fx, fy, cx, cy = intrinsics[view]
        for i in range(cells):
            for j in range(cells):
                x, y, depth = turned(R[view], (line[0], line[j], line[i]))
                for k in range(cells):
                    on = line[k] - line[0]
                    z = max(depth + T[view, 2] + on * R[view, 2, 0], CLOSEST)
                    u = TWO * ((x + T[view, 0] + on * R[view, 0, 0]) / z * fx + cx) - ONE
                    v = TWO * ((y + T[view, 1] + on * R[view, 1, 0]) / z * fy + cy) - ONE
                    inside[i, j, k] = min(inside[i, j, k], edge_at(distance, view, u, v)[0] * z / (TWO * fx))
    return inside


@host
def first_met(inside, extent, slack, intrinsics, R, T, position, depth):
    """Where rays first come as close to the hull as ``slack``: points (N, 3), and whether they do (N,).

    :param inside: (G, G, G) over a box that reaches from -``extent`` to ``extent``.
    :param intrinsics: (4,) of the view of which the rays pass through ``position`` (N, 2), and its R (3, 3) and T (3,).
    :param depth: (K,) of the samples. The first one is the point of a ray that misses the hull.
    """
    fx, fy, cx, cy = intrinsics
    points, meets = np.empty((len(position), 3), np.float32), np.zeros(len(position), np.bool_)
    for ray in range(len(position)):
        x, y = (HALF * (position[ray, 0] + ONE) - cx) / fx, (HALF * (position[ray, 1] + ONE) - cy) / fy
        for k in range(len(depth)):
            point = turned_back(R, (x * depth[k] - T[0], y * depth[k] - T[1], depth[k] - T[2]))
            meets[ray] = _between(inside, point, extent) > -slack
            if k == 0 or meets[ray]:
                points[ray, 0], points[ray, 1], points[ray, 2] = point
            if meets[ray]:
                break
    return points, meets


@device
def _between(grid, point, extent):
    """The value of a grid (G, G, G) at a point, interpolated; beyond the box that at its side."""
    k, right = _cell(point[0], extent, len(grid))
    j, down = _cell(point[1], extent, len(grid))
    i, deep = _cell(point[2], extent, len(grid))
    near = _across(grid, i, j, k, down, right)
    return near + deep * (_across(grid, i + 1, j, k, down, right) - near)


@device
def _cell(coordinate, extent, cells):
    place = (coordinate / extent + ONE) * HALF * f32(cells - 1)
    place = min(max(place, ZERO), f32(cells - 1))
    lower = min(int(place), cells - 2)
    return lower, place - f32(lower)


@device
def _across(grid, i, j, k, down, right):
    upper = grid[i, j, k] + right * (grid[i, j, k + 1] - grid[i, j, k])
    lower = grid[i, j + 1, k] + right * (grid[i, j + 1, k + 1] - grid[i, j + 1, k])
    return upper + down * (lower - upper)
