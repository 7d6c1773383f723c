"""The methods that can be evaluated: the product as users get it, its two sources of poses alone, and peers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..cameras import Camera
from ..errors import InputError
from ..mesh import extract_mesh
from ..photos import View, canonical_view, load_photos
from ..pnp import solve_pnp
from ..reconstruct import (
    ModelCache,
    Options,
    choose_device,
    photo_cameras,
    pnp_input,
    predict,
    reconstruct,
    reference_first,
)
from ..search import search_poses
from .baselines import visual_hull
from .protocol import Outcome, Predict
from .sets import EvaluationObject
from .sfm import structure_from_motion

SEARCH_VIEW_SIZE = 128  # pixels of the canonical views where no network says what it wants


def product(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The whole pipeline."""
    models = ModelCache()

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        result = reconstruct(
            photos, replace(options, intrinsics=intrinsics), models=models, progress=lambda stage, fraction: None
        )
        return Outcome(result.cameras, result.mesh)

    return run


def pnp(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The paper's own method: one pass of the network, PnP on its points, its field as it is."""
    model = ModelCache().get(options.weights, choose_device(options.device))

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        views = _views(photos, intrinsics, model.config.image_size)
        prediction = predict(model, views)
        problem = pnp_input(prediction, views, model.config.patches)
        solution = solve_pnp(problem.points, problem.rays, problem.weights, distance=problem.distance)
        poses = reference_first(solution.world_to_camera.double().numpy(), float(problem.distance[0]))
        mesh = None
        if not options.poses_only:
            with contextlib.suppress(InputError):  # no surface: the poses still count
                mesh = extract_mesh(model.field(prediction))
        return Outcome(photo_cameras(views, poses, np.ones(len(views))), mesh)

    return run


def search(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The global pose search without any network: poses alone."""

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        views = _views(photos, intrinsics, SEARCH_VIEW_SIZE)
        hypotheses = search_poses(
            views, effort=options.quality, seed=options.seed, progress=lambda fraction: None
        )
        return Outcome(photo_cameras(views, hypotheses[0].world_to_camera, np.ones(len(views))), None)

    return run


def hull(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The visual hull of the true cameras: poses are given, only the shape is a result."""
    known: dict[Path, Camera] = {Path(camera.file): camera for item in objects for camera in item.cameras}

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        cameras = tuple(known[photo] for photo in photos)
        return Outcome(cameras, visual_hull(cameras))

    return run


def colmap(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """Structure from motion, as a peer."""
    return structure_from_motion


METHODS: dict[str, Callable[[Options, Sequence[EvaluationObject]], Predict]] = {
    "product": product, "pnp": pnp, "search": search, "hull": hull, "colmap": colmap,
}


def _views(photos: Sequence[Path], intrinsics: Path | None, size: int) -> list[View]:
    return [canonical_view(photo, size) for photo in load_photos(photos, intrinsics_file=intrinsics)]
