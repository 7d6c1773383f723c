"""Where rays pass through the visual hull, followed while the cameras move.

The hull moves with the cameras, and the surface with it. Places that are held fast on their rays slide out of a thin
object as soon as a camera turns, so that every change of the cameras seems to be for the worse. Hence places are told
as shares of the way through the hull, whose ends are followed to the first order.

``inside`` stands for a function of the cameras: how deep (..., K) points at offsets (..., K) on rays (...) lie inside
all masks, interpolated between pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

NARROWEST = 0.01  # the shortest way through the hull
FLATTEST = 0.2  # the least share of a step by which it is taken to lead deeper: a grazing ray's end would go anywhere
FARTHEST = 0.2  # how far an end is followed

Inside = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Passage:
    """The stretch of each ray that lies inside the hull, or comes nearest to it."""

    ends: Tensor  # (..., 2) where rays enter and leave, nearly
    level: Tensor  # (..., 1) how deep inside the ends are
    slope: Tensor  # (..., 2) by how much deeper a step along the ray leads there

    def now(self, inside: Inside) -> tuple[Tensor, Tensor]:
        """Where rays enter under the cameras of ``inside``, and how far (..., 1) it is from there to the other end."""
        ends = self.ends - ((inside(self.ends) - self.level) / self.slope).clamp(-FARTHEST, FARTHEST)
        enters, leaves = ends.split(1, -1)
        return enters, (leaves - enters).clamp(min=NARROWEST)

    def shares(self, inside: Inside, places: Tensor) -> Tensor:
        """(..., K) of the way through the hull at which places (..., K) lie."""
        enters, way = self.now(inside)
        return (places - enters) / way

    def places(self, inside: Inside, shares: Tensor) -> Tensor:
        """(..., K) offsets at these shares of the way."""
        enters, way = self.now(inside)
        return enters + shares * way


def passage(inside: Inside, steps: Tensor, depth: Tensor, level: Tensor, step: float) -> Passage:
    """Where rays are inside, from samples of them.

    :param steps: (..., K) offsets, and ``depth`` (..., K) how deep these points are inside.
    :param level: (..., 1) how deep inside the ends are; not more than the deepest sample.
    :param step: over which slopes are measured.
    """
    within, last = (depth >= level).int(), depth.shape[-1] - 1
    inner = torch.cat([within.argmax(-1, keepdim=True), last - within.flip(-1).argmax(-1, keepdim=True)], -1)
    outer = (inner + torch.tensor([-1, 1])).clamp(0, last)
    deep, shallow = depth.gather(-1, inner), depth.gather(-1, outer)
    share = ((deep - level) / (deep - shallow).clamp(min=1e-6)).clamp(0, 1)
    ends = steps.gather(-1, inner).lerp(steps.gather(-1, outer), share)
    way = torch.tensor([1.0, -1.0])
    here, outside = inside(torch.cat([ends, ends - step * way], -1)).split(2, -1)  # within, a tip may be close
    return Passage(ends, level, way * ((here - outside) / step).clamp(min=FLATTEST))
