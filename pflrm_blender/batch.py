"""Many objects in one command, for farms: a manifest of photo sets in, a .blend file for each set out.

The manifest is ``{"sets": [{"name": "robot", "photos": ["robot/0.png", ...], "options": {...}}]}``; paths are relative
to it, and a set's options go before those of the command line. A set whose .blend file exists is skipped, so a command
that was stopped is simply given again; a set that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import output
from .api import OPTIONS, reconstruct
from .errors import PflrmError

LENS = ("focal_35mm", "fov")  # two words for one thing: a set that says one is not asked for the other
FORMAT_REMEDY = 'The form is {"sets": [{"name": "robot", "photos": ["robot/0.png", "robot/1.png"], "options": {}}]}.'


@dataclass(frozen=True)
class PhotoSet:
    """One object of a manifest. ``name`` is also the name of its files."""

    name: str
    photos: tuple[Path, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a set: ``state`` is "done", "skipped" or "failed"."""

    name: str
    state: str
    error: PflrmError | None = None

    def as_dict(self) -> dict[str, Any]:
        failure = self.error and {"kind": self.error.kind, "message": self.error.message, "remedy": self.error.remedy}
        return {"name": self.name, "state": self.state, "error": failure}


def parse_shard(text: str) -> tuple[int, int]:
    """``2/8`` is the second of eight parts."""
    try:
        index, count = map(int, text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share such as 2/8") from None
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: the first of eight is 1/8, the last 8/8")
    return index, count


def shard(sets: Sequence[PhotoSet], index: int, count: int) -> Sequence[PhotoSet]:
    """Every ``count``-th set; the shards 1 … count hold each set once."""
    return sets[index - 1 :: count]


def read_manifest(path: Path, defaults: dict[str, Any]) -> list[PhotoSet]:
    """Read the sets of a manifest. Whether a set's photos are there is found out when its turn comes.

    :param defaults: options for sets that do not have their own.
    :raises PflrmError: of kind input; the manifest is missing or has not this form.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["sets"]
        sets = [_photo_set(entry, path.absolute().parent, defaults) for entry in entries]
    except OSError as error:
        raise PflrmError("input", f"The manifest {path} cannot be read: {error.strerror}.", FORMAT_REMEDY) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PflrmError("input", f"The manifest {path} is not valid: {error}.", FORMAT_REMEDY) from error
    names = [photo_set.name for photo_set in sets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PflrmError("input", f"The manifest {path} has two sets called {twice}.", "Give each set its own name.")
    return sets


def process(
    photo_set: PhotoSet, folder: Path, export: bool, on_progress: Callable[[str, float], None]
) -> Outcome:
    """Reconstruct one set into ``folder``, unless that was done before.

    :raises PflrmError: the set failed; none of its files was written.
    """
    blend, glb = folder / f"{photo_set.name}.blend", folder / f"{photo_set.name}.glb"
    if blend.exists() and (glb.exists() or not export):
        return Outcome(photo_set.name, "skipped")
    output.empty_file()
    reconstruct(photo_set.photos, name=photo_set.name, on_progress=on_progress, **photo_set.options)
    if export:
        output.export_glb(glb)
    output.save_blend(blend)
    return Outcome(photo_set.name, "done")


def summary(outcomes: Sequence[Outcome]) -> str:
    """What became of the sets, in a line."""
    states = [outcome.state for outcome in outcomes]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("done", "skipped", "failed"))
    return f"{len(outcomes)} sets: {counts}"


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 if none failed, the failures' common exit code, or 1 if they differ."""
    codes = {outcome.error.exit_code for outcome in outcomes if outcome.error}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else 1


def _photo_set(entry: dict[str, Any], folder: Path, defaults: dict[str, Any]) -> PhotoSet:
    name, photos, options = entry["name"], entry["photos"], dict(entry.get("options") or {})
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise ValueError(f"{name!r} cannot be the name of a file")
    if not isinstance(photos, list) or not all(isinstance(photo, str) for photo in photos):
        raise ValueError(f"the photos of {name} are not a list of files")
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"{name} has an unknown option {unknown[0]}")
    for option in ("intrinsics", "weights"):
        if options.get(option):
            options[option] = folder / options[option]
    if options.get("masks"):
        options["masks"] = [None if mask is None else folder / mask for mask in options["masks"]]
    if any(options.get(option) is not None for option in LENS):
        defaults = {option: value for option, value in defaults.items() if option not in LENS}
    return PhotoSet(name, tuple(folder / photo for photo in photos), {**defaults, **options})
