"""What a set-up would do: said before it begins, and followed when it runs."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from . import bases, variants
from .errors import PflrmError
from .runtime import EXTENSION, interpreter_in

LOCK = EXTENSION / "core" / "requirements-lock.txt"
CARRIED_WHEELS = EXTENSION / "wheels-offline"  # for the processor, in an extension for use without a network
RECORD = "runtime.json"  # in an environment that this extension has made
LONGEST_ON_WINDOWS = 130  # characters of the folder; torch has files of 125 below it, and Windows allows 260
_TORCH_WHEEL = re.compile(r"torch-([\d.]+)(?:\+(\w[\w.]*))?-cp3(\d+)-")
_UNPACKED = 3.5  # times the size of the wheels


@dataclass(frozen=True)
class Wishes:
    """What the user has chosen; the defaults leave it to the machine."""

    goal: Path  # the folder to make
    variant: str = "auto"
    wheels: str = ""  # a folder of wheels to use instead of the network
    base: str = ""  # the Python to build from
    renderer: str = ""  # what Blender calls the graphics card
    torch_index: str = ""  # a mirror of PyTorch's index


@dataclass(frozen=True)
class Plan:
    goal: Path
    base: bases.Base
    build: variants.Build
    wheels: Path | None
    torch_index: str

    @property
    def online(self) -> bool:
        return self.wheels is None

    @property
    def locked_torch(self) -> bool:
        """Torch itself is in the lock file."""
        return not self.build.local

    @property
    def bytes_needed(self) -> int:
        """Of disk: the environment, and each package twice while it is downloaded."""
        return int((self.build.disk + (2 * self.build.download if self.online else 0)) * 1e9)

    def lines(self) -> list[str]:
        """What will be done, a fact a line."""
        build, version = self.build, self.build.requirement.partition("==")[2]
        if self.online:
            size = size_in_words(build.download)
            lines = [
                f"PyTorch {version} for {build.words}. {build.reason}",
                f"Download: {size} from PyPI" if self.locked_torch
                else f"Download: {size} from PyPI and {self.torch_index}",
            ]
        else:
            lines = [f"PyTorch {version}, as in the folder of wheels", f"Download: none, all is in {self.wheels}"]
        return [*lines, f"Folder: {self.goal} ({size_in_words(build.disk)})", f"Made with: {self.base.words}"]

    def check_disk(self) -> None:
        """:raises PflrmError: of kind input; the disk has too little room."""
        if is_ours(beside(self.goal, "partial")):  # built before, and has only to be put in its place
            return
        folder = next(path for path in (self.goal, *self.goal.parents) if path.exists())
        free = shutil.disk_usage(folder).free
        if free < self.bytes_needed:
            needed = size_in_words(self.bytes_needed / 1e9)
            message = f"The set-up needs {needed} on the disk of {folder}, where {size_in_words(free / 1e9)} are free."
            raise PflrmError("input", message, "Make room, or choose a folder on another disk in the preferences.")


def make(wishes: Wishes) -> Plan:
    """Look at the machine and plan. Takes up to some seconds.

    :raises PflrmError: it cannot be done: no torch for this machine, no Python to build from, no such wheels.
    """
    _check_goal(wishes.goal)
    wheels = Path(wishes.wheels) if wishes.wheels else None
    if wheels is None and wishes.variant in ("auto", "cpu") and CARRIED_WHEELS.is_dir():
        wheels = CARRIED_WHEELS
    if wheels is None:
        build, versions = variants.choose(variants.look(wishes.renderer), wishes.variant), set(bases.VERSIONS)
    else:
        build, versions = _of_wheels(wheels)
    base = bases.find(wishes.base, versions)
    return Plan(wishes.goal, base, build, wheels, wishes.torch_index or build.index)


def beside(goal: Path, name: str) -> Path:
    """What belongs to an environment and is not in it, see ``install.py``."""
    return goal.with_name(f"{goal.name}.{name}")


def is_ours(folder: Path) -> bool:
    """Whether this extension has made the environment in a folder."""
    return (folder / RECORD).is_file()


def older_torch(python: Path, goal: Path) -> str:
    """The version of torch that a Python has, if an earlier version of this extension has set it up with an older one.

    :param goal: the folder of the environment that this extension makes.
    """
    if python != interpreter_in(goal):
        return ""
    try:
        version = json.loads((goal / RECORD).read_text(encoding="utf-8"))["packages"]["torch"].partition("+")[0]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none of ours, or not in this form
        return ""
    return version if _numbers(version) < _numbers(variants.TORCH) else ""


def size_in_words(gigabytes: float) -> str:
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.95 else f"{max(gigabytes, 0.0) * 1000:.0f} MB"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _check_goal(goal: Path) -> None:
    if goal.exists() and not is_ours(goal) and (not goal.is_dir() or any(goal.iterdir())):
        message = f"{goal} is there already and was not made by PF-LRM."
        raise PflrmError("input", message, "Move it away, or choose another folder in the preferences.")
    if sys.platform == "win32" and len(str(goal)) > LONGEST_ON_WINDOWS:
        message = f"The path {goal} is too long for Windows to hold torch below it."
        raise PflrmError("input", message, "Choose a folder with a shorter path in the preferences.")


def _of_wheels(folder: Path) -> tuple[variants.Build, set[tuple[int, int]]]:
    """What a folder of wheels holds: the build of torch, and the Pythons it is for."""
    if not folder.is_dir():
        raise PflrmError("input", f"The folder of wheels {folder} does not exist.", "Choose another, or none.")
    found = [match for path in folder.glob("torch-*.whl") if (match := _TORCH_WHEEL.match(path.name))]
    fitting = [match for match in found if match[1] == variants.TORCH]
    if not fitting:
        message = f"There is no wheel of torch {variants.TORCH} in {folder}."
        raise PflrmError("input", message, "Choose the folder with the wheels that belong to this version.")
    local = fitting[0][2] or ""
    versions = {(3, int(match[3])) for match in fitting if (match[2] or "") == local} & set(bases.VERSIONS)
    size = sum(path.stat().st_size for path in folder.glob("*.whl")) / 1e9
    return variants.Build("wheels", "", local, size, size * _UNPACKED), versions
