"""The search's judge as a few operations on whole tensors in float64, with automatic differentiation: what the compiled
functions are held against. T, B, V, N, K are target views, sets of cameras, views, their pixels, and samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pflrm.core.camera_sets import CameraSets
from pflrm.core.outlines import Outlines
from pflrm.core.silhouettes import Silhouettes
from torch import Tensor
from torch.nn import functional as F

SLACK, SOFTNESS, FRONT_WIDTH, OUTLIERS, TRUST = 0.01, 0.06, 0.3, 0.2, 0.3
SEEN_DEPTH, BEFORE, HIDDEN, SURFACES = 0.2, 0.15, 50.0, 3


@dataclass(frozen=True)
class Places:
    """Chosen places of the surface."""

    offsets: Tensor  # (B, V, N, 1 + M)
    chance: Tensor  # (B, V, N, M)
    seen: Tensor  # (T, B, V, N, M)


class Reference:
    """The judge of one scene."""

    def __init__(self, scene: Silhouettes) -> None:
        self.scene, self.views = scene, len(scene)
        self.focal = scene.focal.double()
        self.rays = scene.rays.double()
        self.edges, self.colours = scene.signed_distance.double(), scene.appearance.double()
        self.own = scene.pixel_appearance.double().permute(2, 0, 1)[None, :, None, :, :, None]  # (1, 3, 1, V, N, 1)
        self.common = scene.commonness.double()[..., None]
        self.nearest = torch.from_numpy(scene.views.nearest).long()
        self.steps = torch.from_numpy(scene.offsets).double()
        told = scene.predicted.maps.shape[1] > 0
        self.surface = torch.from_numpy(scene.predicted.maps).double().permute(0, 3, 1, 2) if told else None
        self.own_surface = torch.from_numpy(scene.predicted.own).double()

    @torch.no_grad()
    def judge(self, sets: CameraSets) -> tuple[Tensor, Tensor, Places]:
        """How much is uncovered (B, V), the evidence (B, V), and the places."""
        depth = self._depth(sets, self.steps.expand(len(sets), self.views, self.rays.shape[1], -1))
        positions, z = self._project(sets, depth)
        inside = self._inside(positions, z, "nearest")
        covered, best = inside.max(-1)
        solid = inside > -SLACK
        met = solid.any(-1)
        first = torch.gather(depth, 3, solid.float().argmax(-1, keepdim=True))
        seen = self._seen(positions, z, torch.where(met, first[..., 0], HIDDEN))
        alike = self._alike(sets, positions, z, seen, "nearest")
        offset = depth - first
        expected = -0.5 * (offset / FRONT_WIDTH).square()
        if self.surface is not None:
            middle, error = self.own_surface[..., None].unbind(2)
            expected = expected - TRUST * ((self.steps - middle).abs() / error).clamp(max=4)
        usual = torch.where(solid & (offset > -1e-9), expected, -1e4)
        joint = usual.log_softmax(-1) + alike
        likely = joint.topk(SURFACES, dim=-1).indices
        places = Places(
            torch.cat([self.steps[best][..., None], self.steps[likely]], -1),
            torch.gather(joint.softmax(-1), 3, likely) * met[..., None],
            torch.gather(seen, 4, likely[None].expand(self.views, -1, -1, -1, -1)),
        )
        return uncovered(covered).mean(-1), (joint.logsumexp(-1) * met).mean(-1), places

    def value(self, sets: CameraSets, places: Places, cover: float, appearance: float) -> Tensor:
        """(B,) what places found before add to the score."""
        positions, z = self._project(sets, self._depth(sets, places.offsets))
        covered = self._inside(positions[..., :1, :], z[..., :1], "bilinear")[..., 0]
        alike = self._alike(sets, positions[..., 1:, :], z[..., 1:], places.seen, "bilinear")
        evidence = (alike * places.chance).sum(-1).mean((1, 2))
        return appearance * evidence - cover * uncovered(covered).mean((1, 2))

    def _depth(self, sets: CameraSets, offsets: Tensor) -> Tensor:
        return sets.centre[:, :, 2, None, None] + offsets

    def _project(self, sets: CameraSets, depth: Tensor) -> tuple[Tensor, Tensor]:
        return project(self.focal, self.rays, sets, depth)

    def _inside(self, positions: Tensor, z: Tensor, mode: str) -> Tensor:
        edge = sample(self.edges, positions / 2, mode)[:, 0]
        return (edge * z / self.focal[:, None, None, None, None]).amin(0)

    def _seen(self, positions: Tensor, z: Tensor, front: Tensor) -> Tensor:
        known = torch.cat([front, torch.full_like(front[..., :1], -HIDDEN)], 2).transpose(0, 1)  # (T, B, N + 1)
        maps = torch.gather(known, 2, self.nearest.flatten(1)[:, None].expand(-1, len(front), -1))
        flat = positions.reshape(-1, 1, positions[0, 0].numel() // 2, 2)
        maps = maps.view(-1, 1, *self.nearest.shape[1:])
        there = F.grid_sample(maps, flat, mode="nearest", align_corners=False, padding_mode="border").view_as(z)
        others = 1 - torch.eye(self.views)[:, None, :, None, None]
        return torch.sigmoid(2 - 2 / SEEN_DEPTH * (z - there)) * (z - there > -BEFORE) * others

    def _alike(self, sets: CameraSets, positions: Tensor, z: Tensor, seen: Tensor, mode: str) -> Tensor:
        distance = ((sample(self.colours, positions, mode) - self.own).square().sum(1) + 1e-4).sqrt()
        gain = (1 - OUTLIERS) * (torch.exp(-distance - self.common) - 1)
        if self.surface is None:
            return torch.log1p(seen * gain).sum(0)
        expected, error = sample(self.surface, positions, mode).unbind(1)
        behind = z - sets.centre[..., 2].T[:, :, None, None, None] - expected
        on = torch.exp(-behind.abs() / error) / (2 * error).clamp(max=1)
        fit = torch.log(0.5 * on + 0.5 * torch.where(behind > 0, 1.0, OUTLIERS))
        return (torch.log1p(seen * torch.sigmoid(2 - behind / error) * gain) + TRUST * seen * fit).sum(0)


def uncovered(inside: Tensor) -> Tensor:
    excess = ((-inside - SLACK) / SOFTNESS).clamp(min=0)
    return excess / (1 + excess)


def project(focal: Tensor, rays: Tensor, sets: CameraSets, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Points at ``depth`` (B, V, N, K) on rays (V, N, 3): positions (T, B, V, N, K, 2), and depths there."""
    points, centre = rays[:, :, None] * depth[..., None], sets.centre  # (B, V, N, K, 3)
    world = torch.einsum("bsji,bsnkj->bsnki", sets.rotation, points - centre[:, :, None, None])
    seen = torch.einsum("btij,bsnkj->tbsnki", sets.rotation, world) + centre.transpose(0, 1)[:, :, None, None, None]
    z = seen[..., 2].clamp(min=0.2)
    return seen[..., :2] / z[..., None] * focal[:, None, None, None, None, None], z


def sample(maps: Tensor, positions: Tensor, mode: str) -> Tensor:
    """(T, D, ...) of maps (T, D, H, W) at positions (T, ..., 2) in [-1, 1]."""
    flat = positions.reshape(len(maps), 1, -1, 2)
    found = F.grid_sample(maps, flat, mode=mode, align_corners=False, padding_mode="border")
    return found.view(*maps.shape[:2], *positions.shape[1:-1])


def margin(outlines: Outlines, sets: CameraSets, offsets: Tensor) -> Tensor:
    """(B, V, N) how far inside the other views' masks points on the rays through outlines lie."""
    lines = outlines.lines
    focal, rays = torch.from_numpy(2 * lines.intrinsics[:, 0]).double(), torch.from_numpy(lines.rays).double()
    rays = torch.cat([rays, torch.ones_like(rays[..., :1])], -1)
    depth = sets.centre[:, :, 2, None, None] + offsets[..., None]
    positions, _ = project(focal, rays, sets, depth)
    edge = sample(torch.from_numpy(lines.distance).double()[:, None], positions / 2, "bilinear")[:, 0, ..., 0]
    own = torch.eye(len(focal), dtype=torch.bool)[:, None, :, None]
    return torch.where(own, torch.inf, edge).amin(0)
