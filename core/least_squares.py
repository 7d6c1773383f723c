"""Robust least squares by Levenberg and Marquardt's method, for several problems side by side. Slopes are measured by
differences: what is fitted is compiled, and quick for many sets of parameters at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

DIFFERENCE = 1e-3  # by which parameters are changed to find the slope
DAMPING, LEAST_DAMPING = 0.1, 1e-4  # in shares of the curvature: at first, and at least
DAMPINGS = 8.0 ** np.arange(6)  # times the last one, all tried
LONGEST = 0.2  # that any parameter goes in one step


@dataclass(frozen=True)
class Residuals:
    """Residuals (B, J, N, C) of B problems at J sets of parameters, and how much each counts (N,). Robust ones cost
    log(1 + r²), as if they followed Cauchy's distribution."""

    value: np.ndarray
    weight: np.ndarray
    robust: bool = True

    def square(self) -> np.ndarray:
        """(B, J, N)"""
        return np.einsum("bjnc,bjnc->bjn", self.value, self.value)

    def cost(self) -> np.ndarray:
        """(B, J)"""
        square = self.square()
        return (np.log1p(square) if self.robust else square) @ self.weight

    def now(self) -> np.ndarray:
        """(B, N) weights by which least squares follow the cost at the first sets."""
        return self.weight / (1 + self.robust * self.square()[:, 0])


def step(
    residuals: Callable[[np.ndarray], Sequence[Residuals]], size: int, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step for the better; of those that are, the longest. What slides when parameters change, and is held fast
    within a step, holds them back: the step of the least cost gets nowhere.

    :param residuals: of B problems after moves (B, J, P).
    :param size: P.
    :param damping: (B,) from the last step, at first ``DAMPING``.
    :returns: moves (B, P), zero where none is better; the cost (B,) before them; and dampings (B,) for the next step.
    """
    around = np.concatenate([np.zeros((1, size)), DIFFERENCE * np.eye(size), -DIFFERENCE * np.eye(size)])
    parts = residuals(np.broadcast_to(around, (len(damping), *around.shape)))
    cost = np.sum([part.cost()[:, 0] for part in parts], 0)
    curvature, slope = np.zeros((len(damping), size, size)), np.zeros((len(damping), size))
    for part in parts:
        here, ahead, back = np.split(part.value, [1, 1 + size], 1)
        change = (ahead - back).astype(float) / (2 * DIFFERENCE)
        weighted = change * part.now()[:, None, :, None]
        change, weighted, here = (one.reshape(*one.shape[:2], -1) for one in (change, weighted, here))
        curvature += (torch.from_numpy(weighted) @ torch.from_numpy(change).transpose(1, 2)).numpy()
        slope += (weighted * here).sum(2)
    stiffness = damping[:, None, None] * DAMPINGS[:, None] * np.maximum(curvature.diagonal(0, 1, 2), 1e-3)[:, None]
    held = torch.from_numpy(curvature[:, None] + stiffness[..., None] * np.eye(size))
    moves = -torch.linalg.solve(held, torch.from_numpy(slope)[:, None, :, None]).numpy()[..., 0]
    moves *= np.minimum(LONGEST / np.abs(moves).max(-1, keepdims=True).clip(1e-9), 1)
    costs = np.sum([part.cost() for part in residuals(moves)], 0)
    lower = costs < cost[:, None]
    better, first = lower.any(1), lower.argmax(1)
    moves = np.where(better[:, None], moves[np.arange(len(first)), first], 0)
    damping = damping * np.where(better, DAMPINGS[first] / DAMPINGS[1], DAMPINGS[1] * DAMPINGS[-1])
    return moves, cost, np.maximum(damping, LEAST_DAMPING)
