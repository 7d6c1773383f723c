"""Sets of cameras improved side by side: the one loop behind every round of the pose search."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .camera_sets import CameraSets, Objective, joined
from .information import DIFFERENCE, directions
from .threads import side_by_side

MOMENTUM, MEMORY = 0.8, 0.95  # Adam's
AT_ONCE = 64  # sets at most; with few of them Python takes longer than what it calls
STIFFNESS = 200.0  # no radian, and no radius of the object, counts less than this in the square


def climb(
    objective: Objective, sets: CameraSets, *, steps: int, rate: float, renewal: int = 1, natural: bool = False
) -> tuple[CameraSets, Tensor]:
    """Improve B sets of cameras with Adam, written out: torch.optim takes longer to import than all this to run.

    :param rate: first step size in radians and in radii of the object; it falls to nearly nothing.
    :param renewal: steps between two looks at the objective; only what it looks at can be returned.
    :param natural: measure steps by what they change (:mod:`.information`); ``rate`` is in these units then.
    :returns: the best sets met on the way and their scores (B,).
    """
    parts = sets.split(_at_once(len(sets)))
    with side_by_side() as pool:
        climbed = list(pool.map(lambda part: _climb(objective, part, steps, rate, renewal, natural), parts))
    better, score = zip(*climbed, strict=True)
    return joined(better), torch.cat(score)


def _at_once(count: int) -> int:
    """How many of some sets make a part, if all threads shall have as many parts of one size."""
    threads = torch.get_num_threads()
    turns = max(1, math.ceil(count / (threads * AT_ONCE)))
    return max(1, math.ceil(count / (threads * turns)))


def _climb(
    objective: Objective, sets: CameraSets, steps: int, rate: float, renewal: int, natural: bool
) -> tuple[CameraSets, Tensor]:
    size, views = sets.centre.shape[:2]
    move = torch.zeros(size, 6 * views, requires_grad=True)
    mean, square = torch.zeros_like(move, requires_grad=False), torch.zeros_like(move, requires_grad=False)
    ways = _measured(objective, sets, move.detach()) if natural else torch.eye(move.shape[1])
    best, kept = torch.full((size,), -torch.inf), sets
    for step in range(steps + 1):
        now = _moved(sets, (ways @ move[..., None])[..., 0])
        if step % renewal == 0 or step == steps:
            score, points = objective.look(now.detach())
            better = score > best
            best, kept = torch.where(better, score, best), now.detach().where(better, kept)
        if step == steps:
            break
        (slope,) = torch.autograd.grad(objective.value(now, points).sum(), move)
        with torch.no_grad():
            mean.lerp_(slope, 1 - MOMENTUM)
            square.lerp_(slope.square(), 1 - MEMORY)
            unbiased = mean / (1 - MOMENTUM ** (step + 1))
            spread = (square / (1 - MEMORY ** (step + 1))).sqrt() + 1e-8
            move += rate * (1.05 - step / steps) * unbiased / spread
    return kept, best


@torch.no_grad()
def _measured(objective: Objective, sets: CameraSets, still: Tensor) -> Tensor:
    """(B, P, P) directions of the parameters of B sets, which have not moved yet: ``still`` (B, P)."""
    _, points = objective.look(sets)
    shifts = DIFFERENCE * torch.eye(still.shape[1])
    around = [objective.terms(_moved(sets, still + shift), points) for shift in shifts]
    return directions(objective.terms(sets, points), around, STIFFNESS)


def _moved(sets: CameraSets, move: Tensor) -> CameraSets:
    """Sets after a move (B, 6V): rotation vectors, then shifts of the centres."""
    turn, shift = move.unflatten(1, (2, -1, 3)).unbind(1)
    return CameraSets(rotation_of(turn) @ sets.rotation, sets.centre + shift)


def rotation_of(turn: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3)."""
    angle = (turn.square().sum(-1) + 1e-12).sqrt()[..., None, None]
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(*turn.shape[:-1], 3, 3)
    return torch.eye(3) + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / angle**2 * (cross @ cross)
