"""Blender's knowledge of ``blender --command pflrm``. The commands themselves are imported when one is given."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

COMMAND = "pflrm"

_handles: list[object] = []


def register() -> None:
    """Make the command known to Blender."""
    _handles.append(bpy.utils.register_cli_command(COMMAND, _execute))


def unregister() -> None:
    """Take it away; bpy 4.x as a module crashes at its exit otherwise."""
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())


def _execute(arguments: Sequence[str]) -> int:
    from . import cli

    return cli.execute(arguments)
