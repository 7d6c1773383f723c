"""The mask of a photo: see what was found, paint it in an image editor, use it or give it up."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty

from ..pflrm_blender import inspection, masks, session
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import path_of
from ..pflrm_blender.sentences import localized
from .photos import OnPhoto

PREVIEW_PANEL = "PFLRM_PT_mask"
_BLENDS = {"KEEP": "ADD_ALPHA", "REMOVE": "ERASE_ALPHA"}
_HOW_CUT_OUT = {
    "alpha": n_("Object cut out by its transparency, {share:.0%} of the picture"),
    "file": n_("Object cut out by its mask, {share:.0%} of the picture"),
    "automatic": n_("Object cut out automatically, {share:.0%} of the picture"),
}
_BRUSH = "PF-LRM Mask"
_BRUSH_SECONDS = 0.3  # in which Blender brings its own brush into an editor that has begun to paint
_WATCH_SECONDS = 0.5  # between two looks whether a mask is still in sight
_blends_before: dict[int, str] = {}  # of the brushes that paint masks, by their session number
_viewports: set[int] = set()  # the areas that were viewports before they became editors


class _OnMask(OnPhoto):
    """An operator on the photo whose mask is painted in the image editor it is called from, or as ``OnPhoto``."""

    def place(self, context: bpy.types.Context) -> int:
        if self.index < 0:
            painted = masks.photo_of(getattr(context.space_data, "image", None))
            for place, photo in enumerate(context.scene.pflrm.photos):
                if painted and str(path_of(photo)) == painted:
                    return place
        return super().place(context)


class PFLRM_OT_mask_preview(OnPhoto):
    """Show where the object was found in this photo, and how its lens is known"""

    bl_idname = "pflrm.mask_preview"
    bl_label = "Preview Mask"
    bl_options = {"REGISTER"}

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        photos = context.scene.pflrm.photos
        if not 0 <= properties.index < len(photos):
            return ""
        return tip_("{facts}.\nClick to see it").format(facts=words_about(photos[properties.index]))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.scene.pflrm.active_photo = self.place(context)
        return bpy.ops.wm.call_panel(name=PREVIEW_PANEL, keep_open=True)

    def execute(self, context: bpy.types.Context) -> set[str]:
        photo = context.scene.pflrm.photos[self.place(context)]
        inspection.wait_for(photo)
        self.report({"INFO"}, f"{photo.name}: {words_about(photo)}")
        return {"FINISHED"}


def words_about(photo: bpy.types.PropertyGroup) -> str:
    """What is known about a photo, in a line of facts without a full stop."""
    state = inspection.state_of(photo)
    if state is None:
        there = path_of(photo).is_file()
        return tip_("It has not been looked at yet") if there else tip_("The file is not there any more")
    if state.problem:
        return localized(state.problem, tip_).rstrip(".")
    facts = [tip_(_HOW_CUT_OUT[state.origin]).format(share=state.share)]
    if state.focal_35mm:
        facts.append(tip_("focal length {millimetres:g} mm by its EXIF").format(millimetres=state.focal_35mm))
    else:
        facts.append(tip_("focal length not in its EXIF"))
    if state.tilt is not None:
        facts.append(tip_("looks down by {degrees:.0f}° by its phone").format(degrees=state.tilt))
    if not state.sure:
        facts.append(tip_("hard to tell from its background"))
    if state.touches_border:
        facts.append(tip_("cut off at the edge"))
    return "; ".join(facts)


class PFLRM_OT_mask_edit(OnPhoto):
    """Paint the mask of this photo in an image editor: the object is kept, the rest is transparent"""

    bl_idname = "pflrm.mask_edit"
    bl_label = "Edit Mask"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        photo = context.scene.pflrm.photos[self.place(context)]
        state = inspection.wait_for(photo) if bpy.app.background else inspection.state_of(photo)
        if masks.painted(photo) is None and (state is None or not state.cutout):
            unknown = rpt_("{name} has not been looked at yet: try again soon").format(name=photo.name)
            self.report({"ERROR"}, localized(state.problem) if state is not None else unknown)
            return {"CANCELLED"}
        image = masks.begin(photo, Path(state.cutout) if state is not None else Path())
        area = _editor(context)
        if area is None:
            words = rpt_("Paint the mask in the image {name}, in any image editor")
            self.report({"INFO"}, words.format(name=image.name))
            return {"FINISHED"}
        space = area.spaces.active
        space.image = image
        space.mode = "PAINT"
        space.show_region_tool_header = True
        bpy.app.timers.register(_begin_to_remove, first_interval=_BRUSH_SECONDS)
        return {"FINISHED"}


class PFLRM_OT_mask_brush(bpy.types.Operator):
    """Choose what the brush does to the mask"""

    bl_idname = "pflrm.mask_brush"
    bl_label = "Mask Brush"
    bl_options = {"REGISTER"}

    effect: EnumProperty(
        name="Effect",
        items=[
            ("KEEP", "Keep", "What the brush touches belongs to the object"),
            ("REMOVE", "Remove", "What the brush touches is background"),
        ],
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(map(masks.photo_of, bpy.data.images)):
            cls.poll_message_set(rpt_("No mask is being painted"))
            return False
        return True

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return tip_(properties.rna_type.properties["effect"].enum_items[properties.effect].description)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not _set_brush(context, self.effect):
            self.report({"ERROR"}, "There is no brush: choose one in the image editor first")
            return {"CANCELLED"}
        return {"FINISHED"}


class PFLRM_OT_mask_use(_OnMask):
    """Use the painted mask of this photo from the next run on. It is written to a new file beside the .blend"""

    bl_idname = "pflrm.mask_use"
    bl_label = "Use Edited Mask"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        photo = context.scene.pflrm.photos[self.place(context)]
        image = masks.painted(photo)
        if image is None:
            self.report({"ERROR"}, rpt_("No mask of {name} is being painted").format(name=photo.name))
            return {"CANCELLED"}
        _keep_for_undo(context, image)
        try:
            path = masks.take(photo)
        except PflrmError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _leave(context)
        self.report({"INFO"}, rpt_("{name} uses the mask {file}").format(name=photo.name, file=path))
        return {"FINISHED"}


class PFLRM_OT_mask_discard(_OnMask):
    bl_idname = "pflrm.mask_discard"
    bl_label = "Discard Edited Mask"
    bl_description = (
        "Give up the mask that is being painted for this photo, or else no longer use the one that was painted for it. "
        "Mask files stay where they are"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        photo = context.scene.pflrm.photos[self.place(context)]
        image = masks.painted(photo)
        if image is not None:
            _keep_for_undo(context, image)
        elif not masks.is_own(photo):
            self.report({"ERROR"}, rpt_("No mask was painted for {name}").format(name=photo.name))
            return {"CANCELLED"}
        masks.discard(photo)
        _leave(context)
        return {"FINISHED"}


def _editor(context: bpy.types.Context) -> bpy.types.Area | None:
    """The largest image editor of this window, or else its largest viewport, as one; None without a window."""
    if bpy.app.background or context.window is None:
        return None
    areas = context.window.screen.areas
    editors = [area for area in areas if area.ui_type == "IMAGE_EDITOR"]
    if editors:
        return max(editors, key=_size)
    viewports = [area for area in areas if area.type == "VIEW_3D"]
    if not viewports:
        return None
    area = max(viewports, key=_size)
    area.ui_type = "IMAGE_EDITOR"  # Blender keeps what the viewport was, for when it is one again
    _viewports.add(area.as_pointer())
    return area


def _size(area: bpy.types.Area) -> int:
    return area.width * area.height


def _begin_to_remove() -> None:
    """Choose the brush that what was found too much is removed with."""
    for window, area in _where_masks_are_shown():
        with bpy.context.temp_override(window=window, area=area):
            _set_brush(bpy.context, "REMOVE")


def _where_masks_are_shown() -> list[tuple[bpy.types.Window, bpy.types.Area]]:
    """The image editors that show a mask which is being painted."""
    areas = [(window, area) for window in bpy.context.window_manager.windows for area in window.screen.areas]
    editors = [(window, area) for window, area in areas if area.type == "IMAGE_EDITOR"]
    return [(window, area) for window, area in editors if masks.photo_of(area.spaces.active.image)]


def _set_brush(context: bpy.types.Context, effect: str) -> bool:
    paint = context.tool_settings.image_paint
    if paint.brush is None:  # an installation without Blender's own brushes
        _make_brush(paint)
    if paint.brush is None:
        return False
    _blends_before.setdefault(paint.brush.session_uid, paint.brush.blend)
    paint.brush.blend = _BLENDS[effect]
    if not bpy.app.background and not bpy.app.timers.is_registered(_watch_brush):
        bpy.app.timers.register(_watch_brush, first_interval=_WATCH_SECONDS)
    return True


def _watch_brush() -> float | None:
    """Take the brush back when the artist goes on to something else: there it would erase."""
    if _where_masks_are_shown():
        return _WATCH_SECONDS
    _restore_brushes()
    return None


def _restore_brushes() -> None:
    for brush in bpy.data.brushes:
        if brush.session_uid in _blends_before and brush.blend in _BLENDS.values():
            brush.blend = _blends_before[brush.session_uid]
    _blends_before.clear()


def _make_brush(paint: bpy.types.ImagePaint) -> None:
    brush = bpy.data.brushes.get(_BRUSH) or bpy.data.brushes.new(_BRUSH, mode="TEXTURE_PAINT")
    if not paint.is_property_readonly("brush"):
        paint.brush = brush
    if paint.brush is None:  # since Blender 4.3 brushes are assets
        brush.asset_mark()
        bpy.ops.brush.asset_activate(asset_library_type="LOCAL", relative_asset_identifier=f"Brush/{_BRUSH}")


def _keep_for_undo(context: bpy.types.Context, image: bpy.types.Image) -> None:
    """Make the painting with all its strokes a step that undo comes back to."""
    if bpy.ops.ed.undo_push.poll():
        image.pack()
        with context.temp_override(area=None):  # in an image editor the step would hold strokes alone
            bpy.ops.ed.undo_push(message="Paint Mask")


def _leave(context: bpy.types.Context) -> None:
    """Let the brush do what it did before, and give the viewports back."""
    _restore_brushes()
    if _BRUSH in bpy.data.brushes:
        bpy.data.brushes.remove(bpy.data.brushes[_BRUSH])
    if not bpy.app.background:  # later: an area must not change under the button that was clicked in it
        bpy.app.timers.register(_bring_viewports_back, first_interval=0.1)
    session.redraw()


def _bring_viewports_back() -> None:
    """Turn the editors that were viewports into viewports again, unless they show another image now."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            was_viewport = area.as_pointer() in _viewports and area.type == "IMAGE_EDITOR"
            if was_viewport and area.spaces.active.image is None:
                area.ui_type = "VIEW_3D"
    _viewports.clear()


CLASSES = (
    PFLRM_OT_mask_preview,
    PFLRM_OT_mask_edit,
    PFLRM_OT_mask_brush,
    PFLRM_OT_mask_use,
    PFLRM_OT_mask_discard,
)
