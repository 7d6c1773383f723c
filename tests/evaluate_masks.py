"""How well the object is found in photos with whatever is behind it: ``python -m pflrm.tests.evaluate_masks DATA``.

DATA holds sets of photos, a folder each, with ``images`` and ``masks`` of the same names.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from pflrm.core.photos import load_photo


def main(data: Path) -> None:
    """Print the intersection over union of each photo's mask with the one that is given, and the mean of each set."""
    for folder in sorted(data.glob("*/images")):
        photos = sorted(folder.iterdir())
        found = [_overlap(photo, next(folder.parent.glob(f"masks/{photo.stem}.*"))) for photo in photos]
        print(f"{folder.parent.name}: mean {np.mean(found):.3f} of {len(found)} photos, worst {min(found):.3f}")


def _overlap(photo: Path, mask: Path) -> float:
    started = time.perf_counter()
    found = load_photo(photo)
    seconds = time.perf_counter() - started
    ours, true = found.rgba[..., 3] > 0.5, load_photo(photo, mask=mask).rgba[..., 3] > 0.5
    overlap = float((ours & true).sum() / (ours | true).sum())
    print(f"{photo.name}: {overlap:.3f} in {seconds:.1f} s{', not sure' if found.warnings else ''}")
    return overlap


if __name__ == "__main__":
    main(Path(sys.argv[1]))
