from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from pflrm.pflrm_blender import environment, session


@pytest.fixture
def found(extension, monkeypatch):
    """A scene on a machine whose runtime is there."""
    monkeypatch.setattr(environment, "find", lambda preference: Path("/usr/bin/python3"))
    monkeypatch.setattr(session.state, "run", None)
    monkeypatch.setattr(session.state, "notice", None)
    return extension


@pytest.fixture
def listed(found, photos):
    bpy.ops.pflrm.photos_add(directory=str(photos[0].parent), files=[{"name": photo.name} for photo in photos])
    return found
