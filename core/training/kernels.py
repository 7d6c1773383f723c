"""The renderer: what one pixel of one view shows, and the drivers that fill whole batches on the CPU."""

import math

import numpy as np

from ..jit import FAR, device, f32, host
from .cameras import EYE, PROBE_SIZE, PROBES, TURN, VIEW_FIELDS, draw_views, point_at_object, ray_through
from .corruption import CORRUPTION_FIELDS, corrupt_pixel, draw_corruptions
from .lights import LAMPS, LIGHT_FIELDS, OCCLUSION, SHADOWS, draw_lights, shade
from .meshes import cast
from .objects import (
    COUNT,
    DIRT,
    DIRT_SCALE,
    DIRT_SEED,
    GLOSS,
    LINEAR,
    MESH,
    OBJECT_FIELDS,
    OFFSET,
    PAINTED,
    SHININESS,
    STEP,
    TINT,
    describe_primitives,
    draw_mesh,
    fit_to_unit_ball,
)
from .primitives import draw_primitives
from .sdf import (
    MAX_PRIMITIVES,
    PRIMITIVE_FIELDS,
    SIZE,
    TEXTURE,
    distance_at,
    in_shadow,
    march,
    march_cone,
    normal_at,
    to_local,
    turn_to_local,
)
from .textures import GLOSS as RECORD_GLOSS
from .textures import (
    MAX_TEXTURES,
    PATTERN_WEIGHTS,
    TEXTURE_FIELDS,
    draw_textures,
    noise,
    sample_image,
    surface_colour,
)
from .textures import SHININESS as RECORD_SHININESS

TILE = 8  # pixels across the tiles that share a march through empty space; view sizes are multiples of it

_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)


@device
def _to_mesh(header, x, y, z):
    """A direction of the object in the axes of its mesh, of another length."""
    k = LINEAR
    return (
        header[k] * x + header[k + 1] * y + header[k + 2] * z,
        header[k + 3] * x + header[k + 4] * y + header[k + 5] * z,
        header[k + 6] * x + header[k + 7] * y + header[k + 8] * z,
    )


@device
def _cast_at_mesh(header, assets, ox, oy, oz, dx, dy, dz, any_hit):
    mesh = int(header[MESH])
    ox, oy, oz = _to_mesh(header, ox, oy, oz)
    dx, dy, dz = _to_mesh(header, dx, dy, dz)
    return cast(
        assets.nodes, assets.links, assets.triangles, int(assets.roots[mesh]), int(assets.roots[mesh + 1]),
        ox + header[OFFSET], oy + header[OFFSET + 1], oz + header[OFFSET + 2], dx, dy, dz, FAR, any_hit,
    )


@device
def _trace(header, primitives, assets, start, ox, oy, oz, dx, dy, dz):
    """(distance or FAR, primitive or triangle met, active primitives, weights of the triangle's corners)."""
    if header[MESH] >= _ZERO:
        t, hit, u, v = _cast_at_mesh(header, assets, ox, oy, oz, dx, dy, dz, False)
        return t, hit, 0, u, v
    t, hit, active = march(primitives, int(header[COUNT]), header[STEP], start, ox, oy, oz, dx, dy, dz)
    return t, hit, active, _ZERO, _ZERO


@device
def _probe_pixel(header, primitives, assets, view, row, column):
    """Whether a pixel of the probe sees the object."""
    scale = f32(2.0 / PROBE_SIZE)
    dx, dy, dz = ray_through(view, (f32(column) + _HALF) * scale - _ONE, (f32(row) + _HALF) * scale - _ONE)
    t, _, _, _, _ = _trace(header, primitives, assets, _ZERO, view[EYE], view[EYE + 1], view[EYE + 2], dx, dy, dz)
    return t < FAR


@device
def probe_row(header, primitives, assets, view, row, span):
    """Fill ``span`` (2,) with the first and last column of the probe's row that see the object, or −1."""
    span[0], span[1] = -1, -1
    for column in range(PROBE_SIZE):
        if _probe_pixel(header, primitives, assets, view, row, column):
            span[0] = column
            break
    if span[0] < 0:
        return
    for column in range(PROBE_SIZE - 1, -1, -1):
        if _probe_pixel(header, primitives, assets, view, row, column):
            span[1] = column
            break


@device
def _primitive_surface(header, primitives, textures, assets, nearest, active, x, y, z):
    """(normal, linear RGB, gloss, shininess) of a point on primitive ``nearest``."""
    nx, ny, nz = normal_at(primitives, nearest, active, x, y, z)
    record = int(primitives[nearest, TEXTURE])
    u, v, w = to_local(primitives, nearest, x, y, z)
    p, q, r = turn_to_local(primitives, nearest, nx, ny, nz)
    a, b, c = primitives[nearest, SIZE], primitives[nearest, SIZE + 1], primitives[nearest, SIZE + 2]
    red, green, blue = surface_colour(textures, record, assets.surfaces, u / a, v / b, w / c, p, q, r)
    return nx, ny, nz, red, green, blue, textures[record, RECORD_GLOSS], textures[record, RECORD_SHININESS]


