"""The way up to better cameras at the resolution of the views, by natural gradients (:mod:`.information`).

Small leaps, measured like the steps, get over the many false summits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import agreement, bundle
from .agreement import Scene, Surface
from .bundle import Bundle
from .correspondences import Matches
from .information import DIFFERENCE, Terms, directions

CLOSE = 0.006  # half widths of a view by which matches may miss
MATCH_WEIGHT = 0.012  # in the score
STEPS, RATE = 24, 0.4  # of a round, between two measurements of the directions; in their units
MOMENTUM, MEMORY = 0.8, 0.95  # Adam's
LEAP, LEAP_STEPS = 1.0, 12
RENEWAL = 3  # steps between two looks for the surface
HOPE = 24.0  # of a leap that is this far below, over the square of its steps, hardly one in fifty gets up again
STIFFNESS = 50.0  # no radian, and no radius of the object, counts less than this squared unit


@dataclass(frozen=True)
class Pull:
    """Matches that cameras should fit."""

    bundle: Bundle
    matches: Matches

    def terms(self, poses: Tensor) -> Terms:
        """What each match adds to the score of cameras (V, 4, 4)."""
        return Terms(bundle.log_ratios(self.bundle, poses, self.matches, CLOSE), MATCH_WEIGHT)


@dataclass(frozen=True)
class Goal:
    """What sets of cameras (V, 4, 4) should suit: the views, and matches if there are any."""

    scene: Scene
    pull: Pull | None = None

    @torch.no_grad()
    def look(self, poses: Tensor) -> tuple[float, Surface]:
        """The score, and where the pixels meet the object."""
        score, surface = agreement.judge(self.scene, poses)
        return score + self.matched(poses), surface

    def matched(self, poses: Tensor) -> float:
        """What matches add to the score."""
        return float(self.pull.terms(poses).total()) if self.pull else 0.0

    def slope_at(self, poses: Tensor, surface: Surface) -> Tensor:
        """(P,) how the score on a surface found before changes with small moves of the cameras (``bundle.moved``)."""
        poses = poses.detach().requires_grad_()
        score = agreement.score_at(self.scene, poses, surface)
        if self.pull:
            score = score + self.pull.terms(poses).total()
        return bundle.slope_of_move(poses.detach(), torch.autograd.grad(score, poses)[0])

    def terms_at(self, poses: Tensor, surface: Surface) -> list[Terms]:
        """What the score is the sum of, but for how usual the object's place before the cameras is."""
        terms = agreement.terms_at(self.scene, poses, surface)
        return [*terms, self.pull.terms(poses)] if self.pull else terms


def climb(goal: Goal, poses: Tensor, *, rounds: int) -> tuple[float, Tensor]:
    """Improve one set of cameras (V, 4, 4): the best score met on the way, the start's included, and its cameras."""
    best, _ = goal.look(poses)
    for _ in range(rounds):
        score, there = _ascent(goal, poses, _measured(goal, poses), STEPS)
        if score > best:
            best, poses = score, there
    return best, poses


def explore(goal: Goal, poses: Tensor, *, leaps: int, generator: torch.Generator) -> tuple[float, Tensor]:
    """Improve one set of cameras (V, 4, 4) by leaps, each with a short climb after it; the best is where the next one
    begins."""
    best, _ = goal.look(poses)
    ways = _measured(goal, poses)
    for _ in range(leaps):
        leap = LEAP * torch.randn(len(ways), generator=generator)
        score, there = _ascent(goal, _moved(poses, ways @ leap), ways, LEAP_STEPS, wanted=best)
        if score > best:
            best, poses, ways = score, there, _measured(goal, there)
    return best, poses


def _ascent(goal: Goal, there: Tensor, ways: Tensor, steps: int, wanted: float = -np.inf) -> tuple[float, Tensor]:
    """The best cameras met by Adam in units of the directions ``ways`` (P, P), from cameras (V, 4, 4) on. It gives up
    where it has no hope to come to the ``wanted`` score."""
    mean, square = torch.zeros(len(ways)), torch.zeros(len(ways))
    best, kept = -np.inf, there
    for step in range(steps + 1):
        if step % RENEWAL == 0 or step == steps:
            score, surface = goal.look(there)
            if score > best:
                best, kept = score, there
            if step == steps or (step and best < wanted - HOPE / step**2):
                break
        slope = ways.T @ goal.slope_at(there, surface)
        mean.lerp_(slope, 1 - MOMENTUM)
        square.lerp_(slope.square(), 1 - MEMORY)
        spread = (square / (1 - MEMORY ** (step + 1))).sqrt() + 1e-8
        rate = RATE * (1.05 - step / steps) / (1 - MOMENTUM ** (step + 1))
        there = _moved(there, ways @ (rate * mean / spread))
    return best, kept


def _moved(poses: Tensor, move: Tensor) -> Tensor:
    return bundle.moved(poses, move[None])[0]


@torch.no_grad()
def _measured(goal: Goal, poses: Tensor) -> Tensor:
    """(P, P) directions of the parameters of cameras (V, 4, 4)."""
    _, surface = goal.look(poses)
    shifts = DIFFERENCE * torch.eye(6 * (len(poses) - 1))
    around = [goal.terms_at(there, surface) for there in bundle.moved(poses, shifts)]
    return directions(goal.terms_at(poses, surface), around, STIFFNESS)
