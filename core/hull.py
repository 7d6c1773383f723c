"""How well a set of cameras explains all photos at once: one visual hull, one appearance.

Under true cameras every foreground pixel's ray meets a point that lies inside the masks of all views, and the surface
there looks alike in the views that see it. Both are judged on points sampled along the rays (:mod:`.hull_rays`). A
hypothesis is a ``rotation`` (B, V, 3, 3) from a world whose z axis points up, and the position ``centre`` (B, V, 3) of
the object's centre in each camera, in the scale of :mod:`.silhouettes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import extents, hull_rays, verticals
from .camera_sets import CameraSets
from .hull_rays import Choice
from .information import Terms
from .silhouettes import Silhouettes

ASIDE = 0.5  # spread of the object's centre across a view
CLOSER = 0.2  # of the log of the distances
SIZE = 0.15  # of the log of what the scale makes 1


@dataclass(frozen=True)
class Weights:
    """How much each term counts in the score; see ``tests`` and the docstring of :mod:`.search` for their source."""

    cover: float = 100.0
    appearance: float = 6.0
    habit: float = 1.0


@dataclass(frozen=True)
class Judgement:
    """The score's terms for B hypotheses of V views."""

    uncovered: Tensor  # (B, V) share of foreground pixels that the hull misses, softly
    evidence: Tensor  # (B, V) mean log ratio of the other views' likelihood for these poses and for any poses
    habit: Tensor  # (B,) how unusual the cameras are

    def total(self, weights: Weights) -> Tensor:
        """(B,) higher is better."""
        return (
            weights.appearance * self.evidence.mean(1)
            - weights.cover * self.uncovered.mean(1)
            - weights.habit * self.habit
        )


def habit(scene: Silhouettes, sets: CameraSets) -> Tensor:
    """(B,) how far the cameras are from how people take photos: level, from the side or above, about equally far,
    from well separated directions. Grows slowly, so that evidence can overrule it."""
    rotation, centre = sets.rotation, sets.centre
    unusual = verticals.unusual(scene.verticals, rotation[..., 2]).sum(1)
    aside = centre[..., :2] / ASIDE
    distance = centre[..., 2].clamp(min=0.1).log()
    size = (distance + scene.half_angle.sin().log()).amax(1) / SIZE  # of the largest inscribed sphere
    unusual = unusual + 0.5 * aside.square().sum((1, 2)) + unequal(distance).sum(1)
    unusual = unusual + 0.5 * len(scene) * size.square()
    axes = rotation[..., 2, :]
    first, second = torch.triu_indices(len(scene), len(scene), 1)
    cosine = (axes[:, first] * axes[:, second]).sum(-1)
    return unusual + 0.5 * ((cosine - 0.75).clamp(min=0) / 0.08).square().sum(1)


def unequal(distance: Tensor) -> Tensor:
    """(B, V) how unusual distances are whose logs (B, V) differ from their mean."""
    return 0.5 * ((distance - distance.mean(1, keepdim=True)) / CLOSER).square()


def judge(scene: Silhouettes, sets: CameraSets) -> Judgement:
    """Score B hypotheses without gradients."""
    uncovered, evidence, *_ = hull_rays.judged(scene.views, scene.predicted, *sets.arrays(), scene.offsets)
    return Judgement(torch.from_numpy(uncovered), torch.from_numpy(evidence), habit(scene, sets))


@dataclass(frozen=True)
class HullObjective:
    """The score of hypotheses to climb."""

    scene: Silhouettes
    weights: Weights

    @torch.no_grad()
    def look(self, sets: CameraSets) -> tuple[Tensor, Choice]:
        scene = self.scene
        uncovered, evidence, *choice = hull_rays.judged(scene.views, scene.predicted, *sets.arrays(), scene.offsets)
        judgement = Judgement(torch.from_numpy(uncovered), torch.from_numpy(evidence), habit(scene, sets))
        return judgement.total(self.weights), Choice(*choice)

    def value(self, sets: CameraSets, points: Choice) -> Tensor:
        terms, slopes = self._terms(sets, points, True)
        total = torch.stack([part.total() for part in terms]).sum(0)
        return total - self.weights.habit * habit(self.scene, sets) + sets.with_slopes(slopes)

    def terms(self, sets: CameraSets, points: Choice) -> list[Terms]:
        return self._terms(sets, points, False)[0]

    def _terms(self, sets: CameraSets, points: Choice, sloping: bool) -> tuple[list[Terms], list[np.ndarray]]:
        """Of evidence and covered pixels; and the slopes of their sum along the sets' arrays."""
        scene = self.scene
        pixels = scene.views.rays.shape[0] * scene.views.rays.shape[1]
        weights = self.weights.appearance / pixels, self.weights.cover / pixels
        evidence, missed, *slopes = hull_rays.terms(
            scene.views, scene.predicted, *sets.arrays(), points, weights, sloping
        )
        return [
            Terms(-torch.from_numpy(missed).flatten(1), weights[1]),
            Terms(torch.from_numpy(evidence).flatten(1), weights[0]),
        ], slopes


def level_rotation(elevation: Tensor, azimuth: Tensor) -> Tensor:
    """World-to-camera rotations (..., 3, 3) of level cameras that look at the origin; angles in radians."""
    zero = torch.zeros_like(azimuth)
    right = torch.stack([-azimuth.sin(), azimuth.cos(), zero], dim=-1)
    back = torch.stack([elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()], dim=-1)
    return torch.stack([right, torch.cross(right, back, dim=-1), -back], dim=-2)


def about_vertical(angle: Tensor) -> Tensor:
    """(3, 3) turn of the world about its z axis; radians."""
    cosine, sine, zero, one = angle.cos(), angle.sin(), torch.zeros(()), torch.ones(())
    return torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one]).view(3, 3)


def start(scene: Silhouettes, rotation: Tensor) -> CameraSets:
    """Sets of cameras (B, V, 3, 3) with the object's centre on every optical axis, at the distance that its widths
    tell."""
    centre = torch.zeros(len(rotation), len(scene), 3)
    centre[..., 2] = extents.distances(scene.width, scene.half_angle, rotation)
    return CameraSets(rotation, centre)


def relative_rotations(rotation: Tensor) -> Tensor:
    """(B, P, 3, 3) from the first to the second view of every pair."""
    views = rotation.shape[1]
    first, second = torch.triu_indices(views, views, 1)
    return rotation[:, second] @ rotation[:, first].transpose(-1, -2)


def angles(rotation: Tensor) -> Tensor:
    """Angles in degrees of rotations (..., 3, 3)."""
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.acos(((trace - 1) / 2).clamp(-1, 1)) * (180 / math.pi)
