"""A worker without torch for the tests that go through the whole Blender side; wheels for those that set one up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pflrm.pflrm_blender import install, plan, runtime, variants
from pflrm.tests import fake_result
from pflrm.tests.pflrm_blender import wheels

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def stub_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An interpreter that runs tests/stub_pipeline.py when it is asked for the worker; PFLRM_PYTHON names it."""
    if os.name == "nt":
        pytest.skip("the stand-in for an interpreter is a shell script")
    from pflrm.pflrm_blender import job

    path = tmp_path / "stub-python"
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$3" = "{REPOSITORY}/core/worker.py" ]; then\n'
        f'    shift 3; exec "{sys.executable}" -I -u "{REPOSITORY}/tests/stub_pipeline.py" "$@"\n'
        "fi\n"
        f'exec "{sys.executable}" "$@"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PFLRM_PYTHON", str(path))
    yield path
    job.shutdown()


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[str], str]:
    """Makes a photo; its name tells the stub worker what to do."""
    folder = tmp_path / "tin_robot"
    folder.mkdir()

    def make(behaviour: str) -> str:
        path = folder / f"{behaviour}.png"
        fake_result.write_png(path, np.full((48, 64, 3), 99, np.uint8))
        return str(path)

    return make


@pytest.fixture
def plain_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine: what is not in the test's folder or index is not there."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, and the lock file for them: torch as on PyPI and everything else in one."""
    folder = tmp_path / "wheels"
    torch, others = wheels.make_torch(folder, variants.TORCH), wheels.make_others(folder)
    lock = tmp_path / "lock.txt"
    elsewhere = f"only-elsewhere==1.0 ; sys_platform == 'plan9' \\\n    --hash=sha256:{'0' * 64}\n"
    lock.write_text(wheels.lock(torch, others) + elsewhere)
    monkeypatch.setattr(install, "LOCK", lock)
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An environment that this extension has made before."""
    goal = tmp_path / "made" / "runtime"
    goal.mkdir(parents=True)
    (goal / plan.RECORD).write_text('{"variant": "old"}')
    return goal
