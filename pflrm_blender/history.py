"""What a result was made from: its photos and options, kept with it in the file, to be used again.

They are a JSON text on the result's collection, so that they survive saving, and Blender without the extension.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from . import paths
from .properties import PFLRM_PG_scene, path_of, photos_in_use

ASKED = "pflrm_asked"  # on the collection
_OF_PHOTO = ("name", "filepath", "mask", "height")
_PATHS = {"filepath", "mask"}
_NOT_OPTIONS = {"rna_type", "name", "photos", "active_photo"}


def snapshot(properties: PFLRM_PG_scene, *, poses_only: bool) -> str:
    """The photos in use and the options as they are now; paths are absolute, as the file may move during the run."""
    used = photos_in_use(properties)
    photos = [{name: getattr(photo, name) for name in _OF_PHOTO} for photo in used]
    options = {name: getattr(properties, name) for name in _option_names(properties)}
    text = json.dumps({"photos": photos, "options": options, "poses_only": poses_only})
    return with_paths(text, paths.absolute)


def remember(result: bpy.types.Collection, asked: str) -> None:
    """Keep what ``snapshot`` took with the result that came of it."""
    result[ASKED] = with_paths(asked, lambda path: path and paths.for_file(Path(path)))


def asked(result: bpy.types.Collection) -> dict[str, Any] | None:
    """``photos`` (``name``, ``filepath``, ``mask``, ``height``), ``options`` and ``poses_only`` of a result, or None:
    it is older than this memory, or came from a script."""
    text = result.get(ASKED)
    return json.loads(text) if text else None


def with_paths(text: str, change: Callable[[str], str]) -> str:
    """What ``snapshot`` took, with other paths for its photos and masks."""
    memory = json.loads(text)
    for photo in memory["photos"]:
        for name in _PATHS & photo.keys():
            photo[name] = change(photo[name])
    return json.dumps(memory)


def use_again(properties: PFLRM_PG_scene, memory: dict[str, Any]) -> None:
    """Put a result's photos and options into the panel. Photos that are listed besides stay, switched off."""
    for photo in properties.photos:
        photo.enabled = False
    for place, earlier in enumerate(memory["photos"]):
        listed, file = [path_of(photo) for photo in properties.photos], Path(paths.absolute(earlier["filepath"]))
        if file in listed:
            properties.photos.move(listed.index(file), place)
        else:
            properties.photos.add()
            properties.photos.move(len(listed), place)
        photo = properties.photos[place]
        for name in _OF_PHOTO:
            if name in earlier:
                _set(photo, name, earlier[name])
        photo.enabled, photo.problem = True, ""
    properties.active_photo = 0
    known = _option_names(properties)
    for name, value in memory["options"].items():
        if name in known:  # the file may come from another version
            _set(properties, name, value)


def _option_names(properties: PFLRM_PG_scene) -> list[str]:
    return [name for name in properties.bl_rna.properties.keys() if name not in _NOT_OPTIONS]  # noqa: SIM118


def _set(properties: bpy.types.PropertyGroup, name: str, value: Any) -> None:
    try:
        setattr(properties, name, value)
    except TypeError:  # a choice that this version does not have: it stays as it is
        return
