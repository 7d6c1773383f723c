"""Refinement of the cameras: the search's best sets of cameras compete at the resolution of the views.

All sets climb (:mod:`.natural_gradient`), and once more with the plane in which the object mirrors itself
(:mod:`.mirrors`), if they find one. What they imply of the surface lets correspondences be found, which lead
further (:mod:`.correspondences`, :mod:`.bundle`). Then ever fewer sets leap about, because the way uphill often ends at
a false summit. The winner has the highest sum of both scores, the search's and the one at the resolution of the views.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from . import agreement, bundle, confidence, correspondences, mirrors
from .agreement import Scene
from .bundle import Bundle
from .cameras import half_angle_of, object_distance
from .correspondences import Pictures
from .mirrors import Mirrors
from .natural_gradient import CLOSE, Goal, Pull, climb, explore
from .rigs import Rig, rig_of
from .search import Hypothesis
from .threads import side_by_side
from .verticals import likeliest
from .views import View

MATCH_WIDTHS, LAST_WIDTHS = (0.03, 0.012), (0.012, 0.006)  # half widths of a view by which matches may miss
# What matches may add at most where two explanations are compared: prints that are the same on two sides of an object
# match as well under wrong cameras.
MOST_OF_MATCHES = 0.3
# The search judges other things too: level cameras, the network's depth. Its score counts beside the fine one.
SEARCH_WEIGHT = 0.5


@dataclass(frozen=True)
class Effort:
    """Sets of cameras that enter, rounds and leaps of their climb, and how many of them follow correspondences; then,
    time after time, how many leap and how often; pixels of a view and depths along each ray."""

    sets: int
    rounds: int
    first_leaps: int
    matched: int
    leaps: tuple[tuple[int, int], ...]
    pixels: int
    depths: int


EFFORTS = {
    "standard": Effort(8, 2, 4, 4, ((4, 6), (2, 10)), 192, 28),
    "best": Effort(12, 3, 8, 6, ((6, 10), (4, 20), (2, 30), (2, 30)), 320, 40),
}


def refine_poses(
    views: Sequence[View], hypotheses: Sequence[Hypothesis], *, closeups: Sequence[View] | None = None,
    uneven: bool = False, zooming: bool = False, quality: str, seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Hypothesis]:
    """Improve the cameras of canonical views.

    :param hypotheses: the search's explanations, best first; each view but the first may move.
    :param closeups: the same views in more pixels, in which correspondences are sought; without, in the views.
    :param uneven: the photos are exposed differently.
    :param zooming: nobody told the focal length: look for a factor of it too, the same for all views.
    :param quality: "draft" and a single view leave everything as it is.
    :param progress: called with the fraction done; it may raise to stop the work.
    :returns: as many hypotheses, the best first, which has the highest score, each with the vertical that suits its
        cameras. The confidence of the best counts the correspondences that fit; the others keep theirs.
    """
    if quality not in EFFORTS or len(views) == 1:
        return list(hypotheses)
    effort = EFFORTS[quality]
    report = progress or (lambda fraction: None)
    ground = _Ground(
        agreement.prepare(views, pixels=effort.pixels, depths=effort.depths, uneven=uneven),
        mirrors.prepare(views), correspondences.prepare(closeups or views),
        bundle.prepare(closeups or views), zooming,
    )
    half_angles = np.array([half_angle_of(view.intrinsics) for view in views])
    starts = [
        _Found(-np.inf, _in_scale(one.world_to_camera, half_angles), index, torch.Generator().manual_seed(seed + index))
        for index, one in enumerate(hypotheses)
    ]

    def worth(one: _Found) -> float:
        return one.score + min(one.matched, MOST_OF_MATCHES) + SEARCH_WEIGHT * hypotheses[one.index].score

    def improved(sets: list[_Found], change: Callable[[_Found], _Found], begins: float, ends: float) -> list[_Found]:
        """Best first."""
        better = []
        for number, one in enumerate(pool.map(change, sets)):
            report(begins + (ends - begins) * number / len(sets))
            better.append(one)
        return sorted(better, key=worth, reverse=True)

    with side_by_side() as pool:
        climbed = improved(starts[: effort.sets], partial(_climbed, ground=ground, effort=effort), 0.0, 0.3)
        climbed = improved(climbed, partial(_mirrored, ground=ground), 0.3, 0.4)
        best_sets = improved(climbed[: effort.matched], partial(_matched, ground=ground), 0.4, 0.6)
        best_of = {one.index: one for one in [*starts, *climbed, *best_sets]}
        for turn, (count, leaps) in enumerate(effort.leaps):
            share = 0.4 / len(effort.leaps)
            best_sets = improved(
                best_sets[:count], partial(_explored, ground=ground, leaps=leaps),
                0.6 + turn * share, 0.6 + (turn + 1) * share,
            )
            best_of |= {one.index: one for one in best_sets}
        best = _matched(best_sets[0], ground, LAST_WIDTHS)
        best_of[best.index] = best
    report(1.0)
    lens = best.rig.zoom, half_angles[0]
    refined = [_told(one, best_of[index], ground, *lens) for index, one in enumerate(hypotheses)]
    first = refined.pop(best.index)
    sure = confidence.with_matches(first.confidence, best.matches())
    return [replace(first, score=max(one.score for one in hypotheses), confidence=sure), *refined]


@dataclass(frozen=True)
class _Ground:
    """What cameras are held against: views, pictures with their corners, and outlines."""

    scene: Scene
    mirrors: Mirrors
    pictures: Pictures
    bundle: Bundle
    zooming: bool

    def goal(self, pull: Pull | None = None) -> Goal:
        return Goal(self.scene, self.mirrors, pull, self.zooming)


@dataclass(frozen=True)
class _Found:
    """The best cameras met so far from hypothesis ``index``, their score, chance of their own, the matches that they
    follow, and what these add to the score."""

    score: float
    rig: Rig
    index: int
    chance: torch.Generator
    pull: Pull | None = None
    matched: float = 0.0

    def total(self) -> float:
        return self.score + self.matched

    def matches(self) -> np.ndarray:
        """How many correspondences of each camera (V,) fit."""
        if self.pull is None:
            return np.zeros(self.rig.views)
        return bundle.fitting(self.pull.bundle, self.rig, self.pull.matches, 2 * CLOSE)


def _in_scale(poses: np.ndarray, half_angles: np.ndarray) -> Rig:
    """Cameras (V, 4, 4) in the scale in which the largest of the spheres that fill the views' cones has radius 1: the
    first photo may show a long object from its end."""
    scaled = poses.copy()
    scaled[:, :3, 3] /= (poses[:, 2, 3] * np.sin(half_angles)).max()
    return rig_of(scaled)


def _told(hypothesis: Hypothesis, found: _Found, ground: _Ground, zoom: np.ndarray, half_angle: float) -> Hypothesis:
    """The hypothesis with the cameras that were found, and the vertical that suits them. All hypotheses get the
    ``zoom`` of the best one, and the scale in which the first view's sphere has radius 1.

    :param half_angle: of the first view without it, in radians.
    """
    poses = found.rig.zoomed(zoom / found.rig.zoom).poses
    scale = object_distance(math.atan(math.tan(half_angle) / float(zoom))) / poses[0, 2, 3]
    poses[:, :3, 3] *= scale
    certain = mirrors.certain_plane(ground.mirrors, found.rig)
    plane = None if certain is None else certain * [1, 1, 1, scale]
    up = likeliest(ground.scene.verticals, found.rig.poses[:, :3, :3])
    return replace(
        hypothesis, world_to_camera=poses, up=up.astype(float), plane=plane,
        zoom=hypothesis.zoom * float(zoom),
    )


def _climbed(found: _Found, ground: _Ground, effort: Effort) -> _Found:
    """The cameras to which outlines and colours lead."""
    goal = ground.goal()
    _, rig = climb(goal, found.rig, rounds=effort.rounds)
    score, rig = explore(goal, rig, leaps=effort.first_leaps, generator=found.chance)
    return replace(found, score=score, rig=rig)


def _mirrored(found: _Found, ground: _Ground) -> _Found:
    """The cameras to which the object's symmetry leads, if they are better."""
    goal, (rig,) = ground.goal(found.pull), mirrors.find(ground.mirrors, found.rig.alone()).apart()
    for miss in mirrors.MISSES:
        rig = bundle.adjust(ground.bundle, rig, None, miss=miss, zooming=ground.zooming)
    total, rig = climb(goal, rig, rounds=1)
    return _at(found, goal, total, rig) if total > found.total() else found


