"""How well one set of cameras agrees with all photos, at the resolution of the views.

:mod:`.hull` judges very many cameras by few pixels of small views. Here the same question is put finely: the ray of
every sampled pixel must meet a point inside all masks, to a fraction of a pixel, and the surface there must look alike
in the views that see it. Half of the pixels lie at the outlines, where a turned camera shows first.

Cameras are in the world whose origin is the object's centre. What happens along the pixels' rays is compiled:
:mod:`.surface` looks for the object there, :mod:`.slopes` tells how the score changes with the cameras while that
surface moves along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from . import slopes, surface
from .colours import comparable
from .habits import habits
from .information import Terms
from .lookup import Views
from .rigs import Rig, Slopes
from .silhouettes import signed_distances
from .verticals import Verticals, likeliest, told
from .views import View

DEPTH_RANGE = 1.25  # rays are sampled this far before and behind the object's centre
BLUR = 0.7  # of colours, in pixels: with more, the cameras that suit best are others
EXPOSURE_ROUNDS = 3  # of least squares
EXPOSURE_DOUBT = 0.2  # how much it counts that photos are exposed alike, in shares of all that is seen
COVER, APPEARANCE, HABIT = 200.0, 6.0, 1.0  # how much each term counts
OUTLINE = 1.5  # pixels from the mask's edge
CELLS = 64  # along the side of the map of a view's front


@dataclass(frozen=True)
class Scene:
    """V views, N sampled pixels of each, K depths along the ray of each."""

    uneven: bool  # whether the photos are exposed differently
    views: Views
    offsets: np.ndarray  # (K,) depths less the centre's
    verticals: Verticals

    def weights(self) -> tuple[float, float]:
        """In the score: of a pixel's evidence, and of it being uncovered."""
        pixels = self.views.rays.shape[0] * self.views.rays.shape[1]
        return APPEARANCE / pixels, COVER / pixels


@dataclass(frozen=True)
class Surface:
    """Where the pixels' rays meet the object, how the photos are exposed, and which way is up."""

    found: surface.Found
    vertical: np.ndarray  # (3,) in the world


