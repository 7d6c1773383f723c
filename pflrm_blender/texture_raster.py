"""Triangles into pixels and pictures into samples, with numpy alone.

Pixel centres lie at +0.5. A picture is (H, W, C) float32; which way its rows run does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_CHUNK = 1 << 21  # candidates for pixels at a time: some hundred MB of memory
_ON_EDGE = 1e-5  # a pixel centre on a triangle's edge belongs to both sides


def covered_pixels(corners: np.ndarray, width: int, height: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The pixels whose centres lie in triangles ``corners`` (M, 3, 2), in pixels, of whichever winding.

    Yields triangle (K,), pixel (K,) = row · width + column, and barycentric weights (K, 3) float32, in parts.
    """
    corners = corners.astype(np.float64) - 0.5  # centres at whole numbers
    first = np.maximum(np.ceil(corners.min(axis=1) - _ON_EDGE), 0).astype(np.int64)
    last = np.minimum(np.floor(corners.max(axis=1) + _ON_EDGE), [width - 1, height - 1]).astype(np.int64)
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    extent = np.maximum(last - first + 1, 0)
    drawn = np.flatnonzero((extent.prod(axis=1) > 0) & (np.abs(area) > 1e-12))
    # Weights of the second and third corner are linear: a value at the first pixel, and slopes to the right and up.
    slope = np.stack([ac[:, 1], -ac[:, 0], -ab[:, 1], ab[:, 0]], axis=1)[drawn] / area[drawn, None]
    start = (first - a)[drawn]
    second = (slope[:, 0] * start[:, 0] + slope[:, 1] * start[:, 1]).astype(np.float32)
    third = (slope[:, 2] * start[:, 0] + slope[:, 3] * start[:, 1]).astype(np.float32)
    slope = slope.astype(np.float32)
    columns = extent[drawn, 0]
    counts = columns * extent[drawn, 1]
    corner_pixel = first[drawn, 1] * width + first[drawn, 0]
    for part in _parts(counts):
        count = counts[part]
        row_of = np.repeat(np.arange(part.start, part.stop), count)
        offset = np.arange(len(row_of)) - np.repeat(np.cumsum(count) - count, count)
        up, right = np.divmod(offset, columns[row_of])
        b = second[row_of] + slope[row_of, 0] * right + slope[row_of, 1] * up
        c = third[row_of] + slope[row_of, 2] * right + slope[row_of, 3] * up
        inside = np.flatnonzero((b >= -_ON_EDGE) & (c >= -_ON_EDGE) & (b + c <= 1 + _ON_EDGE))
        row_of, b, c = row_of[inside], b[inside], c[inside]
        pixel = corner_pixel[row_of] + up[inside] * width + right[inside]
        yield drawn[row_of], pixel, np.stack([1 - b - c, b, c], axis=1).astype(np.float32)


def _parts(counts: np.ndarray) -> Iterator[slice]:
    """Slices of triangles with about _CHUNK candidates together."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + _CHUNK, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def depth_buffer(corners: np.ndarray, depths: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees of triangles ``corners`` (M, 3, 2) in pixels at ``depths`` (M, 3) > 0.

    Returns depth (H, W) float32, infinite where nothing is, and triangle (H, W), −1 there.
    """
    near = np.zeros(width * height, np.float32)  # 1 / depth, which is linear in a photo
    seen = np.full(width * height, -1, np.int64)
    inverse = (1 / depths).astype(np.float32)
    for triangle, pixel, weights in covered_pixels(corners, width, height):
        value = (weights * inverse[triangle]).sum(axis=1)
        order = np.argsort(value, kind="stable")  # of equal indices the last assignment stands: the nearest
        triangle, pixel, value = triangle[order], pixel[order], value[order]
        closer = value > near[pixel]
        near[pixel[closer]], seen[pixel[closer]] = value[closer], triangle[closer]
    with np.errstate(divide="ignore"):
        return (1 / near).reshape(height, width), seen.reshape(height, width)


