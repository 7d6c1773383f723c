"""The files that a run writes: complete or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .failures import explain_os_error

MESH_SUFFIXES = (".ply", ".obj", ".glb")

_partial_files: set[Path] = set()


def write(path: Path, save: Callable[[Path], object]) -> None:
    """Let ``save`` write beside ``path`` and move the file there when it is complete.

    :raises PflrmError: the disk is full, or the folder cannot be written to. Nothing is left behind.
    """
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    _partial_files.add(partial)
    try:
        save(partial)
        os.replace(partial, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)
        _partial_files.discard(partial)


def remove_partial_files() -> None:
    """Remove what ``write`` has begun, for a process that ends in the middle of it."""
    for partial in list(_partial_files):
        partial.unlink(missing_ok=True)
