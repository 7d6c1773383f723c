"""The mask of one photo: what was found, in a panel that pops up, and the tools to paint it in the image editor."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_n as n_

from ..operators.masks import PREVIEW_PANEL, words_about
from ..pflrm_blender import inspection, masks
from ..pflrm_blender.properties import path_of
from . import thumbnails
from .text import paragraph

_SCALE = 12.0  # of the picture, in units of an icon
_WIDTH = 420  # pixels for its words, at a scale of 1


class PFLRM_PT_mask(bpy.types.Panel):
    """The mask of the active photo; ``pflrm.mask_preview`` pops it up"""

    bl_idname = PREVIEW_PANEL
    bl_label = "Mask"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = 18

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        properties = context.scene.pflrm
        if not 0 <= properties.active_photo < len(properties.photos):
            return
        photo = properties.photos[properties.active_photo]
        state = inspection.state_of(photo)
        layout.label(text=photo.name, icon="MOD_MASK", translate=False)
        picture = Path(state.preview) if state is not None and state.preview else path_of(photo)
        icon = thumbnails.icon_of(picture)
        if icon:
            layout.template_icon(icon_value=icon, scale=_SCALE)
        for fact in words_about(photo).split("; "):
            paragraph(layout, context, fact[:1].upper() + fact[1:], pixels=_WIDTH)
        layout.prop(photo, "height")
        draw_tools(layout, photo, properties.active_photo)


def draw_tools(layout: bpy.types.UILayout, photo: bpy.types.PropertyGroup, index: int) -> None:
    """The buttons that make sense for a photo's mask now."""
    being_painted = masks.painted(photo) is not None
    column = layout.column(align=True)
    column.operator("pflrm.mask_edit", text="Go On Painting" if being_painted else "Edit Mask",
                    icon="BRUSH_DATA").index = index
    if being_painted:
        column.operator("pflrm.mask_use", icon="CHECKMARK").index = index
    if being_painted or masks.is_own(photo):
        column.operator("pflrm.mask_discard", icon="X").index = index


def draw_header(header: bpy.types.Header, context: bpy.types.Context) -> None:
    """While a mask is painted, at the left of the tool header where there is always room: brushes and the way back."""
    if not masks.photo_of(context.space_data.image):
        return
    brush = context.tool_settings.image_paint.brush
    layout = header.layout
    row = layout.row(align=True)
    for effect, label, icon, blend in (
        ("KEEP", n_("Keep", "Operator"), "ADD", "ADD_ALPHA"),
        ("REMOVE", n_("Remove", "Operator"), "REMOVE", "ERASE_ALPHA"),
    ):
        chosen = brush is not None and brush.blend == blend
        row.operator("pflrm.mask_brush", text=label, icon=icon, depress=chosen).effect = effect
    layout.operator("pflrm.mask_use", icon="CHECKMARK")
    layout.operator("pflrm.mask_discard", text="Discard", icon="X")


def register() -> None:
    bpy.types.IMAGE_HT_tool_header.prepend(draw_header)


def unregister() -> None:
    bpy.types.IMAGE_HT_tool_header.remove(draw_header)


CLASSES = (PFLRM_PT_mask,)
