"""The environment that the worker runs in: set it up, see how it goes, take it away."""

from __future__ import annotations

import os

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_

from ..pflrm_blender import environment, install, plan, runtime, session, setting_up
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import ROOT_PACKAGE, machine
from ..pflrm_blender.sentences import localized

_DIALOG_WIDTH = 520  # pixels at a scale of 1
_CHARACTERS = 90  # that fit into it


class PFLRM_OT_set_up(bpy.types.Operator):
    """Make the Python environment that PF-LRM computes in, or make it anew. Asks first; goes on in the background"""

    bl_idname = "pflrm.set_up"
    bl_label = "Set Up…"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if setting_up.current() is not None:
            cls.poll_message_set(rpt_("A set-up is under way"))
            return False
        if machine().interpreter or os.environ.get(runtime.ENVIRONMENT_VARIABLE):
            words = rpt_("Use Existing Python or PFLRM_PYTHON names a Python, which would be used all the same")
            cls.poll_message_set(words)
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            self._plan = _plan()
            setting_up.check_online(self._plan)
            self._plan.check_disk()
        except PflrmError as error:
            self.report({"ERROR"}, localized(str(error)))
            return {"CANCELLED"}
        confirm = iface_("Download and Set Up") if self._plan.online else iface_("Set Up")
        return context.window_manager.invoke_props_dialog(
            self, width=_DIALOG_WIDTH, title=iface_("Set Up PF-LRM"), confirm_text=confirm
        )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.label(text="PF-LRM computes in a Python of its own, beside Blender. Setting it up means:")
        column.separator()
        for line in self._plan.lines():
            for part in _wrapped(localized(line, iface_)):
                column.label(text=part, translate=False)
        column.separator()
        column.label(text="No photo and nothing else leaves this machine. You can go on working meanwhile.")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            planned = getattr(self, "_plan", None) or _plan()
            if bpy.app.background:
                setting_up.run(planned, print)
            else:
                setting_up.start(planned)
        except PflrmError as error:
            self.report({"ERROR"}, localized(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


class PFLRM_OT_set_up_cancel(bpy.types.Operator):
    """End the set-up, and delete what it has made and downloaded so far"""

    bl_idname = "pflrm.set_up_cancel"
    bl_label = "Cancel Set-Up"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if setting_up.current() is None:
            cls.poll_message_set(rpt_("No set-up is under way"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        setting_up.cancel()
        return {"FINISHED"}


class PFLRM_OT_set_up_remove(bpy.types.Operator):
    """Delete the environment that PF-LRM has made, to free the disk. Results and scenes stay"""

    bl_idname = "pflrm.set_up_remove"
    bl_label = "Remove Environment…"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not plan.is_ours(machine().managed):
            cls.poll_message_set(rpt_("PF-LRM has made no environment here"))
            return False
        if setting_up.current() is not None or session.state.run is not None:
            cls.poll_message_set(rpt_("The environment is in use"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self, event, title=iface_("Remove the environment?"), message=str(machine().managed),
            confirm_text=iface_("Remove"), icon="WARNING",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            setting_up.remove()
        except PflrmError as error:
            self.report({"ERROR"}, localized(str(error)))
            return {"CANCELLED"}
        session.redraw()
        self.report({"INFO"}, "The environment was removed")
        return {"FINISHED"}


class PFLRM_OT_set_up_log(bpy.types.Operator):
    """Open the log of the last set-up in the system's text editor"""

    bl_idname = "pflrm.set_up_log"
    bl_label = "Show Log"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not install.beside(machine().managed, "log").is_file():
            cls.poll_message_set(rpt_("There is no log yet"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.wm.path_open(filepath=str(install.beside(machine().managed, "log")))


class PFLRM_OT_open_preferences(bpy.types.Operator):
    """Open the preferences of PF-LRM"""

    bl_idname = "pflrm.open_preferences"
    bl_label = "Open Preferences"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if ROOT_PACKAGE not in context.preferences.addons:
            cls.poll_message_set(rpt_("The extension is not enabled in the preferences"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=ROOT_PACKAGE)
        return {"FINISHED"}


def _plan() -> plan.Plan:
    """The plan for the preferences as they are; the panels have most often asked for it already.

    :raises PflrmError: it cannot be done.
    """
    known = environment.planned(setting_up.wishes())
    if isinstance(known, PflrmError):
        raise known
    return known or plan.make(setting_up.wishes())


def _wrapped(line: str) -> list[str]:
    import textwrap

    return textwrap.wrap(line, _CHARACTERS, subsequent_indent="      ")


CLASSES = (
    PFLRM_OT_set_up, PFLRM_OT_set_up_cancel, PFLRM_OT_set_up_remove, PFLRM_OT_set_up_log, PFLRM_OT_open_preferences,
)
