"""The .blend is saved in another folder: what it says of files is written anew, to name the same files from there.

Blender does this for its own datablocks alone, not for properties of extensions. The file on disk gets the new paths;
the open one keeps its own where only a copy was saved. What an artist added before the first save becomes relative to
the .blend if it lies beside or below it, so that the project's folder can be moved as a whole.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from . import history, masks, paths

_Write = Callable[[str], None]
_Change = Callable[[str], str]

_written: list[tuple[_Write, str]] = []  # in this save: how to write a text, and what it was


@persistent
def _before_save(filepath: str, *_: object) -> None:
    """Blender names the file that is written; none for its own start-up file."""
    _written.clear()
    if not filepath or _same_folder(filepath, bpy.data.filepath):
        return
    change = partial(_moved, folder=os.path.dirname(os.path.abspath(filepath)))
    for scene in _local(bpy.data.scenes):
        for photo in scene.pflrm.photos:
            for name in ("filepath", "mask"):
                _rewrite(partial(setattr, photo, name), getattr(photo, name), change)
    for image in _local(bpy.data.images):
        if masks.OF_PHOTO in image:
            _rewrite(partial(operator.setitem, image, masks.OF_PHOTO), image[masks.OF_PHOTO], change)
    for result in _local(bpy.data.collections):
        if history.ASKED in result:
            write = partial(operator.setitem, result, history.ASKED)
            _rewrite(write, result[history.ASKED], partial(history.with_paths, change=change))


@persistent
def _after_save(filepath: str, *_: object) -> None:
    """After a copy, or a save that failed, the open file is where it was."""
    if not _same_folder(filepath, bpy.data.filepath):
        for write, text in _written:
            write(text)
    _written.clear()


def _rewrite(write: _Write, text: str, change: _Change) -> None:
    new = change(text)
    if new != text:
        _written.append((write, text))
        write(new)


def _moved(path: str, folder: str) -> str:
    """What a path of the open file is called in a file in another folder."""
    if bpy.data.is_saved:
        return paths.relative(paths.absolute(path), folder) if path.startswith("//") else path
    wanted = bpy.context.preferences.filepaths.use_relative_paths and Path(path).is_relative_to(folder)
    return paths.relative(path, folder) if wanted else path


def _same_folder(one: str, other: str) -> bool:
    return bool(other) and os.path.dirname(os.path.abspath(one)) == os.path.dirname(os.path.abspath(other))


def _local(datablocks: bpy.types.bpy_prop_collection) -> list:
    """Those that can be written to: others belong to the file they are linked from."""
    return [item for item in datablocks if item.library is None]


def register() -> None:
    bpy.app.handlers.save_pre.append(_before_save)
    bpy.app.handlers.save_post.append(_after_save)
    bpy.app.handlers.save_post_fail.append(_after_save)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_before_save)
    bpy.app.handlers.save_post.remove(_after_save)
    bpy.app.handlers.save_post_fail.remove(_after_save)
