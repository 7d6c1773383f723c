"""The renderer: what one pixel of one view shows, and the drivers that fill whole batches on the CPU."""

import math

import numpy as np

from .cameras import EYE, PROBE_SIZE, TURN, VIEW_FIELDS, draw_views, point_at_object, ray_through
from .corruption import CORRUPTION_FIELDS, corrupt_pixel, draw_corruptions
from .jit import FAR, device, f32
from .lights import LAMPS, LIGHT_FIELDS, OCCLUSION, SHADOWS, draw_lights, shade
from .objects import (
    COUNT,
    DIRT,
    DIRT_SCALE,
    DIRT_SEED,
    OBJECT_FIELDS,
    STEP,
    draw_header,
    draw_primitives,
    fit_to_unit_ball,
)
from .sdf import (
    MAX_PRIMITIVES,
    PRIMITIVE_FIELDS,
    SIZE,
    TEXTURE,
    distance_at,
    in_shadow,
    march,
    normal_at,
    to_local,
    turn_to_local,
)
from .textures import GLOSS, MAX_TEXTURES, PATTERN_WEIGHTS, SHININESS, TEXTURE_FIELDS, draw_textures, layered_noise
from .textures import surface_colour as textured

_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)


@device
def probe_pixel(header, primitives, view, row, column):
    """Whether a pixel of the probe sees the object."""
    scale = f32(2.0 / PROBE_SIZE)
    dx, dy, dz = ray_through(view, (f32(column) + _HALF) * scale - _ONE, (f32(row) + _HALF) * scale - _ONE)
    t, _, _ = march(primitives, int(header[COUNT]), header[STEP], view[EYE], view[EYE + 1], view[EYE + 2], dx, dy, dz)
    return t < FAR


@device
def probe_row(header, primitives, view, row, span):
    """Fill ``span`` (2,) with the first and last column of the probe's row that see the object, or −1."""
    span[0], span[1] = -1, -1
    for column in range(PROBE_SIZE):
        if probe_pixel(header, primitives, view, row, column):
            span[0] = column
            break
    if span[0] < 0:
        return
    for column in range(PROBE_SIZE - 1, -1, -1):
        if probe_pixel(header, primitives, view, row, column):
            span[1] = column
            break


@device
def _procedural_colour(header, primitives, textures, images, light, t, nearest, active, ox, oy, oz, dx, dy, dz):
    """Linear RGB of the surface of primitives at distance ``t`` along a ray."""
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    nx, ny, nz = normal_at(primitives, nearest, active, x, y, z)
    record = int(primitives[nearest, TEXTURE])
    u, v, w = to_local(primitives, nearest, x, y, z)
    p, q, r = turn_to_local(primitives, nearest, nx, ny, nz)
    a, b, c = primitives[nearest, SIZE], primitives[nearest, SIZE + 1], primitives[nearest, SIZE + 2]
    red, green, blue = textured(textures, record, images, u / a, v / b, w / c, p, q, r)
    dirt = header[DIRT]
    if dirt > _ZERO:
        scale = header[DIRT_SCALE]
        dirt = _ONE - dirt * layered_noise(scale * x, scale * y, scale * z, int(header[DIRT_SEED]))
        red, green, blue = red * dirt, green * dirt, blue * dirt
    e = f32(3e-3)
    lit = True
    if light[SHADOWS] > _ZERO and nx * light[LAMPS] + ny * light[LAMPS + 1] + nz * light[LAMPS + 2] > _ZERO:
        lit = not in_shadow(
            primitives, int(header[COUNT]), header[STEP], x + e * nx, y + e * ny, z + e * nz,
            light[LAMPS], light[LAMPS + 1], light[LAMPS + 2],
        )
    reach = f32(0.12)
    clear, _ = distance_at(primitives, active, x + reach * nx, y + reach * ny, z + reach * nz)
    open_sky = _ONE - light[OCCLUSION] * (_ONE - min(max(clear / reach, _ZERO), _ONE))
    return shade(
        light, lit, open_sky, red, green, blue, textures[record, GLOSS], textures[record, SHININESS],
        nx, ny, nz, dx, dy, dz,
    )


