"""Environments that are really built, from tiny wheels (``wheels.py``) or an index of them, in ``made/runtime``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pflrm.pflrm_blender import bases, install, plan, variants

BASE = bases.Base(Path(sys.executable), sys.version_info[:2], False)


def offline(tmp_path: Path, folder: Path, local: str = "") -> plan.Plan:
    """From a folder of wheels; ``local`` is what comes behind the + in the version of its torch."""
    build = variants.Build("wheels", "its wheels", local, 0.0, 0.0)
    return plan.Plan(tmp_path / "made" / "runtime", BASE, build, folder, "")


def online(tmp_path: Path, index: str = "", local: str = "") -> plan.Plan:
    """From pip's index, and torch from one of its own if there is a ``local`` version."""
    return plan.Plan(tmp_path / "made" / "runtime", BASE, variants.Build("cpu", "CPUs", local, 1e-5, 0.0), None, index)


def build(planned: plan.Plan) -> install.Installation:
    """Build an environment and put it in its place."""
    installation = install.Installation(planned, "9.9.9")
    installation.build()
    installation.take_effect()
    install.clean(planned.goal)
    return installation


def neighbours(goal: Path) -> list[str]:
    """What lies beside an environment, by name, itself included."""
    return sorted(path.name for path in goal.parent.iterdir())


def variant_in(goal: Path) -> str:
    """Which build of torch an environment says that it has."""
    return json.loads((goal / plan.RECORD).read_text())["variant"]
