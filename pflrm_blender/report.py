"""The report that goes with a question or an issue: versions, runtime, and what the last run said."""

from __future__ import annotations

import platform

import bpy

from . import environment, runtime, session
from .errors import PflrmError
from .properties import machine


def version() -> str:
    """The extension's version, from its manifest."""
    import tomllib  # Blender's start does without it

    manifest = runtime.EXTENSION / "blender_manifest.toml"
    return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]


def versions() -> list[str]:
    """What this machine runs, a fact a line."""
    return [
        f"PF-LRM: {version()}",
        f"Blender: {bpy.app.version_string} with Python {platform.python_version()}",
        f"System: {platform.platform()}",
    ]


def text() -> str:
    """The whole report. It names files as the messages do, and sends nothing anywhere."""
    here = machine()
    lines = [*versions(), f"Device: {here.device}", f"Weights: {here.weights or 'bundled'}"]
    checked, found = environment.report(here.interpreter), environment.find(here.interpreter)
    if checked is not None:
        lines += checked.lines()
    elif isinstance(found, PflrmError):
        lines.append(f"Interpreter: {found}")
    else:
        lines.append(f"Interpreter: {found or 'not looked for yet'} (not checked)")
    if notice := session.state.notice:
        lines += ["", f"Last message ({notice.level}): {notice.text}", notice.remedy, notice.details]
    return "\n".join(line for line in lines).strip() + "\n"
