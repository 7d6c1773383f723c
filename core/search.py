"""Global pose search: cameras from a few views of one object, judged by how well they explain all photos at once.

Nothing needs to be learned. Level cameras are tabulated pair by pair (:mod:`.pairs`) and put together to many different
sets, at the distances that the silhouettes' widths tell (:mod:`.extents`). Rounds of improvement follow, each with
fewer sets and a closer look: first their outlines alone (:mod:`.outlines`), then the visual hull and the appearance of
all views too (:mod:`.hull`). Once few are left it counts whether the object mirrors itself (:mod:`.mirrors`). Poses
from the network's PnP join as further candidates; all are judged alike. A focal length that nobody told is taken as it
is assumed: a wrong one does little harm here, and so coarse a look cannot tell (docs/findings.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import bundle, cameras, confidence, hull, mirrors, outlines, pairs
from .ascent import climb, rotation_of
from .bundle import Bundle
from .camera_sets import CameraSets, Objective, Sum, joined
from .hull import HullObjective
from .mirrors import Mirrors
from .outlines import COARSE, FINE, Detail, OutlineObjective
from .rigs import Rig, rig_of, together
from .silhouettes import Silhouettes, prepare
from .threads import side_by_side

if TYPE_CHECKING:
    from .views import View

DISTINCT = 15.0  # degrees between two hypotheses in the relative rotation of some pair of views
RETURNED = 12
TURN_STEPS = 12
RATE = 0.06  # first step in radians and in radii of the object, while there are many sets
NATURAL_RATE = 0.4  # later, in units of what movements change
SHAKE_TURN, SHAKE_TILT = 8.0, 3.0  # degrees; silhouettes and colours tell turns about the vertical least
# Score that a mismatch of all outlines costs. From 100 to 800 it makes little difference to who wins on scans_val, but
# a larger weight makes the way up so steep that fewer cameras find it.
OUTLINE_WEIGHT = 100.0
PLANES_AT_ONCE = 8  # sets whose planes are sought together
MISS, ADJUSTMENTS = 0.02, 5  # half widths by which masks may be missed while cameras are led to suit a plane; steps


@dataclass(frozen=True)
class Hypothesis:
    """One explanation of the photos: cameras of the canonical views and how well they agree with the photos."""

    world_to_camera: np.ndarray  # (V, 4, 4) float64
    score: float  # higher is better
    confidence: np.ndarray  # (V,) probability that a camera is within SURE_WITHIN of the truth; 1 for the reference
    up: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))  # (3,) to the sky, in the poses' world
    zoom: float = 1.0  # factor of all views' focal lengths, the same for all hypotheses
    plane: np.ndarray | None = None  # (4,) in which the object mirrors itself, as in ``Rig``; None: in none


@dataclass(frozen=True)
class _Round:
    """One round of improvement: how many sets of cameras enter it, how far apart, and how closely they are judged."""

    sets: int
    apart: float  # degrees, as DISTINCT
    steps: int
    pixels: int
    depths: int
    detail: Detail = FINE
    renewal: int = 1  # steps between two looks along the rays
    planes: bool = True  # whether symmetry counts: to seek planes takes longer than a draft or hundreds of sets may


@dataclass(frozen=True)
class _Effort:
    starts: int
    first_steps: int
    rounds: tuple[_Round, ...]
    shaken: tuple[int, int]  # how many of the best sets are tried again, from how many copies each


EFFORTS = {
    "draft": _Effort(
        800, 8,
        (
            _Round(120, 7.5, 8, 24, 12, COARSE, 2, planes=False), _Round(24, 7.5, 10, 40, 16, COARSE, 2, planes=False),
            _Round(8, 4.0, 20, 48, 24, planes=False),
        ),
        (1, 3),
    ),
    "standard": _Effort(
        1600, 10,
        (
            _Round(400, 7.5, 12, 24, 12, COARSE, planes=False),
            _Round(120, 7.5, 10, 48, 20), _Round(45, 7.5, 16, 64, 24), _Round(16, 4.0, 30, 96, 32),
        ),
        (2, 4),
    ),
    "best": _Effort(
        4000, 12,
        (
            _Round(1600, 7.5, 12, 24, 12, COARSE, planes=False),
            _Round(400, 7.5, 12, 48, 20), _Round(100, 7.5, 20, 64, 24), _Round(20, 4.0, 40, 160, 40),
        ),
        (4, 12),
    ),
}


def search_poses(
    views: Sequence[View], *,
    depth: np.ndarray | None = None, depth_log_scale: np.ndarray | None = None,
    candidates: Sequence[np.ndarray] = (), effort: str = "standard", seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> list[Hypothesis]:
    """Find the cameras of canonical views of one object.

    :param depth: (V, G, G) z-depth in each view's own frame, and ``depth_log_scale`` (V, G, G) the log of its Laplace
        scale: what a network knows of the views; both optional.
    :param candidates: further sets of cameras (V, 4, 4), world-to-camera in the frame of the reference view.
    :param effort: "draft", "standard" or "best": for four views two slow cores take 3 seconds, 20, or far longer.
    :param progress: called with the fraction done; it may raise to stop the search.
    :returns: distinct hypotheses, best first, with the first view as the reference.
    """
    settings = _settings(effort, len(views))
    report = progress or (lambda fraction: None)
    scenes = [
        prepare(
            views, now.pixels, depths=now.depths, depth=depth, depth_log_scale=depth_log_scale
        )
        for now in settings.rounds
    ]
    if len(views) == 1:
        alone = hull.start(scenes[0], _level(torch.eye(3)[None, None]))
        up = np.array([0.0, 0.0, 1.0]) if views[0].up is None else cameras.REFERENCE_ROTATION.T @ views[0].up
        return [Hypothesis(to_cameras(scenes[0], alone)[0], 0.0, np.ones(1), up)]
    sets, score = _starts(views, scenes[0], settings, report)
    objectives = [_objective(views, *both) for both in zip(scenes, settings.rounds, strict=True)]
    symmetric = None
    if settings.rounds[-1].planes:
        symmetric = _Symmetric(mirrors.prepare(views), bundle.prepare(views, COARSE))
    following = [now.sets for now in settings.rounds[1:]] + [settings.rounds[-1].sets]
    for done, (objective, now, closely) in enumerate(zip(objectives, settings.rounds, following, strict=True)):
        sets = sets[pairs.distinct(sets.rotation, score, apart=now.apart, count=now.sets)]
        if done == 0:
            sets = joined([sets, from_cameras(scenes[0], candidates)])
        natural = done > 0  # to measure the movements of many sets would take longer than it spares
        sets, score = climb(
            objective, sets, steps=now.steps, rate=NATURAL_RATE if natural else RATE, renewal=now.renewal,
            natural=natural,
        )
        if symmetric and now.planes:
            sets, score = symmetric.suited(objective, sets, score, closely)
        report(0.25 + 0.7 * (done + 1) / len(objectives))
    generator = torch.Generator().manual_seed(seed)
    others = joined([_turned(sets, score), _shaken(sets, score, *settings.shaken, generator)])
    for objective, now in zip(objectives[-2:], settings.rounds[-2:], strict=True):
        others, value = climb(
            objective, others, steps=TURN_STEPS, rate=NATURAL_RATE, renewal=now.renewal, natural=True
        )
    if symmetric:
        others, value = symmetric.suited(objective, others, value, now.sets)
    return _hypotheses(scenes[-1], joined([sets, others]), torch.cat([score, value]))


def _settings(effort: str, views: int) -> _Effort:
    """An effort is made for four views. More can be put together in more ways, of which the table of pairs tells less
    well which are right: then more of them are tried, but no more than Best tries."""
    settings, widest = EFFORTS[effort], EFFORTS["best"]
    ways = max(1, views - 3)
    first, *later = settings.rounds
    first = replace(first, sets=min(round(first.sets * ways**0.5), widest.rounds[0].sets))
    return replace(settings, starts=min(settings.starts * ways, widest.starts), rounds=(first, *later))


def _starts(
    views: Sequence[View], scene: Silhouettes, settings: _Effort, report: Callable[[float], None]
) -> tuple[CameraSets, torch.Tensor]:
    """Many different sets of cameras, their outlines brought together, and how likely each is (B,)."""
    report(0.0)
    table = pairs.level_table(scene)
    report(0.15)
    rotation, likely = pairs.assemble(table, len(views), count=settings.starts)
    edges = OutlineObjective(outlines.prepare(views, scene.focal, COARSE), OUTLINE_WEIGHT)
    sets, fit = climb(
        edges, hull.start(scene, rotation), steps=settings.first_steps, rate=RATE,
        renewal=settings.rounds[0].renewal,
    )
    report(0.25)
    return sets, likely + fit


def _objective(views: Sequence[View], scene: Silhouettes, now: _Round) -> Objective:
    """What all photos say about sets of cameras: hull, appearance, habit, and outlines."""
    edges = outlines.prepare(views, scene.focal, now.detail)
    return Sum((HullObjective(scene, hull.Weights()), OutlineObjective(edges, OUTLINE_WEIGHT)))


@dataclass(frozen=True)
class _Symmetric:
    """What the object's symmetry adds to the score of cameras."""

    mirrors: Mirrors
    bundle: Bundle

    def suited(
        self, objective: Objective, sets: CameraSets, score: torch.Tensor, closely: int
    ) -> tuple[CameraSets, torch.Tensor]:
        """The sets, and their scores with what symmetry adds. The best ones, ``closely`` at most, are led to where it
        would have them, if that is better."""
        with side_by_side() as pool:
            found = pool.map(lambda part: mirrors.find(self.mirrors, _rigs(part)), sets.split(PLANES_AT_ONCE))
            rigs = [rig for part in found for rig in part.apart()]
            score = score + self._evidence(rigs)
            best = score.argsort(descending=True)[:closely]
            rigs = list(pool.map(self._adjusted, [rigs[index] for index in best.tolist()]))
        poses = torch.from_numpy(np.stack([rig.poses for rig in rigs])).float()
        led = CameraSets(poses[..., :3, :3], poses[..., :3, 3])
        value = climb(objective, led, steps=0, rate=0.0)[1] + self._evidence(rigs)
        better = value > score[best]
        rotation, centre = sets.rotation.clone(), sets.centre.clone()
        led = led.where(better, sets[best])
        rotation[best], centre[best] = led.rotation, led.centre
        return CameraSets(rotation, centre), score.index_copy(0, best, torch.where(better, value, score[best]))

    def _evidence(self, rigs: Sequence[Rig]) -> torch.Tensor:
        return torch.from_numpy(mirrors.evidence(self.mirrors, together(rigs))).float().clamp(min=0)

    def _adjusted(self, rig: Rig) -> Rig:
        return bundle.adjust(self.bundle, rig, None, miss=MISS, steps=ADJUSTMENTS)


