"""One set of compiled functions for CPU and GPU.

Every function of the renderer is compiled with ``device``. numba's CUDA target takes such functions as device
functions, so the kernels of both machines call the same source. All arithmetic on pixels is float32: literals are
written as ``f32(0.5)``, because numba would otherwise promote to float64, which GPUs and SIMD units compute slowly.
"""

from typing import Any

import numpy as np
from numba import njit

f32: Any = np.float32
device: Any = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
FAR = f32(1e9)  # a distance beyond everything; infinities are not allowed under fastmath
