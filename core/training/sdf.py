"""Signed distances of procedural objects, and the marching of rays through them.

An object is a table of primitives (P, PRIMITIVE_FIELDS) float32 that are joined in order: each is united with
(softly or hard) or cut out of what came before. It lies in the unit ball around the origin, z up.
"""

import math

from ..jit import FAR, device, f32

# Columns of a primitive.
KIND, OPERATION, BLEND, TEXTURE = 0, 1, 2, 3
CENTRE = 4  # 3 columns
ROTATION = 7  # 9 columns: local_from_object, row by row
SIZE = 16  # 3 columns: half extents along the local axes
EXTRA = 19  # cone: top radius over base radius; torus: minor over major + minor radius
ROUNDING = 20  # radius of rounded edges, taken out of SIZE
RADIUS = 21  # of the bounding sphere around CENTRE, blending and displacement included
AMPLITUDE, FREQUENCY = 22, 23  # of the height field on the surface
PRIMITIVE_FIELDS = 24
MAX_PRIMITIVES = 16

BOX, ELLIPSOID, CYLINDER, CONE, TORUS, CAPSULE, PRISM = 0, 1, 2, 3, 4, 5, 6
PRIMITIVE_KINDS = 7
UNION, DIFFERENCE = 0, 1

_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)
MAX_STEPS = 72
MAX_SHADOW_STEPS = 20


@device
def to_local(primitives, i, x, y, z):
    """A point of the object in the axes of primitive ``i``."""
    x -= primitives[i, CENTRE]
    y -= primitives[i, CENTRE + 1]
    z -= primitives[i, CENTRE + 2]
    return turn_to_local(primitives, i, x, y, z)


@device
def turn_to_local(primitives, i, x, y, z):
    """A direction of the object in the axes of primitive ``i``."""
    r = ROTATION
    return (
        primitives[i, r] * x + primitives[i, r + 1] * y + primitives[i, r + 2] * z,
        primitives[i, r + 3] * x + primitives[i, r + 4] * y + primitives[i, r + 5] * z,
        primitives[i, r + 6] * x + primitives[i, r + 7] * y + primitives[i, r + 8] * z,
    )


@device
def _box(x, y, z, a, b, c):
    x, y, z = abs(x) - a, abs(y) - b, abs(z) - c
    u, v, w = max(x, _ZERO), max(y, _ZERO), max(z, _ZERO)
    return math.sqrt(u * u + v * v + w * w) + min(max(x, max(y, z)), _ZERO)


@device
def _ellipsoid(x, y, z, a, b, c):
    u, v, w = x / a, y / b, z / c
    near = math.sqrt(u * u + v * v + w * w)
    u, v, w = u / a, v / b, w / c
    gradient = math.sqrt(u * u + v * v + w * w)
    if gradient < f32(1e-6):
        return -min(a, min(b, c))
    return near * (near - _ONE) / gradient


@device
def _cylinder(radial, z, radius, c):
    u, w = radial - radius, abs(z) - c
    p, q = max(u, _ZERO), max(w, _ZERO)
    return math.sqrt(p * p + q * q) + min(max(u, w), _ZERO)


@device
def _cone(radial, z, base, top, c):
    """A cone along z with radius ``base`` at −c and ``top`` at +c."""
    cap = base if z < _ZERO else top
    u, w = radial - min(radial, cap), abs(z) - c
    slope_x, slope_z = top - base, c + c
    along = ((radial - base) * slope_x + (z + c) * slope_z) / (slope_x * slope_x + slope_z * slope_z)
    along = min(max(along, _ZERO), _ONE)
    p, q = radial - base - slope_x * along, z + c - slope_z * along
    distance = math.sqrt(min(u * u + w * w, p * p + q * q))
    return -distance if p < _ZERO and w < _ZERO else distance


@device
def _prism(x, y, z, a, c):
    """A hexagonal prism along z whose corners lie at distance ``a``."""
    x, y = abs(x), abs(y)
    flat = max(f32(0.8660254) * y + _HALF * x, x)
    u, w = flat - f32(0.8660254) * a, abs(z) - c
    p, q = max(u, _ZERO), max(w, _ZERO)
    return math.sqrt(p * p + q * q) + min(max(u, w), _ZERO)


@device
def primitive_distance(primitives, i, x, y, z):
    """A lower bound of the distance from a point of the object to primitive ``i``; negative inside."""
    x, y, z = to_local(primitives, i, x, y, z)
    kind = int(primitives[i, KIND])
    rounding = primitives[i, ROUNDING]
    a, b, c = primitives[i, SIZE] - rounding, primitives[i, SIZE + 1] - rounding, primitives[i, SIZE + 2] - rounding
    if kind == BOX:
        distance = _box(x, y, z, a, b, c)
    elif kind == ELLIPSOID:
        distance = _ellipsoid(x, y, z, a, b, c)
    else:
        # Elliptic cross-sections: stretched along y, and the distance scaled so that it stays a lower bound.
        stretch = b / a
        v = y / stretch
        if kind == PRISM:
            distance = _prism(x, v, z, a, c)
        else:
            radial = math.sqrt(x * x + v * v)
            extra = primitives[i, EXTRA]
            if kind == CYLINDER:
                distance = _cylinder(radial, z, a, c)
            elif kind == CONE:
                distance = _cone(radial, z, a, a * extra, c)
            elif kind == TORUS:
                u = radial - a * (_ONE - extra)
                distance = math.sqrt(u * u + z * z) - a * extra
            else:
                w = max(abs(z) - max(c - a, _ZERO), _ZERO)
                distance = math.sqrt(radial * radial + w * w) - a
        distance *= min(stretch, _ONE)
    distance -= rounding
    amplitude = primitives[i, AMPLITUDE]
    if amplitude > _ZERO and distance < f32(4.0) * amplitude:
        f = primitives[i, FREQUENCY]
        distance -= amplitude * math.sin(f * x + z) * math.sin(f * y + x) * math.sin(f * z + y)
    return distance


