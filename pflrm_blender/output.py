"""The files that commands write: a .blend and a .glb, complete or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bpy

from .errors import PflrmError

SAVE_REMEDY = "Free some space on that disk, or choose a folder that may be written to."


def check_output(path: Path, suffix: str) -> None:
    """Find out before a long run what would go wrong after it.

    :raises PflrmError: of kind input; another ending, no such folder, or no right to write there.
    """
    if path.suffix.lower() != suffix:
        raise PflrmError("input", f"The output {path} does not end with {suffix}.", f"Name it {path.stem}{suffix}.")
    if path.is_dir():
        raise PflrmError("input", f"The output {path} is a folder.", "Choose another name.")
    if not path.parent.is_dir():
        raise PflrmError("input", f"The folder of {path} does not exist.", "Create it, or choose another folder.")
    if not os.access(path.parent, os.W_OK):
        raise PflrmError("input", f"The folder of {path} may not be written to.", "Choose another folder.")


def check_exporter() -> None:
    """:raises PflrmError: of kind runtime; Blender's glTF exporter is not there."""
    if "gltf" not in dir(bpy.ops.export_scene):
        raise PflrmError(
            "runtime", "This Blender has no glTF exporter.", "Enable the add-on glTF 2.0 format, or leave out --export."
        )


def empty_file() -> None:
    """Begin a file with nothing in it, not even the start-up scene's cube."""
    bpy.ops.wm.read_homefile(use_empty=True)


def save_blend(path: Path) -> None:
    """Save the open file.

    :raises PflrmError: it cannot be written.
    """
    _write(path, lambda part: bpy.ops.wm.save_as_mainfile(filepath=str(part), check_existing=False, copy=True))


def export_glb(path: Path) -> None:
    """Export the scene's meshes, as their modifiers leave them, and cameras with Blender's own exporter.

    :raises PflrmError: it cannot be written.
    """
    _write(
        path,
        lambda part: bpy.ops.export_scene.gltf(
            filepath=str(part), export_format="GLB", export_cameras=True, export_apply=True,
            export_all_vertex_colors=False,  # those of a mesh with a texture would travel for nothing
        ),  # fmt: skip
    )


def _write(path: Path, save: Callable[[Path], object]) -> None:
    # Blender has its own idea of the current folder ($PWD), so it gets the whole path.
    part = path.absolute().with_name(f"{path.stem}.part{path.suffix}")
    try:
        save(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise PflrmError("failure", f"{path} cannot be written: {reason}", SAVE_REMEDY) from error
    finally:
        part.unlink(missing_ok=True)
