"""Refinement of the cameras: the search's best sets of cameras compete at the resolution of the views.

All sets climb, coarse to fine: on blurred views first, then on sharp ones. What they imply of the surface lets
correspondences be found, which lead further (:mod:`.correspondences`, :mod:`.bundle`). Then the best are tried with
their cameras turned a little, because the way uphill often ends at a false summit. The winner has the highest sum of
both scores, the search's and the one at the resolution of the views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from . import agreement, bundle, confidence, correspondences
from .agreement import Scene
from .bundle import Bundle
from .correspondences import Matches, Pictures
from .photos import View
from .search import Hypothesis
from .threads import side_by_side

BLURS, RATES = (4.0, 0.7), (0.03, 0.012)  # pixels; first step size in radians, and in radii of the object
RENEWAL = 4  # steps between two looks for the surface
TURN, TILT = 8.0, 4.0  # degrees by which cameras are turned about the vertical, and tilted, at random
MATCH_WIDTHS, LAST_WIDTHS = (0.03, 0.012), (0.012, 0.006)  # half widths of a view by which matches may miss
MATCH_STEPS, MATCH_RATE = 24, 0.012
CLOSE = 0.006  # the width with which sets of cameras are compared
MATCH_WEIGHT = 0.012  # in the score
# What matches may add at most where two explanations are compared: prints that are the same on two sides of an object
# match as well under wrong cameras.
MOST_OF_MATCHES = 0.3
# The search judges other things too: level cameras, the network's depth. Its score counts beside the fine one.
SEARCH_WEIGHT = 0.5


@dataclass(frozen=True)
class Effort:
    """Sets of cameras that enter, how many of them follow correspondences, how many are tried again from how many
    turned copies; gradient steps on blurred and on sharp views; pixels of a view and depths along each ray."""

    sets: int
    matched: int
    again: int
    copies: int
    steps: tuple[int, int]
    pixels: int
    depths: int


EFFORTS = {
    "standard": Effort(8, 4, 2, 4, (16, 16), 192, 28),
    "best": Effort(12, 6, 3, 6, (32, 40), 320, 40),
}


def refine_poses(
    views: Sequence[View], hypotheses: Sequence[Hypothesis], *, closeups: Sequence[View] | None = None,
    uneven: bool = False, quality: str, seed: int = 0, progress: Callable[[float], None] | None = None,
) -> list[Hypothesis]:
    """Improve the cameras of canonical views.

    :param hypotheses: the search's explanations, best first; each view but the first may move.
    :param closeups: the same views in more pixels, in which correspondences are sought; without, in the views.
    :param uneven: the photos are exposed differently.
    :param quality: "draft" and a single view leave everything as it is.
    :param progress: called with the fraction done; it may raise to stop the work.
    :returns: as many hypotheses, the best first, which has the highest score. Its confidence counts the correspondences
        that fit; the others keep theirs.
    """
    if quality not in EFFORTS or len(views) == 1:
        return list(hypotheses)
    effort = EFFORTS[quality]
    report = progress or (lambda fraction: None)
    ground = _Ground(
        tuple(
            agreement.prepare(views, pixels=effort.pixels, depths=effort.depths, blur=blur, uneven=uneven)
            for blur in BLURS
        ),
        correspondences.prepare(closeups or views), bundle.prepare(closeups or views),
    )
    generator = np.random.default_rng(seed)
    starts = [
        _Found(agreement.judge(ground.scenes[-1], poses)[0], poses, index)
        for index, poses in enumerate(torch.from_numpy(one.world_to_camera).float() for one in hypotheses)
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
        climbed = improved(starts[: effort.sets], lambda one: _climbed(one, ground, effort), 0.0, 0.15)
        matched = improved(climbed[: effort.matched], lambda one: _matched(one, ground), 0.15, 0.5)
        copies = [_turned(one, generator) for one in matched[: effort.again] for _ in range(effort.copies)]
        matched += improved(copies, lambda one: _matched(_climbed(one, ground, effort), ground), 0.5, 1.0)
        best_of = {one.index: one for one in [*starts, *climbed, *sorted(matched, key=_Found.total)]}
        best = _matched(max((best_of[one.index] for one in matched), key=worth), ground, LAST_WIDTHS)
        best_of[best.index] = best
        seen = ground.matches_of(best.poses)
    report(1.0)
    refined = [
        replace(one, world_to_camera=best_of[index].poses.double().numpy()) for index, one in enumerate(hypotheses)
    ]
    first = refined.pop(best.index)
    sure = confidence.with_matches(first.confidence, seen)
    return [replace(first, score=max(one.score for one in hypotheses), confidence=sure), *refined]


@dataclass(frozen=True)
class _Ground:
    """What cameras are held against: blurred and sharp views, pictures with their corners, and outlines."""

    scenes: tuple[Scene, ...]
    pictures: Pictures
    bundle: Bundle

    def matches_of(self, poses: Tensor) -> np.ndarray:
        """How many correspondences of each camera (V,) fit."""
        matches = correspondences.find(self.pictures, poses)
        return bundle.fitting(self.bundle, poses, matches, 2 * CLOSE).numpy()


@dataclass(frozen=True)
class _Found:
    """The best cameras (V, 4, 4) met so far from hypothesis ``index``, their score on sharp views, and what matches
    add to it."""

    score: float
    poses: Tensor
    index: int
    matched: float = 0.0

    def total(self) -> float:
        return self.score + self.matched


def _climbed(found: _Found, ground: _Ground, effort: Effort) -> _Found:
    """The cameras to which outlines and colours lead, coarse to fine, if they are better."""
    poses = found.poses
    for scene, steps, rate in zip(ground.scenes, effort.steps, RATES, strict=True):
        score, poses = climb(scene, poses, steps=steps, rate=rate)
    return replace(found, score=score, poses=poses) if score > found.score else found


def _matched(found: _Found, ground: _Ground, widths: Sequence[float] = MATCH_WIDTHS) -> _Found:
    """The cameras to which correspondences lead, if they are better."""
    poses, matches = found.poses, correspondences.find(ground.pictures, found.poses)
    found = replace(found, matched=float(Pull(ground.bundle, matches).value(poses)))
    if len(matches) == 0:
        return found
    for width in widths:
        poses = bundle.adjust(ground.bundle, poses, matches, width)
        matches = correspondences.find(ground.pictures, poses)
    pull = Pull(ground.bundle, matches)
    total, poses = climb(ground.scenes[-1], poses, steps=MATCH_STEPS, rate=MATCH_RATE, pull=pull)
    added = float(pull.value(poses))
    better = replace(found, score=total - added, poses=poses, matched=added)
    return better if total > found.total() else found


@dataclass(frozen=True)
class Pull:
    """Matches that cameras should fit, beside the views."""

    bundle: Bundle
    matches: Matches

    def value(self, poses: Tensor) -> Tensor:
        """What they add to the score of cameras (V, 4, 4)."""
        return MATCH_WEIGHT * bundle.likelihood(self.bundle, poses, self.matches, CLOSE)


def climb(
    scene: Scene, poses: Tensor, *, steps: int, rate: float, pull: Pull | None = None
) -> tuple[float, Tensor]:
    """Improve one set of cameras (V, 4, 4) with Adam: the best score met on the way, the start's included, and its
    cameras. The surface is found anew every few steps, without gradients."""
    move = torch.zeros(6 * (len(poses) - 1), requires_grad=True)
    optimiser = torch.optim.Adam([move], lr=rate, betas=(0.8, 0.95))
    best, kept = -float("inf"), poses
    for step in range(steps + 1):
        if step % RENEWAL == 0 or step == steps:
            now = bundle.moved(poses, move.detach()[None])[0]
            score, surface = agreement.judge(scene, now)
            if pull:
                score += float(pull.value(now))
            if score > best:
                best, kept = score, now
        if step == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate * (1.05 - step / steps)
        optimiser.zero_grad()
        there = bundle.moved(poses, move[None])[0]
        value = agreement.score_at(scene, there, surface)
        if pull:
            value = value + pull.value(there)
        (-value).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return best, kept


def _turned(found: _Found, generator: np.random.Generator) -> _Found:
    """The cameras turned about the world's vertical, and tilted: what silhouettes and colours tell least."""
    poses = found.poses
    angles = np.radians(generator.normal(size=(len(poses) - 1, 2)) * [TURN, TILT])
    turn = poses[1:, :3, 2] * torch.from_numpy(angles[:, :1]).float()  # the world's z axis, seen by a view
    turn[:, 0] += torch.from_numpy(angles[:, 1]).float()
    move = torch.cat([turn, torch.zeros_like(turn)]).view(1, -1)
    return replace(found, score=-np.inf, poses=bundle.moved(poses, move)[0])
