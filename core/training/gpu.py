"""The renderer on an NVIDIA GPU: the kernels that run the functions of ``kernels`` with one thread a pixel.

The host draws the tables of a batch (microseconds an object); everything after that happens on the GPU, on its
default stream, which torch uses too.
"""

from __future__ import annotations

from typing import Any

import numba.cuda
import numpy as np

from .assets import Assets
from .cameras import PROBE_SIZE, PROBES, point_at_object
from .corruption import corrupt_pixel
from .kernels import TILE, free_distance, probe_row, render_pixel

cuda: Any = numba.cuda  # its type stubs do not know that kernels are written as plain functions
_THREADS = 128


@cuda.jit(fastmath=True)
def _probe(headers, primitives, views, assets, spans):
    i = cuda.grid(1)
    row, i = i % PROBE_SIZE, i // PROBE_SIZE
    b, v = i // views.shape[1], i % views.shape[1]
    if b < views.shape[0]:
        probe_row(headers[b], primitives[b], assets, views[b, v], row, spans[b, v, row])


@cuda.jit(fastmath=True)
def _point(views, spans):
    i = cuda.grid(1)
    b, v = i // views.shape[1], i % views.shape[1]
    if b < views.shape[0]:
        point_at_object(views[b, v], spans[b, v])


@cuda.jit(fastmath=True)
def _march_tiles(headers, primitives, views, size, starts):
    i = cuda.grid(1)
    across = starts.shape[2]
    column, i = i % across, i // across
    row, i = i % across, i // across
    b, v = i // views.shape[1], i % views.shape[1]
    if b < views.shape[0]:
        starts[b, v, row, column] = free_distance(headers[b], primitives[b], views[b, v], row, column, size)


@cuda.jit(fastmath=True)
def _render(headers, primitives, textures, views, lights, assets, starts, samples, rgb, mask, depth):
    # Threads go through a tile before the next one, so that those of a warp do much the same.
    i = cuda.grid(1)
    size, across = mask.shape[2], starts.shape[2]
    column, i = i % TILE, i // TILE
    row, i = i % TILE, i // TILE
    tile_column, i = i % across, i // across
    tile_row, i = i % across, i // across
    row, column = tile_row * TILE + row, tile_column * TILE + column
    b, v = i // views.shape[1], i % views.shape[1]
    if b < views.shape[0]:
        red, green, blue, coverage, z = render_pixel(
            headers[b], primitives[b], textures[b], assets, lights[b, v], views[b, v],
            starts[b, v, tile_row, tile_column], row, column, size, samples,
        )
        rgb[b, v, 0, row, column] = red
        rgb[b, v, 1, row, column] = green
        rgb[b, v, 2, row, column] = blue
        mask[b, v, row, column] = coverage
        depth[b, v, row, column] = z


@cuda.jit(fastmath=True)
def _corrupt(corruptions, rgb, mask, image):
    i = cuda.grid(1)
    size, count = mask.shape[2], mask.shape[1]
    column, i = i % size, i // size
    row, i = i % size, i // size
    b, v = i // count, i % count
    if b < mask.shape[0]:
        corrupt_pixel(rgb[b, v], mask[b, v], corruptions[b, v], row, column, image[b, v])


def _blocks(threads: int) -> int:
    return (threads + _THREADS - 1) // _THREADS


def upload(assets: Assets) -> Assets:
    """The same assets as arrays on the GPU."""
    return Assets(*(cuda.to_device(array) for array in assets))


def render_objects(
    headers: Any, primitives: Any, textures: Any, views: Any, lights: Any, corruptions: Any,
    assets: Assets, samples: int, rgb: Any, mask: Any, depth: Any, image: Any,
) -> None:
    """As :func:`kernels.render_objects`, with arrays on the GPU (anything with the CUDA array interface)."""
    batch, count, size = mask.shape[0], mask.shape[1], mask.shape[2]
    total = batch * count
    spans = cuda.device_array((batch, count, PROBE_SIZE, 2), np.int16)
    starts = cuda.device_array((batch, count, size // TILE, size // TILE), np.float32)
    for _ in range(PROBES):
        _probe[_blocks(total * PROBE_SIZE), _THREADS](headers, primitives, views, assets, spans)
        _point[_blocks(total), _THREADS](views, spans)
    _march_tiles[_blocks(total * (size // TILE) ** 2), _THREADS](headers, primitives, views, size, starts)
    _render[_blocks(total * size * size), _THREADS](
        headers, primitives, textures, views, lights, assets, starts, samples, rgb, mask, depth
    )
    _corrupt[_blocks(total * size * size), _THREADS](corruptions, rgb, mask, image)
