"""The real worker looks at small photos: it needs no torch for that, and answers within a second or two."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from pflrm.pflrm_blender import inspection
from pflrm.tests import fake_result


@pytest.fixture
def listed(extension, photos, monkeypatch) -> Iterator[bpy.types.Scene]:
    monkeypatch.setenv("PFLRM_PYTHON", sys.executable)
    for path in photos:
        photo = extension.pflrm.photos.add()
        photo.name, photo.filepath = path.stem, str(path)
    yield extension
    inspection.unregister()


def give_mask(photo, path: Path, size: tuple[int, int], box: tuple[slice, slice]) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[box] = 255
    fake_result.write_png(path, pixels)
    photo.mask = str(path)


def test_nobody_waits_and_the_answer_comes(listed):
    photo = listed.pflrm.photos[0]
    assert inspection.state_of(photo) is None
    state = inspection.wait_for(photo)
    assert (state.width, state.height) == (64, 48)
    assert state.origin == "automatic"
    assert state.focal_35mm is None
    assert inspection.state_of(photo) is state  # without being asked again


def test_a_mask_changes_the_answer(listed, tmp_path):
    photo = listed.pflrm.photos[0]
    give_mask(photo, tmp_path / "mask.png", (64, 48), (slice(12, 36), slice(16, 48)))
    state = inspection.wait_for(photo)
    assert (state.origin, state.share) == ("file", pytest.approx(0.25))
    give_mask(photo, tmp_path / "empty.png", (64, 48), (slice(0), slice(0)))
    assert "No object was found" in inspection.wait_for(photo).problem


def test_a_photo_that_cannot_be_read_spoils_no_other(listed, photos):
    photos[0].write_bytes(b"nothing of the kind")
    for photo in listed.pflrm.photos:
        inspection.state_of(photo)
    assert "not an image" in inspection.wait_for(listed.pflrm.photos[0]).problem
    assert inspection.wait_for(listed.pflrm.photos[1]).width == 48


def test_without_a_python_it_stays_silent(listed, monkeypatch):
    monkeypatch.setenv("PFLRM_PYTHON", "/nowhere/python")
    photo = listed.pflrm.photos[0]
    assert inspection.wait_for(photo) is None
    assert inspection.state_of(photo) is None
    assert not inspection._wanted  # it does not try at every redraw


def test_a_file_that_is_gone_is_not_asked_for(listed, photos):
    photos[0].unlink()
    assert inspection.wait_for(listed.pflrm.photos[0]) is None


def test_it_leaves_nothing_behind(listed):
    state = inspection.wait_for(listed.pflrm.photos[0])
    assert Path(state.preview).is_file()
    inspection.unregister()
    assert not Path(state.preview).parent.exists()
