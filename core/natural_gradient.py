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
LEAP, LEAP_STEPS = 1.0, 12
RENEWAL = 3  # steps between two looks for the surface
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

    def score_at(self, poses: Tensor, surface: Surface) -> Tensor:
        """The score on a surface found before, differentiable in the poses."""
        score = agreement.score_at(self.scene, poses, surface)
        return score + self.pull.terms(poses).total() if self.pull else score

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
        score, there = _ascent(goal, poses, ways, LEAP_STEPS, leap)
        if score > best:
            best, poses, ways = score, there, _measured(goal, there)
    return best, poses


def _ascent(
    goal: Goal, poses: Tensor, ways: Tensor, steps: int, start: Tensor | None = None
) -> tuple[float, Tensor]:
    """The best cameras met by Adam in units of the directions ``ways`` (P, P), from ``start`` (P,) of them on."""
    move = torch.zeros(len(ways)) if start is None else start.clone()
    move.requires_grad_()
    optimiser = torch.optim.Adam([move], lr=RATE, betas=(0.8, 0.95))
    best, kept = -np.inf, poses
    for step in range(steps + 1):
        there = bundle.moved(poses, (ways @ move)[None])[0]
        if step % RENEWAL == 0 or step == steps:
            score, surface = goal.look(there.detach())
            if score > best:
                best, kept = score, there.detach()
        if step == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1.05 - step / steps)
        optimiser.zero_grad()
        (-goal.score_at(there, surface)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return best, kept


@torch.no_grad()
def _measured(goal: Goal, poses: Tensor) -> Tensor:
    """(P, P) directions of the parameters of cameras (V, 4, 4)."""
    _, surface = goal.look(poses)
    shifts = DIFFERENCE * torch.eye(6 * (len(poses) - 1))
    around = [goal.terms_at(there, surface) for there in bundle.moved(poses, shifts)]
    return directions(goal.terms_at(poses, surface), around, STIFFNESS)