def _rigs(sets: CameraSets) -> Rig:
    """The sets as rigs, side by side."""
    poses = np.tile(np.eye(4), (*sets.rotation.shape[:2], 1, 1))
    poses[..., :3, :3], poses[..., :3, 3] = sets.arrays()
    return rig_of(poses)


def _hypotheses(scene: Silhouettes, sets: CameraSets, score: torch.Tensor) -> list[Hypothesis]:
    """The best sets of cameras that differ, each as sure as all of them together make it."""
    sure = confidence.confidence(sets.rotation, score, hull.judge(scene, sets), scene.verticals.known)
    kept = pairs.distinct(sets.rotation, score, apart=DISTINCT, count=RETURNED)
    poses = to_cameras(scene, sets[kept])
    up = sets.rotation[:, 0, :, 2].double().numpy() @ cameras.REFERENCE_ROTATION  # the search's own z axis
    return [
        Hypothesis(poses[i], float(score[k]), sure[k].numpy(), up[k]) for i, k in enumerate(kept.tolist())
    ]


def _turned(sets: CameraSets, score: torch.Tensor) -> CameraSets:
    """The best set with each camera but the first turned about the vertical by quarters: these are the other modes of
    most symmetric objects, and they must not be missing by chance."""
    views = sets.rotation.shape[1]
    copies = sets[score.argmax().repeat(3 * (views - 1))]
    rotation = copies.rotation.clone()
    for index in range(len(rotation)):
        view, quarter = 1 + index // 3, torch.tensor((1 + index % 3) * torch.pi / 2)
        rotation[index, view] = rotation[index, view] @ hull.about_vertical(quarter)
    return replace(copies, rotation=rotation)


