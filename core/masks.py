"""Background removal: which part of a photo is the object.

A background-removal network is used where the user has installed one together with its weights. Everywhere else
colours decide, in three steps. Superpixels are labelled by how well the colours near the frame and near the
centre explain them, GrabCut (Rother et al. 2004) sharpens the labels, and a guided filter (He et al. 2010) turns
them into a soft edge in the photo's own resolution.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

WORKING_SIZE = 400  # pixels on the longer side while colours are compared
SUPERPIXELS = 36  # across the longer side
COMPACTNESS = 12.0  # colour difference (Lab) that counts as much as one superpixel of distance
COLOUR_KERNEL = 9.0  # Lab difference within which two superpixels explain each other
SPACE_KERNEL = 0.4  # the same as a distance, in units of the longer side
EDGE_KERNEL = 4.0  # Lab difference at which neighbours begin to have different labels
SMOOTHNESS = 12.0
TEXTURE_WEIGHT = 16.0  # weight of roughness beside colour
CENTRE_PRIOR = 0.38  # how far from the centre an object is expected, in units of half the width and height
CERTAIN = 0.25  # labels below this, or above 1 - this, are what GrabCut learns colours from
SURE_AGREEMENT = 0.9  # overlap of two different starts below which the result is doubtful
LEAST_CONTRAST = 2.5  # Lab difference across its outline that an object must have
SPECK = 0.005  # parts with less than this share of the object are dirt in a mask
REMBG_MODELS = ("birefnet-general", "isnet-general-use", "u2net")  # best first


def remove_background(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    """Find the object in a photo.

    :param rgb: (H, W, 3) float32 in [0, 1].
    :returns: alpha (H, W) float32 in [0, 1], zero everywhere if nothing stands out; and whether it is sure.
    """
    alpha, sure = _network_alpha(rgb), True
    if alpha is None:
        alpha, sure = _colour_alpha(rgb)
    return without_specks(alpha), sure


def without_specks(alpha: np.ndarray) -> np.ndarray:
    """Clear the parts of an alpha (H, W) that are too small to belong to the object."""
    count, labels, _, _ = cv2.connectedComponentsWithStats((alpha > 0.1).astype(np.uint8), connectivity=8)
    weights = np.bincount(labels.ravel(), alpha.ravel(), count)
    weights[0] = 0.0
    dirt = weights < SPECK * weights.sum()
    dirt[0] = False
    return np.where(dirt[labels], np.float32(0), alpha).astype(np.float32)


# --- by a network ---------------------------------------------------------------------------------------------


def _installed_model() -> str | None:
    """A model of rembg whose weights are on this machine, so that nothing has to be fetched."""
    if importlib.util.find_spec("rembg") is None:
        return None
    default = Path(os.environ.get("XDG_DATA_HOME") or Path.home()) / ".u2net"
    folder = Path(os.environ.get("U2NET_HOME") or default).expanduser()
    return next((name for name in REMBG_MODELS if (folder / f"{name}.onnx").is_file()), None)


def _network_alpha(rgb: np.ndarray) -> np.ndarray | None:
    """Alpha (H, W) by rembg, or None where it or its weights are not installed or do not work."""
    model = _installed_model()
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
        print(f"rembg does not work here, colours decide instead: {error}", file=sys.stderr)
        return None
    return np.asarray(mask, dtype=np.float32).reshape(rgb.shape[:2]) / 255


# --- by colours -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Superpixels:
    """A photo in patches of one colour. N patches, E pairs of neighbours."""

    labels: np.ndarray  # (H, W) the patch of each pixel
    area: np.ndarray  # (N,) pixels
    colour: np.ndarray  # (N, 4) Lab and roughness, scaled for comparison
    place: np.ndarray  # (N, 2) x, y from -1 to 1
    at_border: np.ndarray  # (N,) bool
    pairs: np.ndarray  # (E, 2)
    shared: np.ndarray  # (E,) pixels of common outline


def _colour_alpha(rgb: np.ndarray) -> tuple[np.ndarray, bool]:
    """Alpha (H, W) by colours alone, and whether different starts of GrabCut agree on it."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_SIZE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.round(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    mask, agreement = _segment(small)
    mask = _main_parts(mask)
    if not mask.any() or _contrast(small, mask) < LEAST_CONTRAST:
        return np.zeros((height, width), np.float32), True
    rough = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    soft = _guided_filter(grey, rough, radius=1 + round(1.5 / scale))
    return np.clip((soft - 0.15) / 0.7, 0, 1).astype(np.float32), agreement >= SURE_AGREEMENT


