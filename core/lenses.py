"""The lenses that a photo may be taken with. Imports nothing heavy: options are checked before that is loaded."""

from __future__ import annotations

import math

NARROWEST_FOV, WIDEST_FOV = 1.0, 170.0  # degrees across the longer side of a photo; no lens is beyond
DEFAULT_FOV = 50.0  # degrees across the longer side, for photos that do not say how they were taken
FULL_FRAME_WIDTH = 36.0  # millimetres across the longer side of a 35 mm frame


def is_possible(fov: float) -> bool:
    """Whether some lens has this field of view in degrees."""
    return NARROWEST_FOV < fov < WIDEST_FOV


def fov_of(focal: float, width: float = FULL_FRAME_WIDTH) -> float:
    """Field of view in degrees across a sensor's longer side, ``width``, of a focal length in the same unit."""
    return math.degrees(2 * math.atan(width / (2 * focal)))


def focal_of(fov: float) -> float:
    """The 35 mm equivalent focal length of a field of view in degrees across the longer side."""
    return FULL_FRAME_WIDTH / 2 / math.tan(math.radians(fov) / 2)
