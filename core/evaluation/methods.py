"""The methods that can be evaluated: the product as users get it, its two sources of poses alone, and peers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..cameras import Camera, half_angle_of, object_distance, pose
from ..errors import InputError
from ..mesh import extract_mesh
from ..photos import focal_is_known, load_photos
from ..pnp import solve_pnp
from ..reconstruct import (
    ModelCache,
    Options,
    choose_device,
    find_poses,
    photo_cameras,
    pnp_input,
    predict,
    reconstruct,
    reference_first,
)
from ..refine_poses import refine_poses
from ..search import search_poses
from ..views import View, canonical_view, closeups, zoomed
from .baselines import visual_hull
from .protocol import Outcome, Predict
from .sets import EvaluationObject
from .sfm import structure_from_motion

DEPTH_CELLS = 32  # true depths along the side of a view, as many as the depth head tells
SEEN_ERROR, UNSEEN_ERROR = 0.03, 0.6  # in radii
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


def unrefined(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The product's cameras, and the network's field as it is: what the fit of the shape adds shows beside it.

    Like ``ceiling`` and ``hull`` it takes the focal length as given.
    """
    model = ModelCache().get(options.weights, choose_device(options.device))

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        views = _views(photos, intrinsics, model.config.image_size)
        prediction = predict(model, views)
        found = find_poses(views, prediction, model.config.patches, options, lambda share: None)
        best = refine_poses(views, found, closeups=closeups(views), quality=options.quality, seed=options.seed)[0]
        mesh = None
        with contextlib.suppress(InputError):  # no surface: the poses still count
            mesh = extract_mesh(model.field(prediction))
        return Outcome(photo_cameras(views, best.world_to_camera, best.confidence), mesh)

    return run


def search(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The global pose search and its refinement without any network: poses alone."""

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        views = _views(photos, intrinsics, SEARCH_VIEW_SIZE)
        zooming = not focal_is_known([view.photo for view in views])
        found = search_poses(views, effort=options.quality, seed=options.seed)
        best = refine_poses(
            views, found, closeups=closeups(views), zooming=zooming, quality=options.quality, seed=options.seed
        )[0]
        views = zoomed(views, best.zoom)
        return Outcome(photo_cameras(views, best.world_to_camera, best.confidence), None)

    return run


def ceiling(options: Options, objects: Sequence[EvaluationObject]) -> Predict:
    """The search with each view's true depth: what a perfect depth head would make of it."""
    known = {Path(camera.file): (item, camera) for item in objects for camera in item.cameras}

    def run(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        views = _views(photos, intrinsics, SEARCH_VIEW_SIZE)
        maps = [true_own_depth(view, *known[photo]) for view, photo in zip(views, photos, strict=True)]
        depth, log_scale = (np.stack(part) for part in zip(*maps, strict=True))
        found = search_poses(
            views, depth=depth, depth_log_scale=log_scale, effort=options.quality, seed=options.seed
        )
        best = refine_poses(views, found, closeups=closeups(views), quality=options.quality, seed=options.seed)[0]
        return Outcome(photo_cameras(views, best.world_to_camera, best.confidence), None)

    return run


def true_own_depth(view: View, item: EvaluationObject, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """(G, G) depth of an object's surface points in a view's own frame, and the log of its scale of error."""
    world_to_view = pose(view.photo_from_view.T, np.zeros(3)) @ camera.world_to_camera
    points = item.points @ world_to_view[:3, :3].T + world_to_view[:3, 3]
    distance = object_distance(half_angle_of(view.intrinsics))
    scale = distance / float(world_to_view[2, :3] @ item.centre + world_to_view[2, 3])
    fx, fy, cx, cy = view.intrinsics.normalised()
    uv = points[:, :2] / points[:, 2:] * [fx, fy] + [cx, cy]
    inside = ((uv >= 0) & (uv < 1)).all(axis=1)
    column, row = (uv[inside] * DEPTH_CELLS).astype(np.int64).T
    depth = np.full((DEPTH_CELLS, DEPTH_CELLS), np.inf)
    np.minimum.at(depth, (row, column), points[inside, 2] * scale)
    seen = np.isfinite(depth)
    return np.where(seen, depth, distance), np.log(np.where(seen, SEEN_ERROR, UNSEEN_ERROR))


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
    "product": product, "unrefined": unrefined, "pnp": pnp, "search": search, "ceiling": ceiling, "hull": hull,
    "colmap": colmap,
}


def _views(photos: Sequence[Path], intrinsics: Path | None, size: int) -> list[View]:
    return [canonical_view(photo, size) for photo in load_photos(photos, intrinsics_file=intrinsics)]
