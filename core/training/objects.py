"""Objects: a header that says how an object is made, and the drawing of random ones that fill the unit ball."""

import math

import numpy as np

from ..jit import host
from .primitives import random_rotation, surface_along
from .sdf import (
    AMPLITUDE,
    BLEND,
    CENTRE,
    FREQUENCY,
    OPERATION,
    RADIUS,
    ROTATION,
    ROUNDING,
    SIZE,
    UNION,
)

# Columns of an object's header.
COUNT = 0  # primitives in use
STEP = 1  # share of the signed distance that is safe to march
MESH = 2  # index of an artist mesh, or -1 for primitives
DIRT, DIRT_SCALE, DIRT_SEED = 3, 4, 5  # darker spots over the whole object
LINEAR = 6  # 9 columns: from the object's axes to the mesh's, row by row
OFFSET = 15  # 3 columns: mesh = LINEAR · object + OFFSET
TINT = 18  # 9 columns: linear RGB of the mesh to linear RGB, row by row
GLOSS, SHININESS = 27, 28  # of a mesh's surface
PAINTED = 29  # whether a mesh wears procedural textures instead of its own
OBJECT_FIELDS = 30


@host
def enclosing_ball(points, total):
    """(x, y, z, radius) of about the smallest ball around ``points[:total]`` (·, 3)."""
    x, y, z = points[0, 0], points[0, 1], points[0, 2]
    step, radius = 0.5, 0.0
    for _ in range(120):
        farthest, radius = 0, 0.0
        for k in range(total):
            d = (points[k, 0] - x) ** 2 + (points[k, 1] - y) ** 2 + (points[k, 2] - z) ** 2
            if d > radius:
                farthest, radius = k, d
        x += step * (points[farthest, 0] - x)
        y += step * (points[farthest, 1] - y)
        z += step * (points[farthest, 2] - z)
        step *= 0.95
    return x, y, z, math.sqrt(radius)


@host
def fit_to_unit_ball(primitives, count):
    """Move and scale an object into the unit ball around the origin, by points on the extents of its parts."""
    points = np.empty((count * 26, 3))
    total = 0
    for i in range(count):
        if primitives[i, OPERATION] != UNION:
            continue
        r = primitives[i, ROTATION : ROTATION + 9]
        for code in range(27):
            if code == 13:
                continue
            x = (code % 3 - 1.0) * primitives[i, SIZE]
            y = (code // 3 % 3 - 1.0) * primitives[i, SIZE + 1]
            z = (code // 9 - 1.0) * primitives[i, SIZE + 2]
            n = math.sqrt(x * x + y * y + z * z)
            ux = (r[0] * x + r[3] * y + r[6] * z) / n
            uy = (r[1] * x + r[4] * y + r[7] * z) / n
            uz = (r[2] * x + r[5] * y + r[8] * z) / n
            cx, cy, cz = primitives[i, CENTRE], primitives[i, CENTRE + 1], primitives[i, CENTRE + 2]
            t = surface_along(primitives, i, cx, cy, cz, ux, uy, uz)
            if t > 0.0:
                points[total, 0], points[total, 1], points[total, 2] = cx + t * ux, cy + t * uy, cz + t * uz
                total += 1
    x, y, z, radius = enclosing_ball(points, total)
    scale = 1.0 / radius
    for i in range(count):
        primitives[i, CENTRE] = (primitives[i, CENTRE] - x) * scale
        primitives[i, CENTRE + 1] = (primitives[i, CENTRE + 1] - y) * scale
        primitives[i, CENTRE + 2] = (primitives[i, CENTRE + 2] - z) * scale
        primitives[i, SIZE : SIZE + 3] *= scale
        for column in (BLEND, ROUNDING, RADIUS, AMPLITUDE):
            primitives[i, column] *= scale
        primitives[i, FREQUENCY] /= scale


@host
def describe_primitives(header, primitives, count):
    """Fill the header of an object of primitives."""
    header[:] = 0.0
    header[COUNT] = count
    header[MESH] = -1.0
    step = 0.95
    for i in range(count):
        if primitives[i, AMPLITUDE] > 0.0:
            step = min(step, 1.0 / (1.0 + 1.6 * primitives[i, AMPLITUDE] * primitives[i, FREQUENCY]))
    header[STEP] = step
    _draw_dirt(header)
    if count <= 2:  # a plain ball would look the same from everywhere
        header[DIRT] = max(header[DIRT], 0.25)


@host
def _draw_dirt(header):
    header[DIRT] = 0.0 if np.random.random() < 0.4 else 0.6 * np.random.random()
    header[DIRT_SCALE] = np.random.uniform(1.5, 6.0)
    header[DIRT_SEED] = np.random.randint(1 << 20)


@host
def _draw_tint(header):
    """A turn of the hue, or none: mixes the channels, grey stays grey."""
    angle = 0.0
    if np.random.random() < 0.6:
        angle = np.random.uniform(0.0, 2.0 * math.pi)
    c, s = math.cos(angle), math.sin(angle) / math.sqrt(3.0)
    strength = np.random.uniform(0.6, 1.1)
    for row in range(3):
        for column in range(3):
            value = (1.0 - c) / 3.0
            if row == column:
                value += c
            elif (row - column) % 3 == 1:
                value += s
            else:
                value -= s
            header[TINT + 3 * row + column] = strength * value


@host
def draw_mesh(header, supports):
    """Fill the header of an object that is one of the meshes with extreme points ``supports`` (K, ·, 3).

    The mesh is mirrored, stretched and turned at random, so that few meshes make many objects.
    """
    header[:] = 0.0
    mesh = np.random.randint(len(supports))
    header[MESH] = mesh
    stretch = np.ones(3)
    if np.random.random() < 0.6:
        for k in range(3):
            stretch[k] = math.exp(np.random.uniform(-0.3, 0.3))
    if np.random.random() < 0.5:
        stretch[0] = -stretch[0]
    rotation = np.zeros((1, ROTATION + 9), np.float32)  # object from mesh
    if np.random.random() < 0.15:
        random_rotation(rotation, 0)
    else:
        azimuth = np.random.uniform(0.0, 2.0 * math.pi)
        rotation[0, ROTATION], rotation[0, ROTATION + 1] = math.cos(azimuth), -math.sin(azimuth)
        rotation[0, ROTATION + 3], rotation[0, ROTATION + 4] = math.sin(azimuth), math.cos(azimuth)
        rotation[0, ROTATION + 8] = 1.0
    turn = rotation[0, ROTATION:].copy().reshape(3, 3)
    points = np.empty((supports.shape[1], 3))
    for i in range(len(points)):
        for row in range(3):
            points[i, row] = 0.0
            for k in range(3):
                points[i, row] += turn[row, k] * stretch[k] * supports[mesh, i, k]
    x, y, z, radius = enclosing_ball(points, len(points))
    # object = (turn · stretch · mesh − centre) / radius
    for row in range(3):
        for column in range(3):
            header[LINEAR + 3 * row + column] = radius * turn[column, row] / stretch[row]
        header[OFFSET + row] = (turn[0, row] * x + turn[1, row] * y + turn[2, row] * z) / stretch[row]
    _draw_tint(header)
    _draw_dirt(header)
    header[GLOSS] = 0.0 if np.random.random() < 0.5 else 0.5 * np.random.random()
    header[SHININESS] = math.exp(np.random.uniform(math.log(6.0), math.log(80.0)))
    header[PAINTED] = np.random.random() < 0.3
