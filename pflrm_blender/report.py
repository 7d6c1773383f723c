"""The report that goes with a question or an issue: versions, hardware, runtime, and what the last run said."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

import bpy

from . import environment, runtime, session, setting_up
from .errors import PflrmError
from .plan import RECORD, is_ours
from .properties import machine, path_of

# A user's name in a path of another home than this one.
_USER = re.compile(r"""([\\/](?:home|users)[\\/]+)(?:[^\\/"'\n]+(?=[\\/])|[^\\/\s"']+)""", re.IGNORECASE)


def versions() -> list[str]:
    """What this machine runs, a fact a line."""
    return [
        f"PF-LRM: {runtime.extension_version()}",
        f"Blender: {bpy.app.version_string} with Python {platform.python_version()}",
        f"System: {platform.platform()}, {os.cpu_count()} processors",
    ]


def text() -> str:
    """The whole report. It names no folder of the user's, and sends nothing anywhere."""
    here = machine()
    lines = [*versions(), f"Graphics: {setting_up.renderer() or 'unknown'}", f"Device: {here.device}"]
    weights = environment.weights_state(here)
    lines.append(f"Weights: {here.weights or 'bundled'}, {weights.words if weights else 'not checked'}")
    checked, found = environment.report(here), environment.find(here)
    if checked is not None:
        lines += checked.lines()
    elif isinstance(found, PflrmError):
        lines.append(f"Interpreter: {found}")
    else:
        lines.append(f"Interpreter: {found or 'not looked for yet'} (not checked)")
    if is_ours(here.managed):
        lines += ["Set up as:", (here.managed / RECORD).read_text(encoding="utf-8")]
    if notice := session.state.notice:
        lines += ["", f"Last message ({notice.level}): {notice.text}", notice.remedy, notice.details]
    return impersonal("\n".join(line for line in lines).strip() + "\n", _folders())


def impersonal(words: str, folders: Mapping[Path, str]) -> str:
    """The words with names in place of folders, the longest folder first, and without the names of users."""
    for folder in sorted(folders, key=lambda path: len(str(path)), reverse=True):
        if folder != Path(folder.anchor):
            for spelling in {str(folder), str(folder).replace("\\", "\\\\"), folder.as_posix()}:
                words = words.replace(spelling, folders[folder])
    return _USER.sub(r"\1…", words)


def _folders() -> dict[Path, str]:
    """What is personal: the home, and the folders of the open file and of its photos."""
    folders = {path_of(photo).parent: "<photos>" for scene in bpy.data.scenes for photo in scene.pflrm.photos}
    if bpy.data.filepath:
        folders[Path(bpy.data.filepath).parent] = "<file>"
    return {**folders, runtime.EXTENSION: "<pflrm>", Path.home(): "~"}
