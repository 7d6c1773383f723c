"""Fields whose surfaces are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass
class AnalyticField:
    """Density from a signed distance (positive inside), as steep as a trained field's."""

    distance: Callable[[torch.Tensor], torch.Tensor]
    half_extent: float = 1.3
    level: float = 10.0
    device: str = "cpu"
    queried: int = 0

    def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.queried += points[..., 0].numel()
        density = self.level * torch.exp(60 * self.distance(points))
        return density, 0.5 + 0.5 * torch.sin(2 * points)


Distance = Callable[[torch.Tensor], torch.Tensor]


def sphere(radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Distance:
    return lambda points: radius - (points - torch.tensor(centre)).norm(dim=-1)


def union(*parts: Distance) -> Distance:
    return lambda points: torch.stack([part(points) for part in parts]).amax(dim=0)


def wavy_torus(points: torch.Tensor) -> torch.Tensor:
    x, y, z = points.unbind(-1)
    ring = torch.hypot(torch.hypot(x, y) - 0.7, z)
    return 0.3 + 0.06 * torch.sin(9 * x) * torch.sin(8 * y) - ring
