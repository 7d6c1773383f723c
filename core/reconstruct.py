"""The pipeline: photos in, cameras and a mesh out, in one readable function."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

import numpy as np
import torch

from . import mirrors
from .cameras import Camera, pose, reference_pose
from .checkpoint import bundled_weights, load_checkpoint
from .colours import exposed_differently
from .depth_points import depth_points
from .errors import InputError, RuntimeMissingError
from .image_files import copy_for_blender
from .mesh import Mesh, extract_mesh
from .model import PFLRM, Prediction
from .model.pflrm import view_distance
from .observations import Observations
from .photos import focal_is_known, load_photos
from .pnp import solve_pnp
from .refine import refine_field
from .refine_poses import refine_poses
from .request import QUALITIES, Progress
from .search import Hypothesis, alternatives, search_poses, symmetry
from .views import Photo, View, canonical_view, closeups, zoomed

SURE = 0.5  # mean confidence from which on level photos tell where the sky is
# Few photos suit some plane under nearly any cameras: then only upright ones are believed, which are common.
FEW, UPRIGHT = 2, 0.5  # photos; sine of the angle between a plane and the vertical
# Share of a run's time that has passed by then.
REFINING_BEGINS = {"draft": 0.85, "standard": 0.41, "best": 0.34}
FITTING_BEGINS = {"draft": 0.85, "standard": 0.8, "best": 0.8}
MESH_RESOLUTION = {"draft": 96, "standard": 224, "best": 320}


@dataclass(frozen=True)
class Options:
    """What a user can choose. ``masks``: a file or None for each photo, ``tilts`` degrees or None for each;
    ``intrinsics``: a file like cameras.json."""

    quality: str = "standard"
    poses_only: bool = False
    device: str = "auto"
    seed: int = 0
    focal_35mm: float | None = None
    fov: float | None = None
    masks: tuple[Path | None, ...] = ()
    tilts: tuple[float | None, ...] = ()
    intrinsics: Path | None = None
    weights: Path | None = None
    mesh_resolution: int | None = None

    def __post_init__(self) -> None:
        if self.quality not in QUALITIES:
            raise InputError(f"There is no quality {self.quality!r}.", f"Choose one of {', '.join(QUALITIES)}.")


@dataclass(frozen=True)
class Reconstruction:
    """What the photos became. Cameras are in the order of the photos; the first is the reference.

    ``masks``: where each photo shows the object, (H, W) float32 in [0, 1], in fewer pixels than the photo's.
    ``alternatives``: other sets of cameras that explain the photos about as well, best first, and ``symmetry`` in
    words why that may be; the mesh belongs to ``cameras``.
    ``up``: (3,) direction of the sky in the world, see ``vertical``.
    ``points``: what the network takes for the surface in each photo, see ``depth_points``; none without a depth head.
    """

    cameras: tuple[Camera, ...]
    mesh: Mesh | None
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    masks: tuple[np.ndarray, ...] = ()
    alternatives: tuple[tuple[Camera, ...], ...] = ()
    symmetry: str = ""
    up: tuple[float, ...] = (0.0, 0.0, 1.0)
    points: tuple[np.ndarray, ...] = ()


@dataclass
class ModelCache:
    """Keeps the loaded network between runs."""

    _models: dict[tuple[Path, float, str], PFLRM] = dataclass_field(default_factory=dict)

    def get(self, weights: Path | None, device: str) -> PFLRM:
        """The network of a weights file (None: the bundled one) on a device, loaded once."""
        path = weights or bundled_weights()
        changed = path.stat().st_mtime if path.exists() else 0.0
        key = (path, changed, device)
        if key not in self._models:
            self._models = {key: load_checkpoint(path, device=device)}
        return self._models[key]


def choose_device(name: str) -> str:
    """The torch device for ``auto``, ``cpu``, ``cuda``, ``mps`` or ``xpu``.

    :raises RuntimeMissingError: the device is not there.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "xpu": torch.xpu.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, present in available.items() if present)
    if not available.get(name, False):
        there = ", ".join(device for device, present in available.items() if present)
        raise RuntimeMissingError(f"This machine's torch has no device {name!r}.", f"Choose one of: auto, {there}.")
    return name


@torch.inference_mode()
def predict(model: PFLRM, views: Sequence[View]) -> Prediction:
    """Run the network on canonical views of its own image size."""
    device = next(model.parameters()).device
    images = np.stack([view.image for view in views]).transpose(0, 3, 1, 2)  # (V, 4, S, S)
    intrinsics = np.stack([view.intrinsics.normalised() for view in views])
    batch = torch.from_numpy(np.ascontiguousarray(images)).float()[None].to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type != "mps"):
        return model(batch, torch.from_numpy(intrinsics).float()[None].to(device))


