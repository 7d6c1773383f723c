"""What any exception means to the user: its kind, one sentence and a remedy. Used once, at the edge of a program."""

from __future__ import annotations

import errno
import re

from .errors import CancelledError, MemoryFullError, PflrmError, RuntimeMissingError

# The allocators of CUDA, MPS, torch on the CPU (Linux and Windows) and the CUDA driver, in this order.
_NO_MEMORY = re.compile(r"out of memory|not enough memory|can't allocate memory", re.IGNORECASE)
_BROKEN_DEVICE = re.compile(
    r"CUDA error|CUDA driver|cuDNN|cuBLAS|NVIDIA driver|compiled with CUDA|MPS backend", re.IGNORECASE
)
_DLL_ERRORS = {126, 127, 193, 1114}  # Windows: a library is missing, does not fit or fails to start
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}

REPAIR = "Open the preferences of PF-LRM and repair the runtime, or choose another Python with the packages it needs."


def explain(error: BaseException) -> PflrmError:
    """The failure behind an exception, in words. A PflrmError is returned as it is."""
    if isinstance(error, PflrmError):
        return error
    text = str(error).strip() or type(error).__name__
    summary = text.splitlines()[0].rstrip(".")
    if isinstance(error, KeyboardInterrupt):
        return CancelledError("The run was cancelled.")
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return MemoryFullError(
            f"There is too little memory for this request: {summary}.",
            "Choose Draft quality or the CPU as device, use fewer photos, or close other programs.",
        )
    if isinstance(error, ImportError):
        return RuntimeMissingError(f"The package {error.name or 'that is needed'} cannot be loaded: {summary}.", REPAIR)
    if isinstance(error, OSError) and getattr(error, "winerror", None) in _DLL_ERRORS:
        return RuntimeMissingError(f"A library of the runtime cannot be loaded: {summary}.", REPAIR)
    if isinstance(error, OSError):
        return explain_os_error(error)
    if _BROKEN_DEVICE.search(text):
        return RuntimeMissingError(
            f"The graphics device failed: {summary}.", "Choose the CPU as device, or update the graphics driver."
        )
    return PflrmError(
        f"An unexpected {type(error).__name__} stopped the run: {summary}.",
        "Copy the report and open an issue with it.",
    )


def explain_os_error(error: OSError, path: object = None) -> PflrmError:
    """A file that could not be read or written; ``path`` names it where the exception does not."""
    name = path or error.filename or "a file"
    if error.errno in _NO_SPACE:
        return PflrmError(
            f"There is no space left on the disk to write {name}.",
            "Free some space on that disk, or choose a folder on another one.",
        )
    return PflrmError(
        f"{name} cannot be read or written: {error.strerror or error}.", "Check that the folder exists and may be used."
    )
