"""The way of rays through a hull that moves, against hulls of two planes whose ends are known exactly."""

from __future__ import annotations

import pytest
import torch
from pflrm.core.passage import Inside, Passage, passage
from torch import Tensor

STEPS = torch.linspace(-1, 1, 41)[None]


def between(enters: Tensor, leaves: Tensor, sides: tuple[float, float] = (0.5, 0.9)) -> Inside:
    """Rays (N, 1) that come into the hull and leave it, or miss it if they had to leave before."""
    return lambda offsets: torch.minimum(sides[0] * (offsets - enters), sides[1] * (leaves - offsets))


def found(inside: Inside, level: float | None = None) -> Passage:
    depth = inside(STEPS)
    height = torch.full_like(depth[:, :1], level) if level is not None else depth.amax(-1, keepdim=True) - 0.01
    return passage(inside, STEPS.expand_as(depth), depth, height, 0.02)


def test_ends_are_found_between_the_samples() -> None:
    inside = between(torch.tensor([[-0.333]]), torch.tensor([[0.417]]))
    enters, way = found(inside, 0.0).now(inside)
    assert float(enters) == pytest.approx(-0.333, abs=1e-5)
    assert float(way) == pytest.approx(0.75, abs=1e-5)


def test_places_move_with_the_hull() -> None:
    """Halfway through it stays halfway, whichever side moves and by how much."""
    before, after = (-0.4, 0.3), (-0.3, 0.45)
    inside, now = (between(*(torch.tensor([[end]]) for end in ends)) for ends in (before, after))
    through = found(inside, 0.0)
    places = torch.tensor([[-0.4, -0.05, 0.3]])
    shares = through.shares(inside, places)
    torch.testing.assert_close(through.places(inside, shares), places)
    torch.testing.assert_close(through.places(now, shares), torch.tensor([[-0.3, 0.075, 0.45]]))


def test_a_ray_that_misses_follows_the_place_where_it_comes_nearest() -> None:
    """A slope found with differentiation: of the depth at the nearest place, of which two masks have a share."""
    shift = torch.zeros(1, 1, requires_grad=True)
    still = between(torch.tensor([[0.2]]), torch.tensor([[-0.1]]))
    moving = between(0.2 + shift, torch.tensor([[-0.1]]))
    through = found(still)
    nearest = torch.tensor([[(0.5 * 0.2 - 0.9 * 0.1) / 1.4]])  # where 0.5 (x - 0.2) = 0.9 (-0.1 - x)
    place = through.places(moving, through.shares(still, nearest))
    (slope,) = torch.autograd.grad(moving(place).sum(), shift)
    assert float(slope) == pytest.approx(-0.5 * 0.9 / 1.4, rel=1e-3)


def test_no_place_goes_far() -> None:
    """A ray that grazes the hull leaves it at once, and another place is looked for then."""
    inside = between(torch.tensor([[-0.4]]), torch.tensor([[0.3]]))
    elsewhere = between(torch.tensor([[5.0]]), torch.tensor([[6.0]]))
    through = found(inside, 0.0)
    places = through.places(elsewhere, torch.tensor([[0.0, 1.0]]))
    assert float((places - torch.tensor([[-0.4, 0.3]])).abs().max()) < 0.3
