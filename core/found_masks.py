"""Masks that were found before: the panel looks at each photo when it is added, and a run needs the same again. To look
takes half a second or more a photo."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from . import bundled, masks

KEPT = 64  # the latest ones


def find_object(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    """As ``masks.remove_background``, in steps of 1/255; what is known of these very pixels is not looked for again.

    What the user's own network finds is not kept: another one may take its place.
    """
    if masks.installed_model() is not None:
        return masks.remove_background(rgb)
    path = _folder() / f"{_key(rgb)}.npz"
    known = _read(path, rgb.shape[:2])
    if known is None:
        alpha, sure = masks.remove_background(rgb)
        known = np.rint(255 * alpha).astype(np.uint8), sure
        _keep(path, *known)
    return known[0].astype(np.float32) / 255, known[1]


def _folder() -> Path:
    """It goes with the environment."""
    return Path(os.environ.get("PFLRM_MASKS") or Path(sys.prefix) / "cache" / "masks")


def _key(rgb: np.ndarray) -> str:
    """Of a photo's pixels and of all that decides what is found in them."""
    digest = hashlib.blake2b(Path(masks.__file__).read_bytes(), digest_size=16)
    digest.update(bundled.find("SHA256SUMS").read_bytes())
    digest.update(f"{cv2.__version__} {rgb.shape}".encode())
    digest.update(np.ascontiguousarray(rgb).tobytes())
    return digest.hexdigest()


def _read(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, bool] | None:
    """What is kept there, if it is whole."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            alpha, sure = kept["alpha"], bool(kept["sure"])
        os.utime(path)
    except Exception:  # a damaged archive raises nearly anything, and all it costs is to look again
        return None
    return (alpha, sure) if alpha.shape == shape and alpha.dtype == np.uint8 else None


def _keep(path: Path, alpha: np.ndarray, sure: bool) -> None:
    """Where nothing can be written it is looked for again."""
    partial = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                np.savez_compressed(file, alpha=alpha, sure=sure)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        latest_first = sorted(path.parent.iterdir(), key=lambda kept: kept.stat().st_mtime, reverse=True)
        for old in latest_first[KEPT:]:
            old.unlink(missing_ok=True)