def patch_rays(views: Sequence[View], side: int) -> torch.Tensor:
    """Normalised image coordinates (V, side², 2) of the patch centres."""
    middle = (np.arange(side) + 0.5) / side
    grid = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    intrinsics = np.stack([view.intrinsics.normalised() for view in views])
    return torch.from_numpy((grid - intrinsics[:, None, 2:]) / intrinsics[:, None, :2]).float()


@dataclass(frozen=True)
class PnPInput:
    """The network's points as the solver wants them: (V, N, 3), (V, N, 2), (V, N) and distances (V,)."""

    points: torch.Tensor
    rays: torch.Tensor
    weights: torch.Tensor
    distance: torch.Tensor


def pnp_input(prediction: Prediction, views: Sequence[View], side: int) -> PnPInput:
    """β = α·w (paper §3.3), so that background does not vote."""
    intrinsics = torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float()
    weights = (prediction.opacity * prediction.weight)[0].float().cpu()
    return PnPInput(
        prediction.points[0].float().cpu(), patch_rays(views, side), weights, view_distance(intrinsics)
    )


def reference_first(poses: np.ndarray, distance: float) -> np.ndarray:
    """Poses (V, 4, 4) with the first replaced by the exact reference pose that defines the world."""
    return np.concatenate([reference_pose(distance)[None], poses[1:]])


def find_poses(
    views: Sequence[View], prediction: Prediction, side: int, options: Options, progress: Callable[[float], None],
) -> list[Hypothesis]:
    """The network's PnP poses and the global search beside them; hypotheses best first."""
    solver = pnp_input(prediction, views, side)
    solution = solve_pnp(solver.points, solver.rays, solver.weights, distance=solver.distance)
    candidate = reference_first(solution.world_to_camera.double().numpy(), float(solver.distance[0]))
    depth, log_scale = own_depth(prediction)
    return search_poses(
        views, depth=depth, depth_log_scale=log_scale, candidates=[candidate],
        effort=options.quality, seed=options.seed, progress=progress,
    )


def own_depth(prediction: Prediction) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Each view's depth in its own frame and its log scale (V, G, G), where the model has a depth head."""
    if prediction.depth is None or prediction.depth_log_scale is None:
        return None, None
    return prediction.depth[0].float().cpu().numpy(), prediction.depth_log_scale[0].float().cpu().numpy()


def reconstruct(
    photos: Sequence[Path], options: Options, *, models: ModelCache, progress: Progress,
) -> Reconstruction:
    """Cameras of the photos and a mesh of the object they show.

    :param progress: called with the stage and the finished share of the whole; it may raise ``CancelledError``.
    :raises PflrmError: the input, the runtime or the weights are at fault; nothing has been written.
    """
    seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(name: str, begins: float) -> Iterator[None]:
        progress(name, begins)
        started = time.perf_counter()
        yield
        seconds[name] = time.perf_counter() - started

    with stage("Reading Photos", 0.0):
        loaded = load_photos(
            photos, masks=options.masks, tilts=options.tilts, intrinsics_file=options.intrinsics,
            focal_35mm=options.focal_35mm, fov=options.fov,
            progress=lambda share: progress("Reading Photos", 0.1 * share),
        )
    with stage("Loading Model", 0.1):
        model = models.get(options.weights, choose_device(options.device))
    with stage("Looking at Photos", 0.15):
        views = [canonical_view(photo, model.config.image_size) for photo in loaded]
        prediction = predict(model, views)
    refining, fitting = REFINING_BEGINS[options.quality], FITTING_BEGINS[options.quality]
    with stage("Finding Poses", 0.2):
        hypotheses = find_poses(
            views, prediction, model.config.patches, options,
            lambda share: progress("Finding Poses", 0.2 + (refining - 0.2) * share),
        )
    with stage("Refining Poses", refining):
        hypotheses = refine_poses(
            views, hypotheses, quality=options.quality, seed=options.seed,
            closeups=None if options.quality == "draft" else closeups(views),  # a draft stays as it is
            uneven=exposed_differently([photo.exposure for photo in loaded]), zooming=not focal_is_known(loaded),
            progress=lambda share: progress("Refining Poses", refining + (fitting - refining) * share),
        )
        poses, sure = hypotheses[0].world_to_camera, hypotheses[0].confidence
        if hypotheses[0].zoom != 1:
            views = zoomed(views, hypotheses[0].zoom)
            prediction = predict(model, views)
    mesh = None
    if not options.poses_only:
        with stage("Fitting Shape", fitting):
            # Doubt counts less here: most cameras that are probably not right to 15 degrees still show the shape. With
            # the confidence itself a remote control of which all are unsure came out with a hole.
            seen = Observations.of(views, poses, np.sqrt(sure), *own_depth(prediction))
            field = refine_field(
                model.field(prediction), seen, promised(views, hypotheses[0]),
                quality=options.quality, seed=options.seed,
                progress=lambda share: progress("Fitting Shape", fitting + (0.9 - fitting) * share),
            )
        with stage("Extracting Surface", 0.9):
            mesh = extract_mesh(
                field, resolution=options.mesh_resolution or MESH_RESOLUTION[options.quality],
                progress=lambda share: progress("Extracting Surface", 0.9 + 0.1 * share),
            )
    progress("Done", 1.0)
    masks = tuple(view.photo.rgba[..., 3] for view in views)
    depth, log_scale = own_depth(prediction)
    points = () if depth is None or log_scale is None else depth_points(views, poses, depth, log_scale)
    cameras, *others = (photo_cameras(views, one.world_to_camera, one.confidence) for one in alternatives(hypotheses))
    return Reconstruction(
        cameras, mesh, warnings_of(loaded), seconds, masks, tuple(others), symmetry(hypotheses),
        vertical(views, hypotheses[0]), points,
    )