def _segment(image: np.ndarray) -> tuple[np.ndarray, float]:
    """The object (H, W) bool in an image (H, W, 3) uint8: two votes of three ways to look at it.

    The number is the overlap (intersection over union) of the two that GrabCut found.
    """
    label = _superpixel_labels(image)
    learned = np.where(label > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    learned[label > 1 - CERTAIN] = cv2.GC_FGD
    learned[label < CERTAIN] = cv2.GC_BGD
    height, width = label.shape
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot((2 * x + 1) / width - 1, (2 * y + 1) / height - 1)
    central = np.where(radius < 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    central[radius > 1] = cv2.GC_BGD
    by_labels = _grab_cut(image, learned, 3)
    votes = (label > 0.5).astype(int) + by_labels
    if not votes.any():
        return votes > 0, 0.0
    by_place = _grab_cut(image, central, 5)
    agreement = (by_labels & by_place).sum() / max((by_labels | by_place).sum(), 1)
    return votes + by_place >= 2, float(agreement)


def _grab_cut(image: np.ndarray, start: np.ndarray, iterations: int) -> np.ndarray:
    """GrabCut of an image (H, W, 3) uint8 from a trimap (H, W). The frame stays free: an object may touch it."""
    mask = start.astype(np.uint8)
    certain = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if certain.all() or not certain.any():
        return certain
    # Areas of exactly one colour, as in renders, would make covariances singular and the graph cut endless.
    noise = np.random.default_rng(0).normal(0, 1.5, image.shape)
    image = np.clip(np.round(image + noise), 0, 255).astype(np.uint8)
    cv2.setRNGSeed(0)  # the same photo always has the same mask
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))  # the colour models, filled by the call
    cv2.grabCut(image, mask, (0, 0, 0, 0), background, foreground, iterations, cv2.GC_INIT_WITH_MASK)
    return np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _superpixel_labels(image: np.ndarray) -> np.ndarray:
    """How much each pixel belongs to the object, (H, W) in [0, 1].

    Each superpixel is explained by the colours of all others, nearer ones first, weighted with their present
    labels; labels spread between neighbours of like colour (a random walker with priors, Grady 2005).
    """
    patches = _superpixels(image)
    a, b = patches.pairs.T
    count = len(patches.area)
    aspect = np.array([image.shape[1], image.shape[0]]) / max(image.shape[:2]) / 2
    kernel = np.exp(-_square_distances(patches.colour) / (2 * COLOUR_KERNEL**2)
                    - _square_distances(patches.place * aspect) / (2 * SPACE_KERNEL**2)) * patches.area
    np.fill_diagonal(kernel, 0.0)
    difference = ((patches.colour[a] - patches.colour[b]) ** 2).sum(axis=1)
    outline = patches.shared * SUPERPIXELS / max(image.shape[:2])
    links = SMOOTHNESS * outline * np.exp(-difference / (2 * EDGE_KERNEL**2)) + 0.02
    laplacian = np.zeros((count, count))
    laplacian[a, b] = laplacian[b, a] = -links
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))

    centred = np.exp(-(patches.place**2).sum(axis=1) / (2 * CENTRE_PRIOR**2))
    prior = np.clip(4 * (centred - 0.5), -2, 2)
    label = 1 / (1 + np.exp(-prior))
    label[patches.at_border] = 0.02
    noise = 1e-3 * kernel.sum(axis=1).mean() / patches.area.sum()
    for _ in range(8):
        inside = kernel @ label / max((label * patches.area).sum(), 1.0)
        outside = kernel @ (1 - label) / max(((1 - label) * patches.area).sum(), 1.0)
        evidence = np.clip(np.log((inside + noise) / (outside + noise)), -3, 3) + 0.5 * prior
        evidence[patches.at_border] = -6.0
        target = 1 / (1 + np.exp(-evidence))
        certainty = 2 * np.abs(target - 0.5) + 0.05
        label = np.clip(np.linalg.solve(laplacian + np.diag(certainty), certainty * target), 0, 1)
    return label[patches.labels]


def _square_distances(points: np.ndarray) -> np.ndarray:
    squares = (points**2).sum(axis=1)
    return np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0.0)


