"""Fixtures for the tests that need Blender. bpy is imported only where a test asks for one of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pflrm.tests import fake_result

if TYPE_CHECKING:
    import bpy

EXIT_STATUS = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the verdict for :func:`pytest_unconfigure`."""
    session.config.stash[EXIT_STATUS] = int(session.exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without Python's own farewell: the bpy module's threads can wait for each other there for ever."""
    if "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(EXIT_STATUS, 1))


@pytest.fixture(scope="session", autouse=True)
def _own_masks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that earlier tests have found in photos, nor the user's runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PFLRM_MASKS", str(tmp_path_factory.mktemp("masks")))
        yield


@pytest.fixture
def scene() -> bpy.types.Scene:
    """The scene of an empty file with Blender's factory settings."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture(scope="session")
def _registered() -> Iterator[None]:
    """bpy 4.x crashes at exit when classes are still registered, so they leave with the session."""
    import pflrm

    pflrm.register()
    yield
    pflrm.unregister()


@pytest.fixture
def extension(_registered: None, scene: bpy.types.Scene) -> bpy.types.Scene:
    """An empty scene with the extension registered."""
    return scene


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos of different shapes: front, left, back."""
    return fake_result.make_photos(tmp_path)


@pytest.fixture
def result_file(tmp_path: Path, photos: list[Path]) -> Path:
    """A result of the worker for ``photos``, with a mesh."""
    return fake_result.make_result(tmp_path / "result.npz", photos)


class StubWorker:
    """What the worker will answer in this test, and what it was asked."""

    RESULT = ({"event": "progress", "stage": "Refining Poses", "fraction": 0.5}, {"event": "result", "seconds": {}})

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answers(self, *messages: dict) -> None:
        (self.folder / "answers.json").write_text(json.dumps(messages), encoding="utf-8")

    def request(self) -> dict:
        return json.loads((self.folder / "request.json").read_text(encoding="utf-8"))


@pytest.fixture
def worker(
    extension: bpy.types.Scene, result_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StubWorker]:
    """A worker that hands out ``result_file``, in place of the real one."""
    from pflrm.pflrm_blender import job, session

    script = shutil.copy(Path(__file__).with_name("stub_worker.py"), result_file.parent)
    stub = StubWorker(result_file.parent)
    stub.answers(*StubWorker.RESULT)
    monkeypatch.setenv("PFLRM_PYTHON", sys.executable)
    monkeypatch.setattr(job, "_shared", job.Job(worker=Path(script)))
    yield stub
    job.shared().shutdown()
    session.state.run = session.state.notice = None
    session.state.queue.clear()
