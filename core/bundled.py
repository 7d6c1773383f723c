"""The weights that come with the extension, whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import RuntimeMissingError

FOLDER = Path(__file__).parent / "weights"
REINSTALL = "Install the extension again."


def find(name: str) -> Path:
    """A file of weights that comes with the extension.

    :raises RuntimeMissingError: it is not there.
    """
    path = FOLDER / name
    if not path.is_file():
        raise RuntimeMissingError(f"The extension's weights {name} are missing.", REINSTALL)
    return path


def verify(path: Path) -> None:
    """Compare a bundled file with its line in SHA256SUMS beside it.

    :raises RuntimeMissingError: the file differs or has no line.
    """
    try:
        lines = (path.parent / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RuntimeMissingError(
            f"The extension's weights {path.name} cannot be verified: {error}.", REINSTALL
        ) from error
    expected = {parts[1].lstrip("*"): parts[0].lower() for parts in map(str.split, lines) if len(parts) == 2}
    if expected.get(path.name) != actual:
        raise RuntimeMissingError(f"The extension's weights {path.name} are damaged.", REINSTALL)
