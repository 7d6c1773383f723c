"""Where rays pass through the visual hull, followed while the cameras move.

The hull moves with the cameras, and the surface with it. Places that are held fast on their rays slide out of a thin
object as soon as a camera turns, so that every change of the cameras seems to be for the worse. Hence places are told
as shares of the way through the hull, whose ends are followed to the first order.
"""

import math

from .jit import device, f32

NARROWEST = f32(0.01)  # the shortest way through the hull
# The least share of a step by which it is taken to lead deeper: the end of a grazing ray would go anywhere.
FLATTEST = f32(0.2)
FARTHEST = f32(0.2)  # how far an end is followed


@device
def crossing(steps, depth, level, ahead):
    """The offset at which a ray enters the hull, or leaves it where not ``ahead``, between samples.

    :param steps: (K,) offsets, and ``depth`` (K,) how deep these points are inside.
    :param level: how deep inside the ends are; not more than the deepest sample.
    """
    last = len(steps) - 1
    index, onwards = (0, 1) if ahead else (last, -1)
    while depth[index] < level and 0 <= index + onwards <= last:
        index += onwards
    before = min(max(index - onwards, 0), last)
    share = (depth[index] - level) / max(depth[index] - depth[before], f32(1e-6))
    return steps[index] + min(max(share, f32(0)), f32(1)) * (steps[before] - steps[index])


@device
def steepness(here, outside, step):
    """By how much deeper a step along the ray leads where it enters."""
    return max((here - outside) / step, FLATTEST)


@device
def followed(end, depth, level, slope):
    """Where an end is now that it lies so deep inside, and by how much it moves with that depth."""
    shift = (depth - level) / slope
    if abs(shift) >= FARTHEST:
        return end - math.copysign(FARTHEST, shift), f32(0)
    return end - shift, -f32(1) / slope


@device
def way_between(enters, leaves):
    """How long the way through the hull is, and whether that moves with its ends."""
    return max(leaves - enters, NARROWEST), leaves - enters > NARROWEST
