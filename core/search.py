"""Global pose search: cameras from a few views of one object, judged by how well they explain all photos at once.

Nothing needs to be learned. Level cameras are tabulated pair by pair (:mod:`.pairs`) and put together to many different
sets. Rounds of improvement follow, each with fewer sets and a closer look: first their outlines alone
(:mod:`.outlines`), then the visual hull and the appearance of all views too (:mod:`.hull`). Poses from the network's
PnP join as further candidates; all are judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import cameras, confidence, hull, outlines, pairs
from .ascent import Objective, climb, rotation_of
from .outlines import COARSE, FINE, Detail
from .silhouettes import Silhouettes, prepare

if TYPE_CHECKING:
    from .photos import View

DISTINCT = 15.0  # degrees between two hypotheses in the relative rotation of some pair of views
RETURNED = 12
TURN_STEPS, TURN_RATES = 12, (0.04, 0.02)
FIRST_RATE = 0.06
SHAKE_TURN, SHAKE_TILT = 8.0, 3.0  # degrees; silhouettes and colours tell turns about the vertical least
# Score that a mismatch of all outlines costs. From 100 to 800 it makes little difference to who wins on scans_val, but
# a larger weight makes the way up so steep that fewer cameras find it.
OUTLINE_WEIGHT = 100.0


@dataclass(frozen=True)
class Hypothesis:
    """One explanation of the photos: cameras of the canonical views and how well they agree with the photos."""

    world_to_camera: np.ndarray  # (V, 4, 4) float64
    score: float  # higher is better
    confidence: np.ndarray  # (V,) probability that a camera is within SURE_WITHIN of the truth; 1 for the reference


@dataclass(frozen=True)
class _Round:
    """One round of improvement: how many sets of cameras enter it, how far apart, and how closely they are judged."""

    sets: int
    apart: float  # degrees, as DISTINCT
    steps: int
    rate: float
    pixels: int
    depths: int
    detail: Detail = FINE


@dataclass(frozen=True)
class _Effort:
    starts: int
    first_steps: int
    rounds: tuple[_Round, ...]
    shaken: tuple[int, int]  # how many of the best sets are tried again, from how many copies each


EFFORTS = {
    "draft": _Effort(
        300, 8, (_Round(30, 7.5, 8, 0.06, 40, 16, COARSE), _Round(8, 4.0, 20, 0.04, 64, 24)), (1, 3),
    ),
    "standard": _Effort(
        800, 10,
        (
            _Round(90, 7.5, 10, 0.06, 48, 20), _Round(30, 7.5, 16, 0.03, 64, 24),
            _Round(10, 4.0, 30, 0.02, 96, 32),
        ),
        (2, 4),
    ),
    "best": _Effort(
        4000, 12,
        (
            _Round(400, 7.5, 12, 0.06, 48, 20), _Round(100, 7.5, 20, 0.03, 64, 24),
            _Round(20, 4.0, 40, 0.02, 160, 40),
        ),
        (4, 12),
    ),
}


def search_poses(
    views: Sequence[View], *,
    depth: np.ndarray | None = None, depth_log_scale: np.ndarray | None = None, features: np.ndarray | None = None,
    candidates: Sequence[np.ndarray] = (), effort: str = "standard", seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Hypothesis]:
    """Find the cameras of canonical views of one object.

    :param depth: (V, G, G) z-depth in each view's own frame, ``depth_log_scale`` (V, G, G) the log of its Laplace
        scale, ``features`` (V, C, G, G) of any kind: what a network knows of the views; all optional.
    :param candidates: further sets of cameras (V, 4, 4), world-to-camera in the frame of the reference view.
    :param effort: "draft", "standard" or "best": about 2, 5 or 20 seconds on two cores for four views.
    :param progress: called with the fraction done; it may raise to stop the search.
    :returns: distinct hypotheses, best first, with the first view as the reference.
    """
    settings = EFFORTS[effort]
    report = progress or (lambda fraction: None)

    def look(pixels: int, depths: int) -> Silhouettes:
        return prepare(
            views, pixels, depths=depths, features=features, depth=depth, depth_log_scale=depth_log_scale
        )

    first = settings.rounds[0]
    scene = look(first.pixels, first.depths)
    if len(views) == 1:
        rotation, centre = _level(torch.eye(3)[None, None]), hull.start_centre(scene, 1)
        return [Hypothesis(to_cameras(scene, rotation, centre)[0], 0.0, np.ones(1))]
    report(0.0)
    table = pairs.level_table(scene)
    report(0.15)
    rotation, likely = pairs.assemble(table, len(views), count=settings.starts)
    edges = outlines.objective(outlines.prepare(views, scene, COARSE), OUTLINE_WEIGHT)
    rotation, centre, fit = climb(
        edges, rotation, hull.start_centre(scene, len(rotation)), steps=settings.first_steps, rate=FIRST_RATE, chunk=64
    )
    score = likely + fit
    report(0.25)
    given_rotation, given_centre = from_cameras(scene, candidates)
    objectives: list[Objective] = []
    for done, now in enumerate(settings.rounds, start=1):
        scene = look(now.pixels, now.depths)
        objectives.append(_objective(scene, outlines.prepare(views, scene, now.detail)))
        kept = pairs.distinct(rotation, score, apart=now.apart, count=now.sets)
        rotation, centre = rotation[kept], centre[kept]
        if done == 1:
            rotation, centre = torch.cat([rotation, given_rotation]), torch.cat([centre, given_centre])
        rotation, centre, score = climb(objectives[-1], rotation, centre, steps=now.steps, rate=now.rate)
        report(0.25 + 0.7 * done / len(settings.rounds))
    generator = torch.Generator().manual_seed(seed)
    turned, origin = _turned(rotation, score)
    shaken, source = _shaken(rotation, score, *settings.shaken, generator)
    start, middle = torch.cat([turned, shaken]), centre[torch.cat([origin, source])]
    for objective, rate in zip(objectives[-2:], TURN_RATES, strict=True):
        start, middle, value = climb(objective, start, middle, steps=TURN_STEPS, rate=rate)
    rotation, centre, score = (
        torch.cat(pair) for pair in zip((rotation, centre, score), (start, middle, value), strict=True)
    )
    sure = confidence.confidence(rotation, score, hull.judge(scene, rotation, centre))
    kept = pairs.distinct(rotation, score, apart=DISTINCT, count=RETURNED)
    poses = to_cameras(scene, rotation[kept], centre[kept])
    return [Hypothesis(poses[i], float(score[k]), sure[k].numpy()) for i, k in enumerate(kept.tolist())]


def _objective(scene: Silhouettes, edges: outlines.Outlines) -> Objective:
    """What all photos say about sets of cameras: hull, appearance, habit, and outlines."""
    whole, outer = hull.objective(scene, hull.Weights()), outlines.objective(edges, OUTLINE_WEIGHT)

    def at(rotation: torch.Tensor, centre: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = whole(rotation, centre), outer(rotation, centre)
        return first[0] + second[0], first[1] + second[1]

    return at


def _turned(rotation: torch.Tensor, score: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The best set of cameras (B, V, 3, 3) with each camera but the first turned about the vertical by quarters: these
    are the other modes of most symmetric objects, and they must not be missing by chance. With the sets' indices."""
    best = int(score.argmax())
    views = rotation.shape[1]
    turned = rotation[best].repeat(3 * (views - 1), 1, 1, 1)
    for index in range(len(turned)):
        view, quarter = 1 + index // 3, torch.tensor((1 + index % 3) * torch.pi / 2)
        turned[index, view] = turned[index, view] @ hull.about_vertical(quarter)
    return turned, torch.full((len(turned),), best)


