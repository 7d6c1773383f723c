"""Matches under given cameras: how far each is missed, and how that changes with the cameras. Compiled.

B, V, N, C are sets of cameras, views, matches and corners. R (B, V, 3, 3) and T (B, V, 3) are the cameras, world to
view; ``matches`` are the arrays of :class:`.correspondences.Matches`. The depth of a corner is eliminated: for every
set of cameras it is the best one (variable projection, Golub and Pereyra, 1973).

A corner at depth d is missed by (d · slope + start) · focal / (d · turn + shift) across the view, linear but for the
last. These numbers of a match are its ``ways`` (N, 8): slope and start along both axes, turn, shift, both focal
lengths.
"""

import math

import numpy as np

from .jit import device, f32, host
from .lookup import turned, turned_back

BEHIND, DEPTH_SPREAD = f32(0.06), f32(0.12)  # how far behind the hull's front the surface lies; radii of the object
MATCH_WEIGHT, DEPTH_WEIGHT = f32(0.15), f32(0.01)  # neighbouring corners err alike: each counts little
OUTLIERS = f32(0.15)  # share of wrong matches
SOUGHT = f32(0.3)  # half widths of a view in which a wrong match lies anywhere
NEAREST = f32(0.3)  # depth from which on nearer points are seen as if there
ROBUST_LOOKS = 2  # of least squares for the depths, after a first one that trusts all matches
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


@host
def misfits(intrinsics, R, T, zoom, matches, width):
    """How far each match is missed in half widths of a view (B, N, 2), and each corner's depth less its expected one,
    in units of its spread (B, C), both at the corners' best depths.

    :param width: by which a match may miss; more is suspected to be wrong.
    """
    first, second, here, there, track, front = matches
    missed = np.empty((len(R), len(first), 2), np.float32)
    behind = np.empty((len(R), len(front)), np.float32)
    ways, weights = np.empty((len(first), 8), np.float32), np.empty((len(first), 2), np.float32)
    depth, sums = np.empty(len(front), np.float32), np.empty((2, len(front)), np.float32)
    for one in range(len(R)):
        _look(intrinsics, R[one], T[one], zoom[one], first, second, here, there, ways)
        _settle(ways, track, front, zoom[one], f32(width), weights, sums, depth)
        for match in range(len(first)):
            x, y, _ = _missed(ways[match], depth[track[match]])
            missed[one, match, 0], missed[one, match, 1] = x, y
        for corner in range(len(front)):
            behind[one, corner] = (depth[corner] - front[corner] * zoom[one] - BEHIND) / DEPTH_SPREAD
    return missed, behind


@host
def log_ratios(intrinsics, R, T, zoom, matches, shares, width):
    """How much likelier each match is for one set of cameras (B = 1) than for any, times its share (N,); and the slopes
    (V, 3, 3), (V, 3) and () of the sum along R, T and zoom.

    The depths of corners follow the cameras as weighted least squares has them, with weights that stay.
    """
    first, second, here, there, track, front = matches
    width = f32(width)
    ratio, by_missed = np.empty(len(first), np.float32), np.empty((len(first), 2), np.float32)
    ways, weights = np.empty((len(first), 8), np.float32), np.empty((len(first), 2), np.float32)
    depth, sums = np.empty(len(front), np.float32), np.empty((2, len(front)), np.float32)
    by_depth = np.zeros(len(front), np.float32)
    slope_R, slope_T, slope_zoom = np.zeros(R.shape[1:], np.float32), np.zeros(T.shape[1:], np.float32), ZERO
    _look(intrinsics, R[0], T[0], zoom[0], first, second, here, there, ways)
    _settle(ways, track, front, zoom[0], width, weights, sums, depth)
    for match in range(len(first)):
        way, far = ways[match], depth[track[match]]
        x, y, z = _missed(way, far)
        distance = math.sqrt(x * x + y * y + f32(1e-9))
        right = (ONE - OUTLIERS) * math.exp(-distance / width) * SOUGHT / (TWO * width)
        ratio[match] = shares[match] * math.log(right + OUTLIERS)
        slope = -shares[match] * right / ((right + OUTLIERS) * width * distance)
        by_missed[match, 0], by_missed[match, 1] = slope * x, slope * y
        nearer = slope * (x * x + y * y) * way[4] if z > NEAREST else ZERO
        by_depth[track[match]] += (slope * (x * way[0] * way[6] + y * way[1] * way[7]) - nearer) / max(z, NEAREST)
    for corner in range(len(front)):
        by_depth[corner] /= sums[1, corner]
        slope_zoom += by_depth[corner] * sums[0, corner] * front[corner]
    for match in range(len(first)):
        corner = track[match]
        slope_zoom += _carry(
            intrinsics, R[0], T[0], zoom[0], first[match], second[match], here[match], there[match],
            ways[match], weights[match], depth[corner], by_depth[corner], by_missed[match], slope_R, slope_T,
        )
    return ratio, slope_R, slope_T, slope_zoom


@device
def _look(intrinsics, R, T, zoom, first, second, here, there, ways):
    """Fill in ``ways`` for one set of cameras."""
    for match in range(len(first)):
        one, other, way = first[match], second[match], ways[match]
        ray = _ray(intrinsics[one], here[match], zoom)
        ahead, shift = _other_way(R, T, one, other, ray)
        flat, focal = _flat(intrinsics[other], there[match], zoom)
        for axis in range(2):
            way[axis] = ahead[axis] - flat[axis] * ahead[2]
            way[2 + axis] = shift[axis] - flat[axis] * shift[2]
            way[6 + axis] = focal[axis]
        way[4], way[5] = ahead[2], shift[2]


