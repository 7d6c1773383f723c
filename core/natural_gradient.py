"""The way up to better cameras at the resolution of the views, by natural gradients (:mod:`.information`).

Small leaps, measured like the steps, get over the many false summits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import agreement, bundle, mirrors
from .agreement import Scene, Surface
from .bundle import Bundle
from .correspondences import Matches
from .information import DIFFERENCE, Terms, directions
from .mirrors import Mirrors
from .rigs import Rig

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

    def terms(self, rig: Rig) -> Terms:
        """What each match adds to the score."""
        return Terms(bundle.log_ratios(self.bundle, rig, self.matches, CLOSE), MATCH_WEIGHT)


@dataclass(frozen=True)
class Look:
    """Where pixels meet the object, and where outlines touch what a mirrored object may fill."""

    surface: Surface
    touching: np.ndarray | None


@dataclass(frozen=True)
class Goal:
    """What cameras should suit: the views, the plane in which the object mirrors itself if there is one, and matches if
    there are any; with a focal length that nobody told the zoom may change."""

    scene: Scene
    mirrors: Mirrors
    pull: Pull | None = None
    zooming: bool = False

    @torch.no_grad()
    def look(self, rig: Rig) -> tuple[float, Look]:
        """The score, and what decides it."""
        score, surface = agreement.judge(self.scene, rig)
        score += self.matched(rig)
        if rig.plane is None:
            return score, Look(surface, None)
        points = mirrors.touching(self.mirrors.fine, rig.alone())
        return score + mirrors.MOST + float(mirrors.terms(self.mirrors, rig, points).total()), Look(surface, points)

    def matched(self, rig: Rig) -> float:
        """What matches add to the score."""
        return float(self.pull.terms(rig).total()) if self.pull else 0.0

    def slope_at(self, rig: Rig, seen: Look) -> Tensor:
        """(P,) how the score at what was seen before changes with small moves of the cameras."""
        here = Rig(rig.poses.detach().requires_grad_(), rig.zoom.detach().requires_grad_())
        score = agreement.score_at(self.scene, here, seen.surface)
        if self.pull:
            score = score + self.pull.terms(here).total()
        slopes = torch.autograd.grad(score, (here.poses, here.zoom))
        slope = rig.slope_of_move(*slopes)[: here.parameters(self.zooming)]
        if seen.touching is None:
            return slope
        return torch.cat([slope, torch.zeros(3)]) + mirrors.slope(self.mirrors, rig, seen.touching, self.zooming)

    def terms_at(self, rig: Rig, seen: Look) -> list[Terms]:
        """What the score is the sum of, but for how usual the object's place and the lens are."""
        terms = agreement.terms_at(self.scene, rig, seen.surface)
        if self.pull:
            terms.append(self.pull.terms(rig))
        if seen.touching is not None:
            terms.append(mirrors.terms(self.mirrors, rig, seen.touching))
        return terms


def climb(goal: Goal, rig: Rig, *, rounds: int) -> tuple[float, Rig]:
    """Improve cameras: the best score met on the way, the start's included, and its cameras."""
    best, _ = goal.look(rig)
    for _ in range(rounds):
        score, there = _ascent(goal, rig, _measured(goal, rig), STEPS)
        if score > best:
            best, rig = score, there
    return best, rig


def explore(goal: Goal, rig: Rig, *, leaps: int, generator: torch.Generator) -> tuple[float, Rig]:
    """Improve cameras by leaps, each with a short climb after it; the best is where the next one begins."""
    best, _ = goal.look(rig)
    ways = _measured(goal, rig)
    for _ in range(leaps):
        leap = LEAP * torch.randn(len(ways), generator=generator)
        score, there = _ascent(goal, rig.moved(ways @ leap), ways, LEAP_STEPS, wanted=best)
        if score > best:
            best, rig, ways = score, there, _measured(goal, there)
    return best, rig


def _ascent(goal: Goal, there: Rig, ways: Tensor, steps: int, wanted: float = -np.inf) -> tuple[float, Rig]:
    """The best cameras met by Adam in units of the directions ``ways`` (P, P). It gives up where it has no hope to come
    to the ``wanted`` score."""
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
        there = there.moved(ways @ (rate * mean / spread))
    return best, kept


@torch.no_grad()
def _measured(goal: Goal, rig: Rig) -> Tensor:
    """(P, P) directions of the cameras' parameters."""
    _, surface = goal.look(rig)
    shifts = DIFFERENCE * torch.eye(rig.parameters(goal.zooming))
    around = rig.moved(shifts).apart()
    return directions(goal.terms_at(rig, surface), [goal.terms_at(one, surface) for one in around], STIFFNESS)
