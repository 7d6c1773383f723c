"""What a Python environment offers to the worker. Run by its path, it prints that as JSON and needs only Python."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import sys
from typing import Any

# What is imported, and the distribution whose version is told.
PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "scipy": "scipy",
    "trimesh": "trimesh",
    "numba": "numba",
    "mcubes": "pymcubes",
    "skimage": "scikit-image",
}


def devices() -> list[dict[str, Any]]:
    """The devices torch can use, best first: ``kind`` for the device option, ``name``, ``memory`` in bytes."""
    import torch

    found = []
    for kind, backend in (("cuda", torch.cuda), ("xpu", torch.xpu)):
        for index in range(backend.device_count() if backend.is_available() else 0):
            properties = backend.get_device_properties(index)
            found.append({"kind": kind, "name": properties.name, "memory": properties.total_memory})
    if torch.backends.mps.is_available():
        found.append({"kind": "mps", "name": "Apple GPU", "memory": _system_memory()})
    found.append({"kind": "cpu", "name": platform.processor() or platform.machine(), "memory": _system_memory()})
    return found


def report() -> dict[str, Any]:
    """Python's version, the version of each package (null where it is missing), import errors and the devices."""
    versions: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    for module, distribution in PACKAGES.items():
        try:
            loaded = importlib.import_module(module)
        except Exception as error:  # a broken package can raise anything; the report must name it and go on
            versions[module] = None
            if not (isinstance(error, ModuleNotFoundError) and error.name == module):
                errors[module] = f"{type(error).__name__}: {error}"
            continue
        versions[module] = getattr(loaded, "__version__", None) or _distribution_version(distribution)
    present = devices() if versions["torch"] else []
    errors |= {device["kind"]: words for device in present if (words := _trial(device["kind"]))}
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": versions,
        "errors": errors,
        "devices": [device for device in present if device["kind"] not in errors],
    }


def _trial(kind: str) -> str:
    """Why the device does not compute, or ""."""
    import torch

    try:
        (torch.ones(2, 2, device=kind) @ torch.ones(2, 2, device=kind)).sum().item()
    except Exception as failure:  # a driver can fail in any way
        return f"{type(failure).__name__}: {failure}".splitlines()[0]
    return ""


def _distribution_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown version"


def _system_memory() -> int | None:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        if ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
            return kilobytes.value * 1024
    return None


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    print(json.dumps(report()))
