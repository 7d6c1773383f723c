"""Bundle adjustment: cameras moved until correspondences and outlines fit, by Levenberg and Marquardt's method.

Two photos of nearly flat things seen from afar leave their angle to each other open; outlines tell it best. So both are
weighed together, and depths stay near the hull's front. The depth of a corner is eliminated: for every set of cameras
it is the best one (variable projection, Golub and Pereyra, 1973). All residuals but those of habit are robust, with
Cauchy's cost log(1 + r²).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import mirrors, outlines
from .agreement import ASIDE, CLOSER
from .correspondences import Matches, rays
from .outlines import Detail, Outlines
from .rigs import ZOOM, Rig
from .verticals import TILT, TILT_DOUBT, Verticals, told
from .views import View

BEHIND, DEPTH_SPREAD = 0.06, 0.12  # how far behind the hull's front the surface lies; radii of the object
OUTLINE_WIDTH = 0.012  # half widths of a view: the miss of a mask, beyond the slack, that begins to count
MATCH_WEIGHT, DEPTH_WEIGHT = 0.15, 0.01  # neighbouring corners err alike: each counts little
ENOUGH = 80.0  # matches of two views from which on more of them hardly count
OUTLIERS = 0.15  # share of wrong matches
SOUGHT = 0.3  # half widths of a view in which a wrong match lies anywhere
CONVINCED = 60.0  # as ``ENOUGH``, in ``log_ratios``
DETAIL = Detail(96, 20, (9, 5))
DIFFERENCE = 1e-3  # by which parameters are changed to find the slope
STEPS, TRIES = 10, 9
FIRST_DAMPING, LONGEST_STEP, SHORTEST_STEP = 0.1, 0.3, 3e-4


@dataclass(frozen=True)
class Bundle:
    """What stays the same for all cameras of V views."""

    intrinsics: Tensor  # (V, 4) normalised
    outlines: Outlines
    mirrored: Outlines  # of the views and their images, :mod:`.mirrors`
    verticals: Verticals


@dataclass(frozen=True)
class _Residuals:
    """Residuals (B, N, C) of B sets of cameras, and how much each counts (N,); robust or not."""

    value: Tensor
    weight: Tensor
    robust: bool = True

    def cost(self) -> Tensor:
        """(B,)"""
        square = self.value.square().sum(-1)
        return (self.weight * (torch.log1p(square) if self.robust else square)).sum(-1)

    def now(self) -> Tensor:
        """(N,) weights by which least squares follow the robust cost at the first set."""
        return self.weight / (1 + self.value[0].square().sum(-1)) if self.robust else self.weight


def prepare(views: Sequence[View], detail: Detail = DETAIL) -> Bundle:
    """Outlines at the views' own resolution."""
    intrinsics = torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float()
    seen = outlines.prepare(views, 2 * intrinsics[:, 0], detail)
    return Bundle(intrinsics, seen, mirrors.doubled(seen), told(views))


@torch.no_grad()
def adjust(
    bundle: Bundle, rig: Rig, matches: Matches | None, width: float = 0.0, *, miss: float = OUTLINE_WIDTH,
    zooming: bool = False, steps: int = STEPS,
) -> Rig:
    """Cameras that fit better than ``rig``, or as well.

    :param width: distance in half widths of a view by which a match may miss; more is suspected to be wrong.
    :param miss: the same for outlines.
    :param zooming: the focal length may change.
    """
    size, damping = rig.parameters(zooming), FIRST_DAMPING
    around = torch.cat([torch.zeros(1, size), DIFFERENCE * torch.eye(size), -DIFFERENCE * torch.eye(size)])
    for _ in range(steps):
        touching = outlines.touching(*_outlined(bundle, rig.alone()))
        parts = _residuals(bundle, rig.moved(around), matches, touching, width, miss)
        cost = sum(part.cost()[0] for part in parts)
        curvature, slope = torch.zeros(size, size), torch.zeros(size)
        for part in parts:
            change = (part.value[1 : size + 1] - part.value[size + 1 :]) / (2 * DIFFERENCE)
            curvature += torch.einsum("inc,jnc,n->ij", change, change, part.now())
            slope += torch.einsum("inc,nc,n->i", change, part.value[0], part.now())
        for _ in range(TRIES):
            stiff = curvature + damping * torch.diag(curvature.diagonal().clamp(min=1e-3))
            step = -torch.linalg.solve(stiff, slope)
            step *= (LONGEST_STEP / step[: rig.parameters(False)].view(-1, 3).norm(dim=-1).max()).clamp(max=1)
            there = rig.moved(step)
            if sum(part.cost()[0] for part in _residuals(bundle, there.alone(), matches, touching, width, miss)) < cost:
                break
            damping *= 4
        else:
            return rig
        rig, damping = there, max(damping / 4, 1e-4)
        if step.abs().max() < SHORTEST_STEP:
            return rig
    return rig


