"""Blender's commands, called as Blender calls them."""

from __future__ import annotations

from pathlib import Path

import bpy
from pflrm.pflrm_blender import cli


def execute(*words: object) -> int:
    """Run ``blender --command pflrm WORDS``; returns the exit code."""
    return cli.execute([str(word) for word in words])


def open_file(path: Path) -> bpy.types.Scene:
    """Open a .blend file; returns its scene."""
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return bpy.context.scene
