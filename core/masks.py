"""Background removal: which part of a photo is the object.

A network for salient objects looks at the photo, and again, closer, at what it has found: its input is small, and what
lies around the object distracts it. A guided filter (He et al. 2010) brings the edge to the photo's own resolution.
The network is U²-Net's small version (Qin et al. 2020), as it comes with the extension; a larger one is used where the
user has installed it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from . import bundled

NETWORK = "u2netp.onnx"
SIDE = 320  # pixels of the network's input
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, by which the input is scaled
LOOKS = 3  # the whole photo first
MARGIN = 0.15  # around what was found, in units of its longer side
SAME_BOX = 0.95  # overlap of two boxes that show the same
FAINT = 0.1  # output below which the network sees nothing
SURE, SURE_AGREEMENT = 0.5, 0.85  # output of a sure network, and the overlap of its first and its last look
SPECK = 0.005  # parts with less than this share of the object are dirt in a mask
REMBG_MODELS = ("birefnet-general", "isnet-general-use", "u2net")  # best first


def remove_background(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    """Find the object in a photo.

    :param rgb: (H, W, 3) float32 in [0, 1].
    :returns: alpha (H, W) float32 in [0, 1], zero everywhere if nothing stands out; and whether it is sure.
    :raises RuntimeMissingError: the network that comes with the extension is missing or damaged.
    """
    alpha, sure = _larger_network(rgb), True
    if alpha is None:
        alpha, sure = _looked_at(rgb)
    return without_specks(alpha), sure


def without_specks(alpha: np.ndarray) -> np.ndarray:
    """Clear the parts of an alpha (H, W) that are too small to belong to the object."""
    count, labels, _, _ = cv2.connectedComponentsWithStats((alpha > 0.1).astype(np.uint8), connectivity=8)
    weights = np.bincount(labels.ravel(), alpha.ravel(), count)
    weights[0] = 0.0
    dirt = weights < SPECK * weights.sum()
    dirt[0] = False
    return np.where(dirt[labels], np.float32(0), alpha).astype(np.float32)


# --- the network that comes along -----------------------------------------------------------------------------


@cache
def _network() -> cv2.dnn.Net:
    path = bundled.find(NETWORK)
    bundled.verify(path)
    # By its content: on Windows OpenCV opens no path with letters beyond the system's code page.
    return cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))


def _looked_at(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    """Alpha (H, W) by the network that comes along, and whether it is sure."""
    first = _look(rgb)
    strongest = float(first.max())
    if strongest < FAINT:
        return np.zeros_like(first), True
    first = alpha = first / strongest
    seen = (slice(0, rgb.shape[0]), slice(0, rgb.shape[1]))
    for _ in range(LOOKS - 1):
        box = _around(alpha)
        if _overlap(box, seen) > SAME_BOX:
            break
        closer = _look(rgb[box])
        if closer.max() <= SURE:
            break
        alpha, seen = np.zeros_like(first), box
        alpha[box] = closer
    both, either = ((first > 0.5) & (alpha > 0.5)).sum(), ((first > 0.5) | (alpha > 0.5)).sum()
    sure = strongest > SURE and float(both / either) > SURE_AGREEMENT
    radius = 1 + round(max(alpha[seen].shape) / SIDE)
    soft = _guided_filter(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), alpha, radius)
    return np.clip((soft - 0.15) / 0.7, 0, 1).astype(np.float32), sure


def _look(rgb: np.ndarray) -> np.ndarray:
    """How likely each pixel of an image (H, W, 3) belongs to the object, (H, W) in [0, 1]."""
    height, width = rgb.shape[:2]
    shrinks = min(height, width) > SIDE
    small = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    scaled = (small / max(float(small.max()), 1e-6) - MEAN) / SPREAD
    network = _network()
    network.setInput(scaled.transpose(2, 0, 1)[None].astype(np.float32))
    fused = network.forward(network.getUnconnectedOutLayersNames()[0])[0, 0]  # the other outputs are coarser ones
    return cv2.resize(fused, (width, height), interpolation=cv2.INTER_LINEAR)


def _around(alpha: np.ndarray) -> tuple[slice, slice]:
    """The box (rows, columns) of what an alpha (H, W) shows, with a margin."""
    found = alpha > 0.5
    spans = [np.flatnonzero(found.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    margin = round(MARGIN * max(last - first + 1 for first, last in spans))
    rows, columns = (
        slice(max(0, first - margin), min(last + 1 + margin, size))
        for (first, last), size in zip(spans, alpha.shape, strict=True)
    )
    return rows, columns


def _overlap(first: tuple[slice, slice], second: tuple[slice, slice]) -> float:
    """Intersection over union of two boxes."""
    shared, one, other = 1, 1, 1
    for a, b in zip(first, second, strict=True):
        shared *= max(0, min(a.stop, b.stop) - max(a.start, b.start))
        one, other = one * (a.stop - a.start), other * (b.stop - b.start)
    return shared / (one + other - shared)


def _guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, noise: float = 1e-4) -> np.ndarray:
    """Fit ``mask`` as a linear function of ``guide`` in each window; both (H, W) float32."""
    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1))

    mean_guide, mean_mask = mean(guide), mean(mask)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (variance + noise)
    return mean(slope) * guide + mean(mean_mask - slope * mean_guide)


# --- a larger one of the user's -------------------------------------------------------------------------------


def installed_model() -> str | None:
    """A model of rembg whose weights are on this machine, so that nothing has to be fetched."""
    if importlib.util.find_spec("rembg") is None:
        return None
    default = Path(os.environ.get("XDG_DATA_HOME") or Path.home()) / ".u2net"
    folder = Path(os.environ.get("U2NET_HOME") or default).expanduser()
    return next((name for name in REMBG_MODELS if (folder / f"{name}.onnx").is_file()), None)


def _larger_network(rgb: np.ndarray) -> np.ndarray | None:
    """Alpha (H, W) by rembg, or None where it or its weights are not installed or do not work."""
    model = installed_model()
    if model is None:
        return None
    # A checksum that does not fit would make rembg fetch the weights again.
    os.environ["MODEL_CHECKSUM_DISABLED"] = "1"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import rembg

            image = np.round(rgb * 255).astype(np.uint8)
            mask = rembg.remove(image, session=rembg.new_session(model), only_mask=True)
    except (Exception, SystemExit) as error:  # rembg leaves the process where its runtime is missing
        print(f"rembg does not work here, the extension's own network decides: {error}", file=sys.stderr)
        return None
    return np.asarray(mask, dtype=np.float32).reshape(rgb.shape[:2]) / 255
