"""Mirror symmetry: most objects look alike on both sides of a plane.

Under true cameras a photo of such an object, flipped from left to right, is another photo of it: the one that the
camera's image in the plane would have taken. So V photos are as good as 2V, and the outlines of all must agree. Wrong
cameras seldom find a plane for which they do, whatever else they explain. Cameras that find none are not worth less for
it; but of an object that has none, wrong ones may find one that makes them worth more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import least_squares, outlines
from .information import Terms
from .least_squares import Residuals
from .outline_rays import SLACK, WIDTH, Lines, margins
from .outlines import Detail, Outlines
from .rigs import Rig, Slopes, rig_of, tilted

if TYPE_CHECKING:
    from .views import View

WEIGHT = 100.0  # score that a mismatch of all outlines costs
MOST = 3.0  # score of a plane in which an object mirrors itself perfectly
SURELY = 2.0  # score from which on an object is carved by its symmetry too
# Points on all outlines together, and places along their rays: to sift planes, to approach them, and to judge them.
DETAILS = Detail(40, 12, (5,)), Detail(64, 12, (5,)), Detail(288, 20, (9, 5))
NORMALS = 140  # directions of a plane that are tried
TRIED, TRIED_AGAIN = 5, 2  # of these are looked at closely
ALIKE = 0.95  # cosine of the angle between two directions of which only one is
WIDE, NARROW = 0.1, 0.02  # half widths of a view: the miss that counts half where planes are compared first, and last
MISSES = 0.04, 0.012  # half widths by which masks may be missed, before and after cameras are brought to suit a plane
STEPS = 3  # of each of two approaches to a plane


@dataclass(frozen=True)
class Mirrors:
    """V views and their images, to seek planes and to judge them. The rays are those of the V views: those of the
    images meet the same."""

    rough: Outlines
    middling: Outlines
    fine: Outlines


def prepare(views: Sequence[View]) -> Mirrors:
    """The outlines of canonical views and of their images."""
    focal = 2 * torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float()[:, 0]
    each = [replace(detail, points=max(detail.points // len(views), 4)) for detail in DETAILS]
    return Mirrors(*(doubled(outlines.prepare(views, focal, detail)) for detail in each))


def doubled(single: Outlines) -> Outlines:
    """The same rays, seen by 2V masks: the views', and those flipped from left to right."""
    intrinsics, distance, rays = single.lines
    flipped = np.ascontiguousarray(distance[..., ::-1])
    return Outlines(
        single.detail, Lines(np.concatenate([intrinsics, intrinsics]), np.concatenate([distance, flipped]), rays)
    )


def mismatch(seen: Outlines, rigs: Rig, width: float) -> np.ndarray:
    """(B,) how badly the outlines fit if objects mirror themselves in the rigs' planes; 0 to 1."""
    miss = missed(seen, rigs, touching(seen, rigs))
    return (miss / (miss + width)).mean(1)


def touching(seen: Outlines, rigs: Rig) -> np.ndarray:
    """(B, V, N) where each ray touches what all 2V masks leave."""
    return outlines.touching(seen, *rigs.mirrored().arrays())


def missed(seen: Outlines, rigs: Rig, points: np.ndarray) -> np.ndarray:
    """(B, V N) by how many half widths these points miss some mask, beyond the slack."""
    inside = outlines.depth_inside(seen, *rigs.mirrored().arrays(), points)
    return (-inside - SLACK).clip(min=0).reshape(len(inside), -1)


def find(mirrors: Mirrors, rigs: Rig) -> Rig:
    """B rigs, each with the plane in which what it sees mirrors itself best."""
    normals = _half_sphere(NORMALS)
    alike = normals @ normals.T > ALIKE
    offsets = _middle(mirrors, rigs) @ normals.T
    planes = np.concatenate([np.broadcast_to(normals, (*offsets.shape, 3)), offsets[..., None]], -1)
    fit = mismatch(mirrors.rough, _with(rigs, planes), WIDE).reshape(offsets.shape)
    kept = []
    for _ in range(TRIED):
        kept.append(fit.argmin(1))
        fit = np.where(alike[kept[-1]], np.inf, fit)
    planes = np.take_along_axis(planes, np.stack(kept, 1)[..., None], 1)
    for width, count in ((3 * NARROW, TRIED), (NARROW, TRIED_AGAIN)):
        planes, cost = _approached(mirrors.middling, rigs, planes, width)
        planes = np.take_along_axis(planes, cost.argsort(1)[:, :count, None], 1)
    fit = mismatch(mirrors.fine, _with(rigs, planes), WIDTH).reshape(planes.shape[:2])
    return Rig(rigs.poses, rigs.zoom, np.take_along_axis(planes, fit.argmin(1)[:, None, None], 1)[:, 0])


