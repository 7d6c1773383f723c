"""The orientation tag of photos. Blender shows pixels as they are stored, so a photo taken upright may lie on its side.

The tag is read with the standard library alone: Blender brings no image library that knows it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np

UPRIGHT = 1
_ORIENTATION_TAG = 0x0112
_EXIF = b"Exif\0\0"  # stands before the tags in JPEG, and in some WebP files


def read_orientation(path: Path) -> int:
    """The EXIF orientation 1 … 8 of a JPEG, PNG, WebP or TIFF file; 1 where there is none, or the file is damaged.

    :raises OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        try:
            if head.startswith(b"\xff\xd8"):
                return _orientation_at(file, _find_in_jpeg(file))
            if head.startswith(b"\x89PNG"):
                return _orientation_at(file, _find_in_png(file))
            if head[:4] == b"RIFF" and head[8:] == b"WEBP":
                return _orientation_at(file, _find_in_webp(file))
            return _orientation_at(file, 0)
        except (struct.error, ValueError):
            return UPRIGHT


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, C) pixels, top row first, as the orientation tag asks; returns (H, W, C) or (W, H, C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _read(file: BinaryIO, form: str) -> tuple:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _find_in_jpeg(file: BinaryIO) -> int:
    file.seek(2)
    while True:
        marker, length = _read(file, ">HH")
        if marker == 0xFFDA or marker >> 8 != 0xFF:
            raise ValueError("the picture begins, and no tags came before it")
        start = file.tell()
        if marker == 0xFFE1 and file.read(len(_EXIF)) == _EXIF:
            return file.tell()
        file.seek(start + length - 2)


def _find_in_png(file: BinaryIO) -> int:
    file.seek(8)
    while True:
        length, kind = _read(file, ">I4s")
        if kind == b"eXIf":
            return file.tell()
        file.seek(length + 4, 1)


def _find_in_webp(file: BinaryIO) -> int:
    file.seek(12)
    while True:
        kind, length = _read(file, "<4sI")
        start = file.tell()
        if kind == b"EXIF":
            return start + len(_EXIF) if file.read(len(_EXIF)) == _EXIF else start
        file.seek(length + length % 2, 1)


def _orientation_at(file: BinaryIO, start: int) -> int:
    """The tag's value in the first directory of the TIFF structure that begins at ``start``."""
    file.seek(start)
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        return UPRIGHT
    _, offset = _read(file, order + "HI")
    file.seek(start + offset)
    (count,) = _read(file, order + "H")
    for _ in range(count):
        tag, kind, _, value, _ = _read(file, order + "HHIHH")
        if tag == _ORIENTATION_TAG and kind == 3 and 1 <= value <= 8:
            return value
    return UPRIGHT
