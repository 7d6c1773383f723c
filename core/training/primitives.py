"""Random tables of connected primitives, after LRM-Zero (Xie et al., 2024) and re-thought for poses.

Parts hang together: each primitive grows out of the surface of an earlier one. Many objects are upright and partly
mirror-symmetric, as things that people photograph are. Everything here runs on numba's own random state, which the
caller seeds for each object, so that an object depends on its seed alone.
"""

import math

import numpy as np

from ..jit import f32, host
from .sdf import (
    AMPLITUDE,
    BLEND,
    BOX,
    CAPSULE,
    CENTRE,
    CONE,
    CYLINDER,
    DIFFERENCE,
    ELLIPSOID,
    EXTRA,
    FREQUENCY,
    KIND,
    MAX_PRIMITIVES,
    OPERATION,
    PRIMITIVE_KINDS,
    RADIUS,
    ROTATION,
    ROUNDING,
    SIZE,
    TEXTURE,
    TORUS,
    UNION,
    primitive_distance,
)
from .textures import MAX_TEXTURES

COUNT_WEIGHTS = np.array([5.0, 5.0, 5.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.0])  # of 1..9 primitives
DIFFERENCE_SHARE = 0.3
KIND_WEIGHTS = np.array([5.0, 3.0, 4.0, 2.0, 1.5, 2.0, 1.0])  # box, ellipsoid, cylinder, cone, torus, capsule, prism


@host
def random_rotation(primitives, i):
    """Give primitive ``i`` a rotation drawn evenly from all."""
    a, b, c, d = np.random.normal(), np.random.normal(), np.random.normal(), np.random.normal()
    n = math.sqrt(a * a + b * b + c * c + d * d) + 1e-12
    a, b, c, d = a / n, b / n, c / n, d / n
    r = primitives[i, ROTATION : ROTATION + 9]
    r[0], r[1], r[2] = 1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)
    r[3], r[4], r[5] = 2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)
    r[6], r[7], r[8] = 2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)


@host
def aligned_rotation(primitives, i, upright):
    """Give primitive ``i`` axes along those of the object; its own z axis stays vertical if ``upright``."""
    r = primitives[i, ROTATION : ROTATION + 9]
    r[:] = 0.0
    turn = 0 if upright else np.random.randint(3)  # which axis of the object becomes the local z axis
    for row in range(3):
        r[row * 3 + (row + turn) % 3] = 1.0


@host
def _draw_shape(primitives, i, largest):
    """Draw kind, half extents and rounding of primitive ``i``; its longest half extent is ``largest``."""
    threshold = np.random.random() * KIND_WEIGHTS.sum()
    kind = 0
    while kind < PRIMITIVE_KINDS - 1 and threshold >= KIND_WEIGHTS[kind]:
        threshold -= KIND_WEIGHTS[kind]
        kind += 1
    a, b, c = 1.0, 1.0, 1.0
    if np.random.random() < 0.85:
        a = math.exp(np.random.uniform(math.log(0.22), 0.0))
        b = math.exp(np.random.uniform(math.log(0.22), 0.0))
        c = math.exp(np.random.uniform(math.log(0.22), 0.0))
    if kind >= CYLINDER and np.random.random() < 0.75:
        b = a
    primitives[i, KIND] = kind
    primitives[i, EXTRA] = 0.0
    primitives[i, ROUNDING] = 0.0
    if kind == TORUS:
        b = max(b, 0.5 * a)
        primitives[i, EXTRA] = np.random.uniform(0.12, 0.4)
        c = a * primitives[i, EXTRA]
    elif kind == CONE:
        primitives[i, EXTRA] = 0.0 if np.random.random() < 0.4 else np.random.uniform(0.1, 0.95)
    elif kind == CAPSULE:
        c = max(c, 1.2 * max(a, b))
    longest = max(a, b, c)
    a, b, c = a / longest * largest, b / longest * largest, c / longest * largest
    primitives[i, SIZE], primitives[i, SIZE + 1], primitives[i, SIZE + 2] = a, b, c
    if kind in (BOX, CYLINDER) and np.random.random() < 0.5:
        primitives[i, ROUNDING] = min(a, b, c) * np.random.uniform(0.05, 0.6)


