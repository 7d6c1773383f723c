"""Fixtures for the tests that need Blender. bpy is imported only where a test asks for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pflrm.tests import fake_result

if TYPE_CHECKING:
    import bpy


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
