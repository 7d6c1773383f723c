"""Bundle adjustment: cameras moved until correspondences and outlines fit, by robust least squares.

Two photos of nearly flat things seen from afar leave their angle to each other open; outlines tell it best. So both are
weighed together, and depths stay near the hull's front (:mod:`.match_rays`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from . import least_squares, match_rays, mirrors, outlines
from .correspondences import Matches
from .habits import ASIDE, CLOSER, NEAREST
from .least_squares import Residuals
from .match_rays import DEPTH_WEIGHT, MATCH_WEIGHT
from .outlines import Detail, Outlines
from .rigs import ZOOM, Rig, Slopes
from .verticals import TILT, TILT_DOUBT, Verticals, told
from .views import View

OUTLINE_WIDTH = 0.012  # half widths of a view: the miss of a mask, beyond the slack, that begins to count
ENOUGH = 80.0  # matches of two views from which on more of them hardly count
CONVINCED = 60.0  # the same in ``log_ratios``
DETAIL = Detail(96, 20, (9, 5))
STEPS, SHORTEST_STEP = 10, 3e-4


@dataclass(frozen=True)
class Bundle:
    """What stays the same for all cameras of V views."""

    intrinsics: np.ndarray  # (V, 4) normalised, float32
    outlines: Outlines
    mirrored: Outlines  # of the views and their images, :mod:`.mirrors`
    verticals: Verticals


def prepare(views: Sequence[View], detail: Detail = DETAIL) -> Bundle:
    """Outlines at the views' own resolution."""
    intrinsics = np.stack([view.intrinsics.normalised() for view in views]).astype(np.float32)
    seen = outlines.prepare(views, 2 * torch.from_numpy(intrinsics)[:, 0], detail)
    return Bundle(intrinsics, seen, mirrors.doubled(seen), told(views))


def adjust(
    bundle: Bundle, rig: Rig, matches: Matches | None, width: float = 0.0, *, miss: float = OUTLINE_WIDTH,
    zooming: bool = False, steps: int = STEPS,
) -> Rig:
    """Cameras that fit better than ``rig``, or as well.

    :param width: distance in half widths of a view by which a match may miss; more is suspected to be wrong.
    :param miss: the same for outlines.
    :param zooming: the focal length may change.
    """
    damping = np.array([least_squares.DAMPING])
    for _ in range(steps):
        touching = outlines.touching(*_outlined(bundle, rig.alone()))

        def residuals(moves: np.ndarray, rig: Rig = rig, touching: np.ndarray = touching) -> list[Residuals]:
            return _residuals(bundle, rig.moved(moves[0]), matches, touching, width, miss)

        (move,), _, damping = least_squares.step(residuals, rig.parameters(zooming), damping)
        rig = rig.moved(move)
        if np.abs(move).max() < SHORTEST_STEP:
            break
    return rig


def log_ratios(bundle: Bundle, rig: Rig, matches: Matches, width: float) -> tuple[np.ndarray, Slopes]:
    """(N,) how much likelier each match is for these cameras than for any, less where two views have very many; and how
    the sum changes with the cameras."""
    value, *slopes = match_rays.log_ratios(
        bundle.intrinsics, *rig.alone().arrays(), matches.arrays(), share(matches, rig.views, CONVINCED), width
    )
    return value, Slopes(*slopes)


def misfit(bundle: Bundle, rigs: Rig, matches: Matches, width: float) -> tuple[np.ndarray, np.ndarray]:
    """How far each match of B rigs is missed, in half widths of a view (B, N, 2), and each corner's depth less its
    expected one, in units of its spread (B, C), both at the corners' best depths."""
    missed, behind = match_rays.misfits(bundle.intrinsics, *rigs.arrays(), matches.arrays(), width)
    return missed, behind


def fitting(bundle: Bundle, rig: Rig, matches: Matches, width: float) -> np.ndarray:
    """How many matches of each camera (V,) are missed by less than ``width``."""
    fits = np.linalg.norm(misfit(bundle, rig.alone(), matches, width)[0][0], axis=-1) < width
    return np.bincount(np.concatenate([matches.first[fits], matches.second[fits]]), minlength=rig.views)


def share(matches: Matches, views: int, enough: float) -> np.ndarray:
    """(N,) how much each match counts: less where two views have very many."""
    pair = np.minimum(matches.first, matches.second) * views + np.maximum(matches.first, matches.second)
    return (1 / (1 + np.bincount(pair)[pair] / enough)).astype(np.float32)


def _residuals(
    bundle: Bundle, rigs: Rig, matches: Matches | None, touching: np.ndarray, width: float, miss: float
) -> list[Residuals]:
    """Of one problem, at B rigs."""
    inside = outlines.depth_inside(*_outlined(bundle, rigs), touching.repeat(len(rigs.poses), 0))
    missed_masks = (-inside - outlines.SLACK).clip(min=0).reshape(len(inside), -1, 1) / miss
    parts = [*_habits(bundle, rigs), _of(missed_masks, 1.0)]
    if matches:
        missed, behind = misfit(bundle, rigs, matches, width)
        parts.append(_of(missed / width, MATCH_WEIGHT * share(matches, rigs.views, ENOUGH)))
        parts.append(_of(behind[..., None], DEPTH_WEIGHT))
    return parts


def _habits(bundle: Bundle, rigs: Rig) -> list[Residuals]:
    """The object in the middle, photos from about the same distance with a usual lens, and one vertical for all that
    have measured it."""
    centre = rigs.poses[:, 1:, :3, 3]
    distance = np.log((centre[..., 2] / rigs.poses[:, :1, 2, 3]).clip(min=NEAREST)) / CLOSER
    lens = np.log(rigs.zoom)[:, None] / ZOOM
    value = np.concatenate([(centre[..., :2] / ASIDE).reshape(len(centre), -1), distance, lens], 1)
    parts = [_of(value[..., None], 0.5, robust=False)]
    known = bundle.verticals.known.numpy()
    if known.sum() > 1:
        felt = np.einsum("bvij,vi->bvj", rigs.poses[..., :3, :3], bundle.verticals.up.numpy())[:, known]
        common = felt.sum(1, keepdims=True)
        common /= np.linalg.norm(common, axis=-1, keepdims=True)
        parts.append(_of((felt - common) / (TILT_DOUBT**0.5 * TILT), 0.5 * TILT_DOUBT))
    return parts


def _of(value: np.ndarray, weight: float | np.ndarray, robust: bool = True) -> Residuals:
    """Residuals (B, N, C) of B rigs, all of one problem."""
    return Residuals(value[None], np.broadcast_to(weight, value.shape[1:2]), robust)


def _outlined(bundle: Bundle, rigs: Rig) -> tuple[Outlines, np.ndarray, np.ndarray, np.ndarray]:
    """Outlines and the cameras (B, V, …) that see them; with their images where the object is symmetric."""
    if rigs.plane is None:
        return bundle.outlines, *rigs.arrays()
    return bundle.mirrored, *rigs.mirrored().arrays()
