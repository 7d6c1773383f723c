"""Rays through voxels: how far what they show is from what they should show, and how that changes with the voxels.

Compiled. Densities are raw, (z, y, x); colours are logits, (z, y, x, 3). Emission and absorption as in NeRF (Mildenhall
et al., 2020): a sample's weight is what the samples before it let through, times what it takes away itself.
"""

import math
from typing import NamedTuple

import numpy as np

from .jit import device, f32, host
from .model.nerf import DENSITY_BIAS, DENSITY_SCALE

# How much more it costs to leave a mask empty than to stand out of it: one wrong camera can only take matter away
# from what the others show.
MISSING = f32(3)
OPAQUE = f32(1e-4)  # what is behind samples that let no more through is not asked
SCALE, BIAS = f32(DENSITY_SCALE), f32(DENSITY_BIAS)
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


class Rays(NamedTuple):
    """M rays through the grid's box, and what they should show, all float32."""

    origin: np.ndarray  # (M, 3) from the grid's middle
    direction: np.ndarray  # (M, 3) of any length
    begin: np.ndarray  # (M,) where samples begin, in units of the direction
    interval: np.ndarray  # (M,) between two samples
    offset: np.ndarray  # (M,) of the first one, in shares of it
    back: np.ndarray  # (M, 3) the background's colour
    wanted: np.ndarray  # (M, 3) before it
    mask: np.ndarray  # (M,) opacity that is wanted
    weight: np.ndarray  # (M,) how much the ray counts
    tinting: np.ndarray  # (M,) how much of that its colour does


@host
def residual(density, colour, near, half, rays, samples, by_density, by_colour):
    """The weighted sum of squared differences in colour and opacity; its slopes are added to ``by_density`` and
    ``by_colour``.

    :param near: (z, y, x) bool, voxels that are open or have open neighbours: elsewhere samples are not asked, and rays
        that ask none count nothing, for their difference is constant.
    :param half: (3,) half the box's sides in x, y, z.
    """
    cell, share = np.empty((samples, 3), np.int32), np.empty((samples, 3), np.float32)
    raw, colours = np.empty(samples, np.float32), np.empty((samples, 3), np.float32)
    passed, before = np.empty(samples, np.float32), np.empty(samples, np.float32)
    total = 0.0
    for ray in range(len(rays.begin)):
        if rays.interval[ray] <= ZERO or rays.weight[ray] == ZERO:
            continue
        count = _asked(near, half, rays, ray, samples, cell, share)
        if count == 0:
            continue
        absorbing = SCALE * rays.interval[ray] * math.sqrt(
            rays.direction[ray, 0] ** 2 + rays.direction[ray, 1] ** 2 + rays.direction[ray, 2] ** 2
        )
        red = green = blue = ZERO
        through, k = ONE, 0
        while k < count and through > OPAQUE:
            raw[k], r, g, b = _interpolated(density, colour, cell[k], share[k])
            passed[k], before[k] = math.exp(-absorbing * _softplus(raw[k] + BIAS)), through
            weight = through * (ONE - passed[k])
            colours[k, 0], colours[k, 1], colours[k, 2] = _sigmoid(r), _sigmoid(g), _sigmoid(b)
            red += weight * colours[k, 0]
            green += weight * colours[k, 1]
            blue += weight * colours[k, 2]
            through *= passed[k]
            k += 1
        short = ONE - through - rays.mask[ray]
        outline = rays.weight[ray] * (MISSING if short < ZERO else ONE)
        # Before one fixed background a half transparent surface of a wrong colour would pass: each ray has its own.
        red += through * rays.back[ray, 0] - rays.wanted[ray, 0]
        green += through * rays.back[ray, 1] - rays.wanted[ray, 1]
        blue += through * rays.back[ray, 2] - rays.wanted[ray, 2]
        third = rays.weight[ray] * rays.tinting[ray] / f32(3)
        total += outline * short * short + third * (red * red + green * green + blue * blue)
        by_red, by_green, by_blue = TWO * third * red, TWO * third * green, TWO * third * blue
        by_opacity = TWO * outline * short - (
            by_red * rays.back[ray, 0] + by_green * rays.back[ray, 1] + by_blue * rays.back[ray, 2]
        )
        behind = ZERO  # what the samples behind add to the slope
        while k > 0:
            k -= 1
            weight, r, g, b = before[k] * (ONE - passed[k]), colours[k, 0], colours[k, 1], colours[k, 2]
            worth = by_opacity + by_red * r + by_green * g + by_blue * b
            by_absorbed = before[k] * passed[k] * worth - behind  # what a sample takes away, those behind it lack
            behind += weight * worth
            _spread(
                by_density, by_colour, cell[k], share[k], by_absorbed * absorbing * _sigmoid(raw[k] + BIAS),
                weight * by_red * r * (ONE - r), weight * by_green * g * (ONE - g), weight * by_blue * b * (ONE - b),
            )
    return total


