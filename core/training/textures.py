"""Procedural textures: how a point of a surface gets its colour, and how texture records are drawn at random."""

import math

import numpy as np

from ..jit import device, f32, host

# Columns of a texture record. Colours are linear RGB.
PATTERN = 0
COLOUR_A, COLOUR_B, COLOUR_C = 1, 4, 7  # 3 columns each
SCALE = 10  # cells across the primitive
DIRECTION = 11  # 3 columns, unit vector
SEED = 14
GLOSS, SHININESS = 15, 16  # strength and exponent of the highlight
IMAGE = 17  # index in the image atlas
OVERLAY = 18  # record of a label on top of this one, or -1
LABEL = 19  # 4 columns: centre and half extents of the label in the coordinates of a face, in [-1, 1]
FACES = 23  # bit set of the six faces that carry the label
WARP = 24  # how much noise bends the pattern
TEXTURE_FIELDS = 25
MAX_TEXTURES = 8

SOLID, CHECKER, STRIPES, DOTS, CLOUDS, GRADIENT, RINGS, MARBLE, BRICKS, CELLS, FACE_COLOURS, GLYPHS, PICTURE = range(13)
PATTERN_WEIGHTS = np.array([3, 2, 2, 2, 3, 1.5, 1, 1.5, 1, 1.5, 2, 1, 6])

_ZERO, _HALF, _ONE, _TWO = f32(0.0), f32(0.5), f32(1.0), f32(2.0)


@device
def hash_unit(x, y, z, seed):
    """A pseudo-random number in [0, 1) for a cell of an integer lattice."""
    h = (x * 374761393 + y * 668265263 + z * 1274126177 + seed * 974634777) & 0xFFFFFFFF
    h = ((h ^ (h >> 15)) * 2246822519) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 3266489917) & 0xFFFFFFFF
    return f32((h ^ (h >> 16)) >> 8) * f32(1.0 / 16777216.0)


@device
def noise(x, y, z, seed):
    """Smooth noise in [0, 1) with features of size 1."""
    i, j, k = int(math.floor(x)), int(math.floor(y)), int(math.floor(z))
    u, v, w = x - f32(i), y - f32(j), z - f32(k)
    u, v, w = u * u * (f32(3) - _TWO * u), v * v * (f32(3) - _TWO * v), w * w * (f32(3) - _TWO * w)
    total = _ZERO
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (u if a else _ONE - u) * (v if b else _ONE - v) * (w if c else _ONE - w)
        total += weight * hash_unit(i + a, j + b, k + c, seed)
    return total


@device
def layered_noise(x, y, z, seed):
    """Three octaves of noise in [0, 1)."""
    return (
        f32(0.57) * noise(x, y, z, seed)
        + f32(0.29) * noise(_TWO * x, _TWO * y, _TWO * z, seed + 1)
        + f32(0.14) * noise(f32(4) * x, f32(4) * y, f32(4) * z, seed + 2)
    )


@device
def _step(x, width):
    """0 below, 1 above zero, with a soft edge."""
    return min(max(x / width + _HALF, _ZERO), _ONE)


@device
def face_coordinates(x, y, z, nx, ny, nz):
    """(face 0..5, u, v): the side of a box that a normal points to, and a point's coordinates on it, seen upright."""
    ax, ay, az = abs(nx), abs(ny), abs(nz)
    if az >= ax and az >= ay:
        return (4 if nz > _ZERO else 5), x, -y
    if ax >= ay:
        return (0, y, -z) if nx > _ZERO else (1, -y, -z)
    return (2, -x, -z) if ny > _ZERO else (3, x, -z)


@device
def sample_image(images, image, u, v):
    """Linear RGB of an atlas image (K, H, W, 3) uint8 at wrapped coordinates, bilinear."""
    height, width = images.shape[1], images.shape[2]
    u, v = (u - math.floor(u)) * f32(width), (v - math.floor(v)) * f32(height)
    i, j = int(u), int(v)
    a, b = u - f32(i), v - f32(j)
    i, j = i % width, j % height
    k, m = (i + 1) % width, (j + 1) % height
    p, q, r, s = (_ONE - a) * (_ONE - b), a * (_ONE - b), (_ONE - a) * b, a * b
    scale = f32(1.0 / 255.0)
    red = scale * (p * f32(images[image, j, i, 0]) + q * f32(images[image, j, k, 0])
                   + r * f32(images[image, m, i, 0]) + s * f32(images[image, m, k, 0]))
    green = scale * (p * f32(images[image, j, i, 1]) + q * f32(images[image, j, k, 1])
                     + r * f32(images[image, m, i, 1]) + s * f32(images[image, m, k, 1]))
    blue = scale * (p * f32(images[image, j, i, 2]) + q * f32(images[image, j, k, 2])
                    + r * f32(images[image, m, i, 2]) + s * f32(images[image, m, k, 2]))
    return red * red, green * green, blue * blue


