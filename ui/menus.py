"""The menus of one photo, of the list, and of a result; and all that PF-LRM can do, for Blender's search."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_n as n_

from ..operators import CLASSES as OPERATORS
from ..operators.photos import EXTENSIONS
from ..operators.setup import PFLRM_OT_set_up
from ..pflrm_blender import environment
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import machine, path_of
from .mask import draw_tools


class PFLRM_MT_photo(bpy.types.Menu):
    """What can be done with this photo"""

    bl_idname = "PFLRM_MT_photo"
    bl_label = "Photo"

    def draw(self, context: bpy.types.Context) -> None:
        photo = context.pflrm_photo
        index = list(context.scene.pflrm.photos).index(photo)
        last = len(context.scene.pflrm.photos) - 1
        layout = self.layout
        if index > 0:
            layout.operator("pflrm.photo_reference", icon="SOLO_ON").index = index
        for label, direction, icon, possible in (
            (n_("Move Earlier", "Operator"), "UP", "TRIA_UP", index > 0),
            (n_("Move Later", "Operator"), "DOWN", "TRIA_DOWN", index < last),
        ):
            if possible:
                move = layout.operator("pflrm.photo_move", text=label, icon=icon)
                move.index, move.direction = index, direction
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("pflrm.mask_preview", icon="MOD_MASK").index = index
        draw_tools(layout, photo, index)
        layout.separator()
        layout.prop_menu_enum(photo, "height")
        path = path_of(photo)
        if path.suffix.lower() in EXTENSIONS:  # the system would run a program that a stranger's .blend calls a photo
            layout.operator("wm.path_open", text="Show Photo", icon="IMAGE_DATA").filepath = str(path)
        layout.operator("pflrm.photo_remove", icon="X").index = index


class PFLRM_MT_photos(bpy.types.Menu):
    """What can be done with the whole list"""

    bl_idname = "PFLRM_MT_photos"
    bl_label = "Photos"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator("pflrm.photos_paste", icon="PASTEDOWN")
        self.layout.operator("pflrm.photos_clear", icon="TRASH")
        self.layout.separator()
        self.layout.operator("pflrm.copy_report", icon="COPYDOWN")
        self.layout.operator("pflrm.open_preferences", text="Preferences…", icon="PREFERENCES")


class PFLRM_MT_result(bpy.types.Menu):
    """What can be done with the whole result"""

    bl_idname = "PFLRM_MT_result"
    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("pflrm.show_alone", icon="HIDE_OFF")
        layout.operator("pflrm.result_delete", icon="TRASH")


class PFLRM_MT_all(bpy.types.Menu):
    """All that PF-LRM can do: with its photos, its runs and its results"""

    bl_idname = "PFLRM_MT_all"
    bl_label = "PF-LRM"

    def draw(self, context: bpy.types.Context) -> None:
        missing = isinstance(environment.find(machine()), PflrmError)
        subject = ""
        # Set Up comes first as long as nothing else can work.
        for cls in sorted(OPERATORS, key=lambda cls: not (missing and cls is PFLRM_OT_set_up)):
            if subject not in ("", cls.__module__):
                self.layout.separator()
            subject = cls.__module__
            self.layout.operator(cls.bl_idname)


def _draw_in_object_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Blender's search (F3) finds what is in a menu, and nothing that stands in a panel alone."""
    menu.layout.separator()
    menu.layout.menu("PFLRM_MT_all")


def register() -> None:
    bpy.types.VIEW3D_MT_object.append(_draw_in_object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(_draw_in_object_menu)


CLASSES = (PFLRM_MT_photo, PFLRM_MT_photos, PFLRM_MT_result, PFLRM_MT_all)
