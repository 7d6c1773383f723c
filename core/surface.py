"""Where the sampled pixels meet the object under one set of cameras: its likely surface, looked for all along their
rays. Compiled; S, N, K, M are source views, their pixels, samples along a pixel's ray, and its likely places.
"""

import math
from typing import NamedTuple

import numpy as np

from .jit import device, f32, host
from .lookup import (
    cell_of,
    exponential,
    greatest,
    inside_along,
    inside_at,
    nearest_colour,
    seen_along,
    seen_at,
    squared,
    trace,
)
from .passage import crossing, followed, steepness, way_between

SLACK = f32(0.005)  # how far outside a mask a point may lie unpunished
OUTLIERS = f32(0.2)  # share of pixels whose match tells nothing: highlights, shadows
FRONT_WIDTH = f32(0.5)  # how far behind the hull's front the surface is expected
SEEN_DEPTH = f32(0.15)  # points this far behind the front of another view's hull are hidden there
SEEN_SLACK = f32(0.05)  # the same behind its likely surface
LOGISTIC = f32(1.7)  # by which a logistic function comes close to the normal distribution's
ROUGH = f32(2.5)  # widths of colour while neither surface nor exposure is known
SURFACES = 8  # likely places of a pixel's surface that the way up regards
MARGIN = f32(0.01)  # how much less deep the ends of a passage are than its middle, where it is narrow
SLOPE_STEP = f32(0.02)  # over which slopes along rays are measured
NOWHERE = f32(50)
IMPOSSIBLE = f32(-1e4)  # log of a chance
UNLIKELY = f32(1e-4)  # chance of a place below which its colours do not tell exposures
ZERO, ONE, HALF = f32(0), f32(1), f32(0.5)
FRONT_DOUBT = LOGISTIC * SEEN_DEPTH / f32(2)


class Found(NamedTuple):
    """Where the pixels' rays meet the object, and how the photos are exposed."""

    ends: np.ndarray  # (S, N, 2) offsets at which rays enter and leave the hull, nearly
    level: np.ndarray  # (S, N) how deep inside these are
    slopes: np.ndarray  # (S, N, 2) by how much deeper a step along the ray leads there
    shares: np.ndarray  # (S, N, 1 + M) of the way through the hull: the best covered place, then the likeliest
    likely: np.ndarray  # (S, N, M) log of how likely those are by the hull alone
    shown: np.ndarray  # (S, N, V, M) by how much each view sees them
    exposure: np.ndarray  # (V, 3) of each photo


@host
def hull(views, R, T, zoom, offsets):
    """Samples within the hull's extent along each ray: a thin object lies between coarse ones.

    :param offsets: (K,) coarse depths less the centre's.
    :returns: offsets (S, N, K), how deep they are inside (S, N, K), the log of how likely the surface is there by the
        hull alone (S, N, K), and the depth of its front (S, N + 1): ``NOWHERE`` where a ray misses it, and far behind
        the camera in the last column, which stands for the background.
    """
    count, pixels, samples = len(R), views.rays.shape[1], len(offsets)
    steps = np.empty((count, pixels, samples), np.float32)
    inside, usual = np.empty_like(steps), np.empty_like(steps)
    front = np.full((count, pixels + 1), -NOWHERE, np.float32)
    lines, seen = np.empty((count, 2, 3), np.float32), np.empty((3, samples), np.float32)
    depth = np.empty(samples, np.float32)
    for source in range(count):
        middle = T[source, 2]
        for pixel in range(pixels):
            own, deep = steps[source, pixel], inside[source, pixel]
            trace(views, R, T, zoom, source, pixel, lines)
            for k in range(samples):
                depth[k] = middle + offsets[k]
            inside_along(views, lines, depth, seen, deep)
            first, last = _extent(deep, offsets)
            for k in range(samples):
                own[k] = first + (last - first) * (f32(k) + HALF) / f32(samples)
                depth[k] = middle + own[k]
            inside_along(views, lines, depth, seen, deep)
            entered = _expected(own, deep, usual[source, pixel])
            front[source, pixel] = NOWHERE if entered < 0 else middle + own[entered]
    return steps, inside, usual, front


@device
def _extent(depth, offsets):
    """Of the hull, or where it is missed of the place nearest to it, from samples (K,) of the depth inside."""
    deepest = depth[0]
    for k in range(1, len(depth)):
        deepest = max(deepest, depth[k])
    least, first, last = min(deepest, ZERO), NOWHERE, -NOWHERE
    for k in range(len(depth)):
        if depth[k] >= least:
            first, last = min(first, offsets[k]), max(last, offsets[k])
    step = offsets[1] - offsets[0]
    return first - step, last + step


