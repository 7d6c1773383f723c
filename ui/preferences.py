"""The preferences: what belongs to this machine rather than to a scene."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ..pflrm_blender.properties import ROOT_PACKAGE
from . import setup


class PFLRM_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = ROOT_PACKAGE

    interpreter: StringProperty(
        name="Use Existing Python",
        description="A Python program, or the folder of a virtual or conda environment, that has torch. "
        "Empty: the environment variable PFLRM_PYTHON, what Set Up has made, or Blender's own Python if it has torch",
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
            ("xpu", "Intel Arc", "A graphics card by Intel"),
        ],
    )
    idle_minutes: IntProperty(
        name="Keep Ready For", description="Minutes after a run until the memory is given back. "
        "Within that time the next run starts at once", default=5, min=0, soft_max=60,
    )

    variant: EnumProperty(
        name="Set Up For",
        description="The build of PyTorch that Set Up installs",
        items=[
            ("auto", "Automatic", "By the graphics card that is found"),
            ("cuda", "NVIDIA", "CUDA, of the version that the driver knows"),
            ("rocm", "AMD", "ROCm, on Linux"),
            ("xpu", "Intel Arc", "Intel's graphics cards"),
            ("mps", "Apple", "Metal, on Macs with Apple's processors"),
            ("cpu", "Processor", "The smallest download, and always there"),
        ],
    )
    runtime_folder: StringProperty(
        name="Set Up In", description="A folder below which Set Up makes the environment, for example on another disk. "
        "Empty: the user's own folder of this extension", subtype="DIR_PATH",
    )
    wheels: StringProperty(
        name="Wheel Folder", description="A folder of wheels from which Set Up installs without a network",
        subtype="DIR_PATH",
    )
    base: StringProperty(
        name="Set Up With", description="A Python 3.11 to 3.13 from which Set Up makes the environment. "
        "Empty: Blender's own, or one that is found", subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        setup.draw_doctor(layout, context)
        column = layout.column(heading="Runs")
        for name in ("device", "weights"):
            column.prop(self, name)
        row = column.row(align=True)
        row.prop(self, "idle_minutes")
        row.label(text="minutes")
        column = layout.column(heading="Set Up")
        for name in ("variant", "runtime_folder", "wheels", "base"):
            column.prop(self, name)
        layout.prop(self, "interpreter")


CLASSES = (PFLRM_AP_preferences,)
