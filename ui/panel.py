"""The panel in the sidebar of the 3D viewport: photos, options, the run, its result, from top to bottom."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_

from ..pflrm_blender import alternatives, arranging, history, results, session
from ..pflrm_blender.properties import ROOT_PACKAGE, current_result
from . import photos, setup
from .text import paragraph

_CONFIDENT = (0.75, 0.4, 0.1)  # a dot each
_UNSURE = _CONFIDENT[1]


class PFLRM_PT_main(bpy.types.Panel):
    bl_idname = "PFLRM_PT_main"
    bl_label = "PF-LRM"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "PF-LRM"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_decorate = False
        photos.draw(layout, context)
        _draw_options(layout, context)
        _draw_run(layout, context)
        photos.draw_findings(layout, context)
        _draw_notice(layout, context)
        result = current_result(context.scene)
        if result is not None:
            _draw_result(layout, context, result)
        _draw_history(layout, context)


def _draw_options(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    properties = context.scene.pflrm
    layout.row().prop(properties, "quality", expand=True)
    header, body = layout.panel("PFLRM_PT_options", default_closed=True)
    header.label(text="Options")
    if body is None:
        return
    body.use_property_split = True
    column = body.column()
    column.prop(properties, "title")
    column.prop(properties, "focal")
    if properties.focal == "LENS":
        column.prop(properties, "focal_35mm")
    elif properties.focal == "ANGLE":
        column.prop(properties, "fov")
    column.prop(properties, "face_limit")
    column.prop(properties, "texture")
    column = body.column()
    column.prop(properties, "placement")
    column.prop(properties, "on_floor")
    column.prop(properties, "size")
    addon = context.preferences.addons.get(ROOT_PACKAGE)
    if addon is not None:
        column = body.column()
        column.prop(addon.preferences, "device")
        setup.draw_device(column)
    if properties.photos:
        column = body.column()
        column.label(text="Masks", icon="MOD_MASK")
        for photo in properties.photos:
            column.prop(photo, "mask", text=photo.name, translate=False)


def _draw_run(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    run = session.state.run
    if run is not None:
        left = None
        if not run.ready:
            layout.progress(
                text=f"{iface_(run.stage)}   {run.fraction:.0%}", factor=run.fraction, translate=False
            )
            left = run.seconds_left()
        else:
            words = n_("The result is ready: go to Object Mode to receive it.")
            if session.is_rendering():
                words = n_("The result is ready: it comes when the render has ended.")
            paragraph(layout, context, words, "INFO")
        row = layout.row()
        row.label(text="" if left is None else iface_("{seconds:.0f} s left").format(seconds=left), translate=False)
        row.operator("pflrm.cancel", text="Cancel", icon="X")
        _draw_queue(layout)
        return
    if not setup.draw_progress(layout):
        setup.draw_what_is_missing(layout, context)
    column = layout.column(align=True)
    row = column.row(align=True)
    row.scale_y = 1.6
    row.operator("pflrm.reconstruct", icon="OUTLINER_OB_MESH")
    column.operator("pflrm.place_cameras", icon="OUTLINER_OB_CAMERA")


def _draw_queue(layout: bpy.types.UILayout) -> None:
    """Another run can be asked for while one is under way."""
    waiting = len(session.state.queue)
    if waiting:
        row = layout.row()
        row.label(text=iface_("{count} waiting").format(count=waiting), icon="TIME", translate=False)
        row.operator("pflrm.clear_queue", icon="TRASH")
    row = layout.row(align=True)
    row.operator("pflrm.reconstruct", text="Add to Queue", icon="ADD")
    row.operator("pflrm.place_cameras", text="", icon="OUTLINER_OB_CAMERA")


def _draw_notice(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    notice = session.state.notice
    if notice is None or (notice.collection and notice.collection not in bpy.data.collections):
        return
    box = layout.box()
    icon = {"INFO": "CHECKMARK", "WARNING": "INFO", "ERROR": "ERROR"}[notice.level]
    paragraph(box, context, f"{notice.text}\n{notice.remedy}".strip(), icon)
    cover = bpy.data.objects.get(notice.cover)
    if cover is not None and cover.visible_get():
        paragraph(box, context, iface_("It stands inside {name}, which hides it.").format(name=cover.name), "INFO")
        words = iface_("Hide {name}").format(name=cover.name)
        box.operator("pflrm.uncover", text=words, icon="HIDE_ON", translate=False)
    if notice.worth_a_report:
        box.operator("pflrm.copy_report", icon="COPYDOWN")


def _draw_result(layout: bpy.types.UILayout, context: bpy.types.Context, result: bpy.types.Collection) -> None:
    scene = context.scene
    header, body = layout.panel("PFLRM_PT_result")
    header.label(text=result.name, translate=False)
    header.menu("PFLRM_MT_result", text="", icon="DOWNARROW_HLT")
    if body is None:
        return
    cameras, mesh = results.cameras_of(result), results.mesh_of(result)
    if not cameras and mesh is None:
        paragraph(body, context, "All that this run has made was deleted.", "INFO")
        body.operator("pflrm.result_delete", icon="TRASH")
        return
    facts = [iface_("{count} cameras").format(count=len(cameras)) if len(cameras) != 1 else iface_("1 camera")]
    if mesh is not None:
        facts.append(iface_("{count} faces").format(count=f"{results.faces_of(mesh):,}".replace(",", " ")))
    facts.append(f"{result.get('pflrm_seconds', 0.0):.1f} s")
    body.label(text=" · ".join(facts), translate=False)
    if mesh is not None:
        body.operator("pflrm.show_colours", icon="COLOR")
    column = body.column(align=True)
    for camera in cameras:
        row = column.row(align=True)
        look = row.operator(
            "pflrm.look_through", text=camera.name, icon="OUTLINER_OB_CAMERA", depress=camera == scene.camera,
            translate=False,
        )
        look.camera = camera.name
        dots = sum(camera["pflrm_confidence"] >= limit for limit in _CONFIDENT)
        right = row.row()
        right.ui_units_x = 2.5
        right.label(text="●" * dots + "○" * (len(_CONFIDENT) - dots), translate=False)
    if any(camera["pflrm_confidence"] < _UNSURE for camera in cameras) and photos.heights_are_open(context):
        words = n_("Unsure cameras get better with more photos, and when you say from how high each was taken: "
                   "click the line below its name.")
        paragraph(body, context, words, "INFO")
    _draw_alternatives(body, context, result)
    _draw_overlay(body, scene, result)
    body.prop(scene, "pflrm_photo_opacity", slider=True)
    body.prop(scene, "pflrm_result_size")
    _draw_turns(body)
    column = body.column(align=True)
    column.operator("pflrm.match_render_size", icon="OUTPUT")
    column.operator("pflrm.camera_markers", icon="MARKER_HLT")


def _draw_turns(layout: bpy.types.UILayout) -> None:
    """Which way is up, by one click."""
    row = layout.row(align=True)
    row.label(text="Turn")
    for axis in "XYZ":
        row.operator("pflrm.turn_result", text=axis, icon="LOOP_FORWARDS", translate=False).axis = axis
    row.operator("pflrm.drop_to_floor", text="", icon="TRIA_DOWN_BAR")


def _draw_overlay(layout: bpy.types.UILayout, scene: bpy.types.Scene, result: bpy.types.Collection) -> None:
    """Those that this result has: cameras alone have no errors, and a script's result may have nothing of it."""
    cameras = results.cameras_of(result)
    outlines, points = (any(known in camera for camera in cameras) for known in ("pflrm_outline", "pflrm_points"))
    if not (outlines or points):
        return
    column = layout.column(align=True)
    column.label(text="Overlays", icon="OVERLAY")
    row = column.row(align=True)
    for kind, known in (
        ("outlines", outlines), ("errors", outlines and results.mesh_of(result) is not None), ("points", points),
    ):
        if known:
            row.prop(scene.pflrm_overlay, kind, toggle=True)


