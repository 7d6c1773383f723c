"""The score of a set of cameras on a surface found before, and how it changes with the cameras. Compiled.

The surface moves along (:mod:`.passage`). Slopes are carried backwards from each pixel's terms to the places of its
surface, from these to the ends of its way through the hull, and from both to the cameras.
"""

import math

import numpy as np

from .jit import device, f32, host
from .lookup import CLOSEST, exponential, inside_at, seen_along, seen_at, squared_difference, trace, world_ray
from .passage import followed, way_between
from .surface import IMPOSSIBLE, OUTLIERS, SLACK, likeness, log_sum, tint

SOFTNESS = f32(0.02)  # of the masks: how far outside a point counts half as much as one that is far outside
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


@host
def terms(views, R, T, zoom, found, weights, sloping):
    """What each pixel adds to the score.

    A pixel's surface may lie at any of its likely places: where the cameras go, another one may come to suit better.

    :param found: the surface, see :class:`.surface.Found`.
    :param weights: of the evidence and of what is uncovered, in the score.
    :returns: evidence (S, N), how much is uncovered (S, N), and the slopes (V, 3, 3), (V, 3) and () of their weighted
        sum along R, T and zoom, zero unless ``sloping``.
    """
    ends, level, slopes, shares, likely, shown, exposure = found
    count, pixels, places = likely.shape
    evidence, missed = np.zeros((count, pixels), np.float32), np.zeros((count, pixels), np.float32)
    slope_R, slope_T = np.zeros((count, 3, 3), np.float32), np.zeros((count, 3), np.float32)
    slope_zoom = ZERO
    lines, pulls = np.empty((count, 2, 3), np.float32), np.empty((count, 2, 3), np.float32)
    seen, along = np.empty((count, 3, places), np.float32), np.empty((count, 2, places), np.float32)
    joint, depth, distance = np.empty(places, np.float32), np.empty(places, np.float32), np.empty(places, np.float32)
    by_depths = np.empty(places, np.float32)
    for source in range(count):
        middle = T[source, 2]
        for pixel in range(pixels):
            trace(views, R, T, zoom, source, pixel, lines)
            end, own = ends[source, pixel], shares[source, pixel]
            height, slope = level[source, pixel], slopes[source, pixel]
            enters, by_depth = followed(end[0], inside_at(views, lines, middle + end[0])[0], height, slope[0])
            leaves, by_depth_there = followed(end[1], inside_at(views, lines, middle + end[1])[0], height, slope[1])
            way, moves = way_between(enters, leaves)
            pulls[:] = ZERO
            by_enters = by_way = ZERO

            covered = middle + enters + own[0] * way
            deep = inside_at(views, lines, covered)[0]
            missed[source, pixel], by_deep = uncovered(deep, SLACK, SOFTNESS)
            if sloping:
                by_enters = pull_inside(views, lines, pulls, covered, -weights[1] * by_deep)
                by_way = by_enters * own[0]

            if likely[source, pixel, 0] > HALF * IMPOSSIBLE:
                for place in range(places):
                    depth[place] = middle + enters + own[1 + place] * way
                _compare(
                    views, lines, source, pixel, depth, shown[source, pixel], exposure, seen, distance, joint, along
                )
                for place in range(places):
                    joint[place] = likely[source, pixel, place] + math.log(joint[place])
                evidence[source, pixel] = log_sum(joint)
                if sloping:
                    for place in range(places):
                        joint[place] = weights[0] * exponential(joint[place] - evidence[source, pixel])
                    _pull_places(lines, pulls, source, depth, seen, along, joint, by_depths)
                    for place in range(places):
                        by_enters += by_depths[place]
                        by_way += by_depths[place] * own[1 + place]

            if sloping:
                by_leaves = by_way if moves else ZERO
                pull_inside(views, lines, pulls, middle + end[0], (by_enters - by_leaves) * by_depth)
                pull_inside(views, lines, pulls, middle + end[1], by_leaves * by_depth_there)
                slope_zoom += move_cameras(views, R, T, zoom, source, pixel, lines, pulls, slope_R, slope_T)
    return evidence, missed, slope_R, slope_T, slope_zoom


@host
def all_uncovered(covered):
    """How much it counts (S, N) that pixels lie so deep inside the hull."""
    missed = np.empty_like(covered)
    for source in range(covered.shape[0]):
        for pixel in range(covered.shape[1]):
            missed[source, pixel], _ = uncovered(covered[source, pixel], SLACK, SOFTNESS)
    return missed


@device
def uncovered(deep, slack, softness):
    """How much it counts, at most one, that a point lies so deep inside the hull, and its slope along that depth."""
    excess = (-deep - slack) / softness
    if excess <= ZERO:
        return ZERO, ZERO
    return excess / (ONE + excess), -ONE / (softness * (ONE + excess) * (ONE + excess))