def _shaken(
    rotation: torch.Tensor, score: torch.Tensor, best: int, copies: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Copies of the best sets of cameras, each camera but the first turned and tilted a little: the way uphill often
    ends at a false summit. With the sets' indices."""
    source = score.argsort(descending=True)[:best].repeat_interleave(copies)
    spread = torch.deg2rad(torch.tensor([SHAKE_TILT, SHAKE_TURN]))
    angles = spread * torch.randn(len(source), rotation.shape[1], 2, generator=generator)
    angles[:, 0] = 0
    turn = rotation[source][..., 2] * angles[..., 1:]  # the world's vertical as each camera sees it
    turn[..., 0] += angles[..., 0]
    return rotation_of(turn) @ rotation[source], source


def alternatives(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The best hypothesis and those that explain the photos about as well, in another way."""
    kept = confidence.modes(_rotations(hypotheses), torch.tensor([one.score for one in hypotheses]))
    return [hypotheses[index] for index in kept]


def symmetry(hypotheses: Sequence[Hypothesis]) -> str:
    """In words what the photos leave open; empty where the best hypothesis has no alternative."""
    return confidence.symmetry(_rotations(alternatives(hypotheses)))


def _rotations(hypotheses: Sequence[Hypothesis]) -> torch.Tensor:
    return torch.from_numpy(np.stack([one.world_to_camera[:, :3, :3] for one in hypotheses])).float()


def _level(rotation: torch.Tensor) -> torch.Tensor:
    """World-to-camera rotations of the reference camera's world from rotations relative to the reference view."""
    return rotation @ torch.from_numpy(cameras.REFERENCE_ROTATION).to(rotation.dtype)


def to_cameras(scene: Silhouettes, rotation: torch.Tensor, centre: torch.Tensor) -> np.ndarray:
    """(B, V, 4, 4) world-to-camera with the first view as the reference, from the search's own world."""
    rotation, centre = rotation.double(), centre.double()
    distance = cameras.object_distance(float(scene.half_angle[0]))
    relative = rotation @ rotation[:, :1].transpose(-1, -2)
    shift = centre - (relative @ centre[:, :1, :, None])[..., 0]
    scale = distance / centre[:, :1, 2:]
    poses = torch.eye(4, dtype=torch.float64).repeat(*centre.shape[:2], 1, 1)
    poses[..., :3, :3], poses[..., :3, 3] = relative, shift * scale
    reference = torch.from_numpy(cameras.reference_pose(distance))
    return (poses @ reference).numpy()


def from_cameras(scene: Silhouettes, candidates: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotation (B, V, 3, 3) and centre (B, V, 3) in the search's world: up is where the cameras are most level."""
    views = len(scene)
    if len(candidates) == 0:
        return torch.zeros(0, views, 3, 3), torch.zeros(0, views, 3)
    poses = torch.from_numpy(np.stack(candidates)).double()
    rotation, centre = poses[..., :3, :3], poses[..., :3, 3]
    across = rotation[..., 0, :]
    _, axes = torch.linalg.eigh(across.transpose(-1, -2) @ across + 1e-6 * torch.eye(3, dtype=torch.float64))
    up = axes[..., 0]
    up = up * torch.sign(-(rotation[..., 1, :].mean(1) * up).sum(-1, keepdim=True) + 1e-9)
    other = axes[..., 2]
    world = torch.stack([torch.linalg.cross(other, up), other, up], dim=-2)  # (B, 3, 3) rows: the new world's axes
    scale = (scene.distance.double() / centre[..., 2].clamp(min=1e-3)).log().mean(1).exp()
    return (rotation @ world.transpose(-1, -2)[:, None]).float(), (centre * scale[:, None, None]).float()
