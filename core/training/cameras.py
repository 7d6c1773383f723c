"""Cameras of training photos: where they are taken from, and their canonical views.

A photo's canonical view is defined in ``core.cameras``. Since a photo turned by a homography equals a rendering with
the turned camera, the canonical view is rendered at once; a coarse mask, the probe, tells where it looks.
"""

import math

import numpy as np

from ..cameras import CANONICAL_FILL
from ..jit import device, f32, host

# Columns of a view. Rotations are camera_from_object, row by row; the object's bounding ball is the unit ball.
EYE = 0  # 3 columns: the camera's centre
PHOTO = 3  # 9 columns: rotation of the photo's camera
TURN = 12  # 9 columns: rotation of the camera that renders; first the probe's, then the canonical view's
TANGENT = 21  # of half the field of view of the camera that renders
HALF_ANGLE = 22  # radians, of the object's cone
VIEW_FIELDS = 23

PROBE_SIZE = 40  # pixels of the coarse mask
PROBES = 2  # the first sees the bounding ball, the second is the canonical view that followed, and so a closer look
_PROBE_MARGIN = 1.04  # smooth unions and height fields may reach a little beyond the unit ball
_PROBE_BIAS = f32(0.35)  # pixels by which a mask's edge lies beyond the centres of its outermost pixels
FREE_SEPARATION = 15.0  # degrees between views of the objects that are not bound to the wanted separation
BOUND_SHARE = 0.7  # of the objects that are


@host
def _draw_direction(level):
    """A unit vector from the object to a camera: elevation mostly −10..60 degrees, or anywhere."""
    if level:
        elevation = math.radians(np.random.uniform(-10.0, 60.0))
        z = math.sin(elevation)
    else:
        z = np.random.uniform(-1.0, 1.0)
    azimuth = np.random.uniform(0.0, 2.0 * math.pi)
    flat = math.sqrt(1.0 - z * z)
    return flat * math.cos(azimuth), flat * math.sin(azimuth), z


@host
def _draw_directions(directions, separation):
    """Fill (V, 3) with directions at least ``separation`` degrees apart; the bound gives way where it cannot hold."""
    level = np.random.random() < 0.75
    limit = math.cos(math.radians(separation))
    for v in range(len(directions)):
        attempts = 0
        while True:
            x, y, z = _draw_direction(level)
            closest = -1.0
            for other in range(v):
                closest = max(closest, directions[other, 0] * x + directions[other, 1] * y + directions[other, 2] * z)
            if closest <= limit:
                break
            attempts += 1
            if attempts % 60 == 0:
                limit += 0.1 * (1.0 - limit)
                level = False
        directions[v, 0], directions[v, 1], directions[v, 2] = x, y, z


@host
def _look_at_origin(rotation, x, y, z, roll):
    """Fill ``rotation`` (9,) with the camera that sees the origin from direction (x, y, z), turned by ``roll``."""
    flat = math.sqrt(x * x + y * y)
    rx, ry = (-y / flat, x / flat) if flat > 1e-6 else (1.0, 0.0)  # right, level
    fx, fy, fz = -x, -y, -z  # forward
    dx, dy, dz = -ry * fz, rx * fz, -(rx * fy - ry * fx)  # down = forward × right
    c, s = math.cos(roll), math.sin(roll)
    rotation[0], rotation[1], rotation[2] = c * rx + s * dx, c * ry + s * dy, s * dz
    rotation[3], rotation[4], rotation[5] = c * dx - s * rx, c * dy - s * ry, c * dz
    rotation[6], rotation[7], rotation[8] = fx, fy, fz


@device
def _turn_minimally(rotation, x, y, z, inverse, result):
    """result = M · rotation, with M the roll-free turn of (0, 0, 1) onto (x, y, z) or its inverse; all (9,)."""
    sign = -1.0 if inverse else 1.0
    k = 1.0 / (1.0 + z)
    m00, m01, m02 = 1.0 - x * x * k, -x * y * k, sign * x
    m11, m12 = 1.0 - y * y * k, sign * y
    for column in range(3):
        p, q, r = rotation[column], rotation[3 + column], rotation[6 + column]
        result[column] = m00 * p + m01 * q + m02 * r
        result[3 + column] = m01 * p + m11 * q + m12 * r
        result[6 + column] = -m02 * p - m12 * q + z * r


