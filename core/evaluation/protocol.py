"""The paper's protocol (§4.1) on one set: reconstruct every object, and compare with the truth."""

from __future__ import annotations

import json
import math
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..cameras import Camera, save_cameras
from ..errors import InputError
from ..mesh import Mesh
from .metrics import (
    align,
    chamfer_and_f_score,
    mask_iou,
    psnr,
    rotation_errors,
    sample_surface,
    separations,
    ssim,
    translation_errors,
)
from .render import load_rgba, on_white, render_mask, render_mesh
from .sets import INPUT_VIEWS, NOVEL_VIEW, EvaluationObject

SURFACE_SAMPLES = 20_000
VERTICAL_ERROR = math.radians(2)  # assumed of a vertical that a phone has felt, in each of two directions


@dataclass(frozen=True)
class Outcome:
    """What a method made of the photos: their cameras in order, and a mesh where it makes one."""

    cameras: tuple[Camera, ...]
    mesh: Mesh | None


# Photos and, where they are known, a file with their intrinsics in the form of cameras.json → outcome.
Predict = Callable[[Sequence[Path], Path | None], Outcome]


@dataclass(frozen=True)
class Score:
    """One object's figures. Errors are per pair of views, in the order (0, 1), (0, 2), … (1, 2), …; ``failure`` is the
    reason why there are none."""

    name: str
    symmetric: bool
    pairs: int
    rotation: tuple[float, ...] = ()  # degrees
    translation: tuple[float, ...] = ()  # in units of the mean camera distance
    separation: tuple[float, ...] = ()  # degrees between the true optical axes
    confidence: tuple[float, ...] = ()  # of each camera but the reference
    mask_iou: float | None = None  # of the mesh's outlines from the predicted cameras, mean over the input photos
    chamfer: float | None = None  # in units of the object's radius
    f_score: float | None = None  # within 5 % of the radius
    psnr: float | None = None  # dB, of the mesh seen from the novel view, where that is not among the input
    ssim: float | None = None
    seconds: float = 0.0
    failure: str = ""


def evaluate(
    objects: Sequence[EvaluationObject],
    predict: Predict,
    *,
    views: int = INPUT_VIEWS,
    known_intrinsics: bool = True,
    known_vertical: bool = False,
    report: Callable[[Score], None] = lambda score: None,
) -> list[Score]:
    """Score a method on the first ``views`` photos of each object.

    :param known_vertical: tell each photo's vertical, with the error that is assumed of a phone.
    A method that raises InputError has failed on that object; other exceptions end the evaluation.
    """
    scores = []
    for item in objects:
        cameras = item.cameras[:views]
        started = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory() as folder:
                known = Path(folder) / "intrinsics.json" if known_intrinsics or known_vertical else None
                if known is not None:
                    tell(known, cameras, intrinsics=known_intrinsics, vertical=known_vertical)
                outcome = predict([Path(camera.file) for camera in cameras], known)
            score = score_outcome(item, outcome, views)
        except InputError as error:
            score = Score(item.name, item.symmetric, views * (views - 1) // 2, failure=error.message)
        scores.append(replace(score, seconds=time.perf_counter() - started))
        report(scores[-1])
    return scores


def tell(path: Path, cameras: Sequence[Camera], *, intrinsics: bool, vertical: bool) -> None:
    """Write what a method may know beforehand in the form of cameras.json."""
    save_cameras(path, [replace(camera, world_to_camera=np.eye(4)) for camera in cameras])
    content = json.loads(path.read_text(encoding="utf-8"))
    for photo, camera in zip(content["photos"], cameras, strict=True):
        if vertical:
            photo["up"] = felt_vertical(camera).tolist()
        if not intrinsics:
            for name in ("width", "height", "fx", "fy", "cx", "cy"):
                del photo[name]
    path.write_text(json.dumps(content), encoding="utf-8")


def felt_vertical(camera: Camera) -> np.ndarray:
    """The direction of the sky (3,) in a camera, as far off the true one as is assumed of a phone, in a direction that
    is random but the same each time."""
    up = camera.world_to_camera[:3, 2]
    generator = np.random.default_rng(zlib.crc32("/".join(Path(camera.file).parts[-2:]).encode()))
    off = generator.normal(scale=VERTICAL_ERROR, size=3)
    return (up + off) / np.linalg.norm(up + off)


def score_outcome(item: EvaluationObject, outcome: Outcome, views: int) -> Score:
    """Compare an outcome for the first ``views`` photos with the truth."""
    predicted = np.stack([camera.world_to_camera for camera in outcome.cameras])
    true = np.stack([camera.world_to_camera for camera in item.cameras[:views]])
    rotation = rotation_errors(predicted, true)
    score = Score(
        item.name, item.symmetric, len(rotation), tuple(rotation),
        tuple(translation_errors(predicted, true, item.camera_distance)), tuple(separations(true)),
        tuple(camera.confidence for camera in outcome.cameras[1:]),
    )
    if outcome.mesh is None:
        return score
    to_true = align(predicted, true)
    surface = to_true.of_points(sample_surface(outcome.mesh.vertices, outcome.mesh.faces, SURFACE_SAMPLES))
    chamfer, f_score = chamfer_and_f_score(surface, item.points, item.radius)
    outlines = [
        mask_iou(
            render_mask(outcome.mesh, found.world_to_camera, found.intrinsics), load_rgba(Path(photo.file))[..., 3]
        )
        for found, photo in zip(outcome.cameras, item.cameras, strict=False)
    ]
    score = replace(score, mask_iou=float(np.mean(outlines)), chamfer=chamfer, f_score=f_score)
    if views > NOVEL_VIEW:
        return score
    novel = item.cameras[NOVEL_VIEW]
    truth = on_white(load_rgba(Path(novel.file)))
    image = render_mesh(outcome.mesh, to_true.inverse_of_camera(novel.world_to_camera), novel.intrinsics)
    return replace(score, psnr=psnr(image, truth), ssim=ssim(image, truth))
