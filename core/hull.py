"""How well a set of cameras explains all photos at once: one visual hull, one appearance.

Under true cameras every foreground pixel's ray meets a point that lies inside the masks of all views, and the surface
there looks alike in the views that see it. Both are judged on points sampled along the rays. A hypothesis is a
``rotation`` (B, V, 3, 3) from a world whose z axis points up, and the position ``centre`` (B, V, 3) of the object's
centre in each camera, in the scale of :mod:`.silhouettes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import verticals
from .camera_sets import CameraSets
from .information import Terms
from .silhouettes import OUTLIERS, SIZE, Silhouettes

COVER_SLACK = 0.01  # how far outside a mask a point may lie unpunished
COVER_WIDTH = 0.06
FRONT_WIDTH = 0.3  # how far behind the hull's front the surface is expected
SURFACES = 3  # likely places of a pixel's surface that pull on the cameras
SEEN_DEPTH = 0.2  # points this far behind the front of another view's hull are hidden there
HIDDEN = 50.0
ZOOM = 0.25  # spread of the log of a focal length that nobody told
SURFACE_TRUST = 0.3  # how much a predicted depth counts beside a colour: its errors are shared by neighbours


@dataclass(frozen=True)
class Weights:
    """How much each term counts in the score; see ``tests`` and the docstring of :mod:`.search` for their source."""

    cover: float = 100.0
    appearance: float = 6.0
    habit: float = 1.0


@dataclass(frozen=True)
class Judgement:
    """The score's terms for B hypotheses of V views."""

    uncovered: torch.Tensor  # (B, V) share of foreground pixels that the hull misses, softly
    evidence: torch.Tensor  # (B, V) mean log ratio of the other views' likelihood for these poses and for any poses
    habit: torch.Tensor  # (B,) how unusual the cameras are

    def total(self, weights: Weights) -> torch.Tensor:
        """(B,) higher is better."""
        return (
            weights.appearance * self.evidence.mean(1)
            - weights.cover * self.uncovered.mean(1)
            - weights.habit * self.habit
        )


@dataclass(frozen=True)
class _Choice:
    """Where along each pixel's ray the object is likely met (dense pass), kept for the gradient (sparse pass)."""

    offsets: torch.Tensor  # (B, V, N, 1 + M) depth less the centre's: best covered, then the M likeliest surfaces
    chance: torch.Tensor  # (B, V, N, M) how likely those are
    seen: torch.Tensor  # (V target, B, V, N, M) how likely another view sees them


def habit(scene: Silhouettes, sets: CameraSets) -> torch.Tensor:
    """(B,) how far the cameras are from how people take photos: level, from the side or above, about equally far,
    from well separated directions. Grows slowly, so that evidence can overrule it."""
    rotation, centre = sets.rotation, sets.centre
    unusual = verticals.unusual(scene.verticals, rotation[..., 2]).sum(1)
    aside = centre[..., :2] / 0.5
    distance = (centre[..., 2] / scene.distance).clamp(min=0.1).log() / 0.15
    unusual = unusual + 0.5 * aside.square().sum((1, 2)) + 0.5 * distance.square().sum(1)
    unusual = unusual + 0.5 * (sets.zoom.log() / ZOOM).square()
    axes = rotation[..., 2, :]
    first, second = torch.triu_indices(len(scene), len(scene), 1)
    cosine = (axes[:, first] * axes[:, second]).sum(-1)
    return unusual + 0.5 * ((cosine - 0.75).clamp(min=0) / 0.08).square().sum(1)


def judge(scene: Silhouettes, sets: CameraSets, chunk: int = 6) -> Judgement:
    """Score B hypotheses without gradients."""
    with torch.no_grad():
        parts = [_dense(scene, part)[0] for part in sets.split(chunk)]
        return Judgement(
            torch.cat([part[0] for part in parts]),
            torch.cat([part[1] for part in parts]),
            habit(scene, sets),
        )


@dataclass(frozen=True)
class HullObjective:
    """The score of hypotheses to climb."""

    scene: Silhouettes
    weights: Weights

    @torch.no_grad()
    def look(self, sets: CameraSets) -> tuple[torch.Tensor, _Choice]:
        dense, choice = _dense(self.scene, sets)
        return Judgement(*dense, habit(self.scene, sets)).total(self.weights), choice

    def value(self, sets: CameraSets, points: _Choice) -> torch.Tensor:
        total = sum(part.total() for part in self.terms(sets, points))
        return total - self.weights.habit * habit(self.scene, sets)

    def terms(self, sets: CameraSets, points: _Choice) -> list[Terms]:
        covered, evidence = _sparse(self.scene, sets, points)
        count = evidence[0].numel()
        return [
            Terms(-_uncovered(covered).flatten(1), self.weights.cover / count),
            Terms(evidence.flatten(1), self.weights.appearance / count),
        ]


