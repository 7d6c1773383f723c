"""A worker without torch for the tests that go through the whole Blender side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pflrm.tests import fake_result

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
