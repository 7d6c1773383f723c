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
from torch import Tensor

from . import outlines
from .information import Terms
from .outline_rays import SLACK, WIDTH, Lines, margins
from .outlines import Detail, Outlines
from .rigs import Rig, tilted

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
DIFFERENCE, DAMPING, LONGEST = 1e-3, 0.05, 0.2


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


def mismatch(seen: Outlines, rigs: Rig, width: float) -> Tensor:
    """(B,) how badly the outlines fit if objects mirror themselves in the rigs' planes; 0 to 1."""
    points = touching(seen, rigs)
    miss = missed(seen, rigs, points)
    return (miss / (miss + width)).mean(1)


def touching(seen: Outlines, rigs: Rig) -> np.ndarray:
    """(B, V, N) where each ray touches what all 2V masks leave."""
    return outlines.touching(seen, *arrays(rigs.mirrored()))


def missed(seen: Outlines, rigs: Rig, points: np.ndarray) -> Tensor:
    """(B, V N) by how many half widths these points miss some mask, beyond the slack."""
    inside = outlines.depth_inside(seen, *arrays(rigs.mirrored()), points)
    return (-torch.from_numpy(inside) - float(SLACK)).clamp(min=0).flatten(1)


def arrays(rigs: Rig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (B, V, 3, 3), translations (B, V, 3) and zooms (B,), for compiled functions."""
    parts = rigs.poses[..., :3, :3], rigs.poses[..., :3, 3], rigs.zoom
    R, T, zoom = (part.detach().contiguous().numpy() for part in parts)
    return R, T, zoom


@torch.no_grad()
def find(mirrors: Mirrors, rigs: Rig) -> Rig:
    """B rigs, each with the plane in which what it sees mirrors itself best."""
    normals = _half_sphere(NORMALS)
    alike = normals @ normals.T > ALIKE
    planes = torch.cat([normals.expand(len(rigs.poses), -1, -1), (_middle(mirrors, rigs) @ normals.T)[..., None]], -1)
    fit = mismatch(mirrors.rough, _with(rigs, planes), WIDE).view(planes.shape[:2])
    kept = []
    for _ in range(TRIED):
        kept.append(fit.argmin(1))
        fit = fit.masked_fill(alike[kept[-1]], torch.inf)
    planes = planes.take_along_dim(torch.stack(kept, 1)[..., None], 1)
    for width, count in ((3 * NARROW, TRIED), (NARROW, TRIED_AGAIN)):
        planes, cost = _approached(mirrors.middling, rigs, planes, width)
        planes = planes.take_along_dim(cost.argsort(1)[:, :count, None], 1)
    fit = mismatch(mirrors.fine, _with(rigs, planes), float(WIDTH)).view(planes.shape[:2])
    return Rig(rigs.poses, rigs.zoom, planes.take_along_dim(fit.argmin(1)[:, None, None], 1)[:, 0])


def _approached(seen: Outlines, rigs: Rig, planes: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Planes (B, K, 4) of B rigs that fit better or as well, by Levenberg and Marquardt's method side by side, and what
    their misses cost (B, K)."""
    each = _with(rigs, planes)
    planes, shape = planes.flatten(0, 1), planes.shape[:2]

    def misses(there: Tensor) -> Tensor:
        """(B K, J, N) of planes (B K, J, 4)."""
        times = there.shape[1]
        found = missed(seen, _with(each, there), points.repeat(times, 0))
        return found.unflatten(0, (-1, times)) / width

    damping, cost = torch.full((len(planes), 1), DAMPING), torch.empty(0)
    around = torch.cat([torch.zeros(1, 3), DIFFERENCE * torch.eye(3), -DIFFERENCE * torch.eye(3)])
    for _ in range(STEPS):
        points = touching(seen, Rig(each.poses, each.zoom, planes))
        miss = misses(tilted(planes[:, None], around.expand(len(planes), -1, -1)))
        cost, change = torch.log1p(miss[:, 0].square()).sum(1), (miss[:, 1:4] - miss[:, 4:]) / (2 * DIFFERENCE)
        weighted = change / (1 + miss[:, :1].square())
        curvature, slope = weighted @ change.transpose(1, 2), (weighted @ miss[:, 0, :, None])
        dampings = damping * torch.tensor([1.0, 8.0, 64.0])
        diagonal = torch.diag_embed(curvature.diagonal(dim1=1, dim2=2).clamp(min=1e-3))
        steps = -torch.linalg.solve(curvature[:, None] + dampings[..., None, None] * diagonal[:, None], slope[:, None])
        steps = steps[..., 0] * (LONGEST / steps.abs().amax((2, 3))[..., None]).clamp(max=1)
        there = tilted(planes[:, None], steps)
        costs = torch.log1p(misses(there).square()).sum(2)
        least = costs.argmin(1, keepdim=True)
        better = costs.gather(1, least) < cost[:, None]
        planes = torch.where(better, there.take_along_dim(least[..., None], 1)[:, 0], planes)
        damping = torch.where(better, dampings.gather(1, least) / 8, 64 * damping)
    return planes.unflatten(0, shape), cost.unflatten(0, shape)


def _with(rigs: Rig, planes: Tensor) -> Rig:
    """Each of B rigs as often as it has planes (B, K, 4)."""
    count = planes.shape[1]
    return Rig(rigs.poses.repeat_interleave(count, 0), rigs.zoom.repeat_interleave(count), planes.flatten(0, 1))


def _middle(mirrors: Mirrors, rigs: Rig) -> Tensor:
    """(B, 3) the middle of where the views' outlines touch the object."""
    lines = mirrors.rough.lines
    views, R, T = rigs.views, rigs.poses[..., :3, :3], rigs.poses[..., :3, 3]
    alone = Outlines(mirrors.rough.detail, Lines(lines.intrinsics[:views], lines.distance[:views], lines.rays))
    depth = torch.from_numpy(outlines.touching(alone, *arrays(rigs))) + T[..., 2:]
    rays = torch.from_numpy(lines.rays) / rigs.zoom[:, None, None, None]
    points = torch.cat([rays, torch.ones(*rays.shape[:-1], 1)], -1) * depth[..., None]
    return torch.einsum("bvji,bvnj->bvni", R, points - T[:, :, None]).mean((1, 2))


def _half_sphere(count: int) -> Tensor:
    """(count, 3) directions evenly over half a sphere (Fibonacci's lattice)."""
    index = torch.arange(count) + 0.5
    height, turn = index / count, torch.pi * (1 + 5**0.5) * index
    across = (1 - height.square()).sqrt()
    return torch.stack([across * turn.cos(), across * turn.sin(), height], 1)


def terms(mirrors: Mirrors, rig: Rig, points: np.ndarray) -> Terms:
    """What each ray takes from ``MOST``."""
    miss = missed(mirrors.fine, rig.alone(), points)[0]
    return Terms(-miss / (miss + float(WIDTH)), WEIGHT / len(miss))


def evidence(mirrors: Mirrors, rigs: Rig) -> Tensor:
    """(B,) score for the rigs' planes; less than nothing where the object should rather be taken for asymmetric."""
    return MOST - WEIGHT * mismatch(mirrors.fine, rigs, float(WIDTH))


def slope(mirrors: Mirrors, rig: Rig, points: np.ndarray, zooming: bool) -> Tensor:
    """(P,) how the terms' sum changes with small moves of cameras and plane."""
    move = torch.zeros(rig.parameters(zooming), requires_grad=True)
    there = rig.moved(move[None]).mirrored()
    weight = WEIGHT / points[0].size
    _, by_R, by_T, by_zoom = margins(mirrors.fine.lines, *arrays(there), points, weight, True)
    changed = (torch.from_numpy(by_R) * there.poses[..., :3, :3]).sum() + (
        torch.from_numpy(by_T) * there.poses[..., :3, 3]
    ).sum()
    changed = changed + (torch.from_numpy(by_zoom) * there.zoom).sum()
    return torch.autograd.grad(changed, move)[0]


def certain_plane(mirrors: Mirrors, rig: Rig) -> Tensor | None:
    """The rig's plane (4,), if what it sees mirrors itself there so well that the images of the photos may be taken for
    photos."""
    return rig.plane if rig.plane is not None and float(evidence(mirrors, rig.alone())) > SURELY else None


def images(views: Sequence[View], poses: np.ndarray, plane: np.ndarray) -> tuple[list[View], np.ndarray]:
    """The V photos that an object which mirrors itself in a plane (4,) promises besides, and their cameras (V, 4, 4).
    """
    flipped = [
        replace(
            view, image=np.ascontiguousarray(view.image[:, ::-1]), unseen=np.ascontiguousarray(view.unseen[:, ::-1])
        )
        for view in views
    ]
    rig = Rig(torch.from_numpy(poses), torch.ones(()), torch.from_numpy(plane))
    return flipped, rig.mirrored().poses[len(views) :].numpy()
