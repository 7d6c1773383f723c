"""Functions compiled by numba, for what would be hundreds of small operations on tensors.

What happens at a pixel is compiled with ``device``. numba's CUDA target takes such functions as device functions, so
the training's kernels of CPU and GPU call the same source. All arithmetic there is float32: literals are written as
``f32(0.5)``, because numba would otherwise promote to float64, which GPUs compute slowly. Drivers, and what runs once
for an object, are compiled with ``host``: they may allocate, and they let other threads run meanwhile.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np

_HERE = Path(__file__).parent


def _cache_folder() -> str:
    """Where compiled code is kept: numba notices a change of a function's own file but not of those that it calls."""
    digest = hashlib.sha256(__name__.encode())  # a package of another name has other types
    for source in sorted(_HERE.rglob("*.py")):
        content = source.read_bytes()
        if source == Path(__file__) or b"jit import" in content:
            digest.update(content)
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(sys.prefix) / "cache")  # goes with the environment
    return str(folder / f"numba-{digest.hexdigest()[:16]}")


_numba: Any = numba  # its type stubs know neither of the two things that are needed here
_numba.config.CACHE_DIR = _cache_folder()
f32: Any = np.float32
# Without numba's runtime arrays are not reference-counted, whose atomic operations cost 40 % of the time. Such
# functions cannot allocate.
device: Any = _numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", _nrt=False)
host: Any = _numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
FAR = f32(1e9)  # a distance beyond everything; infinities are not allowed under fastmath
