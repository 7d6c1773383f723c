"""Structure from motion by COLMAP on the same photos, where the optional package pycolmap is installed.

pycolmap wants numpy 2, which Blender's bpy module before 5.1 does not go with: use an environment of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..cameras import Camera, Intrinsics, load_known_cameras
from ..errors import InputError, RuntimeMissingError
from .protocol import Outcome
from .render import load_rgba, on_white

UPSAMPLING = 2  # small photos give SIFT more to find when they are enlarged


def structure_from_motion(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
    """Incremental mapping with SIFT features; poses alone.

    :raises InputError: not all photos found their place.
    :raises RuntimeMissingError: pycolmap is not installed.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise RuntimeMissingError("pycolmap is not installed.", "Install it in an environment with numpy 2.") from error
    # All photos of an object in a set share one camera.
    camera = load_known_cameras(intrinsics)[photos[0].name].intrinsics if intrinsics else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_enlarged(photos, folder / "photos")
        database = folder / "database.db"
        reader = pycolmap.ImageReaderOptions()
        if camera is not None:
            fine = camera.resized(camera.width * UPSAMPLING, camera.height * UPSAMPLING)
            reader.camera_model, reader.camera_params = "PINHOLE", f"{fine.fx},{fine.fy},{fine.cx},{fine.cy}"
        pycolmap.extract_features(
            database, folder / "photos", camera_mode=pycolmap.CameraMode.SINGLE, reader_options=reader
        )
        pycolmap.match_exhaustive(database)
        options = pycolmap.IncrementalPipelineOptions()
        options.min_model_size = 2
        options.ba_refine_focal_length = camera is None
        models = pycolmap.incremental_mapping(database, folder / "photos", folder, options)
        return Outcome(_cameras(photos, models), None)


def _write_enlarged(photos: Sequence[Path], folder: Path) -> None:
    """The photos on white, under the names 0.png, 1.png, … in their order."""
    folder.mkdir()
    for index, photo in enumerate(photos):
        image = np.rint(255 * on_white(load_rgba(photo))).astype(np.uint8)[..., ::-1]
        enlarged = cv2.resize(image, None, fx=UPSAMPLING, fy=UPSAMPLING, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{index}.png"), enlarged)


def _cameras(photos: Sequence[Path], models: dict[int, Any]) -> tuple[Camera, ...]:
    """The cameras of the largest model, in the order of the photos."""
    posed = {}
    if models:
        largest = max(models.values(), key=lambda model: model.num_reg_images())
        posed = {image.name: image for image in largest.images.values() if image.has_pose}
    if len(posed) < len(photos):
        raise InputError(f"COLMAP placed {len(posed)} of {len(photos)} photos.")
    cameras = []
    for index, photo in enumerate(photos):
        image = posed[f"{index}.png"]
        matrix = np.vstack([image.cam_from_world().matrix(), [0.0, 0.0, 0.0, 1.0]])
        found = image.camera
        fine = Intrinsics(found.width, found.height, found.mean_focal_length(), found.mean_focal_length(),
                          found.principal_point_x, found.principal_point_y)
        shown = fine.resized(found.width // UPSAMPLING, found.height // UPSAMPLING)
        cameras.append(Camera(str(photo), shown, matrix, 1.0))
    return tuple(cameras)
