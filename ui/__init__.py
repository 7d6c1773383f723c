"""What an artist sees: the panel in the sidebar of the 3D viewport, the drop of photos into it, the preferences."""

from __future__ import annotations

import bpy

from . import drop, mask, menus, panel, preferences, thumbnails

_CLASSES = (*preferences.CLASSES, *menus.CLASSES, *drop.CLASSES, *panel.CLASSES, *mask.CLASSES)


def register() -> None:
    thumbnails.register()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    mask.register()


def unregister() -> None:
    mask.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    thumbnails.unregister()
