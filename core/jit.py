"""Functions compiled by numba, for what would be hundreds of small operations on tensors.

What happens at a pixel is compiled with ``device``. numba's CUDA target takes such functions as device functions, so
the training's kernels of CPU and GPU call the same source. All arithmetic there is float32: literals are written as
``f32(0.5)``, because numba would otherwise promote to float64, which GPUs compute slowly. Drivers, and what runs once
for an object, are compiled with ``host``: they may allocate, and they let other threads run meanwhile.
"""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np


def fingerprint(folder: Path) -> str:
    """Of all source that is compiled: numba notices when a function's own file changes, but not when a function that it
    calls does or a constant of another file."""
    digest = hashlib.sha256(__name__.encode())  # a package of another name has other types
    compiled = [source for source in folder.rglob("*.py") if b"jit import" in source.read_bytes()]
    taken_from = {other for source in compiled for other in _imported(source)}
    for source in sorted({Path(__file__), *compiled, *taken_from}):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _imported(source: Path) -> Iterator[Path]:
    """The modules beside a file from which it imports."""
    for dots, name in re.findall(r"^from (\.+)([\w.]+) import", source.read_text(encoding="utf-8"), re.MULTILINE):
        module = source.parents[len(dots) - 1].joinpath(*name.split(".")).with_suffix(".py")
        if module.exists():
            yield module


def _cache_folder() -> str:
    """Where compiled code is kept."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(sys.prefix) / "cache")  # goes with the environment
    return str(folder / f"numba-{fingerprint(Path(__file__).parent)}")


_numba: Any = numba  # its type stubs know neither of the two things that are needed here
_numba.config.CACHE_DIR = _cache_folder()
f32: Any = np.float32
# Without numba's runtime arrays are not reference-counted, whose atomic operations cost 40 % of the time. Such
# functions cannot allocate.
device: Any = _numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False)
host: Any = _numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
FAR = f32(1e9)  # a distance beyond everything; infinities are not allowed under fastmath