def _approached(seen: Outlines, rigs: Rig, planes: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Planes (B, K, 4) of B rigs that fit better or as well, and what their misses cost (B, K)."""
    each = _with(rigs, planes)
    planes, shape = planes.reshape(-1, 4), planes.shape[:2]
    damping, cost = np.full(len(planes), least_squares.DAMPING), np.empty(0)
    for _ in range(STEPS):
        points = touching(seen, Rig(each.poses, each.zoom, planes))

        def residuals(
            moves: np.ndarray, planes: np.ndarray = planes, points: np.ndarray = points
        ) -> list[Residuals]:
            times = moves.shape[1]
            found = missed(seen, _with(each, tilted(planes[:, None], moves)), points.repeat(times, 0)) / width
            return [Residuals(found.reshape(-1, times, found.shape[1], 1), np.ones(found.shape[1]))]

        moves, cost, damping = least_squares.step(residuals, 3, damping)
        planes = tilted(planes, moves)
    return planes.reshape(*shape, 4), cost.reshape(shape)


def _with(rigs: Rig, planes: np.ndarray) -> Rig:
    """Each of B rigs as often as it has planes (B, K, 4)."""
    count = planes.shape[1]
    return Rig(rigs.poses.repeat(count, 0), rigs.zoom.repeat(count), planes.reshape(-1, 4))


def _middle(mirrors: Mirrors, rigs: Rig) -> np.ndarray:
    """(B, 3) the middle of where the views' outlines touch the object."""
    lines = mirrors.rough.lines
    views, R, T = rigs.views, rigs.poses[..., :3, :3], rigs.poses[..., :3, 3]
    alone = Outlines(mirrors.rough.detail, Lines(lines.intrinsics[:views], lines.distance[:views], lines.rays))
    depth = outlines.touching(alone, *rigs.arrays()) + T[..., 2:]
    rays = lines.rays / rigs.zoom[:, None, None, None]
    points = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], -1) * depth[..., None]
    return np.einsum("bvji,bvnj->bvni", R, points - T[:, :, None]).mean((1, 2))


def _half_sphere(count: int) -> np.ndarray:
    """(count, 3) directions evenly over half a sphere (Fibonacci's lattice)."""
    index = np.arange(count) + 0.5
    height, turn = index / count, np.pi * (1 + 5**0.5) * index
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(turn), across * np.sin(turn), height], 1)


def terms(mirrors: Mirrors, rig: Rig, points: np.ndarray) -> Terms:
    """What each ray takes from ``MOST``."""
    miss = missed(mirrors.fine, rig.alone(), points)[0]
    return Terms(torch.from_numpy(-miss / (miss + WIDTH)), WEIGHT / len(miss))


def evidence(mirrors: Mirrors, rigs: Rig) -> np.ndarray:
    """(B,) score for the rigs' planes; less than nothing where the object should rather be taken for asymmetric."""
    return MOST - WEIGHT * mismatch(mirrors.fine, rigs, WIDTH)


def slopes(mirrors: Mirrors, rig: Rig, points: np.ndarray) -> Slopes:
    """How the terms' sum changes with cameras and plane."""
    seen = rig.mirrored().alone().arrays()
    _, by_R, by_T, by_zoom = margins(mirrors.fine.lines, *seen, points, WEIGHT / points[0].size, True)
    return rig.slopes_of_mirrored(Slopes(by_R[0], by_T[0], by_zoom[0]))


def certain_plane(mirrors: Mirrors, rig: Rig) -> np.ndarray | None:
    """The rig's plane (4,), if what it sees mirrors itself there so well that the images of the photos may be taken for
    photos."""
    return rig.plane if rig.plane is not None and evidence(mirrors, rig.alone())[0] > SURELY else None


def images(views: Sequence[View], poses: np.ndarray, plane: np.ndarray) -> tuple[list[View], np.ndarray]:
    """The V photos that an object which mirrors itself in a plane (4,) promises besides, and their cameras (V, 4, 4).
    """
    flipped = [
        replace(
            view, image=np.ascontiguousarray(view.image[:, ::-1]), unseen=np.ascontiguousarray(view.unseen[:, ::-1])
        )
        for view in views
    ]
    return flipped, replace(rig_of(poses), plane=plane).mirrored().poses[len(views) :]
