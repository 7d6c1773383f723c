"""A machine on which the worker's environment is still to be set up."""

from __future__ import annotations

from pathlib import Path

import pytest
from pflrm.pflrm_blender import bases, environment, plan, runtime, variants
from pflrm.pflrm_blender.errors import PflrmError


def planned(goal: Path, wheels: Path | None = None) -> plan.Plan:
    """What Set Up would do on a Linux without a graphics card, below ``goal``."""
    build = variants.choose(variants.Hardware("Linux", "x86_64"))
    return plan.Plan(goal / "runtime", bases.Base(Path("/usr/bin/python3"), (3, 11), True), build, wheels, build.index)


def lacks_a_runtime(monkeypatch: pytest.MonkeyPatch, answer: plan.Plan | PflrmError) -> None:
    """No Python is found, and ``answer`` is what there is to be said of making one."""
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(environment, "find", lambda here: PflrmError("runtime", "No Python was found.", "Do"))
    monkeypatch.setattr(environment, "planned", lambda wishes: answer)