def project(
    focal: torch.Tensor, rays: torch.Tensor, sets: CameraSets, depth: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points at ``depth`` (B, V, N or 1, K) on rays (V, N, 3) of every view, as each view of ``focal`` (V,) sees them.

    :returns: positions (V target, B, V source, N, K, 2) and depths (V target, B, V source, N, K).
    """
    rotation, centre = sets.rotation, sets.centre
    relative = rotation[:, :, None] @ rotation[:, None].transpose(-1, -2)  # (B, target, source, 3, 3)
    relative = relative * sets.foreshortening()[:, None, None]
    shift = centre[:, :, None] - (relative @ centre[:, None, :, :, None])[..., 0]
    turned = torch.einsum("btsij,snj->itbsn", relative, rays)[..., None]  # (3, T, B, S, N, 1)
    shift = shift.permute(3, 1, 0, 2)[..., None, None]  # (3, T, B, S, 1, 1)
    z = (turned[2] * depth + shift[2]).clamp(min=0.2)
    scale = focal[:, None, None, None, None] / z
    return torch.stack([(turned[0] * depth + shift[0]) * scale, (turned[1] * depth + shift[1]) * scale], dim=-1), z


def sample(maps: torch.Tensor, positions: torch.Tensor, mode: str) -> torch.Tensor:
    """(T, D, ...) samples of (T, D, H, W) at positions (T, ..., 2) in [-1, 1]."""
    flat = positions.reshape(len(maps), -1, positions.shape[-2], 2)
    sampled = F.grid_sample(maps, flat, mode=mode, align_corners=False, padding_mode="border")
    return sampled.view(*maps.shape[:2], *positions.shape[1:-1])


def _uncovered(inside: torch.Tensor) -> torch.Tensor:
    excess = ((-inside - COVER_SLACK) / COVER_WIDTH).clamp(min=0)
    return excess / (1 + excess)


def _likelihood(
    scene: Silhouettes, positions: torch.Tensor, z: torch.Tensor, sets: CameraSets, seen: torch.Tensor, mode: str
) -> torch.Tensor:
    """(B, S, N, K) log ratio: how much more alike the pixel and its matches are than any two pixels, if each view sees
    the point as likely as ``seen`` (T, B, S, N, K) says.

    Where depth was predicted, the point should also lie on the target's surface, and not before it.
    """
    found = sample(scene.appearance, positions, mode)
    squared = torch.zeros(())
    for channel in range(found.shape[1]):
        squared = squared + (found[:, channel] - scene.pixel_appearance[:, :, channel, None]).square()
    likeness = torch.exp(-(squared + 1e-4).sqrt() - scene.commonness[:, :, None])
    gain = (1 - OUTLIERS) * (likeness - 1)
    if scene.surface is None:
        return torch.log1p(seen * gain).sum(0)
    expected, error = sample(scene.surface, positions, mode).unbind(1)
    zoom = sets.zoom[:, None, None, None]
    behind = (z - sets.centre[..., 2].T[:, :, None, None, None]) * zoom - expected
    chance = (2 * error).clamp(max=1)  # surfaces lie within about one radius
    on_surface = torch.exp(-behind.abs() / error) / chance
    elsewhere = torch.where(behind > 0, 1.0, OUTLIERS)  # behind the surface a point is hidden, which tells nothing
    fit = torch.log(0.5 * on_surface + 0.5 * elsewhere)
    return (torch.log1p(seen * torch.sigmoid(2 - behind / error) * gain) + SURFACE_TRUST * seen * fit).sum(0)


def _dense(scene: Silhouettes, sets: CameraSets) -> tuple[tuple[torch.Tensor, torch.Tensor], _Choice]:
    """Judge all samples along all rays; no gradients."""
    views, batch = len(scene), len(sets)
    steps = scene.offsets
    depth = (sets.centre[:, :, 2, None] + steps / sets.zoom[:, None, None])[:, :, None]  # (B, S, 1, K)
    positions, z = project(scene.focal, scene.rays, sets, depth)
    edge = sample(scene.signed_distance, positions / 2, "nearest")[:, 0] * z / scene.focal[:, None, None, None, None]
    inside = edge.amin(dim=0)  # (B, S, N, K) how deep in the hull
    covered, best = inside.max(dim=-1)

    # The hull's front, from each view.
    solid = inside > -COVER_SLACK
    met = solid.any(-1)
    first = solid.float().argmax(-1)
    front = torch.gather(depth.expand(-1, -1, first.shape[2], -1), 3, first[..., None])
    front_or_none = torch.where(met[..., None], front, HIDDEN)[..., 0]  # (B, S, N)

    # A point is seen from a view if it is not far behind the hull's front there.
    fronts = torch.cat([front_or_none, torch.full((batch, views, 1), -HIDDEN)], dim=2).transpose(0, 1)
    cells = scene.nearest_pixel[:, None].expand(-1, batch, -1)  # (T, B, S * S)
    maps = torch.gather(fronts, 2, cells).view(views * batch, 1, SIZE, SIZE)
    flat = positions.view(views * batch, -1, len(steps), 2)
    there = F.grid_sample(maps, flat, mode="nearest", align_corners=False, padding_mode="border").view_as(z)
    behind = z - there
    seen = torch.sigmoid(2 - 2 / SEEN_DEPTH * behind) * (behind > -0.15)
    seen = seen * (1 - torch.eye(views))[:, None, :, None, None]
    alike = _likelihood(scene, positions, z, sets, seen, "nearest")
    trust: torch.Tensor | float = 0.0
    if scene.pixel_surface is not None:
        expected, error = scene.pixel_surface[..., None].unbind(2)  # (S, N, 1)
        trust = -SURFACE_TRUST * ((steps - expected).abs() / error).clamp(max=4)

    # The pixel's surface may lie anywhere behind the front: the evidence is the mean over these places, not the best
    # of them, for a long way through a large hull always meets something alike.
    offset = (depth - front) * sets.zoom[:, None, None, None]
    usual = torch.where(solid & (offset > -1e-4), -0.5 * (offset / FRONT_WIDTH).square() + trust, -1e4)
    joint = usual.log_softmax(-1) + alike
    evidence = joint.logsumexp(-1) * met
    surface = joint.topk(SURFACES, dim=-1).indices  # (B, S, N, M)
    chance = torch.gather(joint.softmax(-1), 3, surface) * met[..., None]
    offsets = torch.cat([steps[best][..., None], steps[surface]], dim=-1)
    seen_there = torch.gather(seen, 4, surface[None].expand(views, -1, -1, -1, -1))
    return (_uncovered(covered).mean(-1), evidence.mean(-1)), _Choice(offsets, chance, seen_there)


def _sparse(scene: Silhouettes, sets: CameraSets, choice: _Choice) -> tuple[torch.Tensor, torch.Tensor]:
    """How deep the pixels (B, V, N) lie in the hull, and their evidence, at the chosen points alone, differentiable in
    the poses."""
    depth = sets.centre[:, :, 2, None, None] + choice.offsets / sets.zoom[:, None, None, None]
    positions, z = project(scene.focal, scene.rays, sets, depth)
    edge = sample(scene.signed_distance, positions[..., :1, :] / 2, "bilinear")[:, 0]
    inside = (edge * z[..., :1] / scene.focal[:, None, None, None, None]).amin(dim=0)[..., 0]
    alike = _likelihood(scene, positions[..., 1:, :], z[..., 1:], sets, choice.seen, "bilinear")
    return inside, (alike * choice.chance).sum(-1)


def level_rotation(elevation: torch.Tensor, azimuth: torch.Tensor) -> torch.Tensor:
    """World-to-camera rotations (..., 3, 3) of level cameras that look at the origin; angles in radians."""
    zero = torch.zeros_like(azimuth)
    right = torch.stack([-azimuth.sin(), azimuth.cos(), zero], dim=-1)
    back = torch.stack([elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()], dim=-1)
    return torch.stack([right, torch.cross(right, back, dim=-1), -back], dim=-2)


def about_vertical(angle: torch.Tensor) -> torch.Tensor:
    """(3, 3) turn of the world about its z axis; radians."""
    cosine, sine, zero, one = angle.cos(), angle.sin(), torch.zeros(()), torch.ones(())
    return torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one]).view(3, 3)


def start(scene: Silhouettes, rotation: torch.Tensor) -> CameraSets:
    """Sets of cameras (B, V, 3, 3) with the object's centre on every optical axis, at the expected distance."""
    centre = torch.zeros(len(rotation), len(scene), 3)
    centre[..., 2] = scene.distance
    return CameraSets(rotation, centre, torch.ones(len(rotation)))


def relative_rotations(rotation: torch.Tensor) -> torch.Tensor:
    """(B, P, 3, 3) from the first to the second view of every pair."""
    views = rotation.shape[1]
    first, second = torch.triu_indices(views, views, 1)
    return rotation[:, second] @ rotation[:, first].transpose(-1, -2)


def angles(rotation: torch.Tensor) -> torch.Tensor:
    """Angles in degrees of rotations (..., 3, 3)."""
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.acos(((trace - 1) / 2).clamp(-1, 1)) * (180 / math.pi)
