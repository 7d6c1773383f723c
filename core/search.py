"""Global pose search: cameras from a few views of one object, judged by how well they explain all photos at once.

Nothing needs to be learned. Level cameras are tabulated pair by pair (:mod:`.pairs`), the best sets are put together,
and each is improved on the visual hull and the appearance of all views (:mod:`.hull`). Poses from the network's PnP
join as further candidates; all are judged alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import cameras, hull, pairs
from .silhouettes import Silhouettes, prepare

if TYPE_CHECKING:
    from .photos import View

DISTINCT = 15.0  # degrees between two hypotheses in the relative rotation of some pair of views
RETURNED = 8
START_APART = 15.0  # degrees, likewise, between the starts


@dataclass(frozen=True)
class Hypothesis:
    """One explanation of the photos: cameras of the canonical views and how well they agree with the photos."""

    world_to_camera: np.ndarray  # (V, 4, 4) float64
    score: float  # higher is better
    agreement: np.ndarray  # (V,) in [0, 1]


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
        3000, (_Round(150, 10, 0.06, 48, 20), _Round(32, 16, 0.04, 64, 24), _Round(8, 24, 0.03, 128, 40)),
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
    :param effort: "draft", "standard" or "best": about 1, 5 or 30 seconds on two cores for four views.
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
    kept = pairs.distinct(rotation, score, apart=DISTINCT, count=RETURNED)
    judgement = hull.judge(scene, rotation[kept], centre[kept])
    poses = to_cameras(scene, rotation[kept], centre[kept])
    agreement = torch.exp(-10 * judgement.uncovered + judgement.evidence.clamp(max=0)).numpy()
    total = score[kept].tolist()
    return [Hypothesis(poses[i], total[i], agreement[i]) for i in range(len(kept))]


def confidence(hypotheses: Sequence[Hypothesis]) -> np.ndarray:
    """(V,) estimate in [0, 1] that each camera of the best hypothesis is within 15 degrees; not calibrated yet."""
    best = hypotheses[0]
    margin = best.score - hypotheses[1].score if len(hypotheses) > 1 else 2.0
    return best.agreement / (1 + math.exp(1.0 - margin))


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