@device
def render_pixel(header, primitives, textures, images, light, view, row, column, size, samples):
    """(red, green, blue, coverage, depth) of a pixel; colours are sRGB, depth along the optical axis, 0 beside it.

    The first sample is the pixel's centre and gives the depth; further ones smooth colour and coverage.
    """
    red, green, blue, hits, depth = _ZERO, _ZERO, _ZERO, 0, _ZERO
    ox, oy, oz = view[EYE], view[EYE + 1], view[EYE + 2]
    scale = f32(2.0) / f32(size)
    for sample in range(samples):
        # Points of the R2 sequence, the first of them in the centre.
        u, v = _HALF + f32(sample) * f32(0.7548777), _HALF + f32(sample) * f32(0.5698403)
        u, v = u - math.floor(u), v - math.floor(v)
        dx, dy, dz = ray_through(view, (f32(column) + u) * scale - _ONE, (f32(row) + v) * scale - _ONE)
        t, nearest, active = march(primitives, int(header[COUNT]), header[STEP], ox, oy, oz, dx, dy, dz)
        if t >= FAR:
            continue
        if sample == 0:
            depth = t * (dx * view[TURN + 6] + dy * view[TURN + 7] + dz * view[TURN + 8])
        r, g, b = _procedural_colour(
            header, primitives, textures, images, light, t, nearest, active, ox, oy, oz, dx, dy, dz
        )
        red, green, blue = red + min(r, _ONE), green + min(g, _ONE), blue + min(b, _ONE)
        hits += 1
    if hits == 0:
        return _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    share = _ONE / f32(hits)
    return (
        math.sqrt(red * share), math.sqrt(green * share), math.sqrt(blue * share), f32(hits) / f32(samples), depth
    )


@device
def draw_object(seed, header, primitives, textures, views, lights, corruptions, image_count, min_separation, size):
    """Draw one object with its cameras, lights and the faults of its photos; everything follows from ``seed``."""
    np.random.seed(seed)
    count = draw_primitives(primitives)
    fit_to_unit_ball(primitives, count)
    draw_header(header, primitives, count)
    draw_textures(textures, image_count, PATTERN_WEIGHTS)
    draw_views(views, min_separation)
    draw_lights(lights, views[:, TURN : TURN + 9])
    draw_corruptions(corruptions, size)


@device
def draw_objects(seeds, headers, primitives, textures, views, lights, corruptions, image_count, min_separation, size):
    """Draw a batch: the tables of ``empty_tables`` for ``seeds`` (B,)."""
    for b in range(len(seeds)):
        draw_object(
            seeds[b], headers[b], primitives[b], textures[b], views[b], lights[b], corruptions[b],
            image_count, min_separation, size,
        )


@device
def _render_view(header, primitives, textures, images, light, corruption, view, samples, rgb, mask, depth, image):
    size = mask.shape[0]
    spans = np.empty((PROBE_SIZE, 2), np.int16)
    for row in range(PROBE_SIZE):
        probe_row(header, primitives, view, row, spans[row])
    point_at_object(view, spans)
    for row in range(size):
        for column in range(size):
            red, green, blue, coverage, z = render_pixel(
                header, primitives, textures, images, light, view, row, column, size, samples
            )
            rgb[0, row, column], rgb[1, row, column], rgb[2, row, column] = red, green, blue
            mask[row, column] = coverage
            depth[row, column] = z
    for row in range(size):
        for column in range(size):
            corrupt_pixel(rgb, mask, corruption, row, column, image)


@device
def render_objects(
    headers, primitives, textures, views, lights, corruptions, images, samples, rgb, mask, depth, image
):
    """Turn all views of a batch (the tables of ``empty_tables``) to their objects and render them.

    :param rgb: (B, V, 3, S, S), mask and depth (B, V, S, S), image (B, V, 4, S, S): filled. Depth is in object units.
    """
    for b in range(rgb.shape[0]):
        for v in range(rgb.shape[1]):
            _render_view(
                headers[b], primitives[b], textures[b], images, lights[b, v], corruptions[b, v], views[b, v], samples,
                rgb[b, v], mask[b, v], depth[b, v], image[b, v],
            )


def empty_tables(batch: int, views: int) -> tuple[np.ndarray, ...]:
    """Headers, primitives, textures, views, lights and corruptions of a batch, zero."""
    return (
        np.zeros((batch, OBJECT_FIELDS), np.float32),
        np.zeros((batch, MAX_PRIMITIVES, PRIMITIVE_FIELDS), np.float32),
        np.zeros((batch, MAX_TEXTURES, TEXTURE_FIELDS), np.float32),
        np.zeros((batch, views, VIEW_FIELDS), np.float32),
        np.zeros((batch, views, LIGHT_FIELDS), np.float32),
        np.zeros((batch, views, CORRUPTION_FIELDS), np.float32),
    )
