"""The way of rays through a hull that moves, against hulls of two planes whose ends are known exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pflrm.core.passage import FARTHEST, crossing, followed, steepness, way_between

STEPS = np.linspace(-1, 1, 41, dtype=np.float32)
Inside = Callable[[np.ndarray], np.ndarray]


def between(enters: float, leaves: float, sides: tuple[float, float] = (0.5, 0.9)) -> Inside:
    """A ray that comes into the hull and leaves it, or misses it if it had to leave before."""
    return lambda offset: np.minimum(sides[0] * (offset - enters), sides[1] * (leaves - offset)).astype(np.float32)


def ends_of(before: Inside, now: Inside, level: float) -> list[float]:
    """Where the two ends that were found under ``before`` are under ``now``."""
    found = []
    for onwards in (1, -1):
        end = crossing(STEPS, before(STEPS), np.float32(level), onwards == 1)
        slope = onwards * steepness(before(end), before(end - 0.02 * onwards), np.float32(0.02))
        found.append(followed(end, now(end), np.float32(level), np.float32(slope))[0])
    return found


def test_ends_are_found_between_the_samples() -> None:
    inside = between(-0.333, 0.417)
    assert ends_of(inside, inside, 0.0) == pytest.approx([-0.333, 0.417], abs=1e-5)


def test_ends_move_with_the_hull() -> None:
    """Whichever side moves, and by how much."""
    assert ends_of(between(-0.4, 0.3), between(-0.3, 0.45), 0.0) == pytest.approx([-0.3, 0.45], abs=1e-5)


def test_a_ray_that_misses_follows_the_place_where_it_comes_nearest() -> None:
    """Both planes have a share in where that is, and in how deep it is there."""
    before, now = between(0.2, -0.1), between(0.21, -0.1)
    level = float(before(STEPS).max()) - 0.01
    enters, leaves = ends_of(before, now, level)
    first, last = ends_of(before, before, level)
    nearest = (0.5 * 0.2 - 0.9 * 0.1) / 1.4  # where 0.5 (x - 0.2) = 0.9 (-0.1 - x)
    place = enters + (nearest - first) / (last - first) * (leaves - enters)
    assert float(now(place) - before(nearest)) == pytest.approx(-0.5 * 0.9 / 1.4 * 0.01, rel=0.03)


def test_no_end_goes_far_and_one_at_its_limit_does_not_move() -> None:
    """A ray that grazes the hull leaves it at once, and another place is looked for then."""
    end, by_depth = followed(np.float32(0.1), np.float32(-3), np.float32(0), np.float32(0.5))
    assert end == pytest.approx(0.1 + FARTHEST)
    assert by_depth == 0


def test_the_slope_of_an_end_is_that_of_its_place() -> None:
    end, by_depth = followed(np.float32(0.1), np.float32(0.03), np.float32(0), np.float32(0.5))
    further, _ = followed(np.float32(0.1), np.float32(0.04), np.float32(0), np.float32(0.5))
    assert (further - end) / 0.01 == pytest.approx(by_depth, rel=1e-3)


def test_a_way_is_never_too_short() -> None:
    assert way_between(np.float32(0.2), np.float32(0.5)) == pytest.approx((0.3, True))
    length, moves = way_between(np.float32(0.2), np.float32(0.1))
    assert length > 0
    assert not moves
