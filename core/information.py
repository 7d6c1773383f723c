"""Natural gradients: movements of cameras measured by what they change.

Outlines and colours hold some movements of the cameras very firmly; others, which the surface's depth can follow,
hardly at all. A plain gradient bounces from wall to wall of such a valley and is slow along it. Measured by how
much they change the terms of a score, by its empirical Fisher information (Amari, 1998), all movements are equally
steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

DIFFERENCE = 1e-3  # by which a parameter is changed to find the slope of all terms


@dataclass(frozen=True)
class Terms:
    """N measurements whose sum makes a score."""

    value: Tensor  # (..., N)
    weight: float  # how much each counts

    def total(self) -> Tensor:
        """(...) what they add to the score."""
        return self.weight * self.value.sum(-1)


def directions(here: Sequence[Terms], around: Sequence[Sequence[Terms]], stiffness: float) -> Tensor:
    """(..., P, P) columns, movements of P parameters that change the terms equally, each by itself.

    :param around: the terms after each parameter alone was changed by ``DIFFERENCE``.
    :param stiffness: information that every parameter has besides, lest one go far of which the terms tell nothing.
    """
    information = stiffness * torch.eye(len(around))
    for before, *after in zip(here, *around, strict=True):
        slope = torch.stack([part.value - before.value for part in after], -2) / DIFFERENCE  # (..., P, N)
        information = information + before.weight * slope @ slope.transpose(-1, -2)
    return torch.linalg.inv(torch.linalg.cholesky(information)).transpose(-1, -2)