def promised(views: Sequence[View], best: Hypothesis) -> Observations | None:
    """What an object that mirrors itself would show in the flipped photos; None where it does not, or not surely."""
    if best.plane is None or (len(views) <= FEW and abs(best.plane[:3] @ best.up) > UPRIGHT):
        return None
    flipped, poses = mirrors.images(views, best.world_to_camera, best.plane)
    return Observations.of(flipped, poses, np.sqrt(best.confidence), None, None)


def vertical(views: Sequence[View], best: Hypothesis) -> tuple[float, ...]:
    """The direction of the sky (3,) in the world. Cameras that are unsure do not tell it where no phone has felt it:
    then the first photo is taken as level."""
    known = any(view.up is not None for view in views) or best.confidence[1:].sum() > SURE * (len(views) - 1)
    return tuple(best.up.tolist()) if known else (0.0, 0.0, 1.0)


def photo_cameras(views: Sequence[View], world_to_view: np.ndarray, sure: np.ndarray) -> tuple[Camera, ...]:
    """Undo the canonical rotation: the cameras of the photos themselves."""
    return tuple(
        Camera(
            str(view.photo.path), view.photo.intrinsics,
            pose(view.photo_from_view, np.zeros(3)) @ matrix, float(np.clip(level, 0, 1)),
        )
        for view, matrix, level in zip(views, world_to_view, sure, strict=True)
    )


def warnings_of(photos: Sequence[Photo]) -> tuple[str, ...]:
    """What the user should know about this set of photos."""
    own = [warning for photo in photos for warning in photo.warnings]
    if len(photos) == 1:
        own.append("One photo gives a shape but no other cameras: add photos from other sides for a better shape.")
    return tuple(own)


def save_result(path: Path, result: Reconstruction) -> None:
    """Write the arrays of a result as .npz without pickle (design.md, boundary 5), with a JPEG file ``copy_I`` of each
    photo that Blender cannot show."""
    explanations = (result.cameras, *result.alternatives)
    arrays: dict[str, np.ndarray] = {
        "files": np.array([camera.file for camera in result.cameras]),
        "size": np.array([(c.intrinsics.width, c.intrinsics.height) for c in result.cameras]),
        "intrinsics": np.array(
            [(c.intrinsics.fx, c.intrinsics.fy, c.intrinsics.cx, c.intrinsics.cy) for c in result.cameras]
        ),
        "world_to_camera": np.stack([camera.world_to_camera for camera in result.cameras]),
        "confidence": np.array([camera.confidence for camera in result.cameras]),
        "alternatives": np.array([[camera.world_to_camera for camera in one] for one in explanations]),
        "alternative_confidence": np.array([[camera.confidence for camera in one] for one in explanations]),
        "symmetry": np.array(result.symmetry),
        "up": np.array(result.up),
        "warnings": np.array(result.warnings, dtype=np.str_),
        "seconds_json": np.array(json.dumps(result.seconds)),
    }
    arrays |= {f"mask_{index}": np.rint(255 * mask).astype(np.uint8) for index, mask in enumerate(result.masks)}
    for index, camera in enumerate(result.cameras):
        with contextlib.suppress(InputError):  # it was readable when the run began: then its picture alone is missing
            copy = copy_for_blender(Path(camera.file))
            if copy is not None:
                arrays[f"copy_{index}"] = np.frombuffer(copy, np.uint8)
    arrays |= {f"points_{index}": points for index, points in enumerate(result.points)}
    if result.mesh is not None:
        arrays |= {name: getattr(result.mesh, name) for name in ("vertices", "faces", "normals", "colours")}
    with path.open("wb") as file:
        np.savez(file, **arrays)
