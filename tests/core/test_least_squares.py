"""Robust least squares side by side, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from pflrm.core import least_squares
from pflrm.core.least_squares import DAMPING, Residuals
from scipy.optimize import least_squares as scipy_least_squares

POINTS = np.linspace(0, 1, 40)


def curve(parameters: np.ndarray) -> np.ndarray:
    """(..., 40) of parameters (..., 3)."""
    height, rate, offset = np.moveaxis(parameters, -1, 0)[..., None]
    return height * np.exp(-rate * POINTS) + offset


TRUE = np.array([[1.0, 2.0, 0.3], [0.5, 4.0, -0.2]])


@pytest.mark.parametrize("robust", [False, True])
def test_problems_side_by_side_end_where_each_is_best(robust: bool) -> None:
    measured = curve(TRUE) + np.random.default_rng(0).normal(size=(2, 40)) * 0.01
    measured[:, ::9] += 3.0 * robust  # outliers
    parameters, damping = np.array([[0.8, 1.5, 0.0], [0.8, 3.0, 0.0]]), np.full(2, DAMPING)
    costs: list[np.ndarray] = []
    for _ in range(60):

        def residuals(moves: np.ndarray, at: np.ndarray = parameters) -> list[Residuals]:
            off = (curve(at[:, None] + moves) - measured[:, None]) / 0.05
            return [Residuals(off[..., None], np.full(40, 0.5), robust)]

        moves, cost, damping = least_squares.step(residuals, 3, damping)
        parameters = parameters + moves
        costs.append(cost)
    assert (np.diff(costs, axis=0) <= 0).all()
    for one, own in zip(parameters, measured, strict=True):
        best = scipy_least_squares(
            lambda at, own=own: (curve(at) - own) / 0.05, one,
            loss="cauchy" if robust else "linear", xtol=1e-12, ftol=1e-12,
        )
        np.testing.assert_allclose(one, best.x, atol=2e-3)
    np.testing.assert_allclose(parameters, TRUE, rtol=0.1)


def test_what_cannot_become_better_stays() -> None:
    def residuals(moves: np.ndarray) -> list[Residuals]:
        return [Residuals(np.abs(moves)[..., None], np.ones(2), robust=False)]

    moves, cost, damping = least_squares.step(residuals, 2, np.array([0.1, 1.0]))
    assert not moves.any()
    assert not cost.any()
    assert (damping > [0.1, 1.0]).all()


def test_of_steps_that_are_better_the_longest_is_taken() -> None:
    """Though a shorter one would cost less: what is held fast within a step makes it so."""

    def residuals(moves: np.ndarray) -> list[Residuals]:
        steep, far = 1 - 10 * moves, np.where(moves > 0.05, 0.9, 0.5)
        return [Residuals(np.where(np.abs(moves) < 0.005, steep, far)[..., None], np.ones(1), robust=False)]

    ((move,),), _, (damping,) = least_squares.step(residuals, 1, np.array([0.1]))
    assert move == pytest.approx(10 / 110, rel=1e-3)
    assert damping < 0.1