def _shaken(
    sets: CameraSets, score: torch.Tensor, best: int, copies: int, generator: torch.Generator
) -> CameraSets:
    """Copies of the best sets of cameras, each camera but the first turned and tilted a little: the way uphill often
    ends at a false summit."""
    again = sets[score.argsort(descending=True)[:best].repeat_interleave(copies)]
    spread = torch.deg2rad(torch.tensor([SHAKE_TILT, SHAKE_TURN]))
    angles = spread * torch.randn(*again.centre.shape[:2], 2, generator=generator)
    angles[:, 0] = 0
    turn = again.rotation[..., 2] * angles[..., 1:]  # the world's vertical as each camera sees it
    turn[..., 0] += angles[..., 0]
    return replace(again, rotation=rotation_of(turn) @ again.rotation)


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


def to_cameras(scene: Silhouettes, sets: CameraSets) -> np.ndarray:
    """(B, V, 4, 4) world-to-camera with the first view as the reference, from the search's own world."""
    rotation, centre = sets.rotation.double(), sets.centre.double()
    distance = cameras.object_distance(float(scene.half_angle[0]))
    relative = rotation @ rotation[:, :1].transpose(-1, -2)
    shift = centre - (relative @ centre[:, :1, :, None])[..., 0]
    scale = distance / centre[:, :1, 2:]
    poses = torch.eye(4, dtype=torch.float64).repeat(*centre.shape[:2], 1, 1)
    poses[..., :3, :3], poses[..., :3, 3] = relative, shift * scale
    return (poses @ torch.from_numpy(cameras.reference_pose(distance))).numpy()


def from_cameras(scene: Silhouettes, candidates: Sequence[np.ndarray]) -> CameraSets:
    """Sets of cameras in the search's world: up is where the cameras are most level."""
    views = len(scene)
    if len(candidates) == 0:
        return CameraSets(torch.zeros(0, views, 3, 3), torch.zeros(0, views, 3))
    poses = torch.from_numpy(np.stack(candidates)).double()
    rotation, centre = poses[..., :3, :3], poses[..., :3, 3]
    across = rotation[..., 0, :]
    _, axes = torch.linalg.eigh(across.transpose(-1, -2) @ across + 1e-6 * torch.eye(3, dtype=torch.float64))
    up = axes[..., 0]
    up = up * torch.sign(-(rotation[..., 1, :].mean(1) * up).sum(-1, keepdim=True) + 1e-9)
    other = axes[..., 2]
    world = torch.stack([torch.linalg.cross(other, up), other, up], dim=-2)  # (B, 3, 3) rows: the new world's axes
    scale = 1 / (centre[..., 2].clamp(min=1e-3) * scene.half_angle.sin().double()).amax(1)
    return CameraSets(
        (rotation @ world.transpose(-1, -2)[:, None]).float(), (centre * scale[:, None, None]).float()
    )