def _superpixels(image: np.ndarray) -> _Superpixels:
    """SLIC (Achanta et al. 2012) of an image (H, W, 3) uint8: k-means of colour and place from a regular grid."""
    height, width = image.shape[:2]
    step = max(3.0, max(height, width) / SUPERPIXELS)
    lab = _lab(cv2.bilateralFilter(image, 5, 25, 5))
    y, x = np.mgrid[0:height, 0:width] + 0.5
    features = np.dstack([lab, y * COMPACTNESS / step, x * COMPACTNESS / step]).astype(np.float32).reshape(-1, 5)
    rows, columns = max(2, round(height / step)), max(2, round(width / step))
    row, column = (y * rows / height).astype(int).ravel(), (x * columns / width).astype(int).ravel()
    near = np.stack([np.clip(row + i, 0, rows - 1) * columns + np.clip(column + j, 0, columns - 1)
                     for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=1)  # (H·W, 9)
    labels = row * columns + column
    for _ in range(6):
        centres = _means(features, labels, rows * columns).astype(np.float32)
        offsets = (features - centres[candidate] for candidate in near.T)
        distances = np.stack([np.einsum("ij,ij->i", offset, offset) for offset in offsets], axis=1)
        labels = near[np.arange(len(near)), distances.argmin(axis=1)]
    labels = np.unique(labels, return_inverse=True)[1].reshape(height, width)
    count = int(labels.max()) + 1

    # Lightness counts less than hue: shading changes it. Roughness is measured inside a patch, not across edges.
    light = _lab(image)[..., 0]
    values = np.dstack([0.8 * lab[..., 0], lab[..., 1], lab[..., 2], 2 * x / width - 1, 2 * y / height - 1,
                        light, light**2])
    means = _means(values.reshape(-1, 7), labels.ravel(), count)
    roughness = TEXTURE_WEIGHT * np.maximum(means[:, 6] - means[:, 5] ** 2, 0) ** 0.25
    at_border = np.zeros(count, dtype=bool)
    at_border[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    touching = np.concatenate([np.stack([labels[:, :-1], labels[:, 1:]], axis=-1).reshape(-1, 2),
                               np.stack([labels[:-1], labels[1:]], axis=-1).reshape(-1, 2)])
    touching = np.sort(touching[touching[:, 0] != touching[:, 1]], axis=1)
    pairs, shared = np.unique(touching, axis=0, return_counts=True)
    area = np.bincount(labels.ravel(), minlength=count)
    colour = np.column_stack([means[:, :3], roughness])
    return _Superpixels(labels, area, colour, means[:, 3:5], at_border, pairs, shared)


def _means(values: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """The mean (count, C) of the values (M, C) of each label (M,)."""
    sizes = np.maximum(np.bincount(labels, minlength=count), 1)
    return np.stack([np.bincount(labels, column, count) / sizes for column in values.T], axis=1)


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _main_parts(mask: np.ndarray) -> np.ndarray:
    """The largest part of a mask (H, W) and all at least a quarter as large, with small holes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    mask = (areas >= 0.25 * areas.max())[labels]
    _, holes, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    return mask | (stats[:, cv2.CC_STAT_AREA] < 0.02 * mask.sum())[holes]


def _contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """The median Lab difference between the two sides of a mask's outline."""
    lab, inside = _lab(image), mask.astype(np.float32)
    outline = cv2.dilate(inside, np.ones((3, 3))) > cv2.erode(inside, np.ones((3, 3)))
    sides = []
    for weight in (inside, 1 - inside):
        total = cv2.GaussianBlur(lab * weight[..., None], (0, 0), 3)
        sides.append(total / np.maximum(cv2.GaussianBlur(weight, (0, 0), 3), 1e-3)[..., None])
    return float(np.median(np.linalg.norm(sides[0] - sides[1], axis=-1)[outline])) if outline.any() else 0.0


def _guided_filter(guide: np.ndarray, mask: np.ndarray, radius: int, noise: float = 1e-4) -> np.ndarray:
    """Fit ``mask`` as a linear function of ``guide`` in each window; both (H, W) float32."""
    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1))

    mean_guide, mean_mask = mean(guide), mean(mask)
    variance = mean(guide * guide) - mean_guide**2
    slope = (mean(guide * mask) - mean_guide * mean_mask) / (variance + noise)
    return mean(slope) * guide + mean(mean_mask - slope * mean_guide)
