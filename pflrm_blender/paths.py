"""Paths as a .blend names them: with // for its folder where that can be, so that they travel with it."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import bpy

_FRESH = 1.0  # seconds for which a file is taken to be as it was
_seen: dict[str, tuple[float, int]] = {}  # by path: when the system was asked, and what it said


def absolute(path: str) -> str:
    """A path as the system knows it; "" stays."""
    return os.path.normpath(bpy.path.abspath(path)) if path else ""


def for_file(path: Path) -> str:
    """Relative to the .blend where the artist's preferences ask for it and the file is saved on the same drive."""
    if not (bpy.data.is_saved and bpy.context.preferences.filepaths.use_relative_paths):
        return str(path)
    return relative(str(path), os.path.dirname(bpy.data.filepath))


def relative(path: str, folder: str) -> str:
    """An absolute path with // for a folder; as it is where that lies on another drive."""
    try:
        return bpy.path.relpath(path, start=folder)
    except ValueError:
        return path


def written(path: str) -> int:
    """When a file was last written, in nanoseconds; 0 where there is none.

    For panels, which ask at every redraw, several times for each photo: the system is asked once a second, as photos
    may lie on a slow network drive.
    """
    now = time.monotonic()
    if path not in _seen or now - _seen[path][0] > _FRESH:
        try:
            found = os.stat(path)
        except OSError:
            found = None
        _seen[path] = (now, found.st_mtime_ns if found is not None and stat.S_ISREG(found.st_mode) else 0)
    return _seen[path][1]


def look_again() -> None:
    """Forget what ``written`` has seen."""
    _seen.clear()
