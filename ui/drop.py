"""Photos dropped into the viewport or its sidebar. Blender asks what they are, as it knows other uses of images."""

from __future__ import annotations

import bpy

from ..operators.photos import EXTENSIONS

_REGIONS = ("WINDOW", "UI")


class PFLRM_FH_photos(bpy.types.FileHandler):
    bl_idname = "PFLRM_FH_photos"
    bl_label = "Photos of an Object (PF-LRM)"
    bl_import_operator = "pflrm.photos_add"
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        area, region = context.area, context.region
        return area is not None and area.type == "VIEW_3D" and region is not None and region.type in _REGIONS


CLASSES = (PFLRM_FH_photos,)
