"""What goes wrong between an object and the cut-out photo of it: mask errors, blur, noise, exposure, compression."""

import math

import numpy as np

from ..jit import device, f32, host
from .textures import hash_unit, noise

# Columns of the corruption of one view. Lengths are in pixels.
GAIN = 0  # 3 columns: exposure and white balance of this photo
BLUR = 3  # share of the eight neighbours in a pixel's colour
GRAIN = 4  # standard deviation of the sensor's noise
BLOCKS = 5  # amplitude of the colour steps of 4×4 blocks, as strong compression leaves them
SHIFT = 6  # how far the mask's edge lies outside (or, negative, inside) the true one
RAGGED, RAGGED_SIZE = 7, 8  # amplitude and length of waves of the mask's edge
HOLES = 9  # 3 columns a hole: column, row, radius
MAX_HOLES = 3
BACKGROUND = HOLES + 3 * MAX_HOLES  # 3 columns: its colour, sRGB
BACKGROUND_NOISE = BACKGROUND + 3
LEAK = BACKGROUND + 4  # share of the background that stays in the colours of the rim
SEED = BACKGROUND + 5
CORRUPTION_FIELDS = BACKGROUND + 6

_REACH = 3  # pixels: no edge moves farther
_ZERO, _HALF, _ONE, _TWO = f32(0.0), f32(0.5), f32(1.0), f32(2.0)


@host
def draw_corruptions(corruptions, size):
    """Fill the corruptions of an object's views (V, CORRUPTION_FIELDS). Uses numba's own random state."""
    careful = np.random.random() < 0.3
    corruptions[:] = 0.0
    same_room = np.random.random() < 0.7
    for v in range(len(corruptions)):
        record = corruptions[v]
        exposure = math.exp(0.08 * np.random.normal())
        balance = 0.03 * np.random.normal()
        for channel in range(3):
            record[GAIN + channel] = exposure * (1.0 + (1 - channel) * balance)
            record[BACKGROUND + channel] = (
                corruptions[0, BACKGROUND + channel] if v and same_room else np.random.random()
            )
        record[BACKGROUND_NOISE] = 0.0 if np.random.random() < 0.4 else np.random.random()
        record[LEAK] = 0.0 if np.random.random() < 0.3 else np.random.random()
        record[BLUR] = 0.0 if np.random.random() < 0.5 else 0.7 * np.random.random()
        record[GRAIN] = 0.03 * np.random.random() ** 2
        record[BLOCKS] = 0.0 if np.random.random() < 0.6 else 0.05 * np.random.random()
        record[SEED] = np.random.randint(1 << 20)
        record[RAGGED_SIZE] = np.random.uniform(2.0, 8.0)
        if careful:
            continue
        if np.random.random() < 0.6:
            record[SHIFT] = min(max(0.9 * np.random.normal(), -2.0), 2.0)
        if np.random.random() < 0.4:
            record[RAGGED] = 1.2 * np.random.random()
        for hole in range(MAX_HOLES):
            if np.random.random() < 0.04:
                record[HOLES + 3 * hole] = size * np.random.uniform(0.2, 0.8)
                record[HOLES + 3 * hole + 1] = size * np.random.uniform(0.2, 0.8)
                record[HOLES + 3 * hole + 2] = size * np.random.uniform(0.01, 0.07)


@device
def _corrupted_mask(mask, record, row, column):
    size = mask.shape[0]
    shift = record[SHIFT]
    if record[RAGGED] > _ZERO:
        wave = noise(f32(column) / record[RAGGED_SIZE], f32(row) / record[RAGGED_SIZE], _ZERO, int(record[SEED]))
        shift += record[RAGGED] * (_TWO * wave - _ONE)
    alpha = mask[row, column]
    if abs(shift) > f32(0.25):
        most = _ZERO
        for j in range(max(row - _REACH, 0), min(row + _REACH + 1, size)):
            for i in range(max(column - _REACH, 0), min(column + _REACH + 1, size)):
                x, y = f32(i - column), f32(j - row)
                weight = min(max(abs(shift) + _HALF - math.sqrt(x * x + y * y), _ZERO), _ONE)
                value = mask[j, i] if shift > _ZERO else _ONE - mask[j, i]
                most = max(most, weight * value)
        alpha = max(alpha, most) if shift > _ZERO else min(alpha, _ONE - most)
    for hole in range(MAX_HOLES):
        k = HOLES + 3 * hole
        if record[k + 2] > _ZERO:
            x, y = f32(column) - record[k], f32(row) - record[k + 1]
            alpha = min(alpha, min(max(math.sqrt(x * x + y * y) - record[k + 2] + _HALF, _ZERO), _ONE))
    return alpha


@device
def corrupt_pixel(rgb, mask, record, row, column, image):
    """Fill a pixel of ``image`` (4, S, S), straight alpha, from the clean ``rgb`` (3, S, S) and ``mask`` (S, S)."""
    size = mask.shape[0]
    red, green, blue, coverage, total = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    side = record[BLUR] * f32(0.125)
    for j in range(max(row - 1, 0), min(row + 2, size)):
        for i in range(max(column - 1, 0), min(column + 2, size)):
            weight = (_ONE - record[BLUR]) if (i == column and j == row) else side + f32(1e-4)
            total += weight
            weight *= mask[j, i]
            coverage += weight
            red += weight * rgb[0, j, i]
            green += weight * rgb[1, j, i]
            blue += weight * rgb[2, j, i]
    seed = int(record[SEED])
    shade = _ONE
    if record[BACKGROUND_NOISE] > _ZERO:
        wave = noise(f32(column) * f32(0.2), f32(row) * f32(0.2), f32(7), seed)
        shade += record[BACKGROUND_NOISE] * (wave - _HALF)
    foreground = _ZERO
    if coverage > _ZERO:
        foreground = _ONE - record[LEAK] * (_ONE - coverage / total)
        red, green, blue = red / coverage, green / coverage, blue / coverage
    background = (_ONE - foreground) * shade
    for channel in range(3):
        value = red if channel == 0 else (green if channel == 1 else blue)
        value = foreground * value + background * record[BACKGROUND + channel]
        value *= record[GAIN + channel]
        value += record[BLOCKS] * (hash_unit(column // 4, row // 4, channel, seed + 1) - _HALF)
        grain = hash_unit(column, row, channel, seed + 2) + hash_unit(column, row, channel, seed + 3) - _ONE
        value += f32(2.449) * record[GRAIN] * grain  # a sum of two has a standard deviation of 1 / √6
        image[channel, row, column] = min(max(value, _ZERO), _ONE)
    image[3, row, column] = _corrupted_mask(mask, record, row, column)
