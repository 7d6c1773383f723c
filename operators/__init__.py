"""What a click does: check, start, report. All can be called from scripts and found with F3."""

from __future__ import annotations

import bpy

from . import arrange, masks, photos, result, run, setup, support

CLASSES = (
    *photos.CLASSES, *masks.CLASSES, *run.CLASSES, *result.CLASSES, *arrange.CLASSES, *setup.CLASSES, *support.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