def _draw_history(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """All results of the scene, newest first."""
    made = results.results_of(context.scene)
    if not made:
        return
    header, body = layout.panel("PFLRM_PT_history", default_closed=True)
    header.label(text=iface_("History ({count})").format(count=len(made)), translate=False)
    if body is None:
        return
    front = current_result(context.scene)
    for result in reversed(made):
        box = body.box().column(align=True)
        row = box.row(align=True)
        row.operator(
            "pflrm.result_front", text=result.name, depress=result == front, translate=False
        ).result = result.name
        row.operator("pflrm.show_alone", text="", icon="HIDE_OFF").result = result.name
        if result != front:
            beside = arranging.stands_beside(result)
            row.operator("pflrm.compare", text="", icon="ARROW_LEFTRIGHT", depress=beside).result = result.name
        row.operator("pflrm.use_again", text="", icon="LOOP_BACK").result = result.name
        row.operator("pflrm.result_delete", text="", icon="TRASH").result = result.name
        box.label(text=_summary(result), translate=False)


def _summary(result: bpy.types.Collection) -> str:
    """How a result was made, in a line."""
    memory, cameras = history.asked(result), results.cameras_of(result)
    facts = [iface_(memory["options"]["quality"].capitalize())] if memory is not None else []
    facts.append(iface_("{count} photos").format(count=len(cameras)) if len(cameras) != 1 else iface_("1 photo"))
    if results.mesh_of(result) is None:
        facts.append(iface_("cameras only"))
    facts.append(f"{result.get('pflrm_seconds', 0.0):.1f} s")
    return " · ".join(facts)


def _draw_alternatives(layout: bpy.types.UILayout, context: bpy.types.Context, result: bpy.types.Collection) -> None:
    count = alternatives.count(results.cameras_of(result))
    if count < 2:
        return
    index = alternatives.shown(result)
    row = layout.row(align=True)
    row.operator("pflrm.other_cameras", text="", icon="TRIA_LEFT").step = -1
    row.label(text=iface_("Cameras {index} of {count}").format(index=index + 1, count=count), translate=False)
    row.operator("pflrm.other_cameras", text="", icon="TRIA_RIGHT").step = 1
    words = n_("The mesh belongs to the first cameras.") if index else result.get("pflrm_symmetry", "")
    if words:
        paragraph(layout, context, words, "INFO")


CLASSES = (PFLRM_PT_main,)
