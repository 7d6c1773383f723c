"""The agreement of cameras with photos as a few operations on whole tensors in float64, with automatic differentiation:
what the compiled functions are held against. T, S, N, K are target views, source views, their pixels, and samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from pflrm.core import agreement
from pflrm.core.habits import ASIDE, CLOSER
from pflrm.core.verticals import likeliest, unusual
from torch import Tensor
from torch.nn import functional as F

SLACK, SOFTNESS, OUTLIERS, ROUGH = 0.005, 0.02, 0.2, 2.5
FRONT_WIDTH, SEEN_DEPTH, SEEN_SLACK, LOGISTIC = 0.5, 0.15, 0.05, 1.7
MARGIN, SLOPE_STEP, NARROWEST, FLATTEST, FARTHEST, NOWHERE = 0.01, 0.02, 0.01, 0.2, 0.2, 50.0
SURFACES = 8


@dataclass(frozen=True)
class Place:
    """A surface that was found, as far as the score needs it."""

    ends: Tensor  # (S, N, 2)
    level: Tensor  # (S, N, 1)
    slope: Tensor  # (S, N, 2)
    shares: Tensor  # (S, N, 1 + M)
    usual: Tensor  # (S, N, M)
    met: Tensor  # (S, N)
    seen: Tensor  # (T, S, N, M)
    vertical: Tensor


class Reference:
    """The judge of one scene whose photos are exposed alike."""

    def __init__(self, scene: agreement.Scene) -> None:
        views = scene.views
        self.verticals = scene.verticals
        self.intrinsics, self.distance = torch.from_numpy(views.intrinsics).double(), torch.from_numpy(views.distance)
        self.distance = self.distance.double()[:, None]
        self.colour = torch.from_numpy(views.colour).double().permute(0, 3, 1, 2)
        rays = torch.from_numpy(views.rays).double()
        self.rays = torch.cat([rays, torch.ones_like(rays[..., :1])], -1)
        self.own = torch.from_numpy(views.own).double().permute(2, 0, 1)[None, ..., None]
        self.common = torch.from_numpy(views.commonness).double()[..., None]
        self.rough_common = torch.from_numpy(views.rough_commonness).double()[..., None]
        self.nearest = torch.from_numpy(views.nearest).long()
        self.offsets = torch.from_numpy(scene.offsets).double()

    def judge(self, poses: Tensor) -> tuple[float, Place]:
        """The score of cameras (V, 4, 4), and the surface."""
        steps = self._around_hull(poses)
        position, depth = self._project(poses, steps)
        inside = self._inside(position, depth, "nearest")
        solid = inside > -2 * SLACK
        met = solid.any(-1)
        front = torch.gather(steps, 2, solid.float().argmax(-1, keepdim=True))
        offset = steps - front
        behind_front = solid & (offset > -1e-9)
        usual = torch.where(behind_front, -0.5 * (offset / FRONT_WIDTH).square(), -1e4).log_softmax(-1)
        difference = self._difference(position, "nearest")
        others = 1 - torch.eye(len(poses))[:, :, None, None]
        behind = depth - self._spread(torch.where(met, front[..., 0] + poses[:, 2, 3, None], NOWHERE), position)
        seen = torch.sigmoid(2 - 2 / SEEN_DEPTH * behind) * (behind > -SEEN_DEPTH) * others
        chance = (usual + self._alike(difference, seen, self.rough_common, ROUGH)).softmax(-1)
        middle = (chance * steps).sum(-1)
        wide = (chance * (steps - middle[..., None]).square()).sum(-1).sqrt() + SEEN_SLACK
        behind = depth - self._spread(torch.where(met, middle + poses[:, 2, 3, None], NOWHERE), position)
        doubt = self._spread(wide, position, SEEN_DEPTH)
        seen = torch.sigmoid(LOGISTIC * (SEEN_SLACK - behind) / doubt) * others
        joint = usual + self._alike(difference, seen, self.common)
        covered, deepest = inside.max(-1, keepdim=True)
        likely = joint.topk(SURFACES, dim=-1).indices
        level = (covered - MARGIN).clamp(max=-2 * SLACK)
        ends, slope = self._passage(poses, steps, inside, level)
        enters, way = self._now(poses, ends, level, slope)
        vertical = torch.from_numpy(likeliest(self.verticals, poses[:, :3, :3].numpy())).double()
        place = Place(
            ends, level, slope, (torch.gather(steps, 2, torch.cat([deepest, likely], -1)) - enters) / way,
            torch.gather(usual, 2, likely), met, torch.gather(seen, 3, likely[None].expand(len(poses), -1, -1, -1)),
            vertical,
        )
        return float(self._total(poses, covered, joint.logsumexp(-1) * met, vertical)), place

    def score_at(self, poses: Tensor, place: Place) -> Tensor:
        """The score on a surface found before."""
        enters, way = self._now(poses, place.ends, place.level, place.slope)
        position, depth = self._project(poses, enters + place.shares * way)
        covered = self._inside(position[:, :, :, :1], depth[..., :1], "bilinear")
        difference = self._difference(position[:, :, :, 1:], "bilinear")
        joint = place.usual + self._alike(difference, place.seen, self.common)
        return self._total(poses, covered, joint.logsumexp(-1) * place.met, place.vertical)

    def _total(self, poses: Tensor, covered: Tensor, evidence: Tensor, vertical: Tensor) -> Tensor:
        excess = ((-covered - SLACK) / SOFTNESS).clamp(min=0)
        tilted = unusual(self.verticals, poses[:, :3, :3] @ vertical).sum()
        centre = poses[1:, :3, 3]
        away = (centre[:, 2] / poses[0, 2, 3]).clamp(min=0.1).log() / CLOSER
        habit = tilted + 0.5 * ((centre[:, :2] / ASIDE).square().sum() + away.square().sum())
        pixels = agreement.APPEARANCE * evidence.mean() - agreement.COVER * (excess / (1 + excess)).mean()
        return pixels - agreement.HABIT * habit

    def _around_hull(self, poses: Tensor) -> Tensor:
        inside = self._inside(*self._project(poses, self.offsets[None, None]), "nearest")
        near = inside >= inside.amax(-1, keepdim=True).clamp(max=0)
        step, count = float(self.offsets[1] - self.offsets[0]), len(self.offsets)
        first = torch.where(near, self.offsets, NOWHERE).amin(-1, keepdim=True) - step
        last = torch.where(near, self.offsets, -NOWHERE).amax(-1, keepdim=True) + step
        return first + (last - first) * (torch.arange(count) + 0.5) / count

    def _passage(self, poses: Tensor, steps: Tensor, depth: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        within, last = (depth >= level).int(), depth.shape[-1] - 1
        inner = torch.cat([within.argmax(-1, keepdim=True), last - within.flip(-1).argmax(-1, keepdim=True)], -1)
        outer = (inner + torch.tensor([-1, 1])).clamp(0, last)
        deep, shallow = depth.gather(-1, inner), depth.gather(-1, outer)
        share = ((deep - level) / (deep - shallow).clamp(min=1e-6)).clamp(0, 1)
        ends, way = steps.gather(-1, inner).lerp(steps.gather(-1, outer), share), torch.tensor([1.0, -1.0])
        here, outside = (self._inside(*self._project(poses, at), "bilinear") for at in (ends, ends - SLOPE_STEP * way))
        return ends, way * ((here - outside) / SLOPE_STEP).clamp(min=FLATTEST)

    def _now(self, poses: Tensor, ends: Tensor, level: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
        deep = self._inside(*self._project(poses, ends), "bilinear")
        enters, leaves = (ends - ((deep - level) / slope).clamp(-FARTHEST, FARTHEST)).split(1, -1)
        return enters, (leaves - enters).clamp(min=NARROWEST)

    def _project(self, poses: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        points = self.rays[:, :, None] * (poses[:, None, None, 2:3, 3] + offsets[..., None])  # (S, N, K, 3) of its view
        world = torch.einsum("sji,snkj->snki", poses[:, :3, :3], points - poses[:, None, None, :3, 3])
        seen = torch.einsum("tij,snkj->tsnki", poses[:, :3, :3], world) + poses[:, None, None, None, :3, 3]
        z = seen[..., 2].clamp(min=0.2)
        focal, centre = self.intrinsics[:, None, None, None, :2], self.intrinsics[:, None, None, None, 2:]
        return 2 * (seen[..., :2] / z[..., None] * focal + centre) - 1, z

    def _inside(self, position: Tensor, depth: Tensor, mode: str) -> Tensor:
        edge = look_up(self.distance, position / 2, mode)[:, 0]
        return (edge * depth / self.intrinsics[:, 0, None, None, None]).amin(0)

    def _difference(self, position: Tensor, mode: str) -> Tensor:
        return look_up(self.colour, position, mode) - self.own

    def _spread(self, values: Tensor, position: Tensor, background: float = -NOWHERE) -> Tensor:
        known = torch.cat([values, torch.full_like(values[:, :1], background)], 1)
        maps = torch.gather(known, 1, self.nearest.flatten(1)).view_as(self.nearest)[:, None]
        return look_up(maps, position, "nearest")[:, 0]

    def _alike(self, difference: Tensor, seen: Tensor, common: Tensor, width: float = 1.0) -> Tensor:
        distance = (difference.square().sum(1) + 1e-4).sqrt()
        ratio = (1 - OUTLIERS) * (-distance / width - common).exp() + OUTLIERS
        return torch.log1p(seen * (ratio - 1)).sum(0)


def look_up(maps: Tensor, position: Tensor, mode: str) -> Tensor:
    """(T, D, S, N, K) of maps (T, D, H, W)."""
    found = F.grid_sample(maps, position.flatten(1, 2), mode=mode, align_corners=False, padding_mode="border")
    return found.view(*maps.shape[:2], *position.shape[1:-1])


def slope_of(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """By automatic differentiation."""
    at = at.detach().clone().requires_grad_()
    return torch.autograd.grad(function(at), at)[0]
