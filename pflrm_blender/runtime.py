"""The Python environment of the worker: find it, and check what it offers.

Blender's own Python never imports torch. Questions about an interpreter are answered by that interpreter, in a
process of its own, so a broken installation is a line in a report and not a crash.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .errors import PflrmError

ENVIRONMENT_VARIABLE = "PFLRM_PYTHON"
EXTENSION = Path(__file__).resolve().parent.parent
REQUIREMENTS = EXTENSION / "core" / "requirements.txt"
PROBE = EXTENSION / "core" / "probe.py"
OLDEST_PYTHON = (3, 11)
PROBE_SECONDS = 180  # a first import of torch from a slow disk
DEVICES = ("cuda", "xpu", "mps", "cpu")
MARCHING_CUBES = ("mcubes", "skimage")  # one of them is enough
REPAIR = "Choose another Python in the preferences of PF-LRM, or install the packages into this one."
NOT_FOUND_REMEDY = (
    "Click Set Up in the preferences of PF-LRM, name a Python that has torch there or in the environment variable "
    "PFLRM_PYTHON, or see `blender --command pflrm setup`."
)
# A console window would pop up for each question on Windows.
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)


@dataclass(frozen=True)
class RuntimeReport:
    """What an interpreter offers. It is usable when there are no ``problems``."""

    interpreter: Path
    python: str = ""
    packages: dict[str, str | None] = field(default_factory=dict)  # by import name; None where missing
    devices: tuple[dict, ...] = ()  # kind, name, memory in bytes or None; best first
    problems: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.problems

    @property
    def marching_cubes(self) -> str | None:
        """The package that extracts the surface."""
        return next((name for name in MARCHING_CUBES if self.packages.get(name)), None)

    def lines(self) -> list[str]:
        """The report in words, a fact a line, the problems last."""
        return self.facts() + [f"Problem: {problem}" for problem in self.problems]

    def facts(self) -> list[str]:
        """What was found, a fact a line."""
        lines = [f"Interpreter: {self.interpreter}", f"Python: {self.python or 'unknown'}"]
        lines += [
            f"{name}: {version or 'missing'}" for name, version in self.packages.items() if name not in MARCHING_CUBES
        ]
        surface = self.marching_cubes
        lines.append(f"Marching cubes: {f'{surface} {self.packages[surface]}' if surface else 'missing'}")
        return lines + self._device_lines()

    def summary(self) -> list[str]:
        """What an artist may want to know, a fact a line."""
        versions = f"Python {self.python or 'unknown'}, torch {self.packages.get('torch') or 'missing'}"
        return [versions, *self._device_lines(), str(self.interpreter)]

    def _device_lines(self) -> list[str]:
        lines = []
        for device in self.devices:
            memory = f", {device['memory'] / 2**30:.1f} GiB" if device["memory"] else ""
            lines.append(f"Device: {device['kind']} ({device['name']}{memory})")
        return lines


def extension_version() -> str:
    """This extension's version, from its manifest."""
    import tomllib  # Blender's start does without it

    return tomllib.loads((EXTENSION / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]


def find_interpreter(preference: str = "", managed: Path | None = None) -> Path:
    """The interpreter that runs the worker.

    Order: the user's preference, the environment variable PFLRM_PYTHON, the managed environment, Blender's own Python
    if it can find torch. What the user names is used or is an error; it is never passed over in silence.

    :param preference: an interpreter, or the folder of a virtual or conda environment; empty for none.
    :param managed: the folder of the environment that the extension has made.
    :raises PflrmError: of kind runtime; none is found, or the named one does not exist.
    """
    for source, value in (
        ("the preferences", preference),
        (f"the environment variable {ENVIRONMENT_VARIABLE}", os.environ.get(ENVIRONMENT_VARIABLE, "")),
    ):
        if value:
            named = interpreter_in(Path(value).expanduser().absolute())
            if named is None:
                raise PflrmError("runtime", f"The Python {value}, named in {source}, does not exist.", NOT_FOUND_REMEDY)
            return named
    if managed is not None and (own := interpreter_in(managed)):
        return own
    if sys.executable and _has_torch(Path(sys.executable)):
        return Path(sys.executable)
    raise PflrmError("runtime", "No Python with torch was found for the reconstruction.", NOT_FOUND_REMEDY)


def interpreter_in(path: Path) -> Path | None:
    """The interpreter at ``path``, or in the virtual or conda environment there; None if there is none."""
    candidates = [path] if path.is_file() else [path / "bin/python", path / "Scripts/python.exe", path / "python.exe"]
    return next((found for found in candidates if found.is_file() and os.access(found, os.X_OK)), None)


def check(interpreter: Path) -> RuntimeReport:
    """Ask an interpreter what it offers, by importing everything the worker needs. Takes seconds; never raises."""
    try:
        answer = _ask(interpreter, str(PROBE), seconds=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return RuntimeReport(interpreter, problems=(f"It gave no answer within {PROBE_SECONDS} s.",))
    except OSError as error:
        return RuntimeReport(interpreter, problems=(f"It cannot be started: {error.strerror}.",))
    try:
        # A package may print while it is imported: the report is the last line.
        found = json.loads(answer.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last_words = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        return RuntimeReport(interpreter, problems=(f"It failed with exit code {answer.returncode}: {last_words}",))
    return RuntimeReport(
        interpreter, found["python"], found["packages"], tuple(found["devices"]), _problems(interpreter, found)
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without the PYTHON* variables, which Blender or its launcher may have set.

    Threads of torch that wait for each other must sleep: beside another busy program, spinning made a run of 5 seconds
    last over 20.
    """
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PYTHON")}
    return {"OMP_WAIT_POLICY": "passive"} | kept


def setup_instructions() -> list[str]:
    """How to make an environment for the worker by hand, a line each."""
    executable = ("Scripts\\python.exe" if os.name == "nt" else "bin/python").replace("\\", os.sep)
    environment = Path.home() / "pflrm-runtime"
    python = environment / executable
    return [
        "The reconstruction runs in a Python of its own (3.11 or newer) with torch and a few packages.",
        "Make one with these commands (about 1 GB without, 6 GB with an NVIDIA device):",
        f'    python3 -m venv "{environment}"',
        f'    "{python}" -m pip install -r "{REQUIREMENTS}"',
        "Then choose it with Use Existing Python in the preferences of PF-LRM, or set the environment variable:",
        f"    {ENVIRONMENT_VARIABLE}={python}",
        "Any existing environment with these packages will do as well.",
    ]


def _problems(interpreter: Path, found: dict) -> tuple[str, ...]:
    problems = []
    packages, errors = found["packages"], found["errors"]
    if tuple(map(int, found["python"].split(".")[:2])) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        problems.append(f"Python {found['python']} is older than {oldest}.")
    for name, version in packages.items():
        if version is None and name not in MARCHING_CUBES:
            problems.append(f"{name} cannot be loaded: {errors[name]}" if name in errors else f"{name} is missing.")
    problems += [f"The device {kind} does not compute: {errors[kind]}" for kind in DEVICES if kind in errors]
    if not any(packages[name] for name in MARCHING_CUBES):
        problems.append("Neither pymcubes nor scikit-image can be loaded.")
    return tuple(problems)


def _has_torch(interpreter: Path) -> bool:
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    try:
        return _ask(interpreter, "-c", question, seconds=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _ask(interpreter: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(interpreter), "-I", *arguments],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        creationflags=NO_WINDOW,
        check=False,
    )
