"""The weights that a run will use: are they there, and are they whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .runtime import EXTENSION

FOLDER = EXTENSION / "core" / "weights"


@dataclass(frozen=True)
class WeightsState:
    words: str
    problem: str = ""


def check(chosen: str = "") -> WeightsState:
    """Look at the chosen file, or at those that came along, whose contents are compared with their checksums.

    :param chosen: a file of the user's; empty for the bundled ones.
    """
    if chosen:
        path = Path(chosen)
        if not path.is_file():
            return WeightsState(f"{path.name} (missing)", f"The weights {path} do not exist.")
        return _found(path)
    import hashlib  # Blender's start does without it

    sums = FOLDER / "SHA256SUMS"
    if not sums.is_file():
        return WeightsState("missing", f"There are no weights in {FOLDER}; install the extension again.")
    came = [line.split() for line in sums.read_text(encoding="utf-8").splitlines() if line]
    for checksum, name in came:
        path = FOLDER / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            return WeightsState(f"{name} (broken)", f"The weights {name} are broken; install the extension again.")
    return _found(FOLDER / came[0][1])


def _found(path: Path) -> WeightsState:
    return WeightsState(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB")
