"""A result as a whole: turn it upright, put it on the floor, compare it with others, delete it."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty

from ..pflrm_blender import arranging
from ..pflrm_blender import scene as scenes
from ..pflrm_blender.properties import current_result
from .result import OnResult


class _OnRoot(OnResult):
    """An operator that moves the empty which carries the result."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if scenes.root_of(current_result(context.scene)) is None:
            cls.poll_message_set("The empty that carries this result was deleted")
            return False
        return True


class PFLRM_OT_turn_result(_OnRoot):
    """Turn the object and its cameras by a quarter about an axis of the world, if another side should be up"""

    bl_idname = "pflrm.turn_result"
    bl_label = "Turn Result"
    bl_options = {"REGISTER", "UNDO"}

    axis: EnumProperty(
        name="Axis",
        items=[
            ("X", "X", "Tip it forwards or backwards"),
            ("Y", "Y", "Tip it to the side"),
            ("Z", "Z", "Turn it on the floor"),
        ],
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = current_result(context.scene)
        arranging.turn(result, scenes.root_of(result), self.axis)
        return {"FINISHED"}


class PFLRM_OT_drop_to_floor(_OnRoot):
    """Put the object's lowest point on the floor of the world"""

    bl_idname = "pflrm.drop_to_floor"
    bl_label = "Drop to Floor"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = current_result(context.scene)
        arranging.drop(result, scenes.root_of(result))
        return {"FINISHED"}


class PFLRM_OT_show_alone(OnResult):
    """Show this result and hide the other ones, in the viewport and in renders"""

    bl_idname = "pflrm.show_alone"
    bl_label = "Show This Result Alone"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        arranging.show_alone(context.scene, current_result(context.scene))
        return {"FINISHED"}


class PFLRM_OT_result_delete(OnResult):
    """Delete this result: its cameras and its mesh. The photos' files stay"""

    bl_idname = "pflrm.result_delete"
    bl_label = "Delete Result"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        arranging.delete(scene, current_result(scene))
        left = scenes.results_of(scene)
        scene.pflrm_result = left[-1] if left else None
        return {"FINISHED"}


CLASSES = (PFLRM_OT_turn_result, PFLRM_OT_drop_to_floor, PFLRM_OT_show_alone, PFLRM_OT_result_delete)
