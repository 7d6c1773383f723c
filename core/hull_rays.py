"""What few rays meet in the visual hull under very many sets of cameras: the judge of :mod:`.hull`, compiled.

B, V, N, K, M are sets of cameras, views, their pixels, samples along a pixel's ray, and its likely places. R (B, V, 3,
3) and T (B, V, 3) are the cameras, world to view.
"""

import math
from typing import NamedTuple

import numpy as np

from .jit import device, f32, host
from .lookup import (
    between_cells,
    cell_of,
    exponential,
    greatest,
    inside_along,
    inside_at,
    logarithm,
    nearest_colour,
    seen_along,
    seen_at,
    squared,
    squared_difference,
    trace,
)
from .silhouettes import OUTLIERS
from .slopes import move_cameras, pull, pull_inside, uncovered

SLACK = f32(0.01)  # how far outside a mask a point may lie unpunished
SOFTNESS = f32(0.06)  # of the masks
FRONT_WIDTH = f32(0.3)  # how far behind the hull's front the surface is expected
SURFACES = 3  # likely places of a pixel's surface that pull on the cameras
SEEN_DEPTH = f32(0.2)  # points this far behind the front of another view's hull are hidden there
BEFORE = f32(0.15)  # points this far before it cannot be on the object
HIDDEN = f32(50)
TRUST = f32(0.3)  # how much a predicted depth counts beside a colour: its errors are shared by neighbours
STRANGE = f32(OUTLIERS)
IMPOSSIBLE = f32(-1e4)
UNSEEN = f32(1e-4)  # share below which nobody looks
SAME = (f32(0), f32(0), f32(0))
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


class Choice(NamedTuple):
    """Where along each pixel's ray the object is likely met."""

    offsets: np.ndarray  # (B, V, N, 1 + M) depth less the centre's: best covered, then the M likeliest surfaces
    chance: np.ndarray  # (B, V, N, M) how likely those are
    seen: np.ndarray  # (B, V, N, M, V) how likely a view sees them


@host
def judged(views, predicted, R, T, offsets):
    """Look all along the rays, at ``offsets`` (K,) from the centre.

    :returns: how much is uncovered (B, V), the evidence (B, V), and the choice of places.
    """
    sets, count, pixels, samples = len(R), R.shape[1], views.rays.shape[1], len(offsets)
    missed, evidence = np.zeros((sets, count), np.float32), np.zeros((sets, count), np.float32)
    chosen = np.empty((sets, count, pixels, 1 + SURFACES), np.float32)
    chance = np.zeros((sets, count, pixels, SURFACES), np.float32)
    shown = np.zeros((sets, count, pixels, SURFACES, count), np.float32)
    inside, front = np.empty((count, pixels, samples), np.float32), np.empty((count, pixels + 1), np.float32)
    lines, where = np.empty((count, 2, 3), np.float32), np.empty((5, samples), np.float32)
    depth, joint, usual = np.empty(samples, np.float32), np.empty(samples, np.float32), np.empty(samples, np.float32)
    seen = np.zeros((count, samples), np.float32)
    for one in range(sets):
        for source in range(count):
            for pixel in range(pixels):
                trace(views, R[one], T[one], ONE, source, pixel, lines)
                for k in range(samples):
                    depth[k] = T[one, source, 2] + offsets[k]
                inside_along(views, lines, depth, where, inside[source, pixel])
                begin, end = _passage(inside[source, pixel])
                front[source, pixel] = depth[begin] if begin < end else HIDDEN
            front[source, pixels] = -HIDDEN
        for source in range(count):
            for pixel in range(pixels):
                own = inside[source, pixel]
                deepest = greatest(own)
                missed[one, source] += uncovered(own[deepest], SLACK, SOFTNESS)[0] / f32(pixels)
                for place in range(1 + SURFACES):
                    chosen[one, source, pixel, place] = offsets[deepest]
                if front[source, pixel] == HIDDEN:
                    continue
                trace(views, R[one], T[one], ONE, source, pixel, lines)
                for k in range(samples):
                    depth[k] = T[one, source, 2] + offsets[k]
                begin, end = _passage(own)
                within, likely, alike = offsets[begin:end], usual[: end - begin], joint[: end - begin]
                _expect(predicted, source, pixel, own[begin:end], within, likely)
                _compare(views, predicted, T[one], source, pixel, lines, depth[begin:end], front, where, seen, alike)
                total = ZERO
                for k in range(end - begin):
                    alike[k] = math.exp(alike[k] + likely[k]) if likely[k] > HALF * IMPOSSIBLE else ZERO
                    total += alike[k]
                evidence[one, source] += math.log(total) / f32(pixels)
                for place in range(SURFACES):
                    best = greatest(alike)
                    if alike[best] > ZERO:
                        chosen[one, source, pixel, 1 + place] = within[best]
                        chance[one, source, pixel, place] = alike[best] / total
                        for view in range(count):
                            shown[one, source, pixel, place, view] = seen[view, best]
                        alike[best] = ZERO
    return missed, evidence, chosen, chance, shown


