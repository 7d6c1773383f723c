"""A result as a whole: turn it upright, put it on the floor, compare it, use its options again, delete it."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty, StringProperty

from ..pflrm_blender import arranging, history, results, session, showing
from ..pflrm_blender.properties import current_result
from .result import OnResult


class _OnAnyResult(OnResult):
    result: StringProperty(
        name="Result", description="Name of a result; empty takes the one in front", options={"SKIP_SAVE"}
    )


class _OnRoot(OnResult):
    """An operator that moves the empty which carries the result."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if results.root_of(current_result(context.scene)) is None:
            cls.poll_message_set(rpt_("The empty that carries this result was deleted"))
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
            ("X", "X", "Tip the object and its cameras forwards by a quarter, about the world's X"),
            ("Y", "Y", "Tip the object and its cameras sideways by a quarter, about the world's Y"),
            ("Z", "Z", "Turn the object and its cameras on the floor by a quarter, about the world's Z"),
        ],
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return tip_(properties.rna_type.properties["axis"].enum_items[properties.axis].description)

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = current_result(context.scene)
        arranging.turn(result, results.root_of(result), self.axis)
        return {"FINISHED"}


class PFLRM_OT_drop_to_floor(_OnRoot):
    """Put the object's lowest point on the floor of the world"""

    bl_idname = "pflrm.drop_to_floor"
    bl_label = "Drop to Floor"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = current_result(context.scene)
        arranging.drop(result, results.root_of(result))
        return {"FINISHED"}


class PFLRM_OT_show_alone(_OnAnyResult):
    """Show this result and hide the other ones, in the viewport and in renders"""

    bl_idname = "pflrm.show_alone"
    bl_label = "Show This Result Alone"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = self.chosen(context)
        arranging.show_alone(context.scene, result)
        context.scene.pflrm_result = result
        return {"FINISHED"}


class PFLRM_OT_uncover(OnResult):
    """Hide the objects that this result stands inside, in the viewport and in renders. Nothing is deleted"""

    bl_idname = "pflrm.uncover"
    bl_label = "Hide What Covers the Result"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        covers = showing.covers_of(context.scene, current_result(context.scene))
        if not covers:
            self.report({"ERROR"}, "Nothing covers the result")
            return {"CANCELLED"}
        for cover in covers:
            cover.hide_viewport = cover.hide_render = True
        return {"FINISHED"}


class PFLRM_OT_result_front(_OnAnyResult):
    """Select this result and bring it into view. The panel shows its cameras"""

    bl_idname = "pflrm.result_front"
    bl_label = "Bring Result to Front"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = self.chosen(context)
        result.hide_viewport = result.hide_render = False
        context.scene.pflrm_result = result
        showing.select_only(context.scene, result)
        showing.frame(context.scene, result)
        return {"FINISHED"}


class PFLRM_OT_compare(_OnAnyResult):
    """Stand this result beside the one in front, to compare the two; once more puts it back where it was"""

    bl_idname = "pflrm.compare"
    bl_label = "Compare Side by Side"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        front, other = current_result(context.scene), self.chosen(context)
        if not self.result:  # from F3: the newest of the others
            other = next((one for one in reversed(results.results_of(context.scene)) if one != front), front)
        root = results.root_of(other)
        if other == front or root is None:
            self.report({"ERROR"}, "There is no other result to compare with")
            return {"CANCELLED"}
        if arranging.stands_beside(other):
            arranging.put_back(root)
        else:
            arranging.put_beside(front, other, root)
        return {"FINISHED"}


class PFLRM_OT_use_again(_OnAnyResult):
    """Put the photos and options that this result was made from back into the panel. Other photos are switched off"""

    bl_idname = "pflrm.use_again"
    bl_label = "Use These Options Again"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        result = self.chosen(context)
        memory = history.asked(result)
        if memory is None:
            words = rpt_("{name} does not know its options: it was made by a script")
            self.report({"ERROR"}, words.format(name=result.name))
            return {"CANCELLED"}
        history.use_again(context.scene.pflrm, memory)
        session.redraw()
        return {"FINISHED"}


class PFLRM_OT_result_delete(_OnAnyResult):
    """Delete this result: its cameras and its mesh. The photos' files stay"""

    bl_idname = "pflrm.result_delete"
    bl_label = "Delete Result"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        arranging.delete(scene, self.chosen(context))
        left = results.results_of(scene)
        if current_result(scene) is None:
            scene.pflrm_result = left[-1] if left else None
        return {"FINISHED"}


CLASSES = (
    PFLRM_OT_turn_result,
    PFLRM_OT_drop_to_floor,
    PFLRM_OT_show_alone,
    PFLRM_OT_uncover,
    PFLRM_OT_result_front,
    PFLRM_OT_compare,
    PFLRM_OT_use_again,
    PFLRM_OT_result_delete,
)
