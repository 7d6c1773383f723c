"""Small pictures of the photos for the panel. Blender reads them in a thread, and does not look at orientation tags."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

from ..pflrm_blender import paths
from ..pflrm_blender.orientation import UPRIGHT, read_orientation, turn_upright

_previews: bpy.utils.previews.ImagePreviewCollection | None = None


def icon_of(path: Path) -> int:
    """The icon of a photo's thumbnail; 0 where the file is missing or nothing can be drawn, as in background mode."""
    if _previews is None:
        return 0
    changed = paths.written(str(path))
    if not changed:
        return 0
    try:
        key = f"{path}|{changed}"
        if key not in _previews:
            preview = _previews.load(key, str(path), "IMAGE")
            orientation = read_orientation(path)
            if orientation != UPRIGHT:
                _turn(preview, orientation)
    except OSError:
        return 0
    return _previews[key].icon_id


def _turn(preview: bpy.types.ImagePreview, orientation: int) -> None:
    """Turn a thumbnail. Asking for its size makes Blender read the photo now, so upright ones are not asked."""
    import numpy as np  # Blender's start does without it

    width, height = preview.image_size
    pixels = np.array(preview.image_pixels_float, np.float32).reshape(height, width, 4)
    upright = turn_upright(pixels[::-1], orientation)[::-1]
    preview.image_size = (upright.shape[1], upright.shape[0])
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(upright).ravel())


def register() -> None:
    global _previews
    _previews = bpy.utils.previews.new()


def unregister() -> None:
    global _previews
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
        _previews = None
