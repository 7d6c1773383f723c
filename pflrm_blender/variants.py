"""Which build of torch suits a machine. ``choose`` is a pure function of what ``look`` finds out."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import PflrmError
from .runtime import NO_WINDOW, clean_environment

TORCH = "2.13.0"
PYTORCH_INDEX = "https://download.pytorch.org/whl"
NAMES = ("auto", "cuda", "rocm", "xpu", "mps", "cpu")

_NVIDIA_QUERY = ("--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
_KFD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
# Oldest driver and compute capability, newest build first. CUDA 13 dropped what is older than Turing.
_CUDA_NEEDS = {"cuda": (580, 7.5), "cuda126": (525, 5.0)}
# The chips that the ROCm build holds code for, as the kernel writes them: major, minor and step in two digits each.
_ROCM_CHIPS = {90008, 90010, 90402, 90500, 100300, 110000, 110001, 110002, 110500, 110501, 120000, 120001}


@dataclass(frozen=True)
class Hardware:
    """What the machine shows of itself."""

    system: str  # as platform.system() says it
    machine: str  # as platform.machine() says it
    nvidia: str = ""  # the answer of nvidia-smi: a line a card, with name, driver and compute capability
    amd: tuple[str, ...] = ()  # the properties of each node of the kernel's driver for AMD cards
    renderer: str = ""  # what OpenGL or Metal calls the graphics card; empty without a window


@dataclass(frozen=True)
class Build:
    """A build of torch.

    ``local`` is its version's suffix, which is also the name of its index; empty for the build on PyPI, whose hashes
    the lock file holds. Sizes are in GB and include the other packages.
    """

    name: str
    words: str
    local: str
    download: float
    disk: float
    reason: str = ""  # why it was chosen, in a sentence

    @property
    def requirement(self) -> str:
        return f"torch=={TORCH}+{self.local}" if self.local else f"torch=={TORCH}"

    @property
    def index(self) -> str:
        """Where a build that is not on PyPI comes from."""
        return f"{PYTORCH_INDEX}/{self.local}" if self.local else ""


_CPU = "the processor"
_CUDA = "NVIDIA graphics cards (CUDA 13)"
_CUDA126 = "NVIDIA graphics cards (CUDA 12.6)"
_XPU = "Intel Arc graphics cards"
BUILDS = {
    "Linux": (
        Build("cpu", _CPU, "cpu", 0.42, 1.5),
        Build("cuda", _CUDA, "", 3.0, 5.7),
        Build("cuda126", _CUDA126, "cu126", 3.0, 5.7),
        Build("rocm", "AMD graphics cards (ROCm 7.2)", "rocm7.2", 5.1, 16.2),
        Build("xpu", _XPU, "xpu", 2.6, 7.2),
    ),
    "Windows": (
        Build("cpu", _CPU, "", 0.3, 1.4),
        Build("cuda", _CUDA, "cu130", 2.75, 5.2),
        Build("cuda126", _CUDA126, "cu126", 2.75, 5.2),
        Build("xpu", _XPU, "xpu", 1.75, 5.2),
    ),
    "Darwin": (
        Build("mps", "Apple's graphics processors (Metal)", "", 0.3, 1.2),
        Build("cpu", _CPU, "", 0.3, 1.2),
    ),
}
_MACHINES = {"Linux": {"x86_64"}, "Windows": {"amd64"}, "Darwin": {"arm64"}}


def choose(hardware: Hardware, wish: str = "auto") -> Build:
    """The build for a machine, with the reason.

    :param wish: one of NAMES; anything but ``auto`` is the user's own choice.
    :raises PflrmError: of kind runtime, there is no torch for this machine; of kind input, not of this variant.
    """
    if hardware.machine.lower() not in _MACHINES.get(hardware.system, ()):
        message = f"There is no ready-made torch {TORCH} for {hardware.system} on {hardware.machine}."
        raise PflrmError("runtime", message, "Use Existing Python can name a Python with a torch of your own.")
    builds = {build.name: build for build in BUILDS[hardware.system]}
    if wish not in ("auto", *builds):
        offered = ", ".join(name for name in NAMES if name in builds)
        raise PflrmError("input", f"There is no variant {wish} for {hardware.system}.", f"Choose one of: {offered}.")
    if wish != "auto":
        name = _nvidia(hardware, builds)[0] if wish == "cuda" else ""  # which of the two the driver can use
        return replace(builds[name or wish], reason="It is your choice.")
    doubts = []
    for look_at in (_nvidia, _amd, _intel, _apple):
        name, reason = look_at(hardware, builds)
        if name:
            return replace(builds[name], reason=reason)
        doubts.append(reason)
    none = "No graphics card was found that PyTorch can use."
    return replace(builds["cpu"], reason=" ".join(filter(None, doubts)) or none)


def look(renderer: str = "") -> Hardware:
    """Ask this machine. Takes up to some seconds.

    :param renderer: what Blender calls the graphics card, which only its main thread knows.
    """
    nodes = sorted(_KFD_NODES.glob("*/properties")) if _KFD_NODES.is_dir() else []
    amd = tuple(node.read_text(errors="replace") for node in nodes)
    return Hardware(platform.system(), platform.machine(), _ask_nvidia(), amd, renderer)


def _nvidia(hardware: Hardware, builds: dict[str, Build]) -> tuple[str, str]:
    """The name of the build or "", and why."""
    cards = re.findall(r"^(.+), (\d+)\.[\d.]+, (\d+\.\d+)\s*$", hardware.nvidia, re.MULTILINE)
    if not cards or "cuda" not in builds:
        return "", ""
    card, driver, capability = max(cards, key=lambda found: float(found[2]))
    for name, (oldest, least) in _CUDA_NEEDS.items():
        if int(driver) >= oldest and float(capability) >= least:
            return name, f"{card} was found, with driver {driver}."
    if float(capability) < _CUDA_NEEDS["cuda126"][1]:
        return "", f"{card} is older than what torch {TORCH} supports."
    return "", f"The driver {driver} of {card} is too old: update it to {_CUDA_NEEDS['cuda'][0]} or newer."


def _amd(hardware: Hardware, builds: dict[str, Build]) -> tuple[str, str]:
    targets = [int(value) for node in hardware.amd for value in re.findall(r"gfx_target_version (\d+)", node)]
    chips = [target for target in targets if target]  # the processor is a node too, of version 0
    if not chips or "rocm" not in builds:
        return "", ""
    names = ", ".join(_chip(chip) for chip in chips)
    if _ROCM_CHIPS.isdisjoint(chips):
        return "", f"AMD's {names} is none of the graphics chips that torch supports."
    return "rocm", f"A graphics card by AMD ({names}) was found."


def _chip(target: int) -> str:
    return f"gfx{target // 10000}{target // 100 % 100:x}{target % 100:x}"


def _intel(hardware: Hardware, builds: dict[str, Build]) -> tuple[str, str]:
    """Graphics built into older processors also are Intel's; those that torch knows are called Arc."""
    if "xpu" in builds and re.search(r"Intel.*\bArc\b", hardware.renderer, re.IGNORECASE):
        return "xpu", f"{hardware.renderer} was found."
    return "", ""


def _apple(hardware: Hardware, builds: dict[str, Build]) -> tuple[str, str]:
    return ("mps", "This is a Mac with Apple's processor.") if "mps" in builds else ("", "")


def _ask_nvidia() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        return _output([program, *_NVIDIA_QUERY])
    except (OSError, subprocess.SubprocessError):
        return ""


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
        errors="replace", timeout=20, creationflags=NO_WINDOW, check=True,
    )
    return done.stdout
