"""Runs inside Blender's window: executes the files that a test drops into a folder, and writes what they print."""

import contextlib
import io
import os
import pathlib
import traceback

import bpy

INBOX = pathlib.Path(os.environ["PFLRM_GUI_INBOX"])
INTERVAL = 0.05


def serve() -> float:
    for request in sorted(INBOX.glob("*.py")):
        code = request.read_text(encoding="utf-8")
        request.unlink()
        words = io.StringIO()
        try:
            with contextlib.redirect_stdout(words):
                exec(compile(code, request.name, "exec"), {"bpy": bpy})  # noqa: S102 - test code alone
            answer = words.getvalue()
        except Exception:
            answer = f"FAILED\n{traceback.format_exc()}"
        partial = request.with_suffix(".part")
        partial.write_text(answer, encoding="utf-8")
        partial.rename(request.with_suffix(".out"))
    return INTERVAL


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(serve, persistent=True)
