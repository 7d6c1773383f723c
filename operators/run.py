"""Start and stop a run. The run itself lives in ``pflrm_blender.session``."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..pflrm_blender import session
from ..pflrm_blender.errors import PflrmError
from ..pflrm_blender.properties import photos_in_use
from ..pflrm_blender.sentences import localized


class _Start(bpy.types.Operator):
    poses_only = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not photos_in_use(context.scene.pflrm):
            cls.poll_message_set(rpt_("Add photos of the object first"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            session.start(context.scene, poses_only=self.poses_only)
        except PflrmError as error:
            session.state.notice = session.Notice.of(error)
            self.report({"ERROR"}, localized(str(error)))
            return {"CANCELLED"}
        if not bpy.app.background:
            if session.state.queue:
                words = rpt_("Waiting for its turn: {count} in the queue")
                self.report({"INFO"}, words.format(count=len(session.state.queue)))
            return {"FINISHED"}
        session.wait()
        notice = session.state.notice
        assert notice is not None  # every end of a run leaves one
        self.report({notice.level}, " ".join(map(localized, f"{notice.text}\n{notice.remedy}".splitlines())))
        return {"CANCELLED" if notice.level == "ERROR" else "FINISHED"}


class PFLRM_OT_reconstruct(_Start):
    bl_idname = "pflrm.reconstruct"
    bl_label = "Reconstruct"
    bl_description = (
        "Find out where the photos were taken from and build the object: a camera for each photo and a coloured mesh, "
        "in a new collection. Blender stays usable meanwhile; while another run is under way, this one waits its turn"
    )
    bl_options = {"REGISTER"}


class PFLRM_OT_place_cameras(_Start):
    """Find out where the photos were taken from and place a camera for each, in a new collection. Makes no mesh"""

    bl_idname = "pflrm.place_cameras"
    bl_label = "Place Cameras Only"
    bl_options = {"REGISTER"}

    poses_only = True


class PFLRM_OT_cancel(bpy.types.Operator):
    """Stop the run within a second. The scene stays as it is; the next run in the queue begins"""

    bl_idname = "pflrm.cancel"
    bl_label = "Cancel Run"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.state.run is None:
            cls.poll_message_set(rpt_("Nothing is running"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.cancel()
        return {"FINISHED"}


class PFLRM_OT_clear_queue(bpy.types.Operator):
    """Take all waiting runs out of the queue. The one that is under way goes on"""

    bl_idname = "pflrm.clear_queue"
    bl_label = "Clear Queue"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.state.queue:
            cls.poll_message_set(rpt_("Nothing is waiting"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.state.queue.clear()
        session.redraw()
        return {"FINISHED"}


CLASSES = (PFLRM_OT_reconstruct, PFLRM_OT_place_cameras, PFLRM_OT_cancel, PFLRM_OT_clear_queue)