def misfit(bundle: Bundle, rigs: Rig, matches: Matches, width: float) -> tuple[Tensor, Tensor]:
    """How far each match of B rigs is missed, in half widths of a view (B, N, 2), and each
    corner's depth less its expected one, in units of its spread (B, T), both at the corners' best depths."""
    zoom = rigs.zoom[:, None, None]
    focal, centre = 2 * bundle.intrinsics[matches.second, :2] * zoom, 2 * bundle.intrinsics[matches.second, 2:] - 1
    relative = rigs.poses[:, matches.second] @ torch.linalg.inv(rigs.poses)[:, matches.first]
    ray = rays(bundle.intrinsics[matches.first], matches.here)
    ray = torch.cat([ray[:, :2] / zoom, ray[:, 2:].expand(len(zoom), -1, -1)], -1)
    turned = (relative[..., :3, :3] @ ray[..., None])[..., 0]
    shift, flat = relative[..., :3, 3], (matches.there - centre) / focal
    # A corner at depth d is missed by (d · slope + start) · focal / depth: linear but for that depth.
    slope, start = turned[..., :2] - flat * turned[..., 2:], shift[..., :2] - flat * shift[..., 2:]
    expected = matches.front * rigs.zoom[:, None] + BEHIND
    depth = expected
    doubt = width**2 * DEPTH_WEIGHT / (MATCH_WEIGHT * DEPTH_SPREAD**2)
    for robust in (False, True, True):
        scale, missed = _missed(depth, matches, focal, turned, shift, slope, start)
        weight, prior = scale.square(), torch.full_like(depth, doubt)
        if robust:
            weight = weight / (1 + (missed.square().sum(-1, keepdim=True) / width**2))
            prior = prior / (1 + ((depth - expected) / DEPTH_SPREAD).square())
        above = prior * expected - _by_track(matches, (weight * slope * start).sum(-1))
        depth = above / (prior + _by_track(matches, (weight * slope.square()).sum(-1)))
    _, missed = _missed(depth, matches, focal, turned, shift, slope, start)
    return missed, (depth - expected) / DEPTH_SPREAD


def _missed(
    depth: Tensor, matches: Matches, focal: Tensor, turned: Tensor, shift: Tensor, slope: Tensor, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Half widths of a view per unit of the world (B, N, 2) at depths (B, T), and by how many a match is missed."""
    own = depth[:, matches.track]
    scale = focal / (own * turned[..., 2] + shift[..., 2]).clamp(min=0.3)[..., None]
    return scale, (own[..., None] * slope + start) * scale


def _by_track(matches: Matches, values: Tensor) -> Tensor:
    """(B, T) sums of values (B, N) over the matches of each corner."""
    return torch.zeros(len(values), len(matches.front)).index_add(1, matches.track, values)


def log_ratios(bundle: Bundle, rig: Rig, matches: Matches, width: float) -> Tensor:
    """(N,) how much likelier each match is for these cameras than for any, less where two views have very many."""
    missed = (misfit(bundle, rig.alone(), matches, width)[0][0].square().sum(-1) + 1e-9).sqrt()
    ratio = torch.log((1 - OUTLIERS) * torch.exp(-missed / width) * SOUGHT / (2 * width) + OUTLIERS)
    return share(matches, rig.views, CONVINCED) * ratio


def fitting(bundle: Bundle, rig: Rig, matches: Matches, width: float) -> Tensor:
    """How many matches of each camera (V,) are missed by less than ``width``."""
    fits = misfit(bundle, rig.alone(), matches, width)[0][0].norm(dim=-1) < width
    ends = torch.cat([matches.first[fits], matches.second[fits]])
    return torch.bincount(ends, minlength=rig.views)


def share(matches: Matches, views: int, enough: float) -> Tensor:
    """(N,) how much each match counts: less where two views have very many."""
    pair = torch.minimum(matches.first, matches.second) * views + torch.maximum(matches.first, matches.second)
    return 1 / (1 + torch.bincount(pair, minlength=1)[pair] / enough)


def _residuals(
    bundle: Bundle, rigs: Rig, matches: Matches | None, touching: np.ndarray, width: float, miss: float
) -> list[_Residuals]:
    parts = [*_habits(bundle, rigs)]
    points = touching.repeat(len(rigs.poses), 0)
    inside = torch.from_numpy(outlines.depth_inside(*_outlined(bundle, rigs), points)).flatten(1)
    missed_masks = (-inside - float(outlines.SLACK)).clamp(min=0) / miss
    parts.append(_Residuals(missed_masks[..., None], torch.ones(missed_masks.shape[1])))
    if matches:
        missed, behind = misfit(bundle, rigs, matches, width)
        parts.append(_Residuals(missed / width, MATCH_WEIGHT * share(matches, rigs.views, ENOUGH)))
        parts.append(_Residuals(behind[..., None], torch.full((behind.shape[1],), DEPTH_WEIGHT)))
    return parts


def _habits(bundle: Bundle, rigs: Rig) -> list[_Residuals]:
    """The object in the middle, photos from about the same distance with a usual lens, and one vertical for all that
    have measured it."""
    centre = rigs.poses[:, 1:, :3, 3]
    distance = (centre[..., 2] / rigs.poses[:, :1, 2, 3]).clamp(min=0.1).log() / CLOSER
    lens = rigs.zoom[:, None].log() / ZOOM
    value = torch.cat([(centre[..., :2] / ASIDE).flatten(1), distance, lens], 1)[..., None]
    known = bundle.verticals.known
    parts = [_Residuals(value, torch.full((value.shape[1],), 0.5), robust=False)]
    if known.sum() > 1:
        verticals = torch.einsum("bvij,vi->bvj", rigs.poses[..., :3, :3], bundle.verticals.up)[:, known]
        common = F.normalize(verticals.sum(1, keepdim=True), dim=-1)
        off = (verticals - common) / (TILT_DOUBT**0.5 * TILT)
        parts.append(_Residuals(off, torch.full((off.shape[1],), 0.5 * TILT_DOUBT)))
    return parts


def _outlined(bundle: Bundle, rigs: Rig) -> tuple[Outlines, np.ndarray, np.ndarray, np.ndarray]:
    """Outlines and the cameras (B, V, …) that see them; with their images where the object is symmetric."""
    if rigs.plane is None:
        return bundle.outlines, *mirrors.arrays(rigs)
    return bundle.mirrored, *mirrors.arrays(rigs.mirrored())
