"""What the panels know about the worker's Python. Asking takes seconds, so a thread does it; it never touches bpy.

The panels call these functions at every redraw: they answer at once, with None while the answer is not there yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from . import job, runtime
from .errors import PflrmError

_found: dict[str, Path | PflrmError | None] = {}
_reports: dict[str, runtime.RuntimeReport | None] = {}
_threads: list[threading.Thread] = []


def find(preference: str) -> Path | PflrmError | None:
    """The interpreter that a run would use, or why there is none."""
    if preference not in _found:
        _found[preference] = None
        managed = job.shared().managed
        _ask(lambda: _find(preference, managed))
    return _found[preference]


def check(preference: str) -> None:
    """Begin to find out what the interpreter offers; ``report`` has the answer later."""
    _found.pop(preference, None)
    _reports[preference] = None
    managed = job.shared().managed
    _ask(lambda: _check(preference, managed))


def report(preference: str) -> runtime.RuntimeReport | None:
    """What the last check of this preference found."""
    return _reports.get(preference)


def busy() -> bool:
    """Whether an answer is on its way."""
    _threads[:] = [thread for thread in _threads if thread.is_alive()]
    return bool(_threads)


def forget() -> None:
    """Ask again next time."""
    _found.clear()
    _reports.clear()


def _find(preference: str, managed: Path | None) -> None:
    try:
        _found[preference] = runtime.find_interpreter(preference, managed)
    except PflrmError as error:
        _found[preference] = error


def _check(preference: str, managed: Path | None) -> None:
    _find(preference, managed)
    found = _found[preference]
    if isinstance(found, Path):
        _reports[preference] = runtime.check(found)


def _ask(question: Callable[[], None]) -> None:
    thread = threading.Thread(target=question, name="pflrm environment", daemon=True)
    _threads.append(thread)
    thread.start()
