"""How well one set of cameras agrees with all photos, at the resolution of the views.

:mod:`.hull` judges very many cameras by few pixels of small views. Here the same question is put finely: the ray of
every sampled pixel must meet a point inside all masks, to a fraction of a pixel, and the surface there must look alike
in the views that see it. Half of the pixels lie at the outlines, where a turned camera shows first.

Poses are ``world_to_view`` (V, 4, 4) in the world whose origin is the object's centre. T, S, N, K are target views,
source views, their pixels, and samples along a pixel's ray.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .colours import comparable
from .information import Terms
from .passage import Inside, Passage, passage
from .silhouettes import signed_distances
from .verticals import Verticals, likeliest, told, unusual
from .views import View

DEPTH_RANGE = 1.25  # rays are sampled this far before and behind the object's centre
SLACK = 0.005  # how far outside a mask a point may lie unpunished
SOFTNESS = 0.02  # of the masks: how far outside a point counts half as much as one that is far outside
BLUR = 0.7  # of colours, in pixels: with more, the cameras that suit best are others
OUTLIERS = 0.2  # share of pixels whose match tells nothing: highlights, shadows
FRONT_WIDTH = 0.5  # how far behind the hull's front the surface is expected
SEEN_DEPTH = 0.15  # points this far behind the front of another view's hull are hidden there
SEEN_SLACK = 0.05  # the same behind its likely surface
LOGISTIC = 1.7  # by which a logistic function comes close to the normal distribution's
ROUGH = 2.5  # widths of colour while neither surface nor exposure is known
EXPOSURE_ROUNDS = 3  # of least squares
EXPOSURE_DOUBT = 0.2  # how much it counts that photos are exposed alike, in shares of all that is seen
SURFACES = 8  # likely places of a pixel's surface that the way up regards
COVER, APPEARANCE, HABIT = 200.0, 6.0, 1.0  # how much each term counts
ASIDE, CLOSER = 0.5, 0.3  # spread of the centre across a view, and of the log of its distance
OUTLINE = 1.5  # pixels from the mask's edge
CELLS = 64  # along the side of the map of a view's front
MARGIN = 0.01  # how much less deep the ends of a passage are than its middle, where it is narrow
SLOPE_STEP = 0.02  # over which slopes along rays are measured
NOWHERE = 50.0


@dataclass(frozen=True)
class Scene:
    """V views, N sampled pixels of each, K depths along the ray of each."""

    uneven: bool  # whether the photos are exposed differently
    intrinsics: Tensor  # (V, 4) normalised
    distance: Tensor  # (V, 1, 2S, 2S) to the outline in widths of a view, positive inside; over twice its extent
    colour: Tensor  # (V, 3, S, S) comparable ones
    rays: Tensor  # (V, N, 3) at depth 1
    pixel_colour: Tensor  # (V, N, 3)
    commonness: Tensor  # (V, N) log of the mean likeness of such a pixel to all pixels of the object
    rough_commonness: Tensor  # (V, N) the same if colours are compared roughly
    nearest: Tensor  # (V, CELLS²) index of the sampled pixel nearest to a cell, N on the background
    offsets: Tensor  # (K,) depths less the centre's
    verticals: Verticals


@dataclass(frozen=True)
class Surface:
    """Where the pixels' rays meet the object, how the photos are exposed, and which way is up."""

    passage: Passage
    shares: Tensor  # (S, N, 1 + M) of the way through the hull, the best covered first, then the likeliest
    usual: Tensor  # (S, N, M) log of how likely those are by the hull alone
    met: Tensor  # (S, N) whether the ray meets the hull
    seen: Tensor  # (T, S, N, M) how likely each view sees them
    exposure: Tensor  # (V, 3) of each photo
    vertical: Tensor  # (3,) in the world

    def places(self, scene: Scene, poses: Tensor) -> Tensor:
        """(S, N, 1 + M) depths less the centre's at which these cameras (V, 4, 4) have the surface."""
        return self.passage.places(_inside_of(scene, poses), self.shares)


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
    rays = ((position + 1) / 2 - intrinsics[:, None, 2:]) / intrinsics[:, None, :2]
    colours = np.stack([_colours(image, mask) for image, mask in zip(images, masks, strict=True)])
    colour = comparable(torch.from_numpy(colours).float()).permute(0, 3, 1, 2).contiguous()
    pixel_colour = _look_up(colour, position[:, :, None], "bilinear")[..., 0].transpose(1, 2)
    distance = torch.cdist(pixel_colour, pixel_colour.flatten(0, 1)[None])
    return Scene(
        uneven=uneven,
        intrinsics=intrinsics,
        distance=distances[:, None],
        colour=colour,
        rays=torch.cat([rays, torch.ones_like(rays[..., :1])], -1),
        pixel_colour=pixel_colour,
        commonness=_commonness(distance),
        rough_commonness=_commonness(distance / ROUGH),
        nearest=torch.from_numpy(np.stack([_nearest(*pair) for pair in zip(masks, chosen, strict=True)])),
        offsets=((torch.arange(depths) + 0.5) / depths * 2 - 1) * DEPTH_RANGE,
        verticals=told(views),
    )