@host
def _draw_finish(primitives, i, blend, rough):
    """Draw texture, blending and height field of primitive ``i``, and derive its bounding sphere."""
    smallest = min(primitives[i, SIZE], primitives[i, SIZE + 1], primitives[i, SIZE + 2])
    primitives[i, OPERATION] = UNION
    primitives[i, BLEND] = min(blend, 0.5 * smallest)
    primitives[i, TEXTURE] = np.random.randint(MAX_TEXTURES // 2)
    primitives[i, AMPLITUDE] = 0.0
    primitives[i, FREQUENCY] = 0.0
    if rough and np.random.random() < 0.5:
        primitives[i, FREQUENCY] = math.exp(np.random.uniform(math.log(4.0), math.log(24.0)))
        limit = 0.6 / primitives[i, FREQUENCY]
        primitives[i, AMPLITUDE] = min(limit, 0.25 * smallest) * np.random.random()
    set_radius(primitives, i)


@host
def set_radius(primitives, i):
    """Derive the bounding sphere of primitive ``i`` from its extents."""
    a, b, c = primitives[i, SIZE], primitives[i, SIZE + 1], primitives[i, SIZE + 2]
    kind = int(primitives[i, KIND])
    if kind == BOX:
        # Rounded edges keep the corners away from the box's own.
        rounding = primitives[i, ROUNDING]
        a, b, c = a - rounding, b - rounding, c - rounding
        radius = math.sqrt(a * a + b * b + c * c) + rounding
    elif kind in (ELLIPSOID, CAPSULE):
        radius = max(a, b, c)
    else:
        radius = math.sqrt(max(a, b) ** 2 + c * c)
    primitives[i, RADIUS] = 1.01 * radius + primitives[i, AMPLITUDE] + 0.25 * primitives[i, BLEND]


@host
def surface_along(primitives, i, x, y, z, ux, uy, uz):
    """How far primitive ``i`` reaches from a point in it along a direction: its outermost surface, or -1."""
    t = 2.0 * primitives[i, RADIUS]
    for _ in range(80):
        d = primitive_distance(primitives, i, f32(x + t * ux), f32(y + t * uy), f32(z + t * uz))
        if d < 1e-3:
            return t
        t -= 0.8 * d
        if t < 0.0:
            return -1.0
    return t


@host
def _draw_outward(upright):
    """A direction in which a part grows: mostly an axis, and mostly not downwards, if the object is upright."""
    if upright and np.random.random() < 0.75:
        choice = np.random.random()
        if choice < 0.45:
            return 0.0, 0.0, 1.0
        if choice < 0.6:
            return 0.0, 0.0, -1.0
        sign = 1.0 if np.random.random() < 0.5 else -1.0
        return (sign, 0.0, 0.0) if np.random.random() < 0.5 else (0.0, sign, 0.0)
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    n = math.sqrt(x * x + y * y + z * z) + 1e-12
    return x / n, y / n, z / n


@host
def _attach(primitives, i, parent, ux, uy, uz, spread):
    """Move primitive ``i`` so that it sticks in the surface of ``parent``; False if there is no surface that way."""
    reach = spread * min(primitives[parent, SIZE], primitives[parent, SIZE + 1], primitives[parent, SIZE + 2])
    x = primitives[parent, CENTRE] + reach * np.random.uniform(-1.0, 1.0) * (1.0 - abs(ux))
    y = primitives[parent, CENTRE + 1] + reach * np.random.uniform(-1.0, 1.0) * (1.0 - abs(uy))
    z = primitives[parent, CENTRE + 2] + reach * np.random.uniform(-1.0, 1.0) * (1.0 - abs(uz))
    out = surface_along(primitives, parent, x, y, z, ux, uy, uz)
    primitives[i, CENTRE : CENTRE + 3] = 0.0
    back = surface_along(primitives, i, 0.0, 0.0, 0.0, -ux, -uy, -uz)
    if out < 0.0 or back < 0.0:
        return False
    along = out + back * (1.0 - 2.0 * np.random.uniform(0.04, 0.4))
    primitives[i, CENTRE] = x + along * ux
    primitives[i, CENTRE + 1] = y + along * uy
    primitives[i, CENTRE + 2] = z + along * uz
    return True


@host
def _mirror(primitives, source, target, axis):
    """Copy a primitive to the other side of the plane through the origin across ``axis``."""
    primitives[target] = primitives[source]
    primitives[target, CENTRE + axis] *= -1.0
    # S R S with the mirror S: the primitive is its own mirror image in its own axes.
    for row in range(3):
        for column in range(3):
            if (row == axis) != (column == axis):
                primitives[target, ROTATION + 3 * row + column] *= -1.0


@host
def _cut(primitives, i, target, hollow):
    """Make primitive ``i`` a cut into ``target``: its inside, open at the top, or a notch anywhere."""
    if hollow:
        primitives[i] = primitives[target]
        primitives[i, ROUNDING] = 0.8 * primitives[target, ROUNDING]
        scale = np.random.uniform(0.7, 0.93)
        primitives[i, SIZE : SIZE + 3] *= scale
        primitives[i, CENTRE + 2] += primitives[target, SIZE + 2] * (1.0 - scale + np.random.uniform(0.02, 0.3))
    else:
        size = max(primitives[target, SIZE], primitives[target, SIZE + 1], primitives[target, SIZE + 2])
        _draw_shape(primitives, i, size * np.random.uniform(0.25, 0.6))
        if np.random.random() < 0.6:
            aligned_rotation(primitives, i, False)
        else:
            random_rotation(primitives, i)
        ux, uy, uz = _draw_outward(True)
        set_radius(primitives, i)
        if not _attach(primitives, i, target, ux, uy, uz, 0.6):
            return False
    primitives[i, OPERATION] = DIFFERENCE
    primitives[i, AMPLITUDE] = 0.0
    primitives[i, BLEND] = 0.0
    primitives[i, TEXTURE] = primitives[target, TEXTURE]
    if np.random.random() < 0.4:
        primitives[i, TEXTURE] = np.random.randint(MAX_TEXTURES // 2)
    set_radius(primitives, i)
    return True


@host
def _draw_primitive_count():
    threshold = np.random.random() * COUNT_WEIGHTS.sum()
    count = 1
    while count < len(COUNT_WEIGHTS) and threshold >= COUNT_WEIGHTS[count - 1]:
        threshold -= COUNT_WEIGHTS[count - 1]
        count += 1
    return count


@host
def draw_primitives(primitives):
    """Fill an object's table (MAX_PRIMITIVES, PRIMITIVE_FIELDS); returns how many rows are in use."""
    wanted = _draw_primitive_count()
    upright = np.random.random() < 0.7
    symmetric = upright and np.random.random() < 0.45
    blend = np.random.uniform(0.03, 0.2) if np.random.random() < 0.25 else 0.0
    rough = np.random.random() < 0.3
    cuts = np.random.random() < DIFFERENCE_SHARE
    mirrored = np.zeros(MAX_PRIMITIVES, np.int32)  # bit set of the axes across which a part was copied
    parents = np.zeros(MAX_PRIMITIVES, np.int32)  # rows that parts may grow from
    count, parent_count, drawn = 0, 0, 0
    while drawn < wanted and count <= MAX_PRIMITIVES - 4:
        i = count
        first = i == 0
        _draw_shape(primitives, i, 1.0 if first else math.exp(np.random.uniform(math.log(0.15), math.log(0.9))))
        if (symmetric and first) or (upright and np.random.random() < 0.8):
            aligned_rotation(primitives, i, first or np.random.random() < 0.6)
        else:
            random_rotation(primitives, i)
        _draw_finish(primitives, i, blend, rough)
        drawn += 1
        primitives[i, CENTRE : CENTRE + 3] = 0.0
        parent = 0
        if not first:
            if np.random.random() > 0.5:
                parent = parents[np.random.randint(parent_count)]
            ux, uy, uz = _draw_outward(upright)
            if not _attach(primitives, i, parent, ux, uy, uz, 0.8):
                continue
        parents[parent_count] = i
        parent_count += 1
        count += 1
        if first and cuts and np.random.random() < 0.6:
            count += _cut(primitives, count, 0, np.random.random() < 0.6)
        if symmetric and not first and (parent == 0 or mirrored[parent]) and np.random.random() < 0.75:
            axes = np.random.randint(1, 4) if parent == 0 else mirrored[parent]
            for axis in range(2):
                if axes >> axis & 1:
                    copies = count - i
                    for k in range(copies):
                        _mirror(primitives, i + k, count + k, axis)
                    count += copies
            mirrored[i] = axes
    if cuts and count < MAX_PRIMITIVES:
        count += _cut(primitives, count, parents[np.random.randint(parent_count)], False)
    return count
