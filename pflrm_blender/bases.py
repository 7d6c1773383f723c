"""The Pythons from which the worker's environment can be built."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import PflrmError
from .runtime import NO_WINDOW, clean_environment, interpreter_in

VERSIONS = ((3, 11), (3, 12), (3, 13))  # for which all packages have wheels
_OLDEST_PIP = 23  # that surely installs for another interpreter
_QUESTION = """
import importlib.util, json, sys
try:
    from pip import __version__ as pip
except ImportError:
    pip = ""
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({"version": sys.version_info[:2], "pip": pip, "venv": has("venv"), "ensurepip": has("ensurepip")}))
"""


@dataclass(frozen=True)
class Base:
    """A Python that can make environments."""

    python: Path
    version: tuple[int, int]
    ensurepip: bool  # it can put pip into them; if not, its own pip installs there

    @property
    def words(self) -> str:
        version = _dotted(self.version)
        if str(self.python) == sys.executable:
            return f"Blender's own Python {version}"
        return f"Python {version} at {self.python}"


def find(named: str = "", versions: Collection[tuple[int, int]] = VERSIONS) -> Base:
    """The Python to build from: the named one, Blender's own, or one on the search path.

    :param named: an interpreter, or the folder of an environment; empty for none.
    :param versions: those that will do.
    :raises PflrmError: of kind runtime; there is none, or the named one will not do.
    """
    wanted = "/".join(_dotted(version) for version in sorted(versions))
    if named:
        python = interpreter_in(Path(named).expanduser().absolute())
        if python is None:
            remedy = f"Name a Python {wanted}, or leave the field empty."
            raise PflrmError("runtime", f"The Python {named} does not exist.", remedy)
        found = _examine(python, versions)
        if isinstance(found, str):
            remedy = f"Name a Python {wanted} with venv and pip."
            raise PflrmError("runtime", f"The Python {named} cannot be used to set up: {found}.", remedy)
        return found
    refused: dict[Path, str] = {}
    for python in _candidates(versions):
        found = _examine(python, versions)
        if isinstance(found, Base):
            return found
        refused.setdefault(python.resolve(), f"The Python {python} cannot be used to set up: {found}.")
    message = " ".join([f"No Python {wanted} was found to set up with.", *refused.values()])
    remedy = "Install one from python.org, and choose it under Set Up With in the preferences of PF-LRM."
    raise PflrmError("runtime", message, remedy)


def _candidates(versions: Collection[tuple[int, int]]) -> Iterator[Path]:
    own = Path(sys.executable or "blender")
    if own.name.lower().startswith("python"):  # a Blender that calls itself its Python would open a window
        yield own
    for name in (*(f"python{_dotted(version)}" for version in sorted(versions)), "python3", "python"):
        if program := shutil.which(name):
            yield Path(program)


def _examine(python: Path, versions: Collection[tuple[int, int]]) -> Base | str:
    """The base, or what is wrong with it."""
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _QUESTION], env=clean_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, encoding="utf-8", errors="replace", timeout=30, creationflags=NO_WINDOW, check=True,
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return "it does not answer"
    version = tuple(answer["version"])
    if version not in versions:
        return f"it is Python {_dotted(version)}"
    if not answer["venv"]:
        return "it has no module venv"
    if not answer["ensurepip"] and not _new_enough(answer["pip"]):
        return "it has neither the module ensurepip nor a recent pip"
    return Base(python, version, answer["ensurepip"])


def _new_enough(pip: str) -> bool:
    return bool(pip) and int(pip.partition(".")[0]) >= _OLDEST_PIP


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
