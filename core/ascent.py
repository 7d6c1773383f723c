"""Sets of cameras improved side by side: the one loop behind every round of the pose search.

A set of cameras is a ``rotation`` (V, 3, 3) from a world whose z axis points up and the position ``centre`` (V, 3) of
the object's centre in each camera, in the scale of :mod:`.silhouettes`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .threads import side_by_side

# (B, V, 3, 3), (B, V, 3) → what these cameras are worth (B,), higher is better, and something differentiable in them
# (B,) whose gradient leads to better ones.
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
MOMENTUM, MEMORY = 0.8, 0.95  # Adam's


def climb(
    objective: Objective, rotation: Tensor, centre: Tensor, *, steps: int, rate: float, chunk: int = 8
) -> tuple[Tensor, Tensor, Tensor]:
    """Improve B sets of cameras with Adam, written out: torch.optim takes longer to import than all this to run.

    :param rate: first step size in radians and in radii of the object; it falls to nearly nothing.
    :param chunk: sets at a time, so that their samples fit a processor's cache.
    :returns: the best rotation (B, V, 3, 3), centre (B, V, 3) and score (B,) met on the way.
    """
    with side_by_side() as pool:
        parts = list(pool.map(
            lambda rotation, centre: _climb(objective, rotation, centre, steps, rate),
            rotation.split(chunk), centre.split(chunk),
        ))
    turned, moved, score = zip(*parts, strict=True)
    return torch.cat(turned), torch.cat(moved), torch.cat(score)


def _climb(objective: Objective, rotation: Tensor, centre: Tensor, steps: int, rate: float) -> tuple[Tensor, ...]:
    move = torch.zeros(2, *centre.shape, requires_grad=True)  # rotation vectors and shifts of the centres
    mean, square = centre.new_zeros(2, *centre.shape), centre.new_zeros(2, *centre.shape)
    best = torch.full((len(rotation),), -torch.inf)
    best_rotation, best_centre = rotation.clone(), centre.clone()
    for step in range(steps + 1):
        now_rotation, now_centre = rotation_of(move[0]) @ rotation, centre + move[1]
        score, leading = objective(now_rotation, now_centre)
        with torch.no_grad():
            better = score > best
            best = torch.where(better, score, best)
            best_rotation[better], best_centre[better] = now_rotation[better], now_centre[better]
        if step == steps:
            break
        (slope,) = torch.autograd.grad(leading.sum(), move)
        with torch.no_grad():
            mean.lerp_(slope, 1 - MOMENTUM)
            square.lerp_(slope.square(), 1 - MEMORY)
            unbiased = mean / (1 - MOMENTUM ** (step + 1))
            spread = (square / (1 - MEMORY ** (step + 1))).sqrt() + 1e-8
            move += rate * (1.05 - step / steps) * unbiased / spread
    return best_rotation, best_centre, best


def rotation_of(turn: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3)."""
    angle = (turn.square().sum(-1) + 1e-12).sqrt()[..., None, None]
    x, y, z = turn.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).view(*turn.shape[:-1], 3, 3)
    return torch.eye(3) + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / angle**2 * (cross @ cross)
