"""After a run: look through the cameras, switch between explanations, render at the photos' size, see the colours."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import IntProperty, StringProperty

from ..pflrm_blender import alternatives, results
from ..pflrm_blender.properties import current_result


class OnResult(bpy.types.Operator):
    """An operator on the result in front of the artist, or on another one where it has a ``result`` to name it."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if current_result(context.scene) is None:
            cls.poll_message_set(rpt_("There is no result in this scene"))
            return False
        return True

    def chosen(self, context: bpy.types.Context) -> bpy.types.Collection:
        """The result that ``result`` names; the one in front if it names none that there is."""
        by_name = {result.name: result for result in results.results_of(context.scene)}
        return by_name.get(getattr(self, "result", "")) or current_result(context.scene)


class PFLRM_OT_look_through(OnResult):
    """Look through the camera of a photo. It becomes the scene's camera, at its marker's frame if it has one"""

    bl_idname = "pflrm.look_through"
    bl_label = "Look Through Camera"
    bl_options = {"REGISTER", "UNDO"}

    camera: StringProperty(name="Camera", description="Name of a camera of the result; empty takes the first one",
                           options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        camera = bpy.data.objects.get(properties.camera)
        if camera is None or "pflrm_confidence" not in camera:
            return ""
        words = tip_(
            "Look through the camera of {photo}. It becomes the scene's camera.\nConfidence in its place: {share:.0%}"
        )
        return words.format(photo=camera["pflrm_photo"], share=camera["pflrm_confidence"])

    def execute(self, context: bpy.types.Context) -> set[str]:
        cameras = results.cameras_of(current_result(context.scene))
        camera = next((camera for camera in cameras if self.camera in ("", camera.name)), None)
        if camera is None:
            words = rpt_("The result has no camera {name}") if self.camera else rpt_("The result has no cameras")
            self.report({"ERROR"}, words.format(name=self.camera))
            return {"CANCELLED"}
        results.go_to_marker(context.scene, camera)
        context.scene.camera = camera
        results.fit_background(context.scene, camera)
        area = _viewport(context)
        if area is not None:
            area.spaces.active.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


class PFLRM_OT_other_cameras(OnResult):
    """Show the next set of cameras that explains the photos about as well. The mesh belongs to the first set"""

    bl_idname = "pflrm.other_cameras"
    bl_label = "Other Cameras"
    bl_options = {"REGISTER", "UNDO"}

    step: IntProperty(name="Step", description="How many sets further; negative goes back", default=1,
                      options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = current_result(context.scene)
        cameras = results.cameras_of(result)
        count = alternatives.count(cameras)
        if count < 2:
            self.report({"ERROR"}, "The photos of this result leave no doubt: it has but one set of cameras")
            return {"CANCELLED"}
        index = (alternatives.shown(result) + self.step) % count
        alternatives.show(result, cameras, results.mesh_of(result), index)
        return {"FINISHED"}


class PFLRM_OT_match_render_size(OnResult):
    """Render at the size of the photo: of the scene's camera if it is a photo's, otherwise of the reference"""

    bl_idname = "pflrm.match_render_size"
    bl_label = "Match Render Size"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        cameras = results.cameras_of(current_result(scene))
        if not cameras:
            self.report({"ERROR"}, "The result has no cameras")
            return {"CANCELLED"}
        camera = scene.camera if scene.camera in cameras else cameras[0]
        scene.render.resolution_x, scene.render.resolution_y = camera["pflrm_photo_size"]
        scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
        for other in cameras:
            results.fit_background(scene, other)
        return {"FINISHED"}


class PFLRM_OT_camera_markers(OnResult):
    bl_idname = "pflrm.camera_markers"
    bl_label = "Add Camera Markers"
    bl_description = (
        "Add a timeline marker for each photo behind those there are, so that the timeline switches between the "
        "cameras. From then on the markers say which camera a frame is rendered with"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        cameras = results.cameras_of(current_result(context.scene))
        markers = results.add_markers(context.scene, cameras)
        if markers:
            words = rpt_("Frames {first} to {last} show the photos' cameras")
            self.report({"INFO"}, words.format(first=markers[0].frame, last=markers[-1].frame))
        return {"FINISHED"}


class PFLRM_OT_show_colours(OnResult):
    """Show the colours of the photos on the mesh in this viewport's Solid mode"""

    bl_idname = "pflrm.show_colours"
    bl_label = "Show Colours"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        area = _viewport(context)
        if area is None:
            self.report({"ERROR"}, "There is no 3D viewport to show them in")
            return {"CANCELLED"}
        shading = area.spaces.active.shading
        mesh = results.mesh_of(current_result(context.scene))
        textured = mesh is not None and mesh.data.uv_layers.active is not None
        shading.type, shading.color_type = "SOLID", "TEXTURE" if textured else "VERTEX"
        return {"FINISHED"}


def _viewport(context: bpy.types.Context) -> bpy.types.Area | None:
    """The 3D viewport that the artist is in, or else the first one of the window."""
    if context.area is not None and context.area.type == "VIEW_3D":
        return context.area
    areas = context.screen.areas if context.screen else ()
    return next((area for area in areas if area.type == "VIEW_3D"), None)


CLASSES = (
    PFLRM_OT_look_through,
    PFLRM_OT_other_cameras,
    PFLRM_OT_match_render_size,
    PFLRM_OT_camera_markers,
    PFLRM_OT_show_colours,
)