@device
def _expected(steps, inside, usual):
    """Fill ``usual`` (K,): the surface may lie anywhere behind the hull's front. Returns where that is, or -1."""
    entered, total = -1, ZERO
    for k in range(len(steps)):
        usual[k] = IMPOSSIBLE
        if inside[k] > -2 * SLACK:
            if entered < 0:
                entered = k
            behind = (steps[k] - steps[entered]) / FRONT_WIDTH
            usual[k] = -HALF * behind * behind
            total += math.exp(usual[k])
    shift = math.log(total) if entered >= 0 else ZERO
    for k in range(len(steps)):
        usual[k] -= shift
    return entered


@host
def explained(views, R, T, zoom, steps, usual, surface, doubt, rough, exposure):
    """How well a surface at each sample explains the colours that the views show there.

    :param surface: (V, N + 1) depth of what hides other things from a pixel, and ``doubt`` (V, N + 1) how wide that is.
    :param rough: this surface is only the hull's front: colours are compared roughly.
    :returns: log of its chance and of how alike it looks (S, N, K), and by how much each view sees it (S, N, V, K).
    """
    count, pixels, samples = steps.shape
    joint = np.full_like(steps, IMPOSSIBLE)
    seen = np.zeros((count, pixels, count, samples), np.float32)
    lines, where = np.empty((count, 2, 3), np.float32), np.empty((3, samples), np.float32)
    depth, behind = np.empty(samples, np.float32), np.empty(samples, np.float32)
    distance, ratio = np.empty(samples, np.float32), np.empty(samples, np.float32)
    width = ROUGH if rough else ONE
    for source in range(count):
        for pixel in range(pixels):
            trace(views, R, T, zoom, source, pixel, lines)
            common = views.rough_commonness[source, pixel] if rough else views.commonness[source, pixel]
            for k in range(samples):
                depth[k], ratio[k] = T[source, 2] + steps[source, pixel, k], ONE
            for view in range(count):
                if view != source:
                    seen_along(lines, view, depth, where)
                    for k in range(samples):
                        u, v = where[0, k], where[1, k]
                        shown = _pixel_at(views, view, u, v)
                        behind[k] = _behind(zoom * where[2, k] - surface[view, shown], doubt[view, shown], rough)
                        distance[k] = squared(
                            nearest_colour(views, view, u, v, source, pixel, tint(exposure, view, source))
                        )
                    own = seen[source, pixel, view]
                    for k in range(samples):
                        own[k] = ONE / (ONE + exponential(behind[k]))
                        ratio[k] *= ONE + own[k] * (likeness(math.sqrt(distance[k]) / width, common) - ONE)
            for k in range(samples):
                if usual[source, pixel, k] > HALF * IMPOSSIBLE:
                    joint[source, pixel, k] = usual[source, pixel, k] + math.log(ratio[k])
    return joint, seen


@device
def _pixel_at(views, view, u, v):
    size = views.nearest.shape[1]
    return views.nearest[view, cell_of(v, size), cell_of(u, size)]


@device
def _behind(distance, doubt, rough):
    """Log odds of a point so far behind a surface to be hidden; one before the hull's front cannot be on the object."""
    if rough and distance <= -SEEN_DEPTH:
        return f32(60)
    return LOGISTIC * (distance - (SEEN_DEPTH if rough else SEEN_SLACK)) / doubt


@device
def likeness(distance, common):
    """How much likelier two colours are for one place of the surface than for any two."""
    return (ONE - OUTLIERS) * exponential(-distance - common) + OUTLIERS


@device
def tint(exposure, view, source):
    """By how much the colours of two views differ if they are exposed (V, 3) like that."""
    return (
        exposure[view, 0] - exposure[source, 0], exposure[view, 1] - exposure[source, 1],
        exposure[view, 2] - exposure[source, 2],
    )


@device
def log_sum(values):
    """Logarithm of the sum of what (K,) are logarithms of."""
    greatest, total = values[0], ZERO
    for k in range(1, len(values)):
        greatest = max(greatest, values[k])
    for k in range(len(values)):
        total += math.exp(values[k] - greatest)
    return greatest + math.log(total)


@host
def settled(T, steps, joint):
    """Chances of the places (S, N, K), and what they make of each pixel's surface: the depth of its middle and how wide
    it is, both (S, N + 1), with the background in the last column."""
    count, pixels, samples = steps.shape
    chance = np.zeros_like(steps)
    middle = np.full((count, pixels + 1), -NOWHERE, np.float32)
    doubt = np.full((count, pixels + 1), SEEN_DEPTH, np.float32)
    for source in range(count):
        for pixel in range(pixels):
            own, where = chance[source, pixel], steps[source, pixel]
            total = log_sum(joint[source, pixel])
            if total < HALF * IMPOSSIBLE:
                middle[source, pixel] = NOWHERE
                continue
            mean = square = ZERO
            for k in range(samples):
                own[k] = math.exp(joint[source, pixel, k] - total)
                mean += own[k] * where[k]
            for k in range(samples):
                square += own[k] * (where[k] - mean) * (where[k] - mean)
            middle[source, pixel], doubt[source, pixel] = T[source, 2] + mean, math.sqrt(square) + SEEN_SLACK
    return chance, middle, doubt


