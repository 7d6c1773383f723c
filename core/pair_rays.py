"""What few pixels of one view meet in another one under very many relative rotations: the judge of :mod:`.pairs`,
compiled.

P, N, K are rotations, pixels of the first view, and samples along a pixel's ray.
"""

import math
from typing import NamedTuple

import numpy as np

from .jit import FAR, device, f32, host
from .lookup import CLOSEST, cell_of, exponential

SURFACE_DEPTH, SURFACE_WIDTH = f32(-0.39), f32(0.35)  # where surfaces lie from the centre, in radii: mean and deviation
COVER_SLACK = f32(0.05)  # wide, because the centres are not yet aligned and the table's steps are wide
COVER_WIDTH = f32(0.12)
COVER_WEIGHT = f32(10)
EVIDENCE_WEIGHT = f32(4)
INSIDE_SLACK = f32(0.16)  # how far outside a mask a surface point still counts a little
NOTHING = f32(1e-4)
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


class Pair(NamedTuple):
    """The N pixels of one view, and what they look for in another one."""

    rays: np.ndarray  # (N, 3) at depth 1
    surface: np.ndarray  # (N, 2) their depth less the centre's and its Laplace scale, in radii; or none, (0, 2)
    likeness: np.ndarray  # (N, S, S) how much more a pixel is like each place of the other view than like any, less 1
    distance: np.ndarray  # (2S, 2S) the other view's signed distance in half widths, over twice its extent
    focal: np.float32  # of the other view, in half widths


@host
def judged(pair, rotations, distance, radius, steps):
    """(P,) how well the pixels agree with the other view under rotations (P, 3, 3) into its camera.

    :param distance: (P, 2) of the object's centre from both cameras, ``radius`` (P, 2) of its spheres in both views.
    :param steps: (K,) where rays are sampled, before and behind the centre.
    """
    pixels, size = len(pair.rays), pair.distance.shape[0]
    margin, half = size // 4, pair.likeness.shape[1]
    score, usual = np.empty(len(rotations), np.float32), np.empty(len(steps), np.float32)
    column, row = np.empty(len(steps), np.int32), np.empty(len(steps), np.int32)
    z = np.empty(len(steps), np.float32)
    for one in range(len(rotations)):
        R, there = rotations[one], distance[one, 1]
        evidence, uncovered = ZERO, ZERO
        for pixel in range(pixels):
            _expect(pair, pixel, radius[one, 0], steps, usual)
            _meet(pair, pixel, R, distance[one], steps, column, row, z)
            inside, seen, deepest = ZERO, ZERO, -FAR
            for k in range(len(steps)):
                edge = pair.distance[row[k], column[k]] * z[k] / pair.focal
                deepest = max(deepest, edge)
                likely = min(max(edge / INSIDE_SLACK + ONE, ZERO), ONE) * usual[k]
                inside += likely
                before = (z[k] - there - SURFACE_DEPTH * radius[one, 1]) / (f32(2.5) * SURFACE_WIDTH)
                i, j = row[k] - margin, column[k] - margin
                if 0 <= i < half and 0 <= j < half:
                    seen += likely * max(ONE - before * before, ZERO) * pair.likeness[pixel, i, j]
            evidence += math.log(ONE + seen / (inside + NOTHING))
            excess = max((-deepest - COVER_SLACK) / COVER_WIDTH, ZERO)
            uncovered += excess / (ONE + excess)
        score[one] = (EVIDENCE_WEIGHT * evidence - COVER_WEIGHT * uncovered) / f32(pixels)
    return score


@device
def _expect(pair, pixel, radius, steps, usual):
    """Fill in ``usual`` (K,), how likely the surface is at each sample of a pixel's ray."""
    total = ZERO
    for k in range(len(steps)):
        if len(pair.surface):
            off = abs(steps[k] - pair.surface[pixel, 0] * radius) / (pair.surface[pixel, 1] * radius)
        else:
            off = (steps[k] - SURFACE_DEPTH * radius) / SURFACE_WIDTH
            off *= HALF * off
        usual[k] = exponential(-off)
        total += usual[k]
    for k in range(len(steps)):
        usual[k] /= total


@device
def _meet(pair, pixel, R, distance, steps, column, row, z):
    """Fill in where the other view sees the samples of a pixel's ray (K,): the cells of its map, and their depths."""
    x, y, size = pair.rays[pixel, 0], pair.rays[pixel, 1], len(pair.distance)
    a = R[0, 0] * x + R[0, 1] * y + R[0, 2]
    b = R[1, 0] * x + R[1, 1] * y + R[1, 2]
    c = R[2, 0] * x + R[2, 1] * y + R[2, 2]
    for k in range(len(steps)):
        depth = distance[0] + steps[k]
        z[k] = max(c * depth - R[2, 2] * distance[0] + distance[1], CLOSEST)
        scale = HALF * pair.focal / z[k]
        column[k] = cell_of((a * depth - R[0, 2] * distance[0]) * scale, size)
        row[k] = cell_of((b * depth - R[1, 2] * distance[0]) * scale, size)