def _matched(found: _Found, ground: _Ground, widths: tuple[float, float] = MATCH_WIDTHS) -> _Found:
    """The cameras to which correspondences lead, if they are better."""
    rig, matches = found.rig, correspondences.find(ground.pictures, found.rig)
    pull = Pull(ground.bundle, matches)
    found = replace(found, pull=pull, matched=float(pull.terms(rig).total()))
    if len(matches) == 0:
        return found
    first, second = widths
    rig = bundle.adjust(ground.bundle, rig, matches, first, zooming=ground.zooming)
    matches = correspondences.find(ground.pictures, rig)
    rig = bundle.adjust(ground.bundle, rig, matches, second, zooming=ground.zooming)
    goal = ground.goal(Pull(ground.bundle, matches))
    total, rig = climb(goal, rig, rounds=1)
    return _at(found, goal, total, rig) if total > found.total() else found


def _explored(found: _Found, ground: _Ground, leaps: int) -> _Found:
    """The best cameras within a few leaps."""
    goal = ground.goal(found.pull)
    total, rig = explore(goal, found.rig, leaps=leaps, generator=found.chance)
    return _at(found, goal, total, rig)


def _at(found: _Found, goal: Goal, total: float, rig: Rig) -> _Found:
    added = goal.matched(rig)
    return replace(found, score=total - added, rig=rig, pull=goal.pull, matched=added)