def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear samples (N, C) of a picture (H, W, C) at pixel coordinates; beyond the edge the edge goes on."""
    height, width = picture.shape[:2]
    x = np.clip(x - 0.5, 0, width - 1).astype(np.float32)
    y = np.clip(y - 0.5, 0, height - 1).astype(np.float32)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    top = np.minimum(y.astype(np.int64), max(height - 2, 0))
    right, down = (x - left)[:, None], (y - top)[:, None]
    pixels = picture.reshape(width * height, -1)
    here = top * width + left
    beside, below = min(width - 1, 1), min(height - 1, 1) * width
    upper = pixels[here] * (1 - right) + pixels[here + beside] * right
    lower = pixels[here + below] * (1 - right) + pixels[here + below + beside] * right
    return upper * (1 - down) + lower * down


def blur(picture: np.ndarray, radius: int) -> np.ndarray:
    """A picture (H, W, …) smoothed by three box filters of ``radius`` pixels; the edge goes on beyond it."""
    for axis in (0, 1) * 3:
        ends = [(0, 0)] * picture.ndim
        ends[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(picture, ends, mode="edge"), axis=axis, dtype=np.float64)
        size = picture.shape[axis]
        upper = np.take(total, np.arange(2 * radius + 1, 2 * radius + 1 + size), axis=axis)
        lower = np.take(total, np.arange(size), axis=axis)
        picture = ((upper - lower) / (2 * radius + 1)).astype(np.float32)
    return picture


def distance_inside(mask: np.ndarray, limit: int) -> np.ndarray:
    """About how many pixels lie between each pixel of a mask (H, W) and the nearest one outside; ``limit`` at most."""
    distance = np.where(mask, np.float32(limit), np.float32(0))
    for step in range(limit):
        # Every other step goes diagonally too, which makes circles octagons instead of diamonds.
        distance = np.minimum(distance, spread(distance, np.minimum, corners=step % 2 == 1) + 1)
    return distance


def spread(picture: np.ndarray, choose: np.ufunc, *, corners: bool = True) -> np.ndarray:
    """The minimum or maximum over each pixel (H, W) and its neighbours: four, or with the ``corners`` eight."""
    across = picture.copy()
    choose(across[:, 1:], picture[:, :-1], out=across[:, 1:])
    choose(across[:, :-1], picture[:, 1:], out=across[:, :-1])
    source, chosen = (across, across.copy()) if corners else (picture, across)
    choose(chosen[1:], source[:-1], out=chosen[1:])
    choose(chosen[:-1], source[1:], out=chosen[:-1])
    return chosen


def fill(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The picture (H, W, C) where ``known`` (H, W), and smoothly on from there into the rest."""
    height, width = known.shape
    if min(height, width) <= 1 or known.all():
        mean = picture[known].mean(axis=0) if known.any() else 0.0
        return np.where(known[..., None], picture, mean).astype(np.float32)
    shape = ((height + 1) // 2 * 2, (width + 1) // 2 * 2)
    weighted = np.zeros((*shape, picture.shape[2] + 1), np.float32)
    weighted[:height, :width, :-1] = np.where(known[..., None], picture, 0)
    weighted[:height, :width, -1] = known
    halves = weighted.reshape(shape[0] // 2, 2, shape[1] // 2, 2, -1).sum(axis=(1, 3))
    coarse = fill(halves[..., :-1] / np.maximum(halves[..., -1:], 1), halves[..., -1] > 0)
    row, column = np.nonzero(~known)
    filled = picture.astype(np.float32)
    filled[row, column] = sample(coarse, (column + 0.5) / 2, (row + 0.5) / 2)
    return filled


def shrink(picture: np.ndarray, factor: int) -> np.ndarray:
    """A picture (H, W, C) of which every ``factor`` × ``factor`` pixels became their mean; a last part row is cut."""
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: height * factor, : width * factor]
    return whole.reshape(height, factor, width, factor, -1).mean(axis=(1, 3), dtype=np.float32)
