"""What keeps fitted voxels smooth: the area of their surface, and how colours differ between neighbours. Compiled."""

import math

import numpy as np

from .jit import device, f32, host

SOFTEST = f32(0.01)  # differences between neighbours of less than this are no surface
ZERO, ONE, TWO = f32(0), f32(1), f32(2)


@host
def add_area(solid, spacing, weight, by_solid):
    """The area of the surface of what is solid (z, y, x), in the units of the voxels' spacing: the total variation
    (Rudin, Osher and Fatemi, 1992). Its slopes, times ``weight``, are added to ``by_solid``."""
    total, square = 0.0, spacing * spacing
    for z in range(solid.shape[0] - 1):
        for y in range(solid.shape[1] - 1):
            for x in range(solid.shape[2] - 1):
                here = solid[z, y, x]
                up, over, along = solid[z + 1, y, x] - here, solid[z, y + 1, x] - here, solid[z, y, x + 1] - here
                length = up * up + over * over + along * along
                if length > ZERO:
                    variation = math.sqrt(length + SOFTEST * SOFTEST)
                    total += square * (variation - SOFTEST)
                    slope = weight * square / variation
                    by_solid[z + 1, y, x] += slope * up
                    by_solid[z, y + 1, x] += slope * over
                    by_solid[z, y, x + 1] += slope * along
                    by_solid[z, y, x] -= slope * (up + over + along)
    return total


@host
def add_roughness(values, weight, by_values):
    """Add to ``by_values`` the slopes of the weighted sum of squared differences between neighbours (z, y, x, C)."""
    deep, high, wide, channels = values.shape
    rows, slopes = values.reshape(deep, high, wide * channels), by_values.reshape(deep, high, wide * channels)
    for z in range(deep):
        for y in range(high):
            _pull_together(rows[z, y, :-channels], rows[z, y, channels:], weight, slopes[z, y, :-channels])
            _pull_together(rows[z, y, channels:], rows[z, y, :-channels], weight, slopes[z, y, channels:])
            for dz, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                if 0 <= z + dz < deep and 0 <= y + dy < high:
                    _pull_together(rows[z, y], rows[z + dz, y + dy], weight, slopes[z, y])


@device
def _pull_together(row, other, weight, slope):
    for i in range(len(row)):
        slope[i] += TWO * weight * (row[i] - other[i])


@host
def blurred(values):
    """Means over each voxel (z, y, x) and its 26 neighbours, of which there is nothing outside."""
    deep, high, wide = values.shape
    along, across, mean = np.empty_like(values), np.empty_like(values), np.empty_like(values)
    for z in range(deep):
        for y in range(high):
            row, out = values[z, y], along[z, y]
            for x in range(1, wide - 1):
                out[x] = row[x - 1] + row[x] + row[x + 1]
            out[0], out[wide - 1] = row[0] + row[1], row[wide - 2] + row[wide - 1]
        for y in range(high):
            before, after = along[z, max(y - 1, 0)], along[z, min(y + 1, high - 1)]
            _sum(along[z, y], before, y > 0, after, y < high - 1, ONE, across[z, y])
    for z in range(deep):
        for y in range(high):
            before, after = across[max(z - 1, 0), y], across[min(z + 1, deep - 1), y]
            _sum(across[z, y], before, z > 0, after, z < deep - 1, ONE / f32(27), mean[z, y])
    return mean


@device
def _sum(row, before, is_before, after, is_after, weight, out):
    first, second = f32(is_before), f32(is_after)
    for x in range(len(row)):
        out[x] = weight * (row[x] + first * before[x] + second * after[x])