@device
def distance_at(primitives, active, x, y, z):
    """(distance to the object, index of the primitive nearest there) with the primitives of the bit set ``active``."""
    distance, nearest, i = FAR, -1, 0
    while active:
        if active & 1:
            # Beyond its bounding sphere a primitive is often too far to matter.
            u, v, w = x - primitives[i, CENTRE], y - primitives[i, CENTRE + 1], z - primitives[i, CENTRE + 2]
            reach = primitives[i, RADIUS]
            k = primitives[i, BLEND]
            union = primitives[i, OPERATION] == UNION
            if union:
                reach += max(distance, _ZERO) + k
            if u * u + v * v + w * w < reach * reach:
                d = primitive_distance(primitives, i, x, y, z)
                if union:
                    if d < distance:
                        nearest = i
                    h = k - abs(d - distance)
                    distance = min(d, distance)
                    if h > _ZERO:
                        distance -= h * h * f32(0.25) / k
                elif -d > distance:
                    distance, nearest = -d, i
        active >>= 1
        i += 1
    return distance, nearest


@device
def ray_span(primitives, count, ox, oy, oz, dx, dy, dz):
    """(active, near, far): the primitives whose bounding spheres a ray meets, and where it can meet the object."""
    active, near, far = 0, FAR, _ZERO
    for i in range(count):
        x, y, z = primitives[i, CENTRE] - ox, primitives[i, CENTRE + 1] - oy, primitives[i, CENTRE + 2] - oz
        middle = x * dx + y * dy + z * dz
        radius = primitives[i, RADIUS]
        half = radius * radius - (x * x + y * y + z * z) + middle * middle
        if half > _ZERO:
            half = math.sqrt(half)
            if middle + half > _ZERO:
                active |= 1 << i
                if primitives[i, OPERATION] == UNION:
                    near, far = min(near, middle - half), max(far, middle + half)
    return active, max(near, _ZERO), far


@device
def march_cone(primitives, count, step, ox, oy, oz, dx, dy, dz, spread):
    """How far a cone of rays is free of the object, or FAR if it never meets it.

    :param spread: sine of the cone's half angle, at most.
    """
    active, near, far = 0, FAR, _ZERO
    for i in range(count):
        x, y, z = primitives[i, CENTRE] - ox, primitives[i, CENTRE + 1] - oy, primitives[i, CENTRE + 2] - oz
        middle = x * dx + y * dy + z * dz
        radius = primitives[i, RADIUS]
        reach = radius + spread * (middle + radius)
        if x * x + y * y + z * z - middle * middle < reach * reach:
            active |= 1 << i
            if primitives[i, OPERATION] == UNION:
                near, far = min(near, middle - reach), max(far, middle + reach)
    t = max(near, _ZERO)
    for _ in range(MAX_STEPS):
        if t >= far:
            return FAR
        distance, _ = distance_at(primitives, active, ox + t * dx, oy + t * dy, oz + t * dz)
        free = distance * step - t * spread
        if free < f32(2e-3):
            return t
        t += free / (_ONE + spread)
    return t


@device
def march(primitives, count, step, start, ox, oy, oz, dx, dy, dz):
    """Distance along a unit ray to the object, or FAR, the primitive met there, and the active primitives.

    :param start: a distance up to which the ray is known to be free.
    """
    active, t, far = ray_span(primitives, count, ox, oy, oz, dx, dy, dz)
    t = max(t, start)
    for _ in range(MAX_STEPS):
        if t >= far:
            break
        distance, nearest = distance_at(primitives, active, ox + t * dx, oy + t * dy, oz + t * dz)
        if distance < f32(3e-4):
            return t, nearest, active
        t += distance * step
    return FAR, -1, active


@device
def _distance_on(primitives, nearest, active, x, y, z):
    """Signed distance near a surface point of primitive ``nearest``."""
    # Where nothing blends, the surface is that of one primitive, which saves evaluating the others.
    if primitives[nearest, OPERATION] == DIFFERENCE:
        return -primitive_distance(primitives, nearest, x, y, z)
    if primitives[nearest, BLEND] == _ZERO:
        return primitive_distance(primitives, nearest, x, y, z)
    distance, _ = distance_at(primitives, active, x, y, z)
    return distance


@device
def normal_at(primitives, nearest, active, x, y, z):
    """The unit normal of the surface, from four distances around a point that lies on primitive ``nearest``."""
    e = f32(1.5e-3)
    p = _distance_on(primitives, nearest, active, x + e, y - e, z - e)
    q = _distance_on(primitives, nearest, active, x - e, y - e, z + e)
    r = _distance_on(primitives, nearest, active, x - e, y + e, z - e)
    s = _distance_on(primitives, nearest, active, x + e, y + e, z + e)
    nx, ny, nz = p - q - r + s, r + s - p - q, q + s - p - r
    length = math.sqrt(nx * nx + ny * ny + nz * nz) + f32(1e-12)
    return nx / length, ny / length, nz / length


@device
def in_shadow(primitives, count, step, ox, oy, oz, dx, dy, dz):
    """Whether the object hides a light in this direction."""
    active, t, far = ray_span(primitives, count, ox, oy, oz, dx, dy, dz)
    for _ in range(MAX_SHADOW_STEPS):
        if t >= far:
            break
        distance, _ = distance_at(primitives, active, ox + t * dx, oy + t * dy, oz + t * dz)
        if distance < f32(5e-4):
            return True
        t += max(distance * step, f32(4e-3))
    return False
