"""The way up to better cameras at the resolution of the views, by natural gradients (:mod:`.information`).

Small leaps, measured like the steps, get over the many false summits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from . import agreement, bundle, mirrors
from .agreement import Scene, Surface
from .bundle import Bundle
from .correspondences import Matches
from .information import DIFFERENCE, Terms, directions
from .mirrors import Mirrors
from .rigs import Rig, Slopes

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
        return Terms(torch.from_numpy(self._look(rig)[0]), MATCH_WEIGHT)

    def slopes(self, rig: Rig) -> Slopes:
        """How their sum changes with the cameras."""
        return self._look(rig)[1] * MATCH_WEIGHT

    def _look(self, rig: Rig) -> tuple[np.ndarray, Slopes]:
        return bundle.log_ratios(self.bundle, rig, self.matches, CLOSE)


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

    def slope_at(self, rig: Rig, seen: Look) -> np.ndarray:
        """(P,) how the score at what was seen before changes with small moves of the cameras."""
        slopes = agreement.slopes_at(self.scene, rig, seen.surface)
        if self.pull:
            slopes += self.pull.slopes(rig)
        if seen.touching is not None:
            slopes += mirrors.slopes(self.mirrors, rig, seen.touching)
        return rig.slope_of_move(slopes, self.zooming)

    def terms_at(self, rig: Rig, seen: Look) -> list[Terms]:
        """What the score is the sum of, but for how usual the object's place and the lens are."""
        terms, _ = agreement.terms_at(self.scene, rig, seen.surface)
        if self.pull:
            terms.append(self.pull.terms(rig))
        if seen.touching is not None:
            terms.append(mirrors.terms(self.mirrors, rig, seen.touching))
        return terms


@dataclass(frozen=True)
class _Place:
    """Cameras, their score, and what was seen from there."""

    rig: Rig
    score: float
    seen: Look

    @classmethod
    def at(cls, goal: Goal, rig: Rig) -> _Place:
        return cls(rig, *goal.look(rig))


def climb(goal: Goal, rig: Rig, *, rounds: int) -> tuple[float, Rig]:
    """Improve cameras: the best score met on the way, the start's included, and its cameras."""
    best = _Place.at(goal, rig)
    for _ in range(rounds):
        there = _ascent(goal, best, _measured(goal, best), STEPS)
        best = max(best, there, key=lambda place: place.score)
    return best.score, best.rig


def explore(goal: Goal, rig: Rig, *, leaps: int, generator: torch.Generator) -> tuple[float, Rig]:
    """Improve cameras by leaps, each with a short climb after it; the best is where the next one begins."""
    best = _Place.at(goal, rig)
    ways = _measured(goal, best)
    for _ in range(leaps):
        leap = LEAP * torch.randn(len(ways), generator=generator).numpy()
        start = _Place.at(goal, best.rig.moved(ways @ leap))
        there = _ascent(goal, start, ways, LEAP_STEPS, wanted=best.score)
        if there.score > best.score:
            best, ways = there, _measured(goal, there)
    return best.score, best.rig


def _ascent(goal: Goal, start: _Place, ways: np.ndarray, steps: int, wanted: float = -np.inf) -> _Place:
    """The best place met by Adam in units of the directions ``ways`` (P, P). It gives up where it has no hope to come
    to the ``wanted`` score."""
    mean, square = np.zeros(len(ways)), np.zeros(len(ways))
    best, seen, rig = start, start.seen, start.rig
    for step in range(1, steps + 1):
        slope = ways.T @ goal.slope_at(rig, seen)
        mean += (1 - MOMENTUM) * (slope - mean)
        square += (1 - MEMORY) * (slope**2 - square)
        spread = np.sqrt(square / (1 - MEMORY**step)) + 1e-8
        rate = RATE * (1.05 - (step - 1) / steps) / (1 - MOMENTUM**step)
        rig = rig.moved(ways @ (rate * mean / spread))
        if step % RENEWAL == 0 or step == steps:
            here = _Place.at(goal, rig)
            best, seen = max(best, here, key=lambda place: place.score), here.seen
            if best.score < wanted - HOPE / step**2:
                break
    return best


def _measured(goal: Goal, here: _Place) -> np.ndarray:
    """(P, P) directions of the cameras' parameters."""
    around = here.rig.moved(DIFFERENCE * np.eye(here.rig.parameters(goal.zooming))).apart()
    known = goal.terms_at(here.rig, here.seen)
    return directions(known, [goal.terms_at(one, here.seen) for one in around], STIFFNESS).numpy()