@host
def draw_views(views, min_separation):
    """Fill an object's views (V, VIEW_FIELDS): the photos' cameras, and the probes that look at the bounding ball.

    Uses numba's own random state.
    """
    separation = min_separation if np.random.random() < BOUND_SHARE else min(FREE_SEPARATION, min_separation)
    directions = np.empty((len(views), 3))
    _draw_directions(directions, separation)
    one_lens = np.random.random() < 0.7
    wild_roll = np.random.random() < 0.1
    fov = 0.0
    for v in range(len(views)):
        if v == 0 or not one_lens:
            fov = np.random.uniform(38.0, 65.0) if np.random.random() < 0.6 else np.random.uniform(15.0, 75.0)
        x, y, z = directions[v, 0], directions[v, 1], directions[v, 2]
        roll = math.radians(5.0) * np.random.normal()
        if wild_roll or abs(z) > 0.98:
            roll = np.random.uniform(-math.pi, math.pi)
        frame = math.tan(math.radians(fov) / 2.0)
        ball = frame * np.random.uniform(0.45, 1.0)  # tangent under which the bounding ball is seen
        distance = 1.0 / math.sin(math.atan(ball))
        views[v, EYE], views[v, EYE + 1], views[v, EYE + 2] = distance * x, distance * y, distance * z
        turn = views[v, TURN : TURN + 9]
        _look_at_origin(turn, x, y, z, roll)
        px, py = (frame - ball) * np.random.uniform(-1.0, 1.0), (frame - ball) * np.random.uniform(-1.0, 1.0)
        n = math.sqrt(px * px + py * py + 1.0)
        _turn_minimally(turn, px / n, py / n, 1.0 / n, False, views[v, PHOTO : PHOTO + 9])
        views[v, TANGENT] = _PROBE_MARGIN * ball
        views[v, HALF_ANGLE] = math.atan(ball)


@device
def ray_through(view, x, y):
    """The unit direction, in the object's axes, of a ray at (x, y) in [−1, 1] across a view (VIEW_FIELDS,)."""
    x, y = x * view[TANGENT], y * view[TANGENT]
    scale = f32(1.0) / math.sqrt(x * x + y * y + f32(1.0))
    x, y = x * scale, y * scale
    t = TURN
    return (
        view[t] * x + view[t + 3] * y + view[t + 6] * scale,
        view[t + 1] * x + view[t + 4] * y + view[t + 7] * scale,
        view[t + 2] * x + view[t + 5] * y + view[t + 8] * scale,
    )


@device
def _pixel_direction(view, column, row):
    """The direction of a probe's pixel in the object's axes."""
    scale = f32(2.0 / PROBE_SIZE)
    return ray_through(
        view, (f32(column) + f32(0.5)) * scale - f32(1.0), (f32(row) + f32(0.5)) * scale - f32(1.0)
    )


@device
def point_at_object(view, spans):
    """Turn a view from its probe to the canonical view of its photo, as far as the probe's mask tells.

    :param view: (VIEW_FIELDS,), changed in place.
    :param spans: (PROBE_SIZE, 2) int16, first and last column of the probe's mask in each row; −1 in an empty row.
    """
    # The narrowest cone around unit vectors: the axis moves towards the farthest of them, in steps that fade.
    ax, ay, az = view[TURN + 6], view[TURN + 7], view[TURN + 8]
    step, cosine = f32(0.5), f32(1.0)
    for _ in range(120):
        cosine = f32(2.0)
        fx, fy, fz = ax, ay, az
        for row in range(PROBE_SIZE):
            if spans[row, 0] < 0:
                continue
            for side in range(2):
                x, y, z = _pixel_direction(view, spans[row, side], row)
                c = x * ax + y * ay + z * az
                if c < cosine:
                    cosine = c
                    fx, fy, fz = x, y, z
        ax, ay, az = ax + step * (fx - ax), ay + step * (fy - ay), az + step * (fz - az)
        n = f32(1.0) / math.sqrt(ax * ax + ay * ay + az * az)
        ax, ay, az = ax * n, ay * n, az * n
        step *= f32(0.95)
    if cosine > f32(1.5):  # nothing was seen: the bounding ball has to do
        return
    half_angle = math.acos(min(cosine, f32(1.0))) + _PROBE_BIAS * f32(2.0 / PROBE_SIZE) * view[TANGENT]
    p = PHOTO
    x = view[p] * ax + view[p + 1] * ay + view[p + 2] * az
    y = view[p + 3] * ax + view[p + 4] * ay + view[p + 5] * az
    z = view[p + 6] * ax + view[p + 7] * ay + view[p + 8] * az
    _turn_minimally(view[PHOTO : PHOTO + 9], x, y, z, True, view[TURN : TURN + 9])
    view[HALF_ANGLE] = half_angle
    view[TANGENT] = math.tan(half_angle) / f32(CANONICAL_FILL)
