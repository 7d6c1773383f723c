"""Colours as the judges of cameras compare them: logarithms, split into brightness and tint.

A photo that is exposed differently differs by the same shift everywhere. Shading changes brightness more than tint,
so differences of tint count more.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BLACK = 0.1  # added to colours in [0, 1], so that noise in the dark counts little
BRIGHTNESS_WIDTH, TINT_WIDTH = 0.06, 0.04  # differences over which the likeness of two pixels falls by a factor of e
SAME_EXPOSURE = 0.15  # stops


def exposed_differently(exposures: Sequence[float | None]) -> bool:
    """Whether photos of so many stops, None where nobody knows, show the same surface differently."""
    known = [exposure for exposure in exposures if exposure is not None]
    return len(known) > 1 and max(known) - min(known) > SAME_EXPOSURE


def comparable(colours: Tensor) -> Tensor:
    """(..., 3) in units of their widths, from sRGB (..., 3) in [0, 1]."""
    red, green, blue = (colours.clamp(0, 1) + BLACK).log().unbind(-1)
    brightness = (red + green + blue) / 3**0.5
    tint = (red - green) / 2**0.5, (red + green - 2 * blue) / 6**0.5
    return torch.stack([brightness / BRIGHTNESS_WIDTH, tint[0] / TINT_WIDTH, tint[1] / TINT_WIDTH], -1)
