"""A small synthetic photo with a known object, and ways to write it to a file."""

import struct

import numpy as np
from PIL import Image

BACKGROUND, OBJECT = (70, 120, 90), (200, 30, 40)
ORIENTATION, EXIF_BLOCK = 0x0112, 0x8769


def picture(width: int = 96, height: int = 64) -> np.ndarray:
    """An object left of the middle, with a mark in its upper left corner: no two orientations look the same."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = BACKGROUND
    pixels[height // 4:height * 3 // 4, width // 8:width // 2] = OBJECT
    pixels[height // 4:height * 3 // 8, width // 8:width // 4] = (250, 240, 60)
    return pixels


def object_alpha(width: int = 96, height: int = 64) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    alpha[height // 4:height * 3 // 4, width // 8:width // 2] = 255
    return alpha


def save_cutout(path, width: int = 96, height: int = 64, **options):
    """A photo whose background is transparent."""
    Image.fromarray(np.dstack([picture(width, height), object_alpha(width, height)])).save(path, **options)
    return path


def exif_with(**values) -> Image.Exif:
    tags = {"focal_35mm": 0xA405, "focal": 0x920A, "width": 0xA002, "height": 0xA003, "resolution": 0xA20E,
            "unit": 0xA210, "maker_note": 0x927C, "lens": 0xA434, "time": 0x829A, "aperture": 0x829D, "iso": 0x8827}
    exif = Image.Exif()
    exif[ORIENTATION] = values.pop("orientation", 1)  # Pillow writes no EXIF block into an otherwise empty EXIF
    exif.get_ifd(EXIF_BLOCK).update({tags[name]: value for name, value in values.items()})
    return exif


def apple_note(x: float, y: float, z: float) -> bytes:
    """An iPhone's maker note that holds one other entry, and gravity in the phone's axes."""
    entries = struct.pack(">HHII", 0x0001, 9, 1, 15) + struct.pack(">HHII", 0x0008, 10, 3, 14 + 2 + 2 * 12 + 4)
    values = [part for value in (x, y, z) for part in (round(value * 10**6), 10**6)]
    return b"Apple iOS\0\0\x01MM" + struct.pack(">H", 2) + entries + bytes(4) + struct.pack(">6i", *values)
