"""Global pose search: cameras from a few views of one object, judged by how well they explain all photos at once.

Nothing needs to be learned. Level cameras are tabulated pair by pair (:mod:`.pairs`), the best sets are put together,
and each is improved on the visual hull and the appearance of all views (:mod:`.hull`). Poses from the network's PnP
join as further candidates; all are judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import cameras, confidence, hull, pairs
from .silhouettes import Silhouettes, prepare

if TYPE_CHECKING:
    from .photos import View

DISTINCT = 15.0  # degrees between two hypotheses in the relative rotation of some pair of views
RETURNED = 12
TURN_STEPS, TURN_RATE = 20, 0.03
START_APART = 15.0  # degrees, likewise, between the starts


@dataclass(frozen=True)
class Hypothesis:
    """One explanation of the photos: cameras of the canonical views and how well they agree with the photos."""

    world_to_camera: np.ndarray  # (V, 4, 4) float64
    score: float  # higher is better
    confidence: np.ndarray  # (V,) probability that a camera is within SURE_WITHIN of the truth; 1 for the reference


@dataclass(frozen=True)
class _Round:
    """One round of improvement: how many sets of cameras enter it, and how finely they are judged."""

    sets: int
    steps: int
    rate: float
    pixels: int
    depths: int


@dataclass(frozen=True)
class _Effort:
    beam: int  # sets of cameras kept while views are added
    rounds: tuple[_Round, ...]


EFFORTS = {
    "draft": _Effort(1000, (_Round(40, 8, 0.06, 40, 16), _Round(8, 20, 0.04, 64, 24))),
    "standard": _Effort(
        3000, (_Round(200, 8, 0.06, 48, 20), _Round(40, 16, 0.03, 64, 24), _Round(12, 30, 0.015, 96, 32)),
    ),
    "best": _Effort(
        8000, (_Round(500, 16, 0.06, 48, 20), _Round(100, 30, 0.04, 64, 24), _Round(16, 60, 0.03, 160, 40)),
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
    :param effort: "draft", "standard" or "best": about 1.3, 5 or 30 seconds on two cores for four views.
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
    report(0.2)
    rotation = pairs.assemble(table, len(views), width=settings.beam, count=first.sets, apart=START_APART)
    centre = hull.start_centre(scene, len(rotation))
    given_rotation, given_centre = from_cameras(scene, candidates)
    rotation, centre = torch.cat([rotation, given_rotation]), torch.cat([centre, given_centre])
    score = torch.zeros(len(rotation))
    weights = hull.Weights()
    for done, now in enumerate(settings.rounds, start=1):
        if done > 1:
            scene = look(now.pixels, now.depths)
            kept = pairs.distinct(rotation, score, apart=DISTINCT / 2, count=now.sets)
            rotation, centre = rotation[kept], centre[kept]
        rotation, centre, score = hull.ascend(scene, rotation, centre, weights, steps=now.steps, rate=now.rate)
        report(0.2 + 0.8 * done / len(settings.rounds))
    rotation, centre, score = _with_turns(scene, rotation, centre, score, weights)
    sure = confidence.confidence(rotation, score, hull.judge(scene, rotation, centre))
    kept = pairs.distinct(rotation, score, apart=DISTINCT, count=RETURNED)
    poses = to_cameras(scene, rotation[kept], centre[kept])
    return [Hypothesis(poses[i], float(score[k]), sure[k].numpy()) for i, k in enumerate(kept.tolist())]


def _with_turns(
    scene: Silhouettes, rotation: torch.Tensor, centre: torch.Tensor, score: torch.Tensor, weights: hull.Weights
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same sets of cameras, and the best with each camera but the first turned about the vertical by quarters:
    these are the other modes of most symmetric objects, and they must not be missing by chance."""
    best = int(score.argmax())
    turned = rotation[best].repeat(3 * (len(scene) - 1), 1, 1, 1)
    for index in range(len(turned)):
        view, quarter = 1 + index // 3, torch.tensor((1 + index % 3) * torch.pi / 2)
        turned[index, view] = turned[index, view] @ hull.about_vertical(quarter)
    shift = centre[best].repeat(len(turned), 1, 1)
    turned, shift, value = hull.ascend(scene, turned, shift, weights, steps=TURN_STEPS, rate=TURN_RATE)
    return torch.cat([rotation, turned]), torch.cat([centre, shift]), torch.cat([score, value])


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
