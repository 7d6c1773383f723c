"""What is known about each photo before a run: its lens, and where the object is in it.

A small worker of its own looks, beside any run and without torch, and leaves after some seconds. The panels ask at
every redraw and get None until the answer is there. Answers are kept for the session, by file and time of change.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path

import bpy

from . import job, paths, session
from .properties import PFLRM_PG_photo, machine, path_of

_INTERVAL = 0.1  # seconds between two looks at the worker
_IDLE_SECONDS = 20.0  # after which it leaves
_PATIENCE = 60.0  # seconds until a Python that could not look is asked again
_LONGEST_WAIT = 120.0


@dataclass(frozen=True)
class PhotoState:
    """What ``core/inspection.py`` tells; ``problem`` alone where the photo cannot be read."""

    problem: str = ""
    width: int = 0
    height: int = 0
    focal_35mm: float | None = None
    tilt: float | None = None
    origin: str = ""
    share: float = 0.0
    touches_border: bool = False
    sure: bool = True
    cutout: str = ""
    preview: str = ""


_FIELDS = {field.name for field in fields(PhotoState)}


@dataclass(frozen=True)
class _Question:
    """A photo and its mask as they are now."""

    photo: str
    mask: str
    changed: tuple[int, int]


_answers: dict[_Question, PhotoState | None] = {}
_wanted: list[_Question] = []
_asked: list[_Question] = []  # of the worker
_worker: job.Job | None = None
_folder: Path | None = None
_silent_until = 0.0


def state_of(photo: PFLRM_PG_photo) -> PhotoState | None:
    """What is known about a photo as it is now; None where that is not known yet, or the file is gone."""
    question = _question(photo)
    if question is None:
        return None
    if question not in _answers and time.monotonic() >= _silent_until:
        _answers[question] = None
        _wanted.append(question)
        if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=0.0, persistent=True)
    return _answers.get(question)


def wait_for(photo: PFLRM_PG_photo) -> PhotoState | None:
    """The same, after waiting for it, for background mode; None where nothing could be found out."""
    paths.look_again()
    limit = time.monotonic() + _LONGEST_WAIT
    while (state := state_of(photo)) is None and (_wanted or _asked) and time.monotonic() < limit:
        _advance(0.2)
    return state


def _question(photo: PFLRM_PG_photo) -> _Question | None:
    path, mask = str(path_of(photo)), paths.absolute(photo.mask)
    changed = (paths.written(path), paths.written(mask) if mask else 0)
    return _Question(path, mask, changed) if changed[0] else None


def _tick() -> float | None:
    _advance(0.0)
    session.redraw()
    return _INTERVAL if _wanted or _asked else None


def _advance(seconds: float) -> None:
    """Take answers in, and ask the next questions when the worker is free."""
    global _silent_until
    if _wanted and not _asked:
        _ask()
    assert _worker is not None
    for event in _worker.poll(seconds):
        if event["event"] == "inspected":
            found = {name: value for name, value in event.items() if name in _FIELDS}
            _answers[_asked[event["index"]]] = PhotoState(**found)
        elif event["event"] == "result":
            _asked.clear()
        elif event["event"] == "error":  # this Python cannot look; the panel and a run say what is wrong with it
            for question in [question for question in (*_asked, *_wanted) if _answers[question] is None]:
                del _answers[question]
            _asked.clear()
            _wanted.clear()
            _silent_until = time.monotonic() + _PATIENCE


def _ask() -> None:
    global _worker, _folder
    if _worker is None or _folder is None:
        _worker = job.Job(idle_seconds=_IDLE_SECONDS)
        _folder = Path(tempfile.mkdtemp(prefix="pflrm-photos-"))
        atexit.register(unregister)
    _asked[:] = _wanted
    _wanted.clear()
    masks = [question.mask or None for question in _asked]
    request = {"photos": [question.photo for question in _asked], "options": {"masks": masks}}
    here = machine()
    _worker.managed = here.managed
    _worker.start({"do": "inspect", "output": str(_folder), **request}, here.interpreter)


def unregister() -> None:
    """End the worker and forget everything."""
    global _worker, _folder, _silent_until
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _worker is not None:
        _worker.shutdown()
        atexit.unregister(unregister)
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
    _worker, _folder, _silent_until = None, None, 0.0
    _answers.clear()
    _wanted.clear()
    _asked.clear()