@host
def differing(views, R, T, zoom, steps, chance, seen, exposure):
    """By how much photos differ in colour where the likely surface shows in two of them: robust weights (T, S) of all
    pairs, and the weighted sums (T, 3, S) of the differences, if exposures (V, 3) explain a part."""
    count, pixels, samples = steps.shape
    weights, sums = np.zeros((count, count)), np.zeros((count, 3, count))
    lines = np.empty((count, 2, 3), np.float32)
    for source in range(count):
        for pixel in range(pixels):
            trace(views, R, T, zoom, source, pixel, lines)
            for k in range(samples):
                if chance[source, pixel, k] < UNLIKELY:
                    continue
                for view in range(count):
                    if view == source:
                        continue
                    u, v, _ = seen_at(lines, view, T[source, 2] + steps[source, pixel, k])
                    shift = tint(exposure, view, source)
                    left = nearest_colour(views, view, u, v, source, pixel, shift)
                    alike = exponential(-math.sqrt(squared(left)) / ROUGH)
                    weight = chance[source, pixel, k] * seen[source, pixel, view, k] * alike
                    weights[view, source] += weight
                    for channel in range(3):
                        sums[view, channel, source] += weight * (left[channel] + shift[channel])
    return weights, sums


@host
def likeliest_places(steps, inside, usual, joint, seen):
    """Each pixel's evidence, and the places that decide it.

    :returns: evidence (S, N); how deep the best covered sample lies inside (S, N); its offset, then those of the M
        likeliest places (S, N, 1 + M); the log of how likely these are by the hull alone (S, N, M), and by how much
        each view sees them (S, N, V, M).
    """
    count, pixels, samples = steps.shape
    evidence, covered = np.zeros((count, pixels), np.float32), np.empty((count, pixels), np.float32)
    chosen = np.empty((count, pixels, 1 + SURFACES), np.float32)
    likely = np.full((count, pixels, SURFACES), IMPOSSIBLE, np.float32)
    shown = np.zeros((count, pixels, count, SURFACES), np.float32)
    left = np.empty(samples, np.float32)
    for source in range(count):
        for pixel in range(pixels):
            deepest = greatest(inside[source, pixel])
            covered[source, pixel] = inside[source, pixel, deepest]
            chosen[source, pixel] = steps[source, pixel, deepest]
            for k in range(samples):
                left[k] = joint[source, pixel, k]
            total = log_sum(left)
            if total > HALF * IMPOSSIBLE:
                evidence[source, pixel] = total
            for place in range(SURFACES):
                best = greatest(left)
                if left[best] > HALF * IMPOSSIBLE:
                    chosen[source, pixel, 1 + place] = steps[source, pixel, best]
                    likely[source, pixel, place] = usual[source, pixel, best]
                    shown[source, pixel, :, place] = seen[source, pixel, :, best]
                    left[best] = IMPOSSIBLE
    return evidence, covered, chosen, likely, shown


@host
def passages(views, R, T, zoom, steps, inside, covered, chosen):
    """How the rays pass through the hull (:mod:`.passage`).

    :returns: offsets of the two ends (S, N, 2), how deep inside they are (S, N), by how much deeper a step along the
        ray leads there (S, N, 2), and the shares of the way (S, N, 1 + M) at which the chosen places lie.
    """
    count, pixels, _ = steps.shape
    ends, slopes = np.empty((count, pixels, 2), np.float32), np.empty((count, pixels, 2), np.float32)
    level, shares = np.empty((count, pixels), np.float32), np.empty_like(chosen)
    lines, now = np.empty((count, 2, 3), np.float32), np.empty(2, np.float32)
    for source in range(count):
        for pixel in range(pixels):
            trace(views, R, T, zoom, source, pixel, lines)
            height = min(covered[source, pixel] - MARGIN, -2 * SLACK)
            for side in range(2):
                onwards = ONE if side == 0 else -ONE  # into the hull
                offset = crossing(steps[source, pixel], inside[source, pixel], height, side == 0)
                here = inside_at(views, lines, T[source, 2] + offset)[0]
                outside = T[source, 2] + offset - onwards * SLOPE_STEP  # a tip may be close within
                before = inside_at(views, lines, outside)[0]
                slope = onwards * steepness(here, before, SLOPE_STEP)
                ends[source, pixel, side], slopes[source, pixel, side] = offset, slope
                now[side], _ = followed(offset, here, height, slope)
            level[source, pixel] = height
            way, _ = way_between(now[0], now[1])
            for place in range(chosen.shape[2]):
                shares[source, pixel, place] = (chosen[source, pixel, place] - now[0]) / way
    return ends, level, slopes, shares
