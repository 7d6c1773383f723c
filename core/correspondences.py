"""Correspondences: the same places of the object in two photos that were taken from far apart.

At 45° and more between two photos the features of structure from motion find nothing. But cameras that are about right
imply a surface, the front of the visual hull. A patch of it can be drawn as each of the two photos shows it; what is
left between both drawings is a short way across the surface, which normalised cross-correlation finds to a fraction of
a pixel. What it finds is about as right where the cameras are ten or twenty degrees off, so it tells where they are to
be turned (:mod:`.bundle`).

Positions in a view are in units of its half width, from -1 to 1, as in :mod:`.silhouettes`; poses are ``world_to_view``
(V, 4, 4) in the world whose origin is the object's centre, with an inscribed sphere of radius 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import hull_grid
from .rigs import Rig
from .silhouettes import signed_distances
from .views import View

CORNERS = 480  # in all views together
CORNER_QUALITY, CORNER_DISTANCE = 0.002, 3.0  # of the strongest one; pixels
EDGE = 2  # pixels of a mask's rim that have no corners: what is seen there is the outline
HULL_CELLS, HULL_EXTENT = 64, 1.3  # along the side of a box, and half that side
HULL_SLACK = 0.02  # how far outside a mask a point of the hull may lie
RAY_STEPS = 97
FRONT_CELLS = 64  # along the side of a map of a view's front
SEEN_DEPTH = 0.25  # points this far behind another view's front are hidden there
LEAST_FACING = (0.2, 0.1)  # cosines between the surface's normal and the directions to both cameras
STEP = 0.025  # between two samples of a patch
HALF, REACH = 6, 12  # half the side of a patch, and of what is searched around it, in samples
PADDED = 40  # the next number above 2 (HALF + REACH) whose factors are small, for a fast Fourier transform
NOISE = 0.1  # added to the spread of a patch's samples, summed up, so that faint structure counts less
COVERED = 0.5  # share of a patch that both photos must show
APART = 3  # samples between the best place and the second one
LEAST_PEAK, LEAST_LEAD, LEAST_CURVATURE = 0.6, 0.1, 0.06  # of a correlation that counts
NOTHING = -1.0


@dataclass(frozen=True)
class Pictures:
    """V views: colours and masks, and the corners to be found again."""

    image: Tensor  # (V, 2, S, S) luminance and mask
    distance: Tensor  # (V, 1, 2S, 2S) to the mask's edge in half widths, positive inside; over twice a view's extent
    intrinsics: Tensor  # (V, 4) normalised
    corners: tuple[Tensor, ...]  # (N, 2) positions in each view

    def zoomed(self, factor: float) -> Pictures:
        """The same, taken for pictures of focal lengths that are ``factor`` times as long."""
        return replace(self, intrinsics=torch.cat([self.intrinsics[:, :2] * factor, self.intrinsics[:, 2:]], 1))


@dataclass(frozen=True)
class Matches:
    """N places, each seen at ``here`` (N, 2) in view ``first`` (N,) and at ``there`` (N, 2) in view ``second`` (N,).

    ``track`` (N,) numbers the corners: those found again in several views have several matches. ``front`` (T,) is the
    depth at which a corner's ray meets the hull, in its own view, over the zoom.
    """

    first: np.ndarray
    second: np.ndarray
    here: np.ndarray
    there: np.ndarray
    track: np.ndarray
    front: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All of them, for compiled functions."""
        return self.first, self.second, self.here, self.there, self.track, self.front


