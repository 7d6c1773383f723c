"""What the panels know about the worker's Python. Asking takes seconds, so a thread does it; it never touches bpy.

The panels call these functions at every redraw: they answer at once, with None while the answer is not there yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import plan, runtime, weights
from .errors import PflrmError

if TYPE_CHECKING:
    from .properties import Machine

_found: dict[tuple, Path | PflrmError | None] = {}
_older: dict[tuple, str] = {}
_reports: dict[tuple, runtime.RuntimeReport | None] = {}
_weights: dict[str, weights.WeightsState] = {}
_plans: dict[plan.Wishes, plan.Plan | PflrmError | None] = {}
_threads: list[threading.Thread] = []


def find(here: Machine) -> Path | PflrmError | None:
    """The interpreter that a run would use, or why there is none."""
    if _key(here) not in _found:
        _found[_key(here)] = None
        _ask(lambda: _find(here))
    return _found[_key(here)]


def older_torch(here: Machine) -> str:
    """The version of torch that a run would use, if Set Up would bring a newer one; see ``plan.older_torch``."""
    return _older.get(_key(here), "")


def check(here: Machine) -> None:
    """Begin to find out what the interpreter offers, and whether the weights are whole; the answers come later."""
    _found.pop(_key(here), None)
    _plans.clear()  # a Python to set up with may have been installed meanwhile
    _weights.pop(here.weights, None)
    _reports[_key(here)] = None
    _ask(lambda: _check(here))


def report(here: Machine) -> runtime.RuntimeReport | None:
    """What the last check found."""
    return _reports.get(_key(here))


def weights_state(here: Machine) -> weights.WeightsState | None:
    """What the last check found about the weights."""
    return _weights.get(here.weights)


def planned(wishes: plan.Wishes) -> plan.Plan | PflrmError | None:
    """What a set-up would do, or why it cannot be done."""
    if wishes not in _plans:
        _plans[wishes] = None
        _ask(lambda: _plan(wishes))
    return _plans[wishes]


def busy() -> bool:
    """Whether an answer is on its way."""
    _threads[:] = [thread for thread in _threads if thread.is_alive()]
    return bool(_threads)


def forget() -> None:
    """Ask again next time."""
    for answers in (_found, _older, _reports, _weights, _plans):
        answers.clear()


def _key(here: Machine) -> tuple:
    return here.interpreter, here.managed


def _find(here: Machine) -> None:
    try:
        found = runtime.find_interpreter(here.interpreter, here.managed)
    except PflrmError as error:
        _found[_key(here)] = error
    else:
        _older[_key(here)] = plan.older_torch(found, here.managed)
        _found[_key(here)] = found


def _check(here: Machine) -> None:
    _weights[here.weights] = weights.check(here.weights)
    _find(here)
    found = _found[_key(here)]
    if isinstance(found, Path):
        _reports[_key(here)] = runtime.check(found)


def _plan(wishes: plan.Wishes) -> None:
    try:
        _plans[wishes] = plan.make(wishes)
    except PflrmError as error:
        _plans[wishes] = error


def _ask(question: Callable[[], None]) -> None:
    thread = threading.Thread(target=question, name="pflrm environment", daemon=True)
    _threads.append(thread)
    thread.start()