@device
def _ray(intrinsics, here, zoom):
    """At depth 1."""
    return (
        (HALF * (here[0] + ONE) - intrinsics[2]) / (intrinsics[0] * zoom),
        (HALF * (here[1] + ONE) - intrinsics[3]) / (intrinsics[1] * zoom), ONE,
    )


@device
def _flat(intrinsics, there, zoom):
    """A position at depth 1 in front of the camera, and focal lengths in half widths."""
    focal = TWO * intrinsics[0] * zoom, TWO * intrinsics[1] * zoom
    return ((there[0] - TWO * intrinsics[2] + ONE) / focal[0], (there[1] - TWO * intrinsics[3] + ONE) / focal[1]), focal


@device
def _other_way(R, T, one, other, ray):
    """The ray of one camera as another one has it: its direction, and where it begins."""
    x, y, z = turned(R[other], turned_back(R[one], T[one]))
    return turned(R[other], turned_back(R[one], ray)), (T[other, 0] - x, T[other, 1] - y, T[other, 2] - z)


@device
def _missed(way, depth):
    """By how many half widths of a view, and the depth there."""
    z = depth * way[4] + way[5]
    near = max(z, NEAREST)
    return (depth * way[0] + way[2]) * way[6] / near, (depth * way[1] + way[3]) * way[7] / near, z


@device
def _settle(ways, track, front, zoom, width, weights, sums, depth):
    """Fill in the best ``depth`` (C,), with the ``weights`` of the matches (N, 2) that led there; and ``sums`` (2, C),
    how much the expected depth counts, and all together."""
    doubt = width * width * DEPTH_WEIGHT / (MATCH_WEIGHT * DEPTH_SPREAD * DEPTH_SPREAD)
    for corner in range(len(front)):
        depth[corner] = front[corner] * zoom + BEHIND
    for look in range(1 + ROBUST_LOOKS):
        for corner in range(len(front)):
            off = (depth[corner] - front[corner] * zoom - BEHIND) / DEPTH_SPREAD
            sums[0, corner] = sums[1, corner] = doubt / (ONE + off * off)
        for match in range(len(ways)):
            way, corner = ways[match], track[match]
            x, y, z = _missed(way, depth[corner])
            trust = ONE / (ONE + (x * x + y * y) / (width * width)) if look else ONE
            for axis in range(2):
                scale = way[6 + axis] / max(z, NEAREST)
                weights[match, axis] = trust * scale * scale
                sums[1, corner] += weights[match, axis] * way[axis] * way[axis]
        for corner in range(len(front)):
            depth[corner] = sums[0, corner] * (front[corner] * zoom + BEHIND) / sums[1, corner]
        for match in range(len(ways)):
            way, corner = ways[match], track[match]
            for axis in range(2):
                depth[corner] -= weights[match, axis] * way[axis] * way[2 + axis] / sums[1, corner]


@device
def _carry(
    intrinsics, R, T, zoom, one, other, here, there, way, weight, depth, by_depth, by_missed, slope_R, slope_T
):
    """Carry slopes from how far one match is missed to its two cameras; returns that along the zoom.

    :param by_depth: the slope along the corner's depth, over all that holds this depth.
    """
    ray = _ray(intrinsics[one], here, zoom)
    flat, _ = _flat(intrinsics[other], there, zoom)
    x, y, z = _missed(way, depth)
    by_u = _by_way(way, weight, 0, depth, by_depth, by_missed, z)
    by_v = _by_way(way, weight, 1, depth, by_depth, by_missed, z)
    by_both = by_missed[0] * x + by_missed[1] * y
    by_z = -by_both / z if z > NEAREST else ZERO
    by_turned = by_u[0], by_v[0], depth * by_z - flat[0] * by_u[0] - flat[1] * by_v[0]
    by_shift = by_u[1], by_v[1], by_z - flat[0] * by_u[1] - flat[1] * by_v[1]
    by_zoom = by_both + flat[0] * (by_u[0] * way[4] + by_u[1] * way[5])
    by_zoom += flat[1] * (by_v[0] * way[4] + by_v[1] * way[5])
    direction, start = turned_back(R[one], ray), turned_back(R[one], T[one])
    by_direction, by_start = turned_back(R[other], by_turned), turned_back(R[other], by_shift)
    by_ray, by_T = turned(R[one], by_direction), turned(R[one], by_start)
    by_zoom -= ray[0] * by_ray[0] + ray[1] * by_ray[1]
    for i in range(3):
        slope_T[other, i] += by_shift[i]
        slope_T[one, i] -= by_T[i]
        for j in range(3):
            slope_R[other, i, j] += by_turned[i] * direction[j] - by_shift[i] * start[j]
            slope_R[one, i, j] += ray[i] * by_direction[j] - T[one, i] * by_start[j]
    return by_zoom / zoom


@device
def _by_way(way, weight, axis, depth, by_depth, by_missed, z):
    """Slopes along the slope and the start of a match's way, on one axis."""
    scaled, held = by_missed[axis] * way[6 + axis] / max(z, NEAREST), by_depth * weight[axis]
    return depth * scaled - held * (way[2 + axis] + TWO * depth * way[axis]), scaled - held * way[axis]
