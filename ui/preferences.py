"""The preferences: what belongs to this machine rather than to a scene."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..pflrm_blender import environment, runtime
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import ROOT_PACKAGE, machine
from .text import paragraph


class PFLRM_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = ROOT_PACKAGE

    interpreter: StringProperty(
        name="Use Existing Python",
        description="A Python program, or the folder of a virtual or conda environment, that has torch. "
        "Empty: the environment variable PFLRM_PYTHON, or Blender's own Python if it has torch",
        subtype="FILE_PATH",
    )
    weights: StringProperty(
        name="Weights", description="A file of weights in the safetensors format; empty uses the one that came along",
        subtype="FILE_PATH",
    )
    device: EnumProperty(
        name="Device",
        description="What computes",
        items=[
            ("auto", "Automatic", "The best device that is there"),
            ("cpu", "Processor", "The CPU: slower, and always there"),
            ("cuda", "CUDA or ROCm", "A graphics card by NVIDIA or AMD"),
            ("mps", "Metal", "The graphics processor of a Mac"),
        ],
    )
    idle_minutes: IntProperty(
        name="Keep Ready For", description="Minutes after a run until the memory is given back. "
        "Within that time the next run starts at once", default=5, min=0, soft_max=60,
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.prop(self, "interpreter")
        column.prop(self, "weights")
        column.prop(self, "device")
        row = column.row(align=True)
        row.prop(self, "idle_minutes")
        row.label(text="minutes")
        self._draw_runtime(context)

    def _draw_runtime(self, context: bpy.types.Context) -> None:
        preference = machine().interpreter
        found, report = environment.find(preference), environment.report(preference)
        box = self.layout.box()
        if isinstance(found, PflrmError):
            paragraph(box, context, f"{found.message}\n{found.remedy}", "ERROR")
        elif report is None:
            words = f"Found {found}" if found and not environment.busy() else "Looking…"
            paragraph(box, context, words, "CHECKMARK" if found else "TIME")
        else:
            if report.usable:
                paragraph(box, context, "Ready: this Python has all that is needed.", "CHECKMARK")
            for problem in report.problems:
                paragraph(box, context, problem, "ERROR")
            if report.problems:
                paragraph(box, context, runtime.REPAIR, "BLANK1")
        row = box.row()
        row.operator("pflrm.check_runtime", icon="VIEWZOOM")
        row.operator("pflrm.copy_report", icon="COPYDOWN")
        if report is not None:
            column = box.column(align=True)
            for line in report.facts():
                column.label(text=line)


CLASSES = (PFLRM_AP_preferences,)
