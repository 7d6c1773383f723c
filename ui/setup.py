"""The state of the worker's environment, in the preferences and in the sidebar."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..pflrm_blender import environment, plan, runtime, setting_up, variants
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import machine
from ..pflrm_blender.sentences import localized
from .text import paragraph

_LINES = 3  # of the log that are shown
_LINE_LENGTH = 110


def draw_progress(layout: bpy.types.UILayout) -> bool:
    """The set-up that is under way; False if there is none."""
    under_way = setting_up.current()
    if under_way is None:
        return False
    layout = layout.box()
    words = f"{iface_(under_way.stage)}   {under_way.fraction:.0%}"
    layout.progress(text=words, factor=under_way.fraction, translate=False)
    column = layout.column(align=True)
    column.scale_y = 0.8
    column.active = False
    for line in list(under_way.lines)[-_LINES:]:
        column.label(text=line[:_LINE_LENGTH], translate=False)
    row = layout.row()
    row.operator("pflrm.set_up_log", icon="TEXT")
    row.operator("pflrm.set_up_cancel", text="Cancel", icon="X")
    return True


def draw_what_is_missing(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """That there is no environment or an old one, if so, and the way to a new one."""
    found = environment.find(machine())
    setting_up.redraw_when_answered()
    if isinstance(found, PflrmError):
        box = layout.box()
        paragraph(box, context, found.message, "ERROR")
        _draw_offer(box, context)
        box.operator("pflrm.open_preferences", icon="PREFERENCES")
    elif older := environment.older_torch(machine()):
        box = layout.box()
        _draw_older(box, context, older)
        box.operator("pflrm.set_up", text="Update…", icon="IMPORT")


def _draw_offer(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Set Up, with the size of what it takes, or why there is no such offer."""
    here = machine()
    if here.interpreter or os.environ.get(runtime.ENVIRONMENT_VARIABLE):
        return
    planned = environment.planned(setting_up.wishes())
    setting_up.redraw_when_answered()
    if isinstance(planned, PflrmError):
        paragraph(layout, context, str(planned), "INFO")
        return
    row = layout.row()
    row.scale_y = 1.4
    words = f"{iface_('Set Up…', 'Operator')} {_size(planned)}".rstrip()
    row.operator("pflrm.set_up", text=words, icon="IMPORT", translate=False)
    if planned is not None and planned.online and not bpy.app.online_access:
        words = iface_("Blender's online access is off: allow it in Preferences → System → Network, or choose wheels.")
        paragraph(layout, context, words, "INFO")


def _draw_older(layout: bpy.types.UILayout, context: bpy.types.Context, older: str) -> None:
    """The environment is one of an earlier version of this extension. It works; nobody has to replace it."""
    words = iface_("PyTorch {there} is set up; this version of PF-LRM was made for {wanted}.")
    paragraph(layout, context, words.format(there=older, wanted=variants.TORCH), "INFO")


def draw_device(layout: bpy.types.UILayout) -> None:
    """The name and memory of the device that a run would use; the environment is asked for it once."""
    here = machine()
    report = environment.report(here)
    if report is None:
        if isinstance(environment.find(here), Path) and not environment.busy():
            environment.check(here)
            setting_up.redraw_when_answered()
        return
    device = next((device for device in report.devices if here.device in ("auto", device["kind"])), None)
    if device is not None:
        row = layout.row()
        row.alignment = "RIGHT"
        memory = f", {device['memory'] / 2**30:.1f} GiB" if device["memory"] else ""
        row.label(text=f"{device['name']}{memory}", translate=False)
    elif report.usable:
        words = iface_("This machine's torch has no device {0}.").format(here.device)
        layout.label(text=words, icon="ERROR", translate=False)


def draw_doctor(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is there and what is not, with one button for the next step."""
    here = machine()
    found, report, weights = environment.find(here), environment.report(here), environment.weights_state(here)
    setting_up.redraw_when_answered()
    if draw_progress(layout):
        return
    box = layout.box()
    if isinstance(found, PflrmError):
        paragraph(box, context, found.message, "ERROR")
        _draw_offer(box, context)
    elif report is None:
        is_there = found and not environment.busy()
        words = iface_("Found {python}").format(python=found) if is_there else iface_("Looking…")
        paragraph(box, context, words, "CHECKMARK" if found else "TIME")
    else:
        if report.usable:
            paragraph(box, context, "Ready: this Python has all that is needed.", "CHECKMARK")
        for problem in report.problems:
            paragraph(box, context, problem, "ERROR")
        if report.problems and plan.is_ours(here.managed) and not here.interpreter:
            box.operator("pflrm.set_up", text="Repair…", icon="IMPORT")
        elif report.problems:
            paragraph(box, context, runtime.REPAIR, "BLANK1")
    older = environment.older_torch(here)
    if older:
        _draw_older(box, context, older)
    if weights is not None and weights.problem:
        paragraph(box, context, weights.problem, "ERROR")
    row = box.row()
    row.operator("pflrm.check_runtime", text="Check", icon="VIEWZOOM")
    row.operator("pflrm.copy_report", icon="COPYDOWN")
    if plan.is_ours(here.managed):
        row.operator("pflrm.set_up_log", icon="TEXT")
        row = box.row()
        row.operator("pflrm.set_up", text="Update…" if older else "Set Up Again…", icon="IMPORT")
        row.operator("pflrm.set_up_remove", text="Remove…", icon="TRASH")
    column = box.column(align=True)
    for line in report.summary() if report is not None else ():
        column.label(text=localized(line, iface_), translate=False)
    if weights is not None:
        column.label(text=f"{iface_('Weights')}: {localized(weights.words, iface_)}", translate=False)


def _size(planned: plan.Plan | None) -> str:
    if planned is None:
        return ""
    if not planned.online:
        return iface_("(no download)")
    return iface_("({size} download)").format(size=plan.size_in_words(planned.build.download))