@device
def _asked(near, half, rays, ray, samples, cell, share):
    """Fill in the samples that are asked: their lowest corner ``cell`` (K, 3) in z, y, x, and their ``share`` (K, 3) of
    the way to the next one; returns how many there are."""
    count = 0
    for k in range(samples):
        t = rays.begin[ray] + rays.interval[ray] * (f32(k) + rays.offset[ray])
        x = _in_voxels(rays.origin[ray, 0] + t * rays.direction[ray, 0], half[0], near.shape[2])
        y = _in_voxels(rays.origin[ray, 1] + t * rays.direction[ray, 1], half[1], near.shape[1])
        z = _in_voxels(rays.origin[ray, 2] + t * rays.direction[ray, 2], half[2], near.shape[0])
        if near[int(z + HALF), int(y + HALF), int(x + HALF)]:
            for axis, position in enumerate((z, y, x)):
                lowest = min(int(position), near.shape[axis] - 2)
                cell[count, axis], share[count, axis] = lowest, position - f32(lowest)
            count += 1
    return count


@device
def _in_voxels(position, half, size):
    return min(max((position / half + ONE) * HALF * f32(size - 1), ZERO), f32(size - 1))


@device
def _softplus(x):
    return math.log(ONE + math.exp(x)) if x < f32(15) else x


@device
def _sigmoid(x):
    return ONE / (ONE + math.exp(-x))


@device
def _interpolated(density, colour, cell, share):
    """Raw density and the logits of a colour between voxels."""
    raw = red = green = blue = ZERO
    x, right = cell[2], share[2]
    for dz in range(2):
        for dy in range(2):
            weight = (share[0] if dz else ONE - share[0]) * (share[1] if dy else ONE - share[1])
            near, far = weight * (ONE - right), weight * right
            densities, colours = density[cell[0] + dz, cell[1] + dy], colour[cell[0] + dz, cell[1] + dy]
            raw += near * densities[x] + far * densities[x + 1]
            red += near * colours[x, 0] + far * colours[x + 1, 0]
            green += near * colours[x, 1] + far * colours[x + 1, 1]
            blue += near * colours[x, 2] + far * colours[x + 1, 2]
    return raw, red, green, blue


@device
def _spread(by_density, by_colour, cell, share, raw, red, green, blue):
    """Add slopes to those of the voxels around a place."""
    x, right = cell[2], share[2]
    for dz in range(2):
        for dy in range(2):
            weight = (share[0] if dz else ONE - share[0]) * (share[1] if dy else ONE - share[1])
            densities, colours = by_density[cell[0] + dz, cell[1] + dy], by_colour[cell[0] + dz, cell[1] + dy]
            for dx in range(2):
                part = weight * (right if dx else ONE - right)
                densities[x + dx] += part * raw
                colours[x + dx, 0] += part * red
                colours[x + dx, 1] += part * green
                colours[x + dx, 2] += part * blue
