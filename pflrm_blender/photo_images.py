"""Photos as Blender images: the file itself where Blender shows it upright, a copy in the .blend where not."""

from __future__ import annotations

from pathlib import Path

import bpy

from . import paths
from .orientation import UPRIGHT, read_orientation, turn_upright

_CHANGED = "pflrm_changed"  # on an image: when the file that it shows was written, as a text
_TURNED_LIMIT = 2048  # pixels on the longer side of a turned copy, which travels inside the .blend


class PhotoImageError(Exception):
    """A photo that Blender cannot show; the message says which and why."""


def load_upright(path: Path, copy: bytes | None = None) -> bpy.types.Image:
    """The photo as an image that stands upright, as the file is now; an image of it that is already there is used.

    :param copy: an upright JPEG file of a photo that Blender does not read, as HEIC; it goes into the .blend.
    :raises PhotoImageError: the file is gone, or of a kind that Blender does not read.
    """
    try:
        orientation = read_orientation(path)
    except OSError as error:
        raise PhotoImageError(f"{path} cannot be shown behind its camera: {error.strerror}.") from error
    if copy is not None or orientation != UPRIGHT:
        source = f"{path} {path.stat().st_mtime_ns}"
        made = next((image for image in bpy.data.images if image.get("pflrm_source") == source), None)
        if made is None:
            made = _turned_copy(path, orientation) if copy is None else _packed(path, copy)
            made["pflrm_source"] = source
        return made
    known = set(bpy.data.images)
    image = bpy.data.images.load(str(path), check_existing=True)
    changed = str(path.stat().st_mtime_ns)
    if image not in known:
        _check_readable(image, path)
        image.filepath = paths.for_file(path)
    elif image.get(_CHANGED) != changed and not image.is_dirty:  # what the artist has painted on it stays
        image.reload()
    image[_CHANGED] = changed
    return image


def _check_readable(image: bpy.types.Image, path: Path) -> None:
    if not min(image.size):  # Blender says nothing when it cannot decode a file
        bpy.data.images.remove(image)
        raise PhotoImageError(f"{path.name} cannot be shown behind its camera: Blender does not read such files.")


def _packed(path: Path, copy: bytes) -> bpy.types.Image:
    image = bpy.data.images.new(path.name, 8, 8)
    image.pack(data=copy, data_len=len(copy))
    image.source = "FILE"  # without a path: unpacking it must not write over the photo
    _check_readable(image, path)
    return image


def _turned_copy(path: Path, orientation: int) -> bpy.types.Image:
    import numpy as np  # Blender's start does without it

    stored = bpy.data.images.load(str(path), check_existing=False)
    _check_readable(stored, path)
    try:
        width, height = stored.size
        share = min(1.0, _TURNED_LIMIT / max(width, height))
        if share < 1.0:
            width, height = round(width * share), round(height * share)
            stored.scale(width, height)
        pixels = np.empty(width * height * 4, np.float32)
        stored.pixels.foreach_get(pixels)
        # Blender's rows run upwards.
        upright = turn_upright(pixels.reshape(height, width, 4)[::-1], orientation)[::-1]
        turned = bpy.data.images.new(path.name, upright.shape[1], upright.shape[0], alpha=True)
    finally:
        bpy.data.images.remove(stored)
    turned.pixels.foreach_set(np.ascontiguousarray(upright).ravel())
    turned.pack()
    return turned
