"""What an artist sees: the panel in the sidebar of the 3D viewport, the drop of photos into it, the overlay, the
preferences."""

from __future__ import annotations

import bpy

from . import drop, locale, mask, menus, overlay, panel, preferences, thumbnails

_CLASSES = (*preferences.CLASSES, *menus.CLASSES, *drop.CLASSES, *panel.CLASSES, *mask.CLASSES)


def register() -> None:
    thumbnails.register()
    locale.register()
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    mask.register()
    menus.register()
    overlay.register()


def unregister() -> None:
    overlay.unregister()
    menus.unregister()
    mask.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
    locale.unregister()
    thumbnails.unregister()
