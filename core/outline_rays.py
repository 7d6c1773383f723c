"""The rays through outlines, and how far inside all masks they come: :mod:`.outlines`, compiled.

B, V, N are sets of cameras, views, and rays of each. R (B, V, 3, 3) and T (B, V, 3) are the cameras, world to view, and
zoom (B,) the factors of all focal lengths.
"""

from typing import NamedTuple

import numpy as np

from .jit import FAR, device, f32, host
from .lookup import cell_of, edge_at, greatest, seen_along, seen_at, trace
from .silhouettes import DEPTH_RANGE
from .slopes import move_cameras, pull

RANGE = f32(DEPTH_RANGE)
SLACK = f32(0.006)  # half widths by which a point may miss a mask: masks are not better than that
WIDTH = f32(0.023)  # a miss beyond the slack that counts half; far ones are faults of a mask
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


class Lines(NamedTuple):
    """V views, and N rays through the outlines of each."""

    intrinsics: np.ndarray  # (V, 4) normalised
    distance: np.ndarray  # (V, 2S, 2S) from each mask's edge in half widths, positive inside; over twice the extent
    rays: np.ndarray  # (V, N, 2) at depth 1


@host
def deepest(views, R, T, zoom, depths, finer):
    """(B, V, N) offsets from the centre at which each ray is deepest inside the other views' masks.

    Its own view sees all of the ray at one place, at the outline. Of what is deep enough the deepest is farthest from
    where a mask would begin to contradict when the cameras move.

    :param depths: how many places are tried along a ray, by the nearest pixels.
    :param finer: how many around the best one in each further look, between pixels; no more than before.
    """
    sets, count, sources, pixels = len(R), R.shape[1], views.rays.shape[0], views.rays.shape[1]
    best, lines = np.empty((sets, sources, pixels), np.float32), np.empty((count, 2, 3), np.float32)
    depth, seen, inside = np.empty(depths, np.float32), np.empty((3, depths), np.float32), np.empty(depths, np.float32)
    for one in range(sets):
        for source in range(sources):
            middle = T[one, source, 2]
            for pixel in range(pixels):
                trace(views, R[one], T[one], zoom[one], source, pixel, lines)
                step = TWO * RANGE / f32(depths)
                for k in range(depths):
                    depth[k] = middle + (f32(k) + HALF) * step - RANGE
                at = _deepest(views, lines, source, depth, True, seen, inside)
                for places in finer:
                    for k in range(places):
                        depth[k] = at + step * (TWO * f32(k) / f32(places - 1) - ONE)
                    at = _deepest(views, lines, source, depth[:places], False, seen, inside)
                    step *= TWO / f32(places - 1)
                best[one, source, pixel] = at - middle
    return best


@device
def _deepest(views, lines, source, depth, coarse, seen, inside):
    """Which of the depths (K,) lies deepest; the rest is for use meanwhile."""
    size = views.distance.shape[1]
    for k in range(len(depth)):
        inside[k] = FAR
    for view in range(len(lines)):
        if view != source:
            seen_along(lines, view, depth, seen)
            for k in range(len(depth)):
                u, v = seen[0, k], seen[1, k]
                if coarse:
                    edge = views.distance[view, cell_of(HALF * v, size), cell_of(HALF * u, size)]
                else:
                    edge = edge_at(views.distance, view, u, v)[0]
                inside[k] = min(inside[k], edge)
    return depth[greatest(inside[: len(depth)])]


@host
def margins(views, R, T, zoom, offsets, weight, sloping):
    """How far inside the other views' masks points at offsets (B, V, N) from the centre lie, and the slopes
    (B, V, 3, 3), (B, V, 3) and (B,) of what they add to the score along R, T and zoom, zero unless ``sloping``."""
    count, (sets, sources, pixels) = R.shape[1], offsets.shape
    inside = np.empty(offsets.shape, np.float32)
    slope_R, slope_T = np.zeros((sets, count, 3, 3), np.float32), np.zeros((sets, count, 3), np.float32)
    slope_zoom = np.zeros(sets, np.float32)
    lines, pulls = np.empty((count, 2, 3), np.float32), np.empty((count, 2, 3), np.float32)
    for one in range(sets):
        for source in range(sources):
            for pixel in range(pixels):
                trace(views, R[one], T[one], zoom[one], source, pixel, lines)
                depth, least, decides, by_u, by_v = T[one, source, 2] + offsets[one, source, pixel], FAR, 0, ZERO, ZERO
                for view in range(count):
                    if view != source:
                        u, v, _ = seen_at(lines, view, depth)
                        edge, edge_u, edge_v = edge_at(views.distance, view, u, v)
                        if edge < least:
                            least, decides, by_u, by_v = edge, view, edge_u, edge_v
                inside[one, source, pixel] = least
                miss = -least - SLACK
                if sloping and miss > ZERO:
                    pulls[:] = ZERO
                    by = weight * WIDTH / ((miss + WIDTH) * (miss + WIDTH))
                    pull(lines, pulls, decides, depth, by * by_u, by * by_v, ZERO)
                    slope_zoom[one] += move_cameras(
                        views, R[one], T[one], zoom[one], source, pixel, lines, pulls, slope_R[one], slope_T[one]
                    )
    return inside, slope_R, slope_T, slope_zoom
