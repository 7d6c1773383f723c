"""What can be told about a photo before any run: its size and lens, and where the object is. Needs no torch."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .cutouts import Cutout, cut_out
from .errors import InputError
from .files import write
from .image_files import read_image
from .lenses import focal_of

PREVIEW_SIZE = 256  # pixels on the longer side
BACKGROUND_LEFT = 0.2  # how much of the background a preview keeps, over grey
BACKGROUND_GREY = 0.25


def inspect_photo(path: Path, mask: Path | None, folder: Path) -> dict[str, Any]:
    """Look for the object in a photo as a run would, and write two pictures of what was found.

    :param mask: a mask file, or None.
    :param folder: where ``cutout`` and ``preview`` are written.
    :returns: values for JSON: ``width``, ``height`` of the upright photo; ``focal_35mm`` (mm) by its EXIF, or None;
        ``tilt`` by which the phone that took it looked down (degrees), or None;
        ``origin`` of the object as in ``photos.Cutout``; its ``share`` of the photo; ``touches_border``; ``sure``;
        ``cutout``, a PNG file of the photo at working size whose alpha is the mask; ``preview``, a small one with a
        dimmed background; ``problem``, words that say why a run would refuse the photo, or "". Of a photo that cannot
        be read there is the problem alone.
    """
    try:
        content = read_image(path)
        found = cut_out(path, content, mask)
    except InputError as error:
        return {"problem": str(error)}
    key = hashlib.sha256(f"{path}|{mask}|{path.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    cutout, preview = folder / f"{key}-cutout.png", folder / f"{key}-preview.png"
    rgb = content.rgba[..., :3]
    _save(cutout, np.dstack([rgb, found.alpha]))
    _save(preview, _dimmed(rgb, found))
    width, height = content.size
    return {
        "width": width, "height": height,
        "focal_35mm": None if content.fov is None else round(focal_of(content.fov), 1),
        "tilt": None if content.up is None else round(_tilt(content.up), 1),
        "origin": found.origin, "share": round(found.share, 4), "touches_border": found.touches_border,
        "sure": found.sure, "cutout": str(cutout), "preview": str(preview), "problem": _problem(path, found),
    }


def _problem(path: Path, found: Cutout) -> str:
    try:
        found.check(path)
    except InputError as error:
        return str(error)
    return ""


def _tilt(up: np.ndarray) -> float:
    """The angle in degrees by which a camera looks down, from the direction of the sky in it."""
    return math.degrees(math.asin(-up[2]))


def _dimmed(rgb: np.ndarray, found: Cutout) -> np.ndarray:
    """A small picture (h, w, 3) in which the object alone has its colours."""
    height, width = rgb.shape[:2]
    scale = min(1.0, PREVIEW_SIZE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small, alpha = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (rgb, found.alpha))
    background = BACKGROUND_LEFT * small + (1 - BACKGROUND_LEFT) * BACKGROUND_GREY
    return background + alpha[..., None] * (small - background)


def _save(path: Path, pixels: np.ndarray) -> None:
    image = Image.fromarray(np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8))
    write(path, lambda partial: image.save(partial, compress_level=1))