def prepare(views: Sequence[View], *, pixels: int, depths: int, uneven: bool = False) -> Scene:
    """Sample canonical views.

    :param pixels: N of each view; ``depths`` K along each ray.
    :param uneven: the photos are exposed differently: cameras are judged with the exposures that suit them best.
    """
    images = np.stack([view.image for view in views])
    masks = images[..., 3] > 0.5
    for mask in masks:
        if not mask.any():
            mask[mask.shape[0] // 2, mask.shape[1] // 2] = True
    distances = signed_distances(list(masks), views) / 2
    chosen = np.stack([_sample_pixels(*both, pixels) for both in zip(masks, distances.numpy(), strict=True)])
    intrinsics = torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float()
    position = torch.from_numpy(chosen).float()
    colours = np.stack([_colours(image, mask) for image, mask in zip(images, masks, strict=True)])
    colour = comparable(torch.from_numpy(colours).float())
    own = F.grid_sample(
        colour.permute(0, 3, 1, 2), position[:, :, None], align_corners=False, padding_mode="border"
    )[..., 0].transpose(1, 2)
    distance = torch.cdist(own, own.flatten(0, 1)[None])
    arrays = Views(
        intrinsics=intrinsics.numpy(),
        distance=distances.numpy(),
        colour=colour.numpy(),
        rays=(((position + 1) / 2 - intrinsics[:, None, 2:]) / intrinsics[:, None, :2]).numpy(),
        own=own.contiguous().numpy(),
        commonness=_commonness(distance),
        rough_commonness=_commonness(distance / float(surface.ROUGH)),
        nearest=np.stack([_nearest(*pair) for pair in zip(masks, chosen, strict=True)]),
    )
    offsets = ((np.arange(depths) + 0.5) / depths * 2 - 1) * DEPTH_RANGE
    return Scene(uneven, arrays, offsets.astype(np.float32), told(views))


def _commonness(distance: Tensor) -> np.ndarray:
    """(V, N) log of the mean likeness of pixels to all others, whose colours are ``distance`` (V, N, M) away."""
    return torch.exp(-distance).mean(2).clamp(min=1e-3).log().numpy()


def _colours(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object's colours (S, S, 3), continued beyond its mask so that pixels at the edge compare fairly."""
    alpha = np.where(mask, image[..., 3], 0.0).astype(np.float32)
    premultiplied = image[..., :3] * alpha[..., None]
    weight, total = cv2.GaussianBlur(alpha, (0, 0), BLUR), cv2.GaussianBlur(premultiplied, (0, 0), BLUR)
    far_weight, far_total = cv2.GaussianBlur(weight, (0, 0), 3), cv2.GaussianBlur(total, (0, 0), 3)
    near = total / np.maximum(weight, 1e-3)[..., None]
    far = far_total / np.maximum(far_weight, 1e-4)[..., None]
    return np.where(weight[..., None] > 0.2, near, far).clip(0, 1)


def _sample_pixels(mask: np.ndarray, distance: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) positions in [-1, 1] on a mask (S, S): half along the outline, half within, evenly spread."""
    size = len(mask)
    depth = distance[size // 2 : size // 2 + size, size // 2 : size // 2 + size] * size  # in pixels
    outline, within = mask & (depth <= OUTLINE), mask & (depth > OUTLINE)
    rows, columns = np.nonzero(outline if outline.any() else within)
    around = np.argsort(np.arctan2(rows - rows.mean(), columns - columns.mean()), kind="stable")
    edge = np.column_stack([columns, rows])[around]
    inner = np.argwhere(within if within.any() else outline)[:, ::-1]
    parts = [
        points[((np.arange(share) + 0.5) * len(points) / share).astype(int)]
        for points, share in ((edge, count // 2), (inner, count - count // 2))
    ]
    return (np.concatenate(parts) + 0.5) / size * 2 - 1


def _nearest(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(CELLS, CELLS) index of the sampled pixel nearest to each cell, ``len(pixels)`` on the background."""
    centres = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    columns, rows = np.meshgrid(centres, centres)
    squared = (columns.ravel()[:, None] - pixels[:, 0]) ** 2 + (rows.ravel()[:, None] - pixels[:, 1]) ** 2
    small = cv2.resize(mask.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel() > 0
    return np.where(small, squared.argmin(1), len(pixels)).astype(np.int32).reshape(CELLS, CELLS)


def judge(scene: Scene, rig: Rig) -> tuple[float, Surface]:
    """The score of cameras, higher is better, and where their pixels meet the object."""
    cameras = rig.arrays()
    even = np.zeros((rig.views, 3), np.float32)
    steps, inside, usual, front = surface.hull(scene.views, *cameras, scene.offsets)
    hidden = front, np.full_like(front, surface.FRONT_DOUBT), True
    joint, _ = surface.explained(scene.views, *cameras, steps, usual, *hidden, even)
    chance, *likely = surface.settled(cameras[1], steps, joint)
    hidden = *likely, False
    joint, seen = surface.explained(scene.views, *cameras, steps, usual, *hidden, even)
    exposure = even
    if scene.uneven:
        exposure = _exposure(scene.views, cameras, steps, chance, seen)
        joint, seen = surface.explained(scene.views, *cameras, steps, usual, *hidden, exposure)
    evidence, covered, chosen, usual_there, shown = surface.likeliest_places(steps, inside, usual, joint, seen)
    ends, level, steep, shares = surface.passages(scene.views, *cameras, steps, inside, covered, chosen)
    vertical = likeliest(scene.verticals, rig.poses[:, :3, :3])
    found = Surface(surface.Found(ends, level, steep, shares, usual_there, shown, exposure), vertical)
    tilts, rest, *_ = _habits(scene, cameras, vertical)
    terms = _terms(scene, evidence, slopes.all_uncovered(covered), tilts)
    return float(sum(part.total() for part in terms) - HABIT * rest), found


def _exposure(views: Views, cameras: tuple[np.ndarray, np.ndarray, Any], *places: np.ndarray) -> np.ndarray:
    """(V, 3) by how much brighter and otherwise tinted each photo is, as the likely surface shows it in several: robust
    least squares over all pairs of photos, which lean towards being exposed alike."""
    count = len(cameras[0])
    exposure = np.zeros((count, 3), np.float32)
    for _ in range(EXPOSURE_ROUNDS):
        pairs, sums = surface.differing(views, *cameras, *places, exposure)
        normal = np.diag(pairs.sum(0) + pairs.sum(1)) - pairs - pairs.T
        normal += (EXPOSURE_DOUBT * pairs.sum() / count + 1e-6) * np.eye(count)
        exposure = np.linalg.solve(normal, sums.sum(2) - sums.sum(0).T).astype(np.float32)
    return exposure


def slopes_at(scene: Scene, rig: Rig, surface: Surface) -> Slopes:
    """How the score on a surface found before changes with the cameras."""
    cameras = rig.arrays()
    _, _, *parts = slopes.terms(scene.views, *cameras, surface.found, scene.weights(), True)
    _, _, *unusual = _habits(scene, cameras, surface.vertical)
    return Slopes(*(part - HABIT * habit for part, habit in zip(parts, unusual, strict=True)))


def terms_at(scene: Scene, rig: Rig, surface: Surface) -> tuple[list[Terms], float]:
    """What each pixel adds to that score, and each camera by its tilt; and what is taken from it, because object and
    lens are unusual."""
    cameras = rig.arrays()
    evidence, missed, *_ = slopes.terms(scene.views, *cameras, surface.found, scene.weights(), False)
    tilts, rest, *_ = _habits(scene, cameras, surface.vertical)
    return _terms(scene, evidence, missed, tilts), HABIT * rest


def _terms(scene: Scene, evidence: np.ndarray, missed: np.ndarray, tilts: np.ndarray) -> list[Terms]:
    """Of pixels (S, N) by their evidence and how much they are uncovered; of cameras (V,) by their tilts."""
    values = torch.from_numpy(evidence).flatten(), torch.from_numpy(-missed).flatten(), torch.from_numpy(-tilts)
    return [Terms(*pair) for pair in zip(values, (*scene.weights(), HABIT), strict=True)]


def _habits(scene: Scene, cameras: tuple[np.ndarray, np.ndarray, Any], vertical: np.ndarray) -> tuple[Any, ...]:
    return habits(*cameras, vertical, scene.verticals.up.numpy(), scene.verticals.elevation.numpy())