@device
def _passage(inside):
    """The first sample (K,) in the hull, and the one after the last; twice the same where none is."""
    begin, end = 0, len(inside)
    while begin < end and inside[begin] <= -SLACK:
        begin += 1
    while begin < end and inside[end - 1] <= -SLACK:
        end -= 1
    return begin, end


@device
def _expect(predicted, source, pixel, inside, offsets, usual):
    """Fill in ``usual`` (K,), the log of how likely the surface is at a sample: it may lie anywhere behind the front,
    which is the first of them.

    The evidence is the mean over these places, not the best of them, for a long way through a large hull always meets
    something alike.
    """
    total = ZERO
    for k in range(len(offsets)):
        usual[k] = IMPOSSIBLE
        if inside[k] > -SLACK:
            behind = (offsets[k] - offsets[0]) / FRONT_WIDTH
            usual[k] = -HALF * behind * behind
            if predicted.maps.shape[1]:
                off = abs(offsets[k] - predicted.own[source, pixel, 0]) / predicted.own[source, pixel, 1]
                usual[k] -= TRUST * min(off, f32(4))
            total += math.exp(usual[k])
    shift = math.log(total)
    for k in range(len(offsets)):
        usual[k] -= shift


@device
def _compare(views, predicted, T, source, pixel, lines, depth, front, where, seen, alike):
    """Fill in ``alike`` (K,), how much likelier what the views show of samples is for one place than for any two, as a
    logarithm, and ``seen`` (V, K); ``where`` (5, K) is for use meanwhile."""
    samples, size, common = len(depth), views.nearest.shape[1], views.commonness[source, pixel]
    told = predicted.maps.shape[1] > 0
    alike[:] = ONE
    for view in range(len(lines)):
        if view == source:
            continue
        seen_along(lines, view, depth, where)
        own = seen[view]
        for k in range(samples):
            row, column = cell_of(where[1, k], size), cell_of(where[0, k], size)
            own[k] = where[2, k] - front[view, views.nearest[view, row, column]]
            colour = nearest_colour(views, view, where[0, k], where[1, k], source, pixel, SAME)
            if told:
                where[3, k], where[4, k] = predicted.maps[view, row, column, 0], predicted.maps[view, row, column, 1]
            where[0, k] = squared(colour)
        for k in range(samples):
            hidden = exponential(TWO / SEEN_DEPTH * own[k] - TWO)
            own[k] = ZERO if own[k] <= -BEFORE else ONE / (ONE + hidden)
            gain = (ONE - STRANGE) * (exponential(-math.sqrt(where[0, k]) - common) - ONE)
            if told:
                behind, error = where[2, k] - T[view, 2] - where[3, k], where[4, k]
                gain /= ONE + exponential(behind / error - TWO)
                alike[k] *= exponential(TRUST * own[k] * logarithm(_fit(behind, error)))
            alike[k] *= ONE + own[k] * gain
    for k in range(samples):
        alike[k] = math.log(alike[k])


@device
def _fit(behind, error):
    """How well a point so far behind the predicted surface, which is wrong by ``error``, suits it. What is further
    behind is hidden, which tells nothing."""
    on = exponential(-abs(behind) / error) / min(TWO * error, ONE)  # surfaces lie within about one radius
    return HALF * on + HALF * (ONE if behind > ZERO else STRANGE)


