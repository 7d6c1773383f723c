"""Work on many small tensors: one thread an operation, and as many operations side by side as torch has threads.

Several threads on one small operation wait for each other longer than they compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def side_by_side() -> Iterator[ThreadPoolExecutor]:
    """A pool for tasks whose operations are small; torch has its threads back afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the pool's threads, which are new, begin with this number
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # whoever stops the work waits for no more than has begun
        torch.set_num_threads(threads)