def prepare(views: Sequence[View]) -> Pictures:
    """Canonical views, best in twice as many pixels as the network sees, and their corners."""
    masks = [view.image[..., 3] > 0.5 for view in views]
    return Pictures(
        image=torch.from_numpy(np.stack([np.stack([_grey(view.image), view.image[..., 3]]) for view in views])),
        distance=signed_distances(masks, views)[:, None],
        intrinsics=torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float(),
        corners=tuple(_corners(view.image, CORNERS // len(views)) for view in views),
    )


def _grey(image: np.ndarray) -> np.ndarray:
    """(S, S) luminance of (S, S, 4)."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image[..., :3]), cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _corners(image: np.ndarray, count: int) -> Tensor:
    """(N, 2) positions of up to ``count`` corners (Shi and Tomasi, 1994) well within the mask of (S, S, 4)."""
    grey = _grey(image) * image[..., 3] + 0.5 * (1 - image[..., 3])
    mask = cv2.erode((image[..., 3] > 0.9).astype(np.uint8), np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8))
    found = cv2.goodFeaturesToTrack(grey, count, CORNER_QUALITY, CORNER_DISTANCE, mask=mask, blockSize=5)
    pixels = np.zeros((0, 2), np.float32) if found is None else found[:, 0]
    return torch.from_numpy((pixels + 0.5) / len(image) * 2 - 1).float()


@torch.no_grad()
def find(pictures: Pictures, rig: Rig) -> Matches:
    """The corners of every view that are found again in others, as cameras that are about right show the surface."""
    pictures, poses = pictures.zoomed(float(rig.zoom)), torch.from_numpy(rig.poses).float()
    hull = _Hull.of(pictures, poses)
    views = range(rig.views)
    fronts = [_front_map(pictures, hull, poses, view) for view in views]
    patches = [_patches(pictures, hull, poses, view) for view in views]
    first, second, here, there, corner = [], [], [], [], []
    for source, target in permutations(views, 2):
        index, place = _found_again(pictures, patches[source], poses, source, target, fronts[target])
        first.append(torch.full_like(index, source))
        second.append(torch.full_like(index, target))
        here.append(patches[source].position[index])
        there.append(place)
        corner.append(index + sum(len(patch) for patch in patches[:source]))
    seen, track = torch.cat(corner).unique(return_inverse=True)
    front = torch.cat([patch.depth for patch in patches])[seen] / float(rig.zoom)
    parts = (torch.cat(first), torch.cat(second), torch.cat(here), torch.cat(there), track, front)
    return Matches(*(part.numpy() for part in parts))


@dataclass(frozen=True)
class _Hull:
    """How deep points lie inside all masks (1, 1, G, G, G), and the way inwards (1, 3, G, G, G)."""

    inside: Tensor
    inwards: Tensor

    @classmethod
    def of(cls, pictures: Pictures, poses: Tensor) -> _Hull:
        cameras = pictures.intrinsics.numpy(), poses[:, :3, :3].numpy(), poses[:, :3, 3].numpy()
        line = np.linspace(-HULL_EXTENT, HULL_EXTENT, HULL_CELLS, dtype=np.float32)
        grid = torch.from_numpy(hull_grid.depth_inside(pictures.distance[:, 0].numpy(), *cameras, line))[None, None]
        smooth = F.avg_pool3d(F.avg_pool3d(F.pad(grid, (3,) * 6, value=-1.0), 5, 1), 3, 1)
        return cls(grid, torch.stack(torch.gradient(smooth[0, 0], dim=(2, 1, 0)))[None])

    def meet(self, intrinsics: Tensor, pose: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Where rays through positions (N, 2) of a view first meet the hull: points (N, 3), and whether they meet it
        at all (N,)."""
        depth = pose[2, 3].numpy() + np.linspace(-HULL_EXTENT, HULL_EXTENT, RAY_STEPS, dtype=np.float32)
        camera = intrinsics.numpy(), pose[:3, :3].numpy(), pose[:3, 3].numpy()
        inside, bounds = self.inside[0, 0].numpy(), (np.float32(HULL_EXTENT), np.float32(HULL_SLACK))
        points, meets = hull_grid.first_met(inside, *bounds, *camera, position.numpy(), depth)
        return torch.from_numpy(points), torch.from_numpy(meets)

    def normals(self, points: Tensor) -> Tensor:
        """(N, 3) of the surface near points (N, 3), outwards."""
        unit = points[None, None, None] / HULL_EXTENT
        inwards = F.grid_sample(self.inwards, unit, align_corners=True, padding_mode="border")[0, :, 0, 0].T
        return -F.normalize(inwards, dim=-1)


def rays(intrinsics: Tensor, position: Tensor) -> Tensor:
    """Directions (N, 3) at depth 1 of positions (N, 2), for intrinsics (4,) or (N, 4)."""
    flat = ((position + 1) / 2 - intrinsics[..., 2:]) / intrinsics[..., :2]
    return torch.cat([flat, torch.ones_like(flat[:, :1])], -1)


def project(intrinsics: Tensor, pose: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Positions (..., 2) and depths (...) of points (..., 3) in a view with intrinsics (4,) and pose (4, 4)."""
    x, y, z = (points @ pose[:3, :3].T + pose[:3, 3]).unbind(-1)
    z = z.clamp(min=0.2)
    fx, fy, cx, cy = intrinsics
    return 2 * torch.stack([x / z * fx + cx, y / z * fy + cy], -1) - 1, z


def _front_map(pictures: Pictures, hull: _Hull, poses: Tensor, view: int) -> Tensor:
    """(1, FRONT_CELLS, FRONT_CELLS) depth of the hull's front, ``NOTHING`` where there is none."""
    line = (torch.arange(FRONT_CELLS) + 0.5) / FRONT_CELLS * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points, met = hull.meet(pictures.intrinsics[view], poses[view], torch.stack([x, y], -1).view(-1, 2))
    _, depth = project(pictures.intrinsics[view], poses[view], points)
    return torch.where(met, depth, NOTHING).view(1, FRONT_CELLS, FRONT_CELLS)


@dataclass(frozen=True)
class _Patches:
    """N corners of one view on the surface that the cameras imply."""

    position: Tensor  # (N, 2)
    points: Tensor  # (N, 3)
    depth: Tensor  # (N,) of the points in their own view
    normal: Tensor  # (N, 3)
    across: Tensor  # (N, 2, 3) two directions across the surface, at right angles
    usable: Tensor  # (N,) whether the hull is met there and faces the view

    def __len__(self) -> int:
        return len(self.position)


def _patches(pictures: Pictures, hull: _Hull, poses: Tensor, view: int) -> _Patches:
    position = pictures.corners[view]
    points, met = hull.meet(pictures.intrinsics[view], poses[view], position)
    normal = hull.normals(points)
    _, depth = project(pictures.intrinsics[view], poses[view], points)
    other = torch.where(normal[:, 2:].abs() < 0.9, torch.tensor([0.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 0.0]))
    one = F.normalize(torch.linalg.cross(other, normal), dim=-1)
    across = torch.stack([one, torch.linalg.cross(normal, one)], 1)
    usable = met & (_facing(points, normal, poses[view]) > LEAST_FACING[0])
    return _Patches(position, points, depth, normal, across, usable)


def _facing(points: Tensor, normal: Tensor, pose: Tensor) -> Tensor:
    """(N,) cosines between the normals and the directions to a camera."""
    camera = -pose[:3, :3].T @ pose[:3, 3]
    return (F.normalize(camera - points, dim=-1) * normal).sum(-1)


def _found_again(
    pictures: Pictures, patches: _Patches, poses: Tensor, source: int, target: int, front: Tensor
) -> tuple[Tensor, Tensor]:
    """Which patches (M,) of the source view the target view shows too, and where: positions (M, 2)."""
    position, depth = project(pictures.intrinsics[target], poses[target], patches.points)
    there = _look_up(front, position, "nearest")[:, 0]
    seen = patches.usable & (there > 0) & (depth < there + SEEN_DEPTH)
    index = (seen & (_facing(patches.points, patches.normal, poses[target]) > LEAST_FACING[1])).nonzero()[:, 0]
    if len(index) == 0:
        return index, position[index]
    points, across = patches.points[index], patches.across[index]
    own = _drawn(pictures, poses, source, points, across, HALF)
    other = _drawn(pictures, poses, target, points, across, HALF + REACH)
    shift, good = _best_shift(_correlation(own, other))
    place, _ = project(pictures.intrinsics[target], poses[target], points + (shift[..., None] * across).sum(1))
    return index[good], place[good]


def _drawn(pictures: Pictures, poses: Tensor, view: int, points: Tensor, across: Tensor, half: int) -> Tensor:
    """(N, 2, L, L) what a view shows of the tangent planes around points (N, 3), L = 2 ``half`` + 1."""
    line = torch.arange(-half, half + 1) * STEP
    y, x = torch.meshgrid(line, line, indexing="ij")
    plane = x[..., None] * across[:, None, None, 0] + y[..., None] * across[:, None, None, 1]  # (N, L, L, 3)
    position, _ = project(pictures.intrinsics[view], poses[view], points[:, None, None] + plane)
    image = _look_up(pictures.image[view], position.flatten(0, 2)).view(*position.shape[:-1], 2)
    inside = position.abs().amax(-1, keepdim=True) < 1
    return (image * torch.cat([torch.ones_like(image[..., :1]), inside.float()], -1)).permute(0, 3, 1, 2)


def _correlation(own: Tensor, other: Tensor) -> Tensor:
    """(N, R, R) normalised cross-correlation of patches (N, 2, K, K) with all places of (N, 2, L, L), over what both
    masks show; ``NOTHING`` where that is too little."""
    side, reach = own.shape[-1], other.shape[-1] - own.shape[-1] + 1
    small = torch.fft.rfft2(_moments(own), s=(PADDED, PADDED)).conj()
    large = torch.fft.rfft2(_moments(other), s=(PADDED, PADDED))
    product = torch.cat([large[:, :1] * small, large[:, 1:] * small[:, :1], large[:, 1:2] * small[:, 1:2]], 1)
    sums = torch.fft.irfft2(product, s=(PADDED, PADDED))[..., :reach, :reach]  # over the common samples
    count, own_sum, own_square, other_sum, other_square, both = sums.unbind(1)
    count = count.clamp(min=1e-3)
    own_spread = (own_square - own_sum.square() / count).clamp(min=0)
    other_spread = (other_square - other_sum.square() / count).clamp(min=0)
    value = (both - own_sum * other_sum / count) / ((own_spread * other_spread).sqrt() + NOISE)
    return torch.where(count > COVERED * side**2, value, NOTHING)


def _moments(image: Tensor) -> Tensor:
    """(N, 3, L, L) mask, masked luminance, and its masked square, of (N, 2, L, L)."""
    grey, mask = image.unbind(1)
    return torch.stack([mask, mask * grey, mask * grey.square()], 1)


def _best_shift(correlation: Tensor) -> tuple[Tensor, Tensor]:
    """The best place (N, 2) across the surface, in units of the world, and whether it is clearly the best (N,)."""
    side = correlation.shape[-1]
    flat = correlation.flatten(1)
    peak, place = flat.max(1)
    place = torch.stack([place % side, place // side], -1)  # (N, 2) column, row
    cells = torch.arange(side * side)
    cells = torch.stack([cells % side, cells // side], -1)
    far = (cells - place[:, None]).abs().amax(-1) > APART
    second = torch.where(far, flat, NOTHING).amax(1)
    column, row = place.clamp(1, side - 2).unbind(-1)
    each = torch.arange(len(flat))
    middle = correlation[each, row, column]
    before = torch.stack([correlation[each, row, column - 1], correlation[each, row - 1, column]], -1)
    after = torch.stack([correlation[each, row, column + 1], correlation[each, row + 1, column]], -1)
    curvature = 2 * middle[:, None] - before - after
    finer = (0.5 * (after - before) / curvature.clamp(min=1e-4)).clamp(-0.6, 0.6)  # the parabola through three values
    within = ((place > 0) & (place < side - 1)).all(-1)
    clear = (peak > LEAST_PEAK) & (peak - second > LEAST_LEAD) & (curvature.amin(-1) > LEAST_CURVATURE)
    return (place - side // 2 + finer) * STEP, within & clear


def _look_up(image: Tensor, position: Tensor, mode: str = "bilinear") -> Tensor:
    """(N, C) of an image (C, H, W) at positions (N, 2)."""
    return F.grid_sample(image[None], position[None, None], mode=mode, align_corners=False, padding_mode="border")[
        0, :, 0
    ].T
