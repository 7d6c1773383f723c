"""What turns photos and results into Blender's data, and all that must know bpy and is no button.

Blender's start waits for every module that the extension imports. Those that nothing needs before the panel is drawn
are therefore imported when they are first used, wherever ``from . import NAME`` stands.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

_LATER = {"alternatives", "arranging", "environment", "history", "inspection", "job", "report", "runtime", "showing"}


def __getattr__(name: str) -> ModuleType:
    """One of these modules, which fills itself when somebody asks it for anything."""
    spec = importlib.util.find_spec(f"{__name__}.{name}") if name in _LATER else None
    if spec is None or spec.loader is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    globals()[name] = module
    return module
