"""Photos dropped into the sidebar. Elsewhere in the viewport a dropped image keeps its usual meaning."""

from __future__ import annotations

import bpy

from ..operators.photos import EXTENSIONS


class PFLRM_FH_photos(bpy.types.FileHandler):
    bl_idname = "PFLRM_FH_photos"
    bl_label = "Photos of an Object (PF-LRM)"
    bl_import_operator = "pflrm.photos_add"
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        area, region = context.area, context.region
        return area is not None and area.type == "VIEW_3D" and region is not None and region.type == "UI"


CLASSES = (PFLRM_FH_photos,)