@device
def _mix_weights(pattern, record, textures, x, y, z, nx, ny, nz):
    """(b, c): the shares of the record's second and third colour at a point."""
    scale = textures[record, SCALE]
    seed = int(textures[record, SEED])
    warp = textures[record, WARP]
    dx, dy, dz = textures[record, DIRECTION], textures[record, DIRECTION + 1], textures[record, DIRECTION + 2]
    if warp > _ZERO:
        bend = warp * (noise(_TWO * x, _TWO * y, _TWO * z, seed + 7) - _HALF)
        x, y, z = x + bend, y + bend, z - bend
    face, u, v = face_coordinates(x, y, z, nx, ny, nz)
    i, j, k = int(math.floor(scale * x)), int(math.floor(scale * y)), int(math.floor(scale * z))
    soft = f32(0.08)
    b, c = _ZERO, _ZERO
    if pattern == CHECKER:
        i, j = int(math.floor(scale * u)), int(math.floor(scale * v))
        b = f32((i + j + face) & 1)
        c = _HALF * hash_unit(i, j, face, seed)
    elif pattern == STRIPES:
        position = scale * (x * dx + y * dy + z * dz)
        band = int(math.floor(position))
        part = position - f32(band)
        b = _step(abs(part - _HALF) - f32(0.25), soft)
        c = f32(1.0) if hash_unit(band, 3, 5, seed) < f32(0.3) else _ZERO
    elif pattern == DOTS:
        i, j = int(math.floor(scale * u)), int(math.floor(scale * v))
        p, q = scale * u - f32(i) - _HALF, scale * v - f32(j) - _HALF
        radius = f32(0.15) + f32(0.3) * hash_unit(i, j, face, seed)
        b = _step(radius - math.sqrt(p * p + q * q), soft)
        c = f32(1.0) if hash_unit(i, j, face, seed + 1) < f32(0.25) else _ZERO
        c *= b
    elif pattern == CLOUDS:
        value = layered_noise(scale * x, scale * y, scale * z, seed)
        b = _step(value - _HALF, f32(0.3))
        c = _step(noise(scale * y, scale * z, scale * x, seed + 5) - f32(0.72), f32(0.1))
    elif pattern == GRADIENT:
        b = _step(x * dx + y * dy + z * dz, f32(1.6))
        c = f32(0.3) * noise(scale * x, scale * y, scale * z, seed)
    elif pattern == RINGS:
        along = x * dx + y * dy + z * dz
        px, py, pz = x - along * dx, y - along * dy, z - along * dz
        radius = math.sqrt(px * px + py * py + pz * pz) + f32(0.25) * noise(x, y, f32(4) * z, seed)
        b = _HALF + _HALF * math.sin(f32(6.0) * scale * radius)
        c = f32(0.5) * noise(f32(12) * x, f32(12) * y, scale * z, seed)
    elif pattern == MARBLE:
        value = x * dx + y * dy + z * dz + _TWO * layered_noise(_TWO * x, _TWO * y, _TWO * z, seed)
        b = abs(math.sin(scale * value))
        b = b * b
        c = f32(0.6) * _step(layered_noise(f32(3) * x, f32(3) * y, f32(3) * z, seed + 9) - f32(0.55), f32(0.1))
    elif pattern == BRICKS:
        row = int(math.floor(scale * v))
        shifted = _HALF * scale * u + _HALF * f32(row & 1)
        brick = int(math.floor(shifted))
        p, q = shifted - f32(brick), scale * v - f32(row)
        b = _ONE if p < f32(0.06) or q < f32(0.12) else _ZERO
        c = (_ONE - b) * hash_unit(brick, row, face, seed) * f32(0.8)
    elif pattern == CELLS:
        b = _ONE if hash_unit(i, j, k, seed) < _HALF else _ZERO
        c = hash_unit(i, j, k, seed + 1)
    elif pattern == FACE_COLOURS:
        b = hash_unit(face, 1, 1, seed)
        b = _ONE if b > _HALF else _ZERO
        c = hash_unit(face, 2, 2, seed)
        c = _ONE if c > f32(0.6) else _ZERO
    elif pattern == GLYPHS:
        # Lines of broken blocks, the way print looks from afar.
        row = int(math.floor(scale * v))
        glyph = int(math.floor(_TWO * scale * u))
        p, q = _TWO * scale * u - f32(glyph), scale * v - f32(row)
        inside = p > f32(0.15) and q > f32(0.25) and q < f32(0.8)
        b = _ONE if inside and hash_unit(glyph, row, face, seed) < f32(0.6) else _ZERO
        c = _ONE if row % 4 == int(f32(4) * hash_unit(face, 1, 2, seed)) else _ZERO
    return b, c


