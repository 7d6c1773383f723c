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
    """Look at the chosen file, or at the one that came along, whose content is compared with its checksum.

    :param chosen: a file of the user's; empty for the bundled one.
    """
    if chosen:
        path = Path(chosen)
        if not path.is_file():
            return WeightsState(f"{path.name} (missing)", f"The weights {path} do not exist.")
        return _found(path)
    import hashlib  # Blender's start does without it

    files = sorted(FOLDER.glob("*.safetensors"))
    if not files:
        return WeightsState("missing", f"There are no weights in {FOLDER}; install the extension again.")
    sums = dict(line.split()[::-1] for line in (FOLDER / "SHA256SUMS").read_text(encoding="utf-8").splitlines() if line)
    for path in files:
        if hashlib.sha256(path.read_bytes()).hexdigest() != sums.get(path.name):
            words = f"{path.name} (broken)"
            return WeightsState(words, f"The weights {path.name} are broken; install the extension again.")
    return _found(files[0])


def _found(path: Path) -> WeightsState:
    return WeightsState(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB")
