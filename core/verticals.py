"""Which way is up: what photos tell of it, and how people hold cameras.

Phones measure the vertical of a photo. Where nobody has measured it, photos are mostly level, and taken from the side
or from above. Both tell more of the cameras than it seems: outlines and colours hold tilts least of all movements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .views import View

USUAL_ELEVATION = (0.4, 0.7, 0.15)  # radians: from the side to far above
SAID_ERROR = math.radians(10)  # of an elevation by eye
ROLL = 0.08  # radians by which photos that are meant to be level are rolled, with long tails
TILT = math.radians(3)  # error of a measured vertical, with what the phone's camera is askew in it
TILT_DOUBT = 4.0  # the smaller, the less a wrong measurement weighs
TRIED = (-10.0, 10.0, 30.0, 50.0, 70.0)  # degrees of elevation from which a search for the vertical begins
CLOSER_LOOKS, NEARER = 4, 4  # of that search: how many verticals are improved, and how often


@dataclass(frozen=True)
class Verticals:
    """What V views tell of the vertical."""

    up: Tensor  # (V, 3) direction of the sky in a view's camera, zero where nobody has measured it
    elevation: Tensor  # (V, 3) radians: from where up a view was taken, how far off that is usual, and its spread

    @property
    def known(self) -> Tensor:
        """(V,) bool, whether it was measured."""
        return self.up.any(-1)


def told(views: Sequence[View]) -> Verticals:
    """What was measured, or else said, of canonical views."""
    return Verticals(
        up=torch.from_numpy(np.stack([np.zeros(3) if view.up is None else view.up for view in views])).float(),
        elevation=torch.tensor([
            USUAL_ELEVATION if view.photo.tilt is None else (math.radians(view.photo.tilt), 0.0, SAID_ERROR)
            for view in views
        ]),
    )


def unusual(verticals: Verticals, seen: Tensor) -> Tensor:
    """(..., V) how unusual it is that the views' cameras see the vertical in the directions ``seen`` (..., V, 3)."""
    elevation = torch.asin((-seen[..., 2]).clamp(-0.999, 0.999))
    guessed = 0.5 * torch.log1p((seen[..., 0] / ROLL).square()) + unusual_elevation(verticals, elevation)
    known = verticals.known
    return torch.where(known, off_vertical(seen, verticals.up), guessed) if known.any() else guessed


def unusual_elevation(verticals: Verticals, elevation: Tensor) -> Tensor:
    """(..., V) how unusual the elevations (..., V) or (..., 1) of cameras are, in radians; measured ones aside."""
    usual, slack, spread = verticals.elevation.unbind(-1)
    return 0.5 * (((elevation - usual).abs() - slack).clamp(min=0) / spread).square().clamp(max=9)


def off_vertical(first: Tensor, second: Tensor) -> Tensor:
    """(...) how unlikely it is that two unit vectors (..., 3) are the same vertical, one of them measured."""
    # From the chord: the slope of an arc cosine has no end where they agree.
    return 0.5 * TILT_DOUBT * torch.log1p((first - second).square().sum(-1) / (TILT_DOUBT * TILT**2))


@torch.no_grad()
def likeliest(verticals: Verticals, rotation: Tensor) -> Tensor:
    """(3,) the world's vertical that suits world-to-camera rotations (V, 3, 3) best.

    Where verticals were measured it is their mean. Else some are tried under which one camera is level, and all under
    which two are; the best are brought nearer to one under which all are level, by weighted least squares.
    """
    known = verticals.known
    if known.any():
        return F.normalize(torch.einsum("vij,vi->vj", rotation, verticals.up)[known].sum(0), dim=0)
    elevation = torch.deg2rad(torch.tensor(TRIED))
    level = torch.stack([torch.zeros_like(elevation), -elevation.cos(), -elevation.sin()], -1)
    across = rotation[:, 0]
    first, second = torch.triu_indices(len(rotation), len(rotation), 1)
    both_level = F.normalize(torch.linalg.cross(across[first], across[second]), dim=-1)
    tried = [torch.cat([(level @ rotation).flatten(0, 1), both_level, -both_level])]
    best = tried[0][_cost(verticals, rotation, tried[0]).argsort()[:CLOSER_LOOKS]]
    for _ in range(NEARER):
        roll = best @ across.T  # (C, V)
        weight = 1 / (ROLL**2 + roll.square())
        normal = torch.einsum("cv,vi,vj->cij", weight, across, across) + 0.01 / ROLL**2 * torch.eye(3)
        best = F.normalize(best - torch.linalg.solve(normal, (weight * roll) @ across), dim=-1)
        tried.append(best)
    everything = torch.cat(tried)
    return everything[_cost(verticals, rotation, everything).argmin()]


def _cost(verticals: Verticals, rotation: Tensor, up: Tensor) -> Tensor:
    """(C,) how unusual all cameras (V, 3, 3) are if the vertical is ``up`` (C, 3); endless if that is down in them."""
    seen = torch.einsum("vij,cj->cvi", rotation, up)
    return unusual(verticals, seen).sum(-1) + torch.where(seen[..., 1].sum(-1) > 0, torch.inf, 0.0)
