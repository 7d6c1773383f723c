"""What was found in a photo once is not looked for again, and never taken for another photo's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from pflrm.core import found_masks, masks
from pflrm.core.found_masks import find_object
from pflrm.core.inspection import inspect_photo
from pflrm.core.photos import load_photo


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PFLRM_MASKS", str(tmp_path / "masks"))
    monkeypatch.setattr(masks, "installed_model", lambda: None)
    return tmp_path / "masks"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The photos in which the network was asked to look; it takes their red for the object."""
    asked: list[np.ndarray] = []

    def remove_background(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
        asked.append(rgb)
        return rgb[..., 0].copy(), bool(rgb[0, 0, 1] > 0.5)

    monkeypatch.setattr(masks, "remove_background", remove_background)
    return asked


def photo(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((30, 40, 3), np.float32)


@pytest.mark.parametrize("green", [0.0, 1.0])
def test_a_photo_is_looked_at_once(folder: Path, looks: list[np.ndarray], green: float) -> None:
    seen = photo(0)
    seen[0, 0, 1] = green
    alpha, sure = find_object(seen)
    again, still_sure = find_object(seen.copy())
    assert len(looks) == 1
    np.testing.assert_array_equal(again, alpha)
    np.testing.assert_allclose(alpha, seen[..., 0], atol=0.5 / 255 + 1e-6)
    assert alpha.dtype == np.float32
    assert sure is still_sure is bool(green)


def test_a_run_takes_what_the_panel_has_found(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "demo" / "photos" / "robot_front.jpg"
    told = inspect_photo(path, None, tmp_path)
    monkeypatch.setattr(masks, "remove_background", lambda rgb: pytest.fail("it looks again"))
    seen = load_photo(path)
    assert (seen.rgba[..., 3] > 0.5).mean() == pytest.approx(told["share"], abs=1e-4)
    assert told["share"] > 0.01


def test_another_photo_is_another(folder: Path, looks: list[np.ndarray]) -> None:
    first, second = photo(0), photo(0)
    second[29, 39, 2] += 0.01
    find_object(first)
    find_object(second)
    find_object(first.reshape(40, 30, 3))
    assert len(looks) == 3


def test_another_way_to_look_looks_again(
    folder: Path, looks: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find_object(photo(0))
    changed = tmp_path / "masks.py"
    changed.write_bytes(Path(masks.__file__).read_bytes() + b"# otherwise\n")
    monkeypatch.setattr(masks, "__file__", str(changed))
    find_object(photo(0))
    assert len(looks) == 2


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short", b"\x93NUMPY"])
def test_what_is_damaged_is_found_anew(folder: Path, looks: list[np.ndarray], damage: bytes) -> None:
    alpha, _ = find_object(photo(0))
    (kept,) = folder.iterdir()
    kept.write_bytes(damage)
    np.testing.assert_array_equal(find_object(photo(0))[0], alpha)
    np.testing.assert_array_equal(find_object(photo(0))[0], alpha)
    assert len(looks) == 2


def test_so_is_what_a_disk_has_changed(folder: Path, looks: list[np.ndarray]) -> None:
    alpha, _ = find_object(photo(0))
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    for place in range(0, len(whole), 40):
        kept.write_bytes(whole[:place] + bytes(255 - byte for byte in whole[place : place + 8]) + whole[place + 8 :])
        np.testing.assert_array_equal(find_object(photo(0))[0], alpha)


def test_where_nothing_can_be_kept_it_is_found_each_time(
    tmp_path: Path, looks: list[np.ndarray], folder: Path
) -> None:
    folder.write_text("a file where the folder should be")
    assert find_object(photo(0))[0].shape == (30, 40)
    find_object(photo(0))
    assert len(looks) == 2


def test_the_latest_are_kept(folder: Path, looks: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_masks, "KEPT", 3)
    for seed in range(3):
        find_object(photo(seed))
        for age, kept in enumerate(sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)):
            os.utime(kept, (1e9 - age, 1e9 - age))
    find_object(photo(0))  # used again, so it is not the oldest
    find_object(photo(3))
    assert len(list(folder.iterdir())) == 3
    before = len(looks)
    find_object(photo(0))
    assert len(looks) == before
    find_object(photo(1))
    assert len(looks) == before + 1


def test_masks_of_a_network_of_the_user_s_are_not_kept(
    folder: Path, looks: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "installed_model", lambda: "u2net")
    find_object(photo(0))
    find_object(photo(0))
    assert len(looks) == 2
    assert not folder.exists()