@host
def terms(views, predicted, R, T, choice, weights, sloping):
    """What each pixel adds to the score at the chosen places.

    :param weights: of the evidence and of what is uncovered, in the score.
    :returns: evidence (B, V, N), how much is uncovered (B, V, N), and the slopes (B, V, 3, 3) and (B, V, 3) of their
        weighted sum along R and T, zero unless ``sloping``.
    """
    offsets, chance, shown = choice
    sets, count, pixels, places = chance.shape
    evidence, missed = np.zeros((sets, count, pixels), np.float32), np.zeros((sets, count, pixels), np.float32)
    slope_R, slope_T = np.zeros((sets, count, 3, 3), np.float32), np.zeros((sets, count, 3), np.float32)
    lines, pulls = np.empty((count, 2, 3), np.float32), np.empty((count, 2, 3), np.float32)
    for one in range(sets):
        for source in range(count):
            for pixel in range(pixels):
                trace(views, R[one], T[one], ONE, source, pixel, lines)
                pulls[:] = ZERO
                covered = T[one, source, 2] + offsets[one, source, pixel, 0]
                deep = inside_at(views, lines, covered)[0]
                missed[one, source, pixel], by_deep = uncovered(deep, SLACK, SOFTNESS)
                if sloping:
                    pull_inside(views, lines, pulls, covered, -weights[1] * by_deep)
                for place in range(places):
                    depth = T[one, source, 2] + offsets[one, source, pixel, 1 + place]
                    likely = chance[one, source, pixel, place]
                    for view in range(count):
                        sight = shown[one, source, pixel, place, view]
                        if view == source or sight * likely < UNSEEN:
                            continue
                        u, v, z = seen_at(lines, view, depth)
                        alike, by_u, by_v, by_behind = _likelihood(
                            views, predicted, T[one], source, pixel, view, u, v, z, sight
                        )
                        evidence[one, source, pixel] += likely * alike
                        if sloping:
                            weight = weights[0] * likely
                            pull(lines, pulls, view, depth, weight * by_u, weight * by_v, weight * by_behind)
                            slope_T[one, view, 2] -= weight * by_behind
                if sloping:
                    move_cameras(views, R[one], T[one], ONE, source, pixel, lines, pulls, slope_R[one], slope_T[one])
    return evidence, missed, slope_R, slope_T


@device
def _likelihood(views, predicted, T, source, pixel, view, u, v, z, sight):
    """What one view says of a point, as in ``_compare`` but between pixels, and its slopes along the position and along
    how far the point is behind a predicted surface."""
    total, by_u, by_v = squared_difference(views, view, u, v, source, pixel, SAME)
    distance = math.sqrt(total)
    likeness = (ONE - STRANGE) * math.exp(-distance - views.commonness[source, pixel])
    gain = likeness - (ONE - STRANGE)
    if predicted.maps.shape[1] == 0:
        by_distance = -sight * likeness / ((ONE + sight * gain) * distance)
        return math.log(ONE + sight * gain), by_distance * by_u, by_distance * by_v, ZERO
    expected, expected_u, expected_v = _between(predicted.maps, view, u, v, 0)
    error, error_u, error_v = _between(predicted.maps, view, u, v, 1)
    behind = z - T[view, 2] - expected
    visible = ONE / (ONE + math.exp(behind / error - TWO))
    fit = _fit(behind, error)
    whole = ONE + sight * visible * gain
    by_distance = -sight * visible * likeness / (whole * distance)
    by_ratio = -sight * gain / whole * visible * (ONE - visible)  # along behind / error
    on = exponential(-abs(behind) / error) / min(TWO * error, ONE)
    by_on = HALF * TRUST * sight / fit * on  # along the logarithm of ``on``
    by_behind = (by_ratio - (by_on if behind > ZERO else -by_on)) / error
    by_error = (by_on * abs(behind) - by_ratio * behind) / (error * error)
    by_error -= by_on / error if TWO * error < ONE else ZERO
    return (
        math.log(whole) + TRUST * sight * math.log(fit),
        by_distance * by_u - by_behind * expected_u + by_error * error_u,
        by_distance * by_v - by_behind * expected_v + by_error * error_v,
        by_behind,
    )


@device
def _between(maps, view, u, v, channel):
    """A value of maps (V, S, S, C) between pixels, and its slopes along u and v."""
    row, down, per_row = between_cells(v, maps.shape[1])
    column, right, per_column = between_cells(u, maps.shape[2])
    upper, upper_next = maps[view, row, column, channel], maps[view, row, column + 1, channel]
    lower, lower_next = maps[view, row + 1, column, channel], maps[view, row + 1, column + 1, channel]
    top, bottom = upper + right * (upper_next - upper), lower + right * (lower_next - lower)
    across = (upper_next - upper) + down * ((lower_next - lower) - (upper_next - upper))
    return top + down * (bottom - top), across * per_column, (bottom - top) * per_row
