"""Which way is up: what photos tell of it, and how people hold cameras.

Phones measure the vertical of a photo. Where nobody has measured it, photos are mostly level, and taken from the side
or from above. Both tell more of the cameras than it seems: outlines and colours hold tilts least of all movements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .jit import device, host
from .views import View

USUAL_ELEVATION = (0.4, 0.7, 0.15)  # radians: from the side to far above
SAID_ERROR = math.radians(10)  # of an elevation by eye
ROLL = 0.08  # radians by which photos that are meant to be level are rolled, with long tails
TILT = math.radians(3)  # error of a measured vertical, with what the phone's camera is askew in it
TILT_DOUBT = 4.0  # the smaller, the less a wrong measurement weighs
TRIED = (-10.0, 10.0, 30.0, 50.0, 70.0)  # degrees of elevation from which a search for the vertical begins
DOWN = 1e9  # more than any vertical costs
NEARER = 4  # of that search: how often each vertical is improved


@dataclass(frozen=True)
class Verticals:
    """What V views tell of the vertical."""

    up: Tensor  # (V, 3) direction of the sky in a view's camera, zero where nobody has measured it
    elevation: Tensor  # (V, 3) radians: from where up a view was taken, how far off that is usual, and its spread

    @property
    def known(self) -> Tensor:
        """(V,) bool, whether it was measured."""
        return self.up.any(-1)


def told(views: Sequence[View]) -> Verticals:
    """What was measured, or else said, of canonical views."""
    return Verticals(
        up=torch.from_numpy(np.stack([np.zeros(3) if view.up is None else view.up for view in views])).float(),
        elevation=torch.tensor([
            USUAL_ELEVATION if view.photo.tilt is None else (math.radians(view.photo.tilt), 0.0, SAID_ERROR)
            for view in views
        ]),
    )


def unusual(verticals: Verticals, seen: Tensor) -> Tensor:
    """(..., V) how unusual it is that the views' cameras see the vertical in the directions ``seen`` (..., V, 3)."""
    elevation = torch.asin((-seen[..., 2]).clamp(-0.999, 0.999))
    guessed = 0.5 * torch.log1p((seen[..., 0] / ROLL).square()) + unusual_elevation(verticals, elevation)
    known = verticals.known
    return torch.where(known, off_vertical(seen, verticals.up), guessed) if known.any() else guessed


def unusual_elevation(verticals: Verticals, elevation: Tensor) -> Tensor:
    """(..., V) how unusual the elevations (..., V) or (..., 1) of cameras are, in radians; measured ones aside."""
    usual, slack, spread = verticals.elevation.unbind(-1)
    return 0.5 * (((elevation - usual).abs() - slack).clamp(min=0) / spread).square().clamp(max=9)


def off_vertical(first: Tensor, second: Tensor) -> Tensor:
    """(...) how unlikely it is that two unit vectors (..., 3) are the same vertical, one of them measured."""
    # From the chord: the slope of an arc cosine has no end where they agree.
    return 0.5 * TILT_DOUBT * torch.log1p((first - second).square().sum(-1) / (TILT_DOUBT * TILT**2))


def likeliest(verticals: Verticals, rotation: np.ndarray) -> np.ndarray:
    """(3,) the world's vertical that suits world-to-camera rotations (V, 3, 3) best.

    Where verticals were measured it is their mean. Else some are tried under which one camera is level, and all under
    which two are; all are brought nearer to one under which all are level, by weighted least squares.
    """
    felt = np.einsum("vij,vi->j", rotation, verticals.up.numpy())
    if felt.any():
        return (felt / np.linalg.norm(felt)).astype(np.float32)
    return _most_level(rotation.astype(np.float32), verticals.elevation.numpy())


@host
def _most_level(rotation, elevation):
    """The vertical (3,) under which cameras (V, 3, 3) are least unusual, with elevations (V, 3) as in ``Verticals``."""
    views, best, least = len(rotation), np.zeros(3, np.float32), DOWN
    for first in range(views):
        for second in range(views + len(TRIED)):
            if second == first:
                continue
            up = _level_in(rotation, first, TRIED[second - views]) if second >= views else _level_in_both(
                rotation, first, second
            )
            for _ in range(1 + NEARER):
                cost = _cost(rotation, elevation, up)
                if cost < least:
                    least, best[0], best[1], best[2] = cost, up[0], up[1], up[2]
                up = _more_level(rotation, up)
    return best


