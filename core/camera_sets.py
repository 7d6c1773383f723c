"""Sets of cameras: what the pose search puts together, improves and judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from .information import Terms


@dataclass(frozen=True)
class CameraSets:
    """B sets of cameras of V views, in the scale of :mod:`.silhouettes` and from a world whose z axis points up."""

    rotation: Tensor  # (B, V, 3, 3) world to camera
    centre: Tensor  # (B, V, 3) of the object in each camera

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, index: Tensor) -> CameraSets:
        return CameraSets(self.rotation[index], self.centre[index])

    def split(self, size: int) -> list[CameraSets]:
        """Parts of at most ``size`` sets."""
        parts = self.rotation.split(size), self.centre.split(size)
        return [CameraSets(*part) for part in zip(*parts, strict=True)]

    def where(self, chosen: Tensor, others: CameraSets) -> CameraSets:
        """These sets where chosen (B,) says so, and others elsewhere."""
        return CameraSets(
            torch.where(chosen[:, None, None, None], self.rotation, others.rotation),
            torch.where(chosen[:, None, None], self.centre, others.centre),
        )

    def detach(self) -> CameraSets:
        """The same cameras, without gradients."""
        return CameraSets(self.rotation.detach(), self.centre.detach())

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotations and centres, for compiled functions."""
        rotation, centre = (part.detach().contiguous().numpy() for part in (self.rotation, self.centre))
        return rotation, centre

    def with_slopes(self, slopes: Sequence[np.ndarray]) -> Tensor:
        """(B,) zeros that change with the cameras as a function does whose slopes along ``arrays`` are these."""
        changes = ((part - part.detach()).flatten(1) for part in (self.rotation, self.centre))
        moving = [
            torch.from_numpy(slope).flatten(1) * change for slope, change in zip(slopes, changes, strict=True)
        ]
        return torch.cat(moving, 1).sum(1)


def joined(parts: Sequence[CameraSets]) -> CameraSets:
    """All sets of several groups, in order."""
    return CameraSets(torch.cat([part.rotation for part in parts]), torch.cat([part.centre for part in parts]))


class Objective(Protocol):
    """What sets of cameras are worth. Looking all along the rays is dear, so the way up is found at the few points that
    the last look has chosen."""

    def look(self, sets: CameraSets) -> tuple[Tensor, Any]:
        """The sets' values (B,), higher is better, without gradients, and the points that decide them."""
        ...

    def value(self, sets: CameraSets, points: Any) -> Tensor:
        """(B,) values at points chosen before, differentiable in the cameras."""
        ...

    def terms(self, sets: CameraSets, points: Any) -> list[Terms]:
        """What is measured at these points: terms (B, N) of the value."""
        ...


@dataclass(frozen=True)
class Sum:
    """Several objectives as one."""

    parts: tuple[Objective, ...]

    def look(self, sets: CameraSets) -> tuple[Tensor, tuple[Any, ...]]:
        """The sum of the parts' values, and the points of each."""
        values, points = zip(*(part.look(sets) for part in self.parts), strict=True)
        return torch.stack(values).sum(0), points

    def value(self, sets: CameraSets, points: tuple[Any, ...]) -> Tensor:
        """The sum of the parts' values at their points."""
        values = [part.value(sets, of_part) for part, of_part in zip(self.parts, points, strict=True)]
        return torch.stack(values).sum(0)

    def terms(self, sets: CameraSets, points: tuple[Any, ...]) -> list[Terms]:
        """The terms of all parts at their points."""
        return [term for part, own in zip(self.parts, points, strict=True) for term in part.terms(sets, own)]
