"""The lenses that a photo may be taken with. No imports: options are checked before anything heavy is loaded."""

NARROWEST_FOV, WIDEST_FOV = 1.0, 170.0  # degrees across the longer side of a photo; no lens is beyond
DEFAULT_FOV = 50.0  # degrees across the longer side, for photos that do not say how they were taken
FULL_FRAME_WIDTH = 36.0  # millimetres across the longer side of a 35 mm frame