@device
def _mesh_surface(header, textures, assets, triangle, u, v, x, y, z):
    """(normal, linear RGB, gloss, shininess) of a point on a triangle; the normal may point inwards."""
    e = assets.triangles
    e1x, e1y, e1z = e[triangle, 3], e[triangle, 4], e[triangle, 5]
    e2x, e2y, e2z = e[triangle, 6], e[triangle, 7], e[triangle, 8]
    p, q, r = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
    # Normals turn with the transpose of the map from object to mesh.
    k = LINEAR
    nx = header[k] * p + header[k + 3] * q + header[k + 6] * r
    ny = header[k + 1] * p + header[k + 4] * q + header[k + 7] * r
    nz = header[k + 2] * p + header[k + 5] * q + header[k + 8] * r
    length = _ONE / math.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-30))
    nx, ny, nz = nx * length, ny * length, nz * length
    material = int(assets.materials[triangle])
    if header[PAINTED] > _ZERO:
        record = material % (MAX_TEXTURES // 2)
        red, green, blue = surface_colour(textures, record, assets.surfaces, x, y, z, nx, ny, nz)
        return nx, ny, nz, red, green, blue, textures[record, RECORD_GLOSS], textures[record, RECORD_SHININESS]
    red, green, blue = assets.colours[material, 0], assets.colours[material, 1], assets.colours[material, 2]
    picture = int(assets.colours[material, 3])
    if picture >= 0:
        w = _ONE - u - v
        s = w * assets.uvs[triangle, 0] + u * assets.uvs[triangle, 2] + v * assets.uvs[triangle, 4]
        t = w * assets.uvs[triangle, 1] + u * assets.uvs[triangle, 3] + v * assets.uvs[triangle, 5]
        p, q, r = sample_image(assets.pictures, picture, s, _ONE - t)
        red, green, blue = red * p, green * q, blue * r
    m = TINT
    return (
        nx, ny, nz,
        max(header[m] * red + header[m + 1] * green + header[m + 2] * blue, _ZERO),
        max(header[m + 3] * red + header[m + 4] * green + header[m + 5] * blue, _ZERO),
        max(header[m + 6] * red + header[m + 7] * green + header[m + 8] * blue, _ZERO),
        header[GLOSS], header[SHININESS],
    )


@device
def _is_lit(header, primitives, assets, light, x, y, z, nx, ny, nz):
    """Whether the first lamp reaches a point, as far as it casts shadows."""
    lx, ly, lz = light[LAMPS], light[LAMPS + 1], light[LAMPS + 2]
    if light[SHADOWS] == _ZERO or nx * lx + ny * ly + nz * lz <= _ZERO:
        return True
    e = f32(3e-3)
    x, y, z = x + e * nx, y + e * ny, z + e * nz
    if header[MESH] >= _ZERO:
        t, _, _, _ = _cast_at_mesh(header, assets, x, y, z, lx, ly, lz, True)
        return t >= FAR
    return not in_shadow(primitives, int(header[COUNT]), header[STEP], x, y, z, lx, ly, lz)


@device
def _colour(header, primitives, textures, assets, light, t, hit, active, u, v, ox, oy, oz, dx, dy, dz):
    """Linear RGB that comes back along a ray that met the object at distance ``t``."""
    x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
    open_sky = _ONE
    if header[MESH] >= _ZERO:
        nx, ny, nz, red, green, blue, gloss, shininess = _mesh_surface(
            header, textures, assets, hit, u, v, x, y, z
        )
        if nx * dx + ny * dy + nz * dz > _ZERO:
            nx, ny, nz = -nx, -ny, -nz
    else:
        nx, ny, nz, red, green, blue, gloss, shininess = _primitive_surface(
            header, primitives, textures, assets, hit, active, x, y, z
        )
        reach = f32(0.12)
        clear, _ = distance_at(primitives, active, x + reach * nx, y + reach * ny, z + reach * nz)
        open_sky -= light[OCCLUSION] * (_ONE - min(max(clear / reach, _ZERO), _ONE))
    dirt = header[DIRT]
    if dirt > _ZERO:
        scale = header[DIRT_SCALE]
        dirt = _ONE - dirt * noise(scale * x, scale * y, scale * z, int(header[DIRT_SEED]))
        red, green, blue = red * dirt, green * dirt, blue * dirt
    lit = _is_lit(header, primitives, assets, light, x, y, z, nx, ny, nz)
    return shade(light, lit, open_sky, red, green, blue, gloss, shininess, nx, ny, nz, dx, dy, dz)


@device
def free_distance(header, primitives, view, tile_row, tile_column, size):
    """Up to where all rays of a tile of TILE × TILE pixels are free of the object; FAR if they never meet it."""
    if header[MESH] >= _ZERO:
        return _ZERO
    half = f32(TILE) / f32(size)  # of the tile, in units of half the view
    x, y = f32(2 * tile_column + 1) * half - _ONE, f32(2 * tile_row + 1) * half - _ONE
    dx, dy, dz = ray_through(view, x, y)
    spread = _ZERO
    for corner in range(4):
        u = x + half if corner & 1 else x - half
        v = y + half if corner & 2 else y - half
        p, q, r = ray_through(view, u, v)
        p, q, r = p - dx, q - dy, r - dz
        spread = max(spread, p * p + q * q + r * r)
    return march_cone(
        primitives, int(header[COUNT]), header[STEP], view[EYE], view[EYE + 1], view[EYE + 2],
        dx, dy, dz, math.sqrt(spread),
    )


@device
def render_pixel(header, primitives, textures, assets, light, view, start, row, column, size, samples):
    """(red, green, blue, coverage, depth) of a pixel; colours are sRGB, depth along the optical axis, 0 beside it.

    :param start: the free distance of the pixel's tile.

    The first sample is the pixel's centre and gives the depth; further ones smooth colour and coverage.
    """
    red, green, blue, hits, depth = _ZERO, _ZERO, _ZERO, 0, _ZERO
    ox, oy, oz = view[EYE], view[EYE + 1], view[EYE + 2]
    scale = f32(2.0) / f32(size)
    if start >= FAR:
        samples = 0
    for sample in range(samples):
        # Points of the R2 sequence, the first of them in the centre.
        u, v = _HALF + f32(sample) * f32(0.7548777), _HALF + f32(sample) * f32(0.5698403)
        u, v = u - math.floor(u), v - math.floor(v)
        dx, dy, dz = ray_through(view, (f32(column) + u) * scale - _ONE, (f32(row) + v) * scale - _ONE)
        t, hit, active, p, q = _trace(header, primitives, assets, start, ox, oy, oz, dx, dy, dz)
        if t >= FAR:
            continue
        if sample == 0:
            depth = t * (dx * view[TURN + 6] + dy * view[TURN + 7] + dz * view[TURN + 8])
        r, g, b = _colour(
            header, primitives, textures, assets, light, t, hit, active, p, q, ox, oy, oz, dx, dy, dz
        )
        red, green, blue = red + min(r, _ONE), green + min(g, _ONE), blue + min(b, _ONE)
        hits += 1
    if hits == 0:
        return _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
    share = _ONE / f32(hits)
    return (
        math.sqrt(red * share), math.sqrt(green * share), math.sqrt(blue * share), f32(hits) / f32(samples), depth
    )


@host
def draw_object(
    seed, header, primitives, textures, views, lights, corruptions, assets, mesh_share, min_separation, size
):
    """Draw one object with its cameras, lights and the faults of its photos; everything follows from ``seed``."""
    np.random.seed(seed)
    if np.random.random() < mesh_share:
        draw_mesh(header, assets.supports)
    else:
        count = draw_primitives(primitives)
        fit_to_unit_ball(primitives, count)
        describe_primitives(header, primitives, count)
    draw_textures(textures, len(assets.surfaces), PATTERN_WEIGHTS)
    draw_views(views, min_separation)
    draw_lights(lights, views[:, TURN : TURN + 9])
    draw_corruptions(corruptions, size)


@host
def draw_objects(
    seeds, headers, primitives, textures, views, lights, corruptions, assets, mesh_share, min_separation, size
):
    """Draw a batch: the tables of ``empty_tables`` for ``seeds`` (B,)."""
    for b in range(len(seeds)):
        draw_object(
            seeds[b], headers[b], primitives[b], textures[b], views[b], lights[b], corruptions[b],
            assets, mesh_share, min_separation, size,
        )


@host
def _render_view(header, primitives, textures, assets, light, corruption, view, samples, rgb, mask, depth, image):
    size = mask.shape[0]
    spans = np.empty((PROBE_SIZE, 2), np.int16)
    for _ in range(PROBES):
        for row in range(PROBE_SIZE):
            probe_row(header, primitives, assets, view, row, spans[row])
        point_at_object(view, spans)
    starts = np.empty(size // TILE, np.float32)
    for row in range(size):
        if row % TILE == 0:
            for tile in range(len(starts)):
                starts[tile] = free_distance(header, primitives, view, row // TILE, tile, size)
        for column in range(size):
            red, green, blue, coverage, z = render_pixel(
                header, primitives, textures, assets, light, view, starts[column // TILE], row, column, size, samples
            )
            rgb[0, row, column], rgb[1, row, column], rgb[2, row, column] = red, green, blue
            mask[row, column] = coverage
            depth[row, column] = z
    for row in range(size):
        for column in range(size):
            corrupt_pixel(rgb, mask, corruption, row, column, image)


@host
def render_objects(
    headers, primitives, textures, views, lights, corruptions, assets, samples, rgb, mask, depth, image
):
    """Turn all views of a batch (the tables of ``empty_tables``) to their objects and render them.

    :param rgb: (B, V, 3, S, S), mask and depth (B, V, S, S), image (B, V, 4, S, S): filled. Depth is in object units.
    """
    for b in range(rgb.shape[0]):
        for v in range(rgb.shape[1]):
            _render_view(
                headers[b], primitives[b], textures[b], assets, lights[b, v], corruptions[b, v], views[b, v], samples,
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
