"""What turns photos and results into Blender's data, and all that must know bpy and is no button.

Blender's start waits for every module that the extension imports. Those that nothing needs before the panel is drawn
are therefore imported when they are first used, wherever ``from . import NAME`` stands.
"""

from __future__ import annotations

import importlib
from typing import Any

_LATER = {
    "alternatives", "arranging", "environment", "history", "inspection", "install", "job", "plan", "report", "runtime",
    "setting_up", "showing", "variants", "weights",
}  # fmt: skip


class _Later:
    """Stands for a module, and imports it when somebody asks it for anything.

    Python's own lazy modules will not do: Blender asks all modules that are known for this and that, which fills them
    while it counts them.
    """

    __slots__ = ("_name",)  # and no dictionary of its own: the module's is the one

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", f"{__name__}.{name}")

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(importlib.import_module(self._name), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(importlib.import_module(self._name), name)


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _Later(name)