def _commonness(distance: Tensor) -> Tensor:
    """(V, N) log of the mean likeness of pixels to all others, whose colours are ``distance`` (V, N, M) away."""
    return torch.exp(-distance).mean(2).clamp(min=1e-3).log()


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
    """(CELLS²,) index of the sampled pixel nearest to each cell, ``len(pixels)`` on the background."""
    centres = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    columns, rows = np.meshgrid(centres, centres)
    squared = (columns.ravel()[:, None] - pixels[:, 0]) ** 2 + (rows.ravel()[:, None] - pixels[:, 1]) ** 2
    small = cv2.resize(mask.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel() > 0
    return np.where(small, squared.argmin(1), len(pixels))


@torch.no_grad()
def judge(scene: Scene, poses: Tensor) -> tuple[float, Surface]:
    """The score of a set of cameras (V, 4, 4), higher is better, and where their pixels meet the object."""
    samples = _samples(scene, poses)
    covered, deepest = samples.inside.max(-1, keepdim=True)
    chance = (samples.usual + _alike(scene, samples.difference, samples.seen, ROUGH)).softmax(-1)
    samples = replace(samples, seen=_seen(scene, poses, samples, chance))
    exposure = _exposure(samples, chance) if scene.uneven else torch.zeros(len(poses), 3)
    joint = samples.usual + _alike(scene, samples.difference - _between(exposure), samples.seen)
    vertical = likeliest(scene.verticals, poses[:, :3, :3])
    terms = _terms(scene, poses, covered, joint.logsumexp(-1) * samples.met, vertical)
    likely = joint.topk(min(SURFACES, joint.shape[-1]), dim=-1).indices
    inside, level = _inside_of(scene, poses), (covered - MARGIN).clamp(max=-2 * SLACK)
    through = passage(inside, samples.steps, samples.inside, level, SLOPE_STEP)
    surface = Surface(
        passage=through,
        shares=through.shares(inside, torch.gather(samples.steps, 2, torch.cat([deepest, likely], -1))),
        usual=torch.gather(samples.usual, 2, likely),
        met=samples.met,
        seen=torch.gather(samples.seen, 3, likely[None].expand(len(poses), -1, -1, -1)),
        exposure=exposure,
        vertical=vertical,
    )
    return float(_total(poses, terms)), surface


@dataclass(frozen=True)
class _Samples:
    """What lies along the pixels' rays under one set of cameras."""

    steps: Tensor  # (S, N, K) depths less the centre's
    position: Tensor  # (T, S, N, K, 2) in the other views
    depth: Tensor  # (T, S, N, K) there
    inside: Tensor  # (S, N, K) how deep in the hull
    difference: Tensor  # (T, 3, S, N, K) of the colours there and the pixel's own
    usual: Tensor  # (S, N, K) log of how likely the surface is there, by the hull alone
    met: Tensor  # (S, N) whether the ray meets the hull
    seen: Tensor  # (T, S, N, K) how likely a view sees the point


def _samples(scene: Scene, poses: Tensor) -> _Samples:
    steps = _around_hull(scene, poses)
    position, depth = _project(scene, poses, steps)
    inside = _inside(scene, position, depth, "nearest")
    solid = inside > -2 * SLACK
    met = solid.any(-1)
    front = torch.gather(steps, 2, solid.float().argmax(-1, keepdim=True))
    # The surface may lie anywhere behind the hull's front. The evidence is the mean over these places, not the best
    # of them, for a long way through a large hull always meets something alike.
    offset = steps - front
    usual = torch.where(solid & (offset > -1e-4), -0.5 * (offset / FRONT_WIDTH).square(), -1e4).log_softmax(-1)
    behind = depth - _spread_out(scene, torch.where(met, front[..., 0] + poses[:, 2, 3, None], NOWHERE), position)
    seen = torch.sigmoid(2 - 2 / SEEN_DEPTH * behind) * (behind > -SEEN_DEPTH) * _others(poses)
    return _Samples(steps, position, depth, inside, _difference(scene, position, "nearest"), usual, met, seen)


def _seen(scene: Scene, poses: Tensor, samples: _Samples, chance: Tensor) -> Tensor:
    """(T, S, N, K) how likely each view sees the samples, from how likely the surface is at each (S, N, K): that tells
    better than the hull, behind whose front the surface may lie far."""
    middle = (chance * samples.steps).sum(-1)
    spread = (chance * (samples.steps - middle[..., None]).square()).sum(-1).sqrt() + SEEN_SLACK
    surface = torch.where(samples.met, middle + poses[:, 2, 3, None], NOWHERE)
    behind = samples.depth - _spread_out(scene, surface, samples.position)
    doubt = _spread_out(scene, spread, samples.position, SEEN_DEPTH)
    return torch.sigmoid(LOGISTIC * (SEEN_SLACK - behind) / doubt) * _others(poses)


def _others(poses: Tensor) -> Tensor:
    """(T, S, 1, 1) 0 for a view itself."""
    return 1 - torch.eye(len(poses))[:, :, None, None]


def _spread_out(scene: Scene, values: Tensor, position: Tensor, background: float = -NOWHERE) -> Tensor:
    """(T, S, N, K) values (T, N) of the views' pixels at positions (T, S, N, K, 2)."""
    maps = torch.gather(torch.cat([values, torch.full_like(values[:, :1], background)], 1), 1, scene.nearest)
    return _look_up(maps.view(-1, 1, CELLS, CELLS), position.flatten(1, 2), "nearest").view(position.shape[:-1])


def _exposure(samples: _Samples, chance: Tensor) -> Tensor:
    """(V, 3) by how much brighter and otherwise tinted each photo is, as the likely surface (S, N, K) shows it in
    several: robust least squares over all pairs of photos, which lean towards being exposed alike."""
    views = len(samples.seen)
    exposure = torch.zeros(views, 3)
    trust = chance * samples.met[..., None] * samples.seen
    for _ in range(EXPOSURE_ROUNDS):
        weight = trust * (-_distance(samples.difference - _between(exposure)) / ROUGH).exp()
        pairs = weight.sum((2, 3))  # (T, S)
        shift = (weight[:, None] * samples.difference).sum((3, 4))  # (T, 3, S)
        normal = torch.diag(pairs.sum(0) + pairs.sum(1)) - pairs - pairs.T
        normal += (EXPOSURE_DOUBT * pairs.sum() / views + 1e-6) * torch.eye(views)
        exposure = torch.linalg.solve(normal, shift.sum(2) - shift.sum(0).T)
    return exposure


def _around_hull(scene: Scene, poses: Tensor) -> Tensor:
    """(S, N, K) offsets within the hull's extent along each ray: a thin object lies between the coarse ones."""
    coarse = scene.offsets
    position, depth = _project(scene, poses, coarse[None, None])
    inside = _inside(scene, position, depth, "nearest")
    near = inside >= inside.amax(-1, keepdim=True).clamp(max=0)  # the hull; where it is missed, the place nearest to it
    step = float(coarse[1] - coarse[0])
    first = torch.where(near, coarse, NOWHERE).amin(-1, keepdim=True) - step
    last = torch.where(near, coarse, -NOWHERE).amax(-1, keepdim=True) + step
    return first + (last - first) * (torch.arange(len(coarse)) + 0.5) / len(coarse)


def score_at(scene: Scene, poses: Tensor, surface: Surface) -> Tensor:
    """The score on a surface found before, differentiable in the poses."""
    return _total(poses, terms_at(scene, poses, surface))


def terms_at(scene: Scene, poses: Tensor, surface: Surface) -> list[Terms]:
    """What each pixel adds to that score, and each camera by its tilt, but for how usual the object's place is.

    A pixel's surface may lie at any of its likely places: where the cameras go, another one may come to suit better.
    """
    position, depth = _project(scene, poses, surface.places(scene, poses))
    covered = _inside(scene, position[:, :, :, :1], depth[..., :1], "bilinear")
    difference = _difference(scene, position[:, :, :, 1:], "bilinear") - _between(surface.exposure)
    joint = surface.usual + _alike(scene, difference, surface.seen)
    return _terms(scene, poses, covered, joint.logsumexp(-1) * surface.met, surface.vertical)


def _terms(scene: Scene, poses: Tensor, covered: Tensor, evidence: Tensor, vertical: Tensor) -> list[Terms]:
    """Of pixels (S, N, 1) that lie so deep in the hull, and whose evidence is (S, N); of cameras under a vertical."""
    excess = ((-covered - SLACK) / SOFTNESS).clamp(min=0)
    uncovered = (excess / (1 + excess)).flatten()
    count = evidence.numel()
    tilted = unusual(scene.verticals, poses[:, :3, :3] @ vertical)
    return [Terms(evidence.flatten(), APPEARANCE / count), Terms(-uncovered, COVER / count), Terms(-tilted, HABIT)]


def _total(poses: Tensor, terms: Sequence[Terms]) -> Tensor:
    return torch.stack([part.total() for part in terms]).sum() - HABIT * _habit(poses)


def _habit(poses: Tensor) -> Tensor:
    """How far cameras are from what is usual: the object in the middle, photos from about the same distance."""
    centre = poses[1:, :3, 3]
    distance = (centre[:, 2] / poses[0, 2, 3]).clamp(min=0.1).log() / CLOSER
    return 0.5 * ((centre[:, :2] / ASIDE).square().sum() + distance.square().sum())


def _project(scene: Scene, poses: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Points on the rays, ``offsets`` (S or 1, N or 1, K) behind the centre, as all views see them.

    :returns: positions (T, S, N, K, 2) in [-1, 1] and depths (T, S, N, K).
    """
    rotation, translation = poses[:, :3, :3], poses[:, :3, 3]
    along = translation[:, 2, None, None] + offsets  # (S, N, K)
    relative = rotation[:, None] @ rotation[None].transpose(-1, -2)  # (T, S, 3, 3)
    shift = translation[:, None] - (relative @ translation[None, :, :, None])[..., 0]
    turned = torch.einsum("tsij,snj->itsn", relative, scene.rays)[..., None]
    x, y, z = turned * along + shift.permute(2, 0, 1)[..., None, None]
    z = z.clamp(min=0.2)
    fx, fy, cx, cy = scene.intrinsics.T[..., None, None, None]
    return 2 * torch.stack([x / z * fx + cx, y / z * fy + cy], -1) - 1, z


def _inside(scene: Scene, position: Tensor, depth: Tensor, mode: str) -> Tensor:
    """(S, N, K) how deep points lie inside all masks, in units of the world."""
    edge = _look_up(scene.distance, position.flatten(1, 2) / 2, mode)[:, 0].view_as(depth)
    return (edge * depth / scene.intrinsics[:, 0, None, None, None]).amin(0)


def _inside_of(scene: Scene, poses: Tensor) -> Inside:
    """How deep points of the rays lie inside all masks under these cameras, as :mod:`.passage` asks."""
    return lambda offsets: _inside(scene, *_project(scene, poses, offsets), "bilinear")


def _difference(scene: Scene, position: Tensor, mode: str) -> Tensor:
    """(T, 3, S, N, K) of the colours at positions (T, S, N, K, 2) and those of the pixels whose rays these are on."""
    found = _look_up(scene.colour, position.flatten(1, 2), mode).view(len(position), 3, *position.shape[1:-1])
    return found - scene.pixel_colour.permute(2, 0, 1)[None, ..., None]


def _between(exposure: Tensor) -> Tensor:
    """(T, 3, S, 1, 1) difference of colours that exposures (V, 3) explain."""
    return (exposure[:, :, None] - exposure.T[None])[..., None, None]


def _distance(difference: Tensor) -> Tensor:
    """(T, S, N, K) lengths of (T, 3, S, N, K), with a slope at zero."""
    return (difference.square().sum(1) + 1e-4).sqrt()


def _alike(scene: Scene, difference: Tensor, seen: Tensor, width: float = 1.0) -> Tensor:
    """(S, N, K) log ratio: how much likelier differences (T, 3, S, N, K) are for one place of the surface than for any
    two, if each view sees it as likely as (T, S, N, K) says."""
    common = scene.commonness if width == 1 else scene.rough_commonness
    ratio = (1 - OUTLIERS) * (-_distance(difference) / width - common[..., None]).exp() + OUTLIERS
    return torch.log1p(seen * (ratio - 1)).sum(0)


def _look_up(maps: Tensor, position: Tensor, mode: str) -> Tensor:
    """(V, D, N, K) of maps (V, D, H, W) at positions (V, N, K, 2) in [-1, 1]."""
    return F.grid_sample(maps, position, mode=mode, align_corners=False, padding_mode="border")