@device
def _compare(views, lines, source, pixel, depth, shown, exposure, seen, distance, ratio, along):
    """How alike places at depths (M,) look. Fills in where they are ``seen`` (V, 3, M); the ``ratio`` (M,) by which
    that is likelier for one place than for any two; and ``along`` (V, 2, M), by how much its log changes with where
    they are seen. ``distance`` (M,) is for use meanwhile."""
    common = views.commonness[source, pixel]
    ratio[:] = ONE
    for view in range(len(lines)):
        if view != source:
            where, by = seen[view], along[view]
            seen_along(lines, view, depth, where)
            shift = tint(exposure, view, source)
            for place in range(len(depth)):
                distance[place], by[0, place], by[1, place] = squared_difference(
                    views, view, where[0, place], where[1, place], source, pixel, shift
                )
            for place in range(len(depth)):
                length = math.sqrt(distance[place])
                alike = likeness(length, common)
                factor = ONE + shown[view, place] * (alike - ONE)
                slope = -shown[view, place] * (alike - OUTLIERS) / (factor * length)
                ratio[place] *= factor
                by[0, place] *= slope
                by[1, place] *= slope


@device
def _pull_places(lines, pulls, source, depth, seen, along, weight, by_depth):
    """Carry slopes from where the views see places (M,) that count so much to ``pulls`` (V, 2, 3), which are those
    along ``lines``; and to ``by_depth`` (M,), those along the places' depths."""
    by_depth[:] = ZERO
    for view in range(len(lines)):
        if view != source:
            p, q, r = lines[view, 1, 0], lines[view, 1, 1], lines[view, 1, 2]
            first = second = third = first_far = second_far = third_far = ZERO
            for place in range(len(depth)):
                z = seen[view, 2, place]
                by_u, by_v = weight[place] * along[view, 0, place] / z, weight[place] * along[view, 1, place] / z
                by_z = -by_u * seen[view, 0, place] - by_v * seen[view, 1, place] if z > CLOSEST else ZERO
                first, second, third = first + by_u, second + by_v, third + by_z
                first_far += depth[place] * by_u
                second_far += depth[place] * by_v
                third_far += depth[place] * by_z
                by_depth[place] += by_u * p + by_v * q + by_z * r
            pulls[view, 0, 0] += first
            pulls[view, 0, 1] += second
            pulls[view, 0, 2] += third
            pulls[view, 1, 0] += first_far
            pulls[view, 1, 1] += second_far
            pulls[view, 1, 2] += third_far


@device
def pull_inside(views, lines, pulls, depth, weight):
    """The same from how deep inside all masks one point lies; returns the slope along its depth."""
    if weight == ZERO:
        return ZERO
    _, view, by_u, by_v, by_z = inside_at(views, lines, depth)
    return pull(lines, pulls, view, depth, weight * by_u, weight * by_v, weight * by_z)


@device
def pull(lines, pulls, view, depth, by_u, by_v, by_z):
    """The same from the position and depth at which a view sees one point."""
    u, v, z = seen_at(lines, view, depth)
    first, second = by_u / z, by_v / z
    third = by_z - first * u - second * v if z > CLOSEST else ZERO
    by_line = (first, second, third)
    by_depth = ZERO
    for part in range(3):
        pulls[view, 0, part] += by_line[part]
        pulls[view, 1, part] += depth * by_line[part]
        by_depth += by_line[part] * lines[view, 1, part]
    return by_depth


@device
def move_cameras(views, R, T, zoom, source, pixel, lines, pulls, slope_R, slope_T):
    """Carry slopes along the lines of a pixel to all cameras, those that see its ray and its own; returns that along
    the zoom."""
    start, direction = world_ray(views, R, T, zoom, source, pixel)
    x, y = views.rays[source, pixel, 0] / zoom, views.rays[source, pixel, 1] / zoom
    ray, by_zoom = (x, y, ONE), ZERO
    for view in range(len(R)):
        for part in range(3):
            slope_T[source, 2] += pulls[view, 0, part] * lines[view, 1, part]  # all depths begin there
        for end in range(2):
            by = pulls[view, end]
            by_depth = by[2] + (TWO * views.intrinsics[view, 2] - ONE) * by[0]
            by_depth += (TWO * views.intrinsics[view, 3] - ONE) * by[1]
            by_zoom -= by_depth * lines[view, end, 2] / zoom
            by_camera = (
                TWO * views.intrinsics[view, 0] * by[0], TWO * views.intrinsics[view, 1] * by[1], by_depth / zoom
            )
            point = direction if end else start
            for i in range(3):
                slope_T[view, i] += ZERO if end else by_camera[i]
                for j in range(3):
                    slope_R[view, i, j] += by_camera[i] * point[j]
            for j in range(3):  # the ray starts at its camera, and turns with it
                world = R[view, 0, j] * by_camera[0] + R[view, 1, j] * by_camera[1] + R[view, 2, j] * by_camera[2]
                for i in range(3):
                    slope_R[source, i, j] += world * (ray[i] if end else -T[source, i])
                    slope_T[source, i] -= ZERO if end else R[source, i, j] * world
                if end:
                    by_zoom -= world * (R[source, 0, j] * x + R[source, 1, j] * y) / zoom
    return by_zoom
