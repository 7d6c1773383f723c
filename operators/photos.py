"""The list of photos: add, order, remove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, StringProperty

from ..pflrm_blender import paths, session
from ..pflrm_blender.properties import MOST_OFFERED, path_of, photos_in_use

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif")


class _WithPhotos(bpy.types.Operator):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.pflrm.photos:
            cls.poll_message_set(rpt_("There are no photos"))
            return False
        return True


class OnPhoto(_WithPhotos):
    """An operator on one photo of the list; without an index, on the active one."""

    index: IntProperty(
        name="Photo", description="Place in the list; -1 is the active photo", default=-1, min=-1,
        options={"SKIP_SAVE"},
    )

    def place(self, context: bpy.types.Context) -> int:
        """The photo's place in the list, within its bounds."""
        properties = context.scene.pflrm
        index = properties.active_photo if self.index < 0 else self.index
        return min(max(index, 0), len(properties.photos) - 1)


class PFLRM_OT_photos_add(bpy.types.Operator):
    """Add photos of the object to the list. The first photo is the reference: it shows the object from the front"""

    bl_idname = "pflrm.photos_add"
    bl_label = "Add Photos"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{extension}" for extension in EXTENSIONS), options={"HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN"})
    # Blender's file browser asks its operator for this by name: as where Blender opens images itself.
    display_type: EnumProperty(items=[("THUMBNAIL", "Thumbnails", "", 0, 3)], options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.files:  # dropped into the sidebar
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return add_photos(self, context, [Path(bpy.path.abspath(self.directory), f.name) for f in self.files if f.name])


class PFLRM_OT_photos_paste(bpy.types.Operator):
    """Add the photos whose paths were copied as text, one a line, as file managers do with Copy Path"""

    bl_idname = "pflrm.photos_paste"
    bl_label = "Paste Photos"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return add_photos(self, context, paths_in(context.window_manager.clipboard))


def paths_in(text: str) -> list[Path]:
    """The paths of a text, one a line: plain, in quotes, or as file:// addresses."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # slow to import, and Blender's start does without it

    lines = [line.strip().strip("\"'") for line in text.splitlines()]
    return [Path(url2pathname(urlsplit(line).path) if line.startswith("file://") else line) for line in lines if line]


def add_photos(operator: bpy.types.Operator, context: bpy.types.Context, files: Sequence[Path]) -> set[str]:
    """Add those files to the list that are photos and not in it yet; more than a run can choose from, switched off."""
    properties = context.scene.pflrm
    known = {path_of(photo) for photo in properties.photos}
    new = [path for path in files if path.suffix.lower() in EXTENSIONS and path.is_file() and path not in known]
    if not new:
        operator.report({"WARNING"}, "None of these files is a photo that is not in the list yet")
        return {"CANCELLED"}
    too_many = False
    for path in dict.fromkeys(new):
        in_use = len(photos_in_use(properties))
        photo = properties.photos.add()
        photo.name = path.stem
        photo.filepath = paths.for_file(path)
        photo.enabled = in_use < MOST_OFFERED
        too_many = too_many or not photo.enabled
    properties.active_photo = len(properties.photos) - 1
    session.redraw()  # a drop onto the viewport alone does not draw the panel again
    if too_many:
        words = rpt_("{most} photos are the most: the others are switched off")
        operator.report({"WARNING"}, words.format(most=MOST_OFFERED))
    return {"FINISHED"}


class PFLRM_OT_photo_remove(OnPhoto):
    """Take this photo off the list. Its file stays where it is"""

    bl_idname = "pflrm.photo_remove"
    bl_label = "Remove Photo"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        properties = context.scene.pflrm
        properties.photos.remove(self.place(context))
        properties.active_photo = max(0, min(properties.active_photo, len(properties.photos) - 1))
        return {"FINISHED"}


class PFLRM_OT_photo_move(OnPhoto):
    """Move this photo in the list. The first one is the reference"""

    bl_idname = "pflrm.photo_move"
    bl_label = "Move Photo"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction", items=[("UP", "Up", "Towards the beginning"), ("DOWN", "Down", "Towards the end")]
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        properties = context.scene.pflrm
        place = self.place(context)
        target = place + (-1 if self.direction == "UP" else 1)
        if not 0 <= target < len(properties.photos):
            return {"CANCELLED"}
        properties.photos.move(place, target)
        properties.active_photo = target
        return {"FINISHED"}


class PFLRM_OT_photo_reference(OnPhoto):
    """Make this photo the reference: it will show the object from the front, and its camera is sure"""

    bl_idname = "pflrm.photo_reference"
    bl_label = "Set as Reference"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        properties = context.scene.pflrm
        place = self.place(context)
        properties.photos[place].enabled = True
        properties.photos.move(place, 0)
        properties.active_photo = 0
        return {"FINISHED"}


class PFLRM_OT_photos_clear(_WithPhotos):
    """Take all photos off the list. Their files and earlier results stay"""

    bl_idname = "pflrm.photos_clear"
    bl_label = "Clear Photos"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.pflrm.photos.clear()
        context.scene.pflrm.active_photo = 0
        return {"FINISHED"}


CLASSES = (
    PFLRM_OT_photos_add,
    PFLRM_OT_photos_paste,
    PFLRM_OT_photo_remove,
    PFLRM_OT_photo_move,
    PFLRM_OT_photo_reference,
    PFLRM_OT_photos_clear,
)
