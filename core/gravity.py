"""Which way is up in a photo, by the phone that took it.

Apple's cameras write gravity, as their accelerometer felt it, into the maker note of the EXIF block. The tag's number
and axes are those that ExifTool's documentation gives for AccelerationVector. Seen from the front of the phone, as
stored: x to its right, y to its top, z out of its screen, and the vector points down.
"""

from __future__ import annotations

import struct

import numpy as np

HEADER = b"Apple iOS\0"
ENTRIES = 14  # where the directory begins, after the header, a version, and the order of bytes
ACCELERATION, SIGNED_RATIONAL = 0x0008, 10
STILL = (0.9, 1.1)  # length in units of g within which the phone hardly moved
# Directions in the stored pixels (x right, y down, z into the scene) from those of the phone: its back camera's
# sensor lies on its side, with the phone's top at the left.
PIXELS_FROM_PHONE = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
# EXIF Orientation → directions of the upright photo from those of the stored pixels.
UPRIGHT_FROM_PIXELS = {
    1: ((1, 0), (0, 1)), 2: ((-1, 0), (0, 1)), 3: ((-1, 0), (0, -1)), 4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)), 6: ((0, -1), (1, 0)), 7: ((0, -1), (-1, 0)), 8: ((0, 1), (-1, 0)),
}
MOST_ROLL = np.radians(60)  # a photo rolled further was turned after it was taken
STEEP = 0.85  # of the vertical along the optical axis, from where on a photo has no upper side of its own


def up_of(maker_note: object, lens: object, orientation: int) -> np.ndarray | None:
    """The direction of the world's vertical in a photo.

    :param maker_note: the EXIF block's, and ``lens`` its lens model; anything, as files hold anything.
    :param orientation: the EXIF Orientation that makes the photo upright.
    :returns: (3,) unit vector towards the sky in the upright photo's camera (x right, y down, z forward), or None
        where the file does not tell, the phone was shaken, or the photo was turned later.
    """
    gravity = _gravity(maker_note)
    selfie = isinstance(lens, str) and "front" in lens.lower()
    if gravity is None or selfie or not STILL[0] < np.linalg.norm(gravity) < STILL[1]:
        return None
    up = -PIXELS_FROM_PHONE @ gravity / np.linalg.norm(gravity)
    up[:2] = np.array(UPRIGHT_FROM_PIXELS.get(orientation, UPRIGHT_FROM_PIXELS[1])) @ up[:2]
    turned = abs(np.arctan2(up[0], -up[1])) > MOST_ROLL and abs(up[2]) < STEEP
    return None if turned else up


def _gravity(note: object) -> np.ndarray | None:
    """(3,) the vector of a maker note in units of g, in the phone's axes."""
    if not isinstance(note, bytes) or not note.startswith(HEADER):
        return None
    order = "<" if note[12:14] == b"II" else ">"
    try:
        (count,) = struct.unpack_from(f"{order}H", note, ENTRIES)
        for index in range(count):
            tag, kind, values, place = struct.unpack_from(f"{order}HHII", note, ENTRIES + 2 + 12 * index)
            if (tag, kind, values) == (ACCELERATION, SIGNED_RATIONAL, 3):
                pairs = np.array(struct.unpack_from(f"{order}6i", note, place), dtype=np.float64).reshape(3, 2)
                return pairs[:, 0] / pairs[:, 1] if pairs[:, 1].all() else None
    except struct.error:  # shorter than it says
        return None
    return None
