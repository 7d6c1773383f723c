"""What a result was made from: its photos and options, kept with it in the file, to be used again.

They are a JSON text on the result's collection, so that they survive saving, and Blender without the extension.
"""

from __future__ import annotations

import json
from typing import Any

import bpy

from .properties import PFLRM_PG_scene, photos_in_use

_KEY = "pflrm_asked"
_OF_PHOTO = ("name", "filepath", "mask", "height")
_NOT_OPTIONS = {"rna_type", "name", "photos", "active_photo"}


def snapshot(properties: PFLRM_PG_scene, *, poses_only: bool) -> str:
    """The photos in use and the options as they are now; paths as the artist gave them."""
    used = photos_in_use(properties)
    photos = [{name: getattr(photo, name) for name in _OF_PHOTO} for photo in used]
    options = {name: getattr(properties, name) for name in _option_names(properties)}
    return json.dumps({"photos": photos, "options": options, "poses_only": poses_only})


def remember(result: bpy.types.Collection, asked: str) -> None:
    """Keep what ``snapshot`` took with the result that came of it."""
    result[_KEY] = asked


def asked(result: bpy.types.Collection) -> dict[str, Any] | None:
    """``photos`` (``name``, ``filepath``, ``mask``, ``height``), ``options`` and ``poses_only`` of a result, or None:
    it is older than this memory, or came from a script."""
    text = result.get(_KEY)
    return json.loads(text) if text else None


def use_again(properties: PFLRM_PG_scene, memory: dict[str, Any]) -> None:
    """Put a result's photos and options into the panel. Photos that are listed besides stay, switched off."""
    for photo in properties.photos:
        photo.enabled = False
    for place, earlier in enumerate(memory["photos"]):
        listed = [photo.filepath for photo in properties.photos]
        if earlier["filepath"] in listed:
            properties.photos.move(listed.index(earlier["filepath"]), place)
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
