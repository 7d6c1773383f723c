"""When something is missing or wrong: check, report."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..pflrm_blender import environment, report, setting_up
from ..pflrm_blender.properties import machine


class PFLRM_OT_check_runtime(bpy.types.Operator):
    """Ask the chosen Python which packages and devices it has, and check the weights. Takes a few seconds"""

    bl_idname = "pflrm.check_runtime"
    bl_label = "Check Environment"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if environment.busy():
            cls.poll_message_set(rpt_("A check is under way"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        environment.check(machine())
        setting_up.redraw_when_answered()
        return {"FINISHED"}


class PFLRM_OT_copy_report(bpy.types.Operator):
    """Copy versions, the runtime's state and the last message to the clipboard. Nothing is sent anywhere"""

    bl_idname = "pflrm.copy_report"
    bl_label = "Copy Report"
    bl_options = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = report.text()
        self.report({"INFO"}, "The report is in the clipboard")
        return {"FINISHED"}


CLASSES = (PFLRM_OT_check_runtime, PFLRM_OT_copy_report)