@device
def _record_colour(textures, record, images, x, y, z, nx, ny, nz):
    """Linear RGB of one record, labels left aside."""
    pattern = int(textures[record, PATTERN])
    red, green, blue = (
        textures[record, COLOUR_A], textures[record, COLOUR_A + 1], textures[record, COLOUR_A + 2],
    )
    if pattern == PICTURE:
        face, u, v = face_coordinates(x, y, z, nx, ny, nz)
        scale, offset = _HALF * textures[record, SCALE], hash_unit(face, 4, 4, int(textures[record, SEED]))
        p, q, r = sample_image(images, int(textures[record, IMAGE]), scale * u + offset, scale * v + offset)
        return red * p, green * q, blue * r
    if pattern != SOLID:
        b, c = _mix_weights(pattern, record, textures, x, y, z, nx, ny, nz)
        red += b * (textures[record, COLOUR_B] - red)
        green += b * (textures[record, COLOUR_B + 1] - green)
        blue += b * (textures[record, COLOUR_B + 2] - blue)
        red += c * (textures[record, COLOUR_C] - red)
        green += c * (textures[record, COLOUR_C + 1] - green)
        blue += c * (textures[record, COLOUR_C + 2] - blue)
    return red, green, blue


@device
def surface_colour(textures, record, images, x, y, z, nx, ny, nz):
    """Linear RGB at a point in a primitive's own coordinates, which reach from −1 to 1, with its normal there."""
    overlay = int(textures[record, OVERLAY])
    if overlay >= 0:
        face, u, v = face_coordinates(x, y, z, nx, ny, nz)
        p = (u - textures[record, LABEL]) / textures[record, LABEL + 2]
        q = (v - textures[record, LABEL + 1]) / textures[record, LABEL + 3]
        if (int(textures[record, FACES]) >> face) & 1 and abs(p) < _ONE and abs(q) < _ONE:
            return _record_colour(textures, overlay, images, x, y, z, nx, ny, nz)
    return _record_colour(textures, record, images, x, y, z, nx, ny, nz)


@host
def _draw_colour(textures, record, column, hue, spread):
    """Write a random colour near ``hue`` (linear RGB) into a record."""
    hue += spread * np.random.normal()
    value = 0.06 + 0.9 * np.random.random() ** 0.7
    saturation = np.random.random() ** 1.3
    if np.random.random() < 0.3:
        saturation *= 0.15
    for channel in range(3):
        ramp = abs((hue * 6.0 + 4.0 - 2.0 * channel) % 6.0 - 3.0) - 1.0
        srgb = value * (1.0 - saturation * (1.0 - min(max(ramp, 0.0), 1.0)))
        textures[record, column + channel] = srgb * srgb


@host
def _draw_direction(textures, record):
    if np.random.random() < 0.7:
        axis = np.random.randint(3)
        for k in range(3):
            textures[record, DIRECTION + k] = 1.0 if k == axis else 0.0
        return
    x, y, z = np.random.normal(), np.random.normal(), np.random.normal()
    length = math.sqrt(x * x + y * y + z * z) + 1e-9
    textures[record, DIRECTION] = x / length
    textures[record, DIRECTION + 1] = y / length
    textures[record, DIRECTION + 2] = z / length


@host
def draw_pattern(weights):
    """A pattern at random, with these weights."""
    threshold = np.random.random() * weights.sum()
    for pattern in range(len(weights)):
        threshold -= weights[pattern]
        if threshold < 0.0:
            return pattern
    return SOLID


@host
def draw_textures(textures, image_count, weights):
    """Fill an object's texture records (T, TEXTURE_FIELDS): a random palette of patterns, some with labels.

    The second half of the table are the labels of the first half. Uses numba's own random state.
    """
    half = len(textures) // 2
    hue = np.random.random()
    spread = 0.05 + 0.45 * np.random.random()
    glossy = np.random.random()
    for record in range(len(textures)):
        pattern = draw_pattern(weights)
        if pattern == PICTURE and image_count == 0:
            pattern = CLOUDS
        textures[record, PATTERN] = pattern
        for column in (COLOUR_A, COLOUR_B, COLOUR_C):
            _draw_colour(textures, record, column, hue, spread)
        if pattern == PICTURE:
            tint = 0.0 if np.random.random() < 0.6 else 0.7 * np.random.random()
            for column in range(COLOUR_A, COLOUR_A + 3):
                textures[record, column] = 1.0 - tint * (1.0 - textures[record, column])
        textures[record, SCALE] = math.exp(np.random.uniform(math.log(0.7), math.log(4.0)))
        _draw_direction(textures, record)
        textures[record, SEED] = np.random.randint(1 << 20)
        textures[record, GLOSS] = 0.0 if np.random.random() < 0.4 else glossy * np.random.random() * 0.6
        textures[record, SHININESS] = math.exp(np.random.uniform(math.log(6.0), math.log(80.0)))
        textures[record, IMAGE] = np.random.randint(max(image_count, 1))
        labelled = record < half and np.random.random() < 0.35
        textures[record, OVERLAY] = record + half if labelled else -1
        for k in range(2):
            extent = np.random.uniform(0.25, 0.9)
            textures[record, LABEL + k] = np.random.uniform(-1.0, 1.0) * (1.0 - extent)
            textures[record, LABEL + 2 + k] = extent
        textures[record, FACES] = np.random.randint(1, 64)
        textures[record, WARP] = 0.0 if np.random.random() < 0.7 else 0.5 * np.random.random()
