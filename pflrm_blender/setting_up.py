"""The set-up that Blender is waiting for: built in a thread, put in place from the main thread between two runs.

One at a time. In the window a timer follows it and the panels show it; ``run`` does the same without a window.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from . import environment, inspection, install, job, runtime, session
from .errors import PflrmError
from .plan import Plan, Wishes
from .properties import machine

_INTERVAL = 0.3  # seconds between two looks at the thread
_CLOSING_SECONDS = 5.0

_current: install.Installation | None = None


def current() -> install.Installation | None:
    """The set-up that is under way."""
    return _current


def wishes() -> Wishes:
    """What the preferences say about a set-up. Belongs to the main thread."""
    here = machine()
    return Wishes(here.managed, here.variant, here.wheels, here.base, renderer())


def renderer() -> str:
    """What Blender calls the graphics card; empty without a window."""
    if bpy.app.background:
        return ""
    import gpu

    return gpu.platform.renderer_get()


def check_online(plan: Plan) -> None:
    """:raises PflrmError: of kind input; the plan needs the network, and Blender may not use it."""
    if plan.online and not bpy.app.online_access:
        remedy = rpt_(
            "Switch on Preferences → System → Network → Allow Online Access (or start Blender with --online-mode), "
            "or choose a folder of wheels for a set-up without a network."
        )
        raise PflrmError("input", "Setting up needs a download, and Blender's online access is off.", remedy)


def start(plan: Plan) -> None:
    """Begin in the background; the user has said yes.

    :raises PflrmError: a set-up is under way, online access is off, or the disk has too little room.
    """
    global _current
    if _current is not None:
        raise PflrmError("input", "A set-up is already under way.", "Wait for it, or cancel it.")
    check_online(plan)
    plan.check_disk()
    _current = install.Installation(plan, runtime.extension_version())
    _current.begin()
    atexit.register(unregister)
    session.state.notice = None
    bpy.app.timers.register(_tick, first_interval=_INTERVAL, persistent=True)


def run(plan: Plan, say: Callable[[str], None]) -> None:
    """Set up and wait for it.

    :param say: is called with each line of the log.
    :raises PflrmError: it failed.
    :raises KeyboardInterrupt: Ctrl+C; what was downloaded is kept.
    """
    check_online(plan)
    installation = install.Installation(plan, runtime.extension_version(), say)
    installation.build()
    _put_in_place(installation)
    install.clean(plan.goal)


def cancel() -> None:
    """End the set-up and delete what it has made and downloaded; harmless when there is none."""
    if _current is not None:
        _current.stage = "Cancelling"
        _current.end(keep_downloads=False)


def remove() -> None:
    """Delete the environment that was set up.

    :raises PflrmError: a run or a set-up is under way, there is none, or it is in use.
    """
    if _current is not None or session.state.run is not None:
        raise PflrmError("input", "The environment is in use.", "Wait for the run or the set-up to end.")
    goal = machine().managed
    _stop_workers()
    install.remove(goal)
    environment.forget()
    install.clean_meanwhile(goal)


def redraw_when_answered() -> None:
    """Draw the panels again when ``environment`` knows what it was asked. They may call this while they are drawn."""
    if environment.busy() and not bpy.app.background and not bpy.app.timers.is_registered(_redraw):
        bpy.app.timers.register(_redraw, first_interval=_INTERVAL)


def unregister() -> None:
    """End the set-up; what was downloaded is kept for the next one."""
    global _current
    for timer in (_tick, _redraw):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    if _current is not None:
        _current.end(keep_downloads=True)
        _current.wait(_CLOSING_SECONDS)
        atexit.unregister(unregister)
    _current = None


def _tick() -> float | None:
    """Follow the thread, and put in place what it has built when no run is under way."""
    global _current
    assert _current is not None
    session.redraw()
    if not _current.wait():
        return _INTERVAL
    failure = _current.failure
    if failure is None and session.state.run is not None:
        _current.stage = "Waiting for the run to end"
        return _INTERVAL
    if failure is None:
        try:
            _put_in_place(_current)
        except PflrmError as error:  # what was built is kept: the next set-up has only to put it in place
            failure = error
        else:
            install.clean_meanwhile(_current.plan.goal)
    session.state.notice = _notice(failure)
    _current = None
    atexit.unregister(unregister)
    environment.forget()
    environment.check(machine())
    session.redraw()
    redraw_when_answered()
    return None


def _redraw() -> float | None:
    session.redraw()
    return _INTERVAL if environment.busy() else None


def _notice(failure: PflrmError | None) -> session.Notice:
    if failure is None:
        return session.Notice("INFO", "PF-LRM is set up.")
    return session.Notice.of(failure)


def _put_in_place(installation: install.Installation) -> None:
    _stop_workers()
    installation.take_effect()
    environment.forget()


def _stop_workers() -> None:
    job.shutdown()
    inspection.unregister()