@device
def _level_in(rotation, view, degrees):
    """The vertical under which one camera is level, and so high."""
    y, z = -math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))
    return (
        y * rotation[view, 1, 0] + z * rotation[view, 2, 0], y * rotation[view, 1, 1] + z * rotation[view, 2, 1],
        y * rotation[view, 1, 2] + z * rotation[view, 2, 2],
    )


@device
def _level_in_both(rotation, first, second):
    """The one under which two are level; its opposite is found with the two in the other order."""
    a, b = rotation[first, 0], rotation[second, 0]
    return _unit(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@device
def _unit(x, y, z):
    length = math.sqrt(x * x + y * y + z * z) + 1e-12
    return x / length, y / length, z / length


@device
def _more_level(rotation, up):
    """One step of weighted least squares towards no rolls."""
    xx = yy = zz = 0.01 / ROLL**2
    xy = xz = yz = x = y = z = 0.0
    for view in range(len(rotation)):
        a, b, c = float(rotation[view, 0, 0]), float(rotation[view, 0, 1]), float(rotation[view, 0, 2])
        roll = a * up[0] + b * up[1] + c * up[2]
        weight = 1 / (ROLL**2 + roll**2)
        xx, yy, zz = xx + weight * a * a, yy + weight * b * b, zz + weight * c * c
        xy, xz, yz = xy + weight * a * b, xz + weight * a * c, yz + weight * b * c
        x, y, z = x + weight * roll * a, y + weight * roll * b, z + weight * roll * c
    first, second, third = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy  # cofactors
    whole = xx * first + xy * second + xz * third
    return _unit(
        up[0] - (first * x + second * y + third * z) / whole,
        up[1] - (second * x + (xx * zz - xz * xz) * y + (xy * xz - xx * yz) * z) / whole,
        up[2] - (third * x + (xy * xz - xx * yz) * y + (xx * yy - xy * xy) * z) / whole,
    )


@device
def _cost(rotation, elevation, up):
    """How unusual all cameras (V, 3, 3) are where nothing was measured; very much if the vertical is down in them."""
    cost = down = 0.0
    for view in range(len(rotation)):
        x = rotation[view, 0, 0] * up[0] + rotation[view, 0, 1] * up[1] + rotation[view, 0, 2] * up[2]
        y = rotation[view, 1, 0] * up[0] + rotation[view, 1, 1] * up[1] + rotation[view, 1, 2] * up[2]
        z = rotation[view, 2, 0] * up[0] + rotation[view, 2, 1] * up[1] + rotation[view, 2, 2] * up[2]
        cost += _off_level(elevation[view], x, z)[0]
        down += y
    return cost + (0.5 * DOWN if down > 0 else 0.0)


@device
def tilt(measured, elevation, x, y, z):
    """As ``unusual`` of one camera that sees the vertical in the direction (x, y, z); and its slopes along these.

    :param measured: (3,) direction of the sky that was measured, or zero; ``elevation`` (3,) as in ``Verticals``.
    """
    if measured[0] == 0 and measured[1] == 0 and measured[2] == 0:
        cost, by_x, by_z = _off_level(elevation, x, z)
        return cost, by_x, 0.0, by_z
    first, second, third = x - measured[0], y - measured[1], z - measured[2]
    chord = (first * first + second * second + third * third) / (TILT_DOUBT * TILT**2)
    slope = 1 / (TILT**2 * (1 + chord))
    return 0.5 * TILT_DOUBT * math.log1p(chord), slope * first, slope * second, slope * third


@device
def _off_level(elevation, x, z):
    """As ``unusual`` where nothing was measured, and its slopes along x and z."""
    cost, by_x = 0.5 * math.log1p((x / ROLL) ** 2), x / (ROLL**2 + x * x)
    sine = min(max(-z, -0.999), 0.999)
    off = math.asin(sine) - elevation[0]
    beyond = max(abs(off) - elevation[1], 0.0) / elevation[2]
    if beyond * beyond >= 9.0:
        return cost + 4.5, by_x, 0.0
    by_z = -math.copysign(beyond / elevation[2], off) / math.sqrt(1 - sine * sine) if sine == -z else 0.0
    return cost + 0.5 * beyond * beyond, by_x, by_z
