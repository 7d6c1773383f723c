"""Refinement of the cameras: the search's best sets of cameras compete at the resolution of the views.

All sets climb, coarse to fine: on blurred views first, then on sharp ones. Then the best are tried with their cameras
turned a little, because the way uphill often ends at a false summit. The winner has the highest sum of both scores,
the search's and the one at the resolution of the views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from . import agreement
from .agreement import Scene
from .photos import View
from .search import Hypothesis
from .threads import side_by_side

BLURS, RATES = (4.0, 0.7), (0.03, 0.012)  # pixels; first step size in radians, and in radii of the object
RENEWAL = 4  # steps between two looks for the surface
TURN, TILT = 8.0, 3.0  # degrees by which cameras are turned about the vertical, and tilted, at random
# The search judges other things too: level cameras, the network's depth. Its score counts beside the fine one.
SEARCH_WEIGHT = 0.5


@dataclass(frozen=True)
class Effort:
    """Sets of cameras that enter, how many of them are tried again from how many turned copies; gradient steps on
    blurred and on sharp views; pixels of a view and depths along each ray."""

    sets: int
    again: int
    copies: int
    steps: tuple[int, int]
    pixels: int
    depths: int


EFFORTS = {
    "standard": Effort(8, 2, 4, (16, 16), 192, 28),
    "best": Effort(12, 4, 12, (32, 40), 320, 40),
}


def refine_poses(
    views: Sequence[View], hypotheses: Sequence[Hypothesis], *,
    quality: str, seed: int = 0, progress: Callable[[float], None] | None = None,
) -> list[Hypothesis]:
    """Improve the cameras of canonical views.

    :param hypotheses: the search's explanations, best first; each view but the first may move.
    :param quality: "draft" and a single view leave everything as it is.
    :param progress: called with the fraction done; it may raise to stop the work.
    :returns: as many hypotheses, the best first. Each keeps its confidence; the first has the highest score.
    """
    if quality not in EFFORTS or len(views) == 1:
        return list(hypotheses)
    effort = EFFORTS[quality]
    report = progress or (lambda fraction: None)
    scenes = [agreement.prepare(views, pixels=effort.pixels, depths=effort.depths, blur=blur) for blur in BLURS]
    generator = np.random.default_rng(seed)
    found = [
        _Found(agreement.judge(scenes[-1], poses)[0], poses, index)
        for index, poses in enumerate(torch.from_numpy(one.world_to_camera).float() for one in hypotheses)
    ]
    climbs = effort.sets + effort.again * effort.copies
    with side_by_side() as pool:
        climbed = pool.map(lambda one: _better(one, scenes, one.poses, effort), found[: effort.sets])
        for index, better in enumerate(climbed):
            report(index / climbs)
            found[index] = better
        order = sorted(found, key=lambda one: -one.total(hypotheses))
        copies = [(one, _turned(one.poses, generator)) for one in order[: effort.again] for _ in range(effort.copies)]
        for number, better in enumerate(pool.map(lambda copy: _better(copy[0], scenes, copy[1], effort), copies)):
            report((effort.sets + number) / climbs)
            if better.score > found[better.index].score:
                found[better.index] = better
    report(1.0)
    winner = max(found, key=lambda one: one.total(hypotheses)).index
    refined = [
        replace(one, world_to_camera=better.poses.double().numpy())
        for one, better in zip(hypotheses, found, strict=True)
    ]
    best = replace(refined.pop(winner), score=max(one.score for one in hypotheses))
    return [best, *refined]


@dataclass(frozen=True)
class _Found:
    """The best cameras (V, 4, 4) met so far from hypothesis ``index``, and their score on sharp views."""

    score: float
    poses: Tensor
    index: int

    def total(self, hypotheses: Sequence[Hypothesis]) -> float:
        return self.score + SEARCH_WEIGHT * hypotheses[self.index].score


def _better(found: _Found, scenes: Sequence[Scene], poses: Tensor, effort: Effort) -> _Found:
    """The cameras that a climb from ``poses`` leads to, if they are better than those found before."""
    for scene, steps, rate in zip(scenes, effort.steps, RATES, strict=True):
        score, poses = climb(scene, poses, steps=steps, rate=rate)
    return replace(found, score=score, poses=poses) if score > found.score else found


def climb(scene: Scene, poses: Tensor, *, steps: int, rate: float) -> tuple[float, Tensor]:
    """Improve one set of cameras (V, 4, 4) with Adam: the best score met on the way, the start's included, and its
    cameras. The surface is found anew every few steps, without gradients."""
    turn = torch.zeros(len(poses) - 1, 3, requires_grad=True)
    shift = torch.zeros(len(poses) - 1, 3, requires_grad=True)
    optimiser = torch.optim.Adam([turn, shift], lr=rate, betas=(0.8, 0.95))
    best, kept = -float("inf"), poses
    for step in range(steps + 1):
        if step % RENEWAL == 0 or step == steps:
            now = moved(poses, turn.detach(), shift.detach())
            score, surface = agreement.judge(scene, now)
            if score > best:
                best, kept = score, now
        if step == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate * (1.05 - step / steps)
        optimiser.zero_grad()
        (-agreement.score_at(scene, moved(poses, turn, shift), surface)).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return best, kept


def moved(poses: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """All cameras (V, 4, 4) but the first, turned about the object's centre by rotation vectors (V - 1, 3) of their own
    axes, and shifted by (V - 1, 3)."""
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).view(-1, 3, 3)
    rotation = torch.linalg.matrix_exp(cross) @ poses[1:, :3, :3]
    upper = torch.cat([rotation, (poses[1:, :3, 3] + shift)[..., None]], -1)
    return torch.cat([poses[:1], torch.cat([upper, poses[1:, 3:]], 1)])


def _turned(poses: Tensor, generator: np.random.Generator) -> Tensor:
    """The cameras turned about the world's vertical, and tilted: what silhouettes and colours tell least."""
    angles = np.radians(generator.normal(size=(len(poses) - 1, 2)) * [TURN, TILT])
    about_vertical = poses[1:, :3, 2] * torch.from_numpy(angles[:, :1]).float()  # the world's z axis, seen by a view
    tilt = torch.zeros_like(about_vertical)
    tilt[:, 0] = torch.from_numpy(angles[:, 1]).float()
    return moved(poses, about_vertical + tilt, torch.zeros_like(tilt))
