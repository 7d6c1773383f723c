"""The colours of a texture from photos: whatever photo shows a texel best decides, softly, and the rest is filled.

Two bands are blended apart (after Burt and Adelson, "A multiresolution spline", 1983): the soft colours of all photos
that show a place run into each other over wide borders, which hides what is left of their differences in light; the
details come from the best photo alone, so that photos which do not match to the pixel leave no double images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .texture_atlas import Atlas, unwrap
from .texture_photos import Photo, Source, prepare, to_linear
from .texture_raster import fill, shrink

_CHUNK = 1 << 19  # texels at a time
_SAMPLES = 100_000  # texels from which the light of photos and the colours of unseen parts are learnt
_DETAIL = 6.0  # exponent of the trust: the best photo alone draws the details
_ENOUGH = 0.08  # trust of all photos together from which on the mesh's own colours have no say
_GAIN_PRIOR = 5e-4  # how firmly gains stay at 1: few comparisons say little
_MOST_GAIN = np.log(2.5)
_ROBUST = 0.15  # difference in the logarithm of light beyond which a comparison counts less
_ROUNDS = 8
_DARKEST, _BRIGHTEST = 0.02, 0.95  # sRGB values outside are clipped, or all noise
_SMOOTHINGS = 60  # of the colours that are carried on into unseen parts
_LOCAL = 20  # smoothings beyond which differences of colour are no detail but another part of the object
_USUAL, _LEAST_DETAIL = 0.9, 0.01  # a quantile of the seen parts' detail: more is none; and the least that is allowed


def bake(
    vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray, photos: Sequence[Photo], size: int
) -> tuple[Atlas, np.ndarray]:
    """Unwrap a mesh and project photos onto it.

    :param vertices: (N, 3) in the world of the cameras.
    :param faces: (M, 3) counter-clockwise seen from outside.
    :param colours: (N, 3) sRGB of the vertices, for what no photo shows.
    :param size: texels along each side of the texture.
    :returns: the atlas, and the texture (size, size, 3) float32 sRGB in [0, 1], bottom row first.
    """
    atlas = unwrap(vertices, faces, size)
    density = _texels_a_unit(vertices, faces, atlas)
    sources = [source for photo in photos if (source := prepare(photo, vertices, faces, density)) is not None]
    texture = np.zeros((size * size, 3), np.float32)
    count = len(atlas.texels.pixel)
    if count:
        some = np.linspace(0, count - 1, min(count, _SAMPLES)).astype(np.int64)
        learnt = _Part(atlas, vertices, faces, colours, some)
        if len(sources) > 1:
            sources = _match_light(sources, learnt)
        colours = _carry_on(sources, learnt, colours, faces)
        for start in range(0, count, _CHUNK):
            part = _Part(atlas, vertices, faces, colours, np.arange(start, min(start + _CHUNK, count)))
            texture[part.pixel] = _blend(sources, part)
    return atlas, _extend(texture.reshape(size, size, 3), atlas)


class _Part:
    """Some texels: their ``pixel`` (N,), their corners' vertices (N, 3) with ``weights``, ``points`` (N, 3) and the
    mesh's own colours ``own`` (N, 3)."""

    def __init__(
        self, atlas: Atlas, vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray, chosen: np.ndarray
    ) -> None:
        texels = atlas.texels
        self.pixel = texels.pixel[chosen]
        self.corners = faces[texels.face[chosen]]
        self.weights = texels.weights[chosen]
        self.points = self.interpolate(vertices.astype(np.float32))
        self.own = self.interpolate(colours.astype(np.float32))

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Values (N, C) of the vertices at the texels."""
        weights, corners = self.weights, self.corners
        return sum(values[corners[:, k]] * weights[:, k, None] for k in range(3))  # type: ignore[return-value]


def _texels_a_unit(vertices: np.ndarray, faces: np.ndarray, atlas: Atlas) -> float:
    """Texels along a unit of length on the surface, as a mean."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    return max(float(np.sqrt(len(atlas.texels.pixel) / max(area, 1e-20))), 1e-6)


def _match_light(sources: list[Source], part: _Part) -> list[Source]:
    """Give all photos the light of the first.

    Where two of them show the same texels, the differences of the logarithms of light are differences of exposure and
    white balance; least squares over all pairs, with outliers counted less, tells the gains.
    """
    looks = [source.trust_at(part.points) for source in sources]
    values = [source.soft_at(x, y) for source, (_, x, y) in zip(sources, looks, strict=True)]
    trusts = [trust for trust, _, _ in looks]
    gains = [_gains([value[:, channel] for value in values], trusts) for channel in range(3)]
    return [source.with_gain(gain) for source, gain in zip(sources, np.transpose(gains), strict=True)]


def _gains(values: list[np.ndarray], trusts: list[np.ndarray]) -> np.ndarray:
    """Gains (V,) of one channel that bring sRGB values (N,) of V sources together; the first is 1."""
    count = len(values)
    light = [np.log(np.maximum(to_linear(value), 1e-4)) for value in values]
    usable = [(value > _DARKEST) & (value < _BRIGHTEST) for value in values]
    pairs = []
    for i in range(count):
        for j in range(i + 1, count):
            both = np.flatnonzero(usable[i] & usable[j] & (trusts[i] > 0) & (trusts[j] > 0))
            if len(both):
                pairs.append((i, j, light[j][both] - light[i][both], np.minimum(trusts[i], trusts[j])[both]))
    prior = _GAIN_PRIOR * len(values[0])
    logarithms = np.zeros(count)
    for _ in range(_ROUNDS if pairs else 0):
        matrix, right = np.eye(count) * prior, np.zeros(count)
        matrix[0, 0] = 1e9
        for i, j, difference, weight in pairs:
            left = difference + logarithms[j] - logarithms[i]
            robust = weight / np.maximum(np.abs(left) / _ROBUST, 1)
            amount, pull = float(robust.sum()), float((robust * difference).sum())
            matrix[[i, j], [i, j]] += amount
            matrix[[i, j], [j, i]] -= amount
            right[i] += pull
            right[j] -= pull
        logarithms = np.linalg.solve(matrix, right)
    return np.exp(np.clip(logarithms, -_MOST_GAIN, _MOST_GAIN))


def _carry_on(sources: list[Source], part: _Part, colours: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The mesh's colours (N, 3), made fit for the parts that no photo shows, and for their borders.

    What the photos show is carried on along the surface. The mesh's own colours add their detail to it, but no more of
    it than the seen parts have: where a field was never observed its colours may be anything.
    """
    corners, edges = part.corners.ravel(), _edges(faces)
    shown, share = _soft_colours(sources, part)
    weights = (part.weights * share).ravel()
    weight = np.bincount(corners, weights, len(colours))
    seen = np.flatnonzero(weight > 0.1)
    if not len(seen):
        return colours
    values = np.repeat(shown, 3, axis=0) * weights[:, None]
    sums = np.stack([np.bincount(corners, values[:, channel], len(colours)) for channel in range(3)], axis=1)
    carried = _spread_out(sums[seen] / weight[seen, None], seen, edges, len(colours))
    reached = np.isfinite(carried[:, 0])
    carried = np.where(reached[:, None], carried, colours)
    detail = colours - carried
    smooth = carried.copy()
    inner = np.flatnonzero(reached[edges[1]])
    for _ in range(_LOCAL):
        _average(smooth, edges[0][inner], edges[1][inner])
    tamed = _tamed(detail, (carried - smooth)[seen])
    return np.where(reached[:, None], carried + tamed, colours).astype(np.float32)


def _tamed(detail: np.ndarray, example: np.ndarray) -> np.ndarray:
    """Differences of colour (N, 3) bent so that they are no larger than those of an ``example`` (S, 3), in brightness
    and in hue apart: what has one hue where it was seen will have it elsewhere."""
    brightness, usual = (values.mean(axis=1, keepdims=True) for values in (detail, example))
    hue, usual_hue = detail - brightness, example - usual
    most, most_hue = (np.quantile(np.abs(values), _USUAL, axis=0) + _LEAST_DETAIL for values in (usual, usual_hue))
    return np.clip(brightness, -most, most) + np.clip(hue, -most_hue, most_hue)


def _edges(faces: np.ndarray) -> np.ndarray:
    """Pairs (2, E) of vertices that an edge joins, each in both orders."""
    there = np.roll(faces, -1, axis=1)
    return np.stack([np.concatenate([faces, there]).ravel(), np.concatenate([there, faces]).ravel()])


def _spread_out(values: np.ndarray, seen: np.ndarray, edges: np.ndarray, count: int) -> np.ndarray:
    """Values (S, C) of the vertices ``seen`` (S,) for all vertices (N, C): ring by ring, then smoothed; NaN where no
    edges lead."""
    found = np.full((count, values.shape[1]), np.nan)
    found[seen] = values
    known = np.zeros(count, bool)
    known[seen] = True
    here, there = edges
    while True:
        border = np.flatnonzero(known[here] & ~known[there])
        if not len(border):
            break
        _average(found, here[border], there[border])
        known[there[border]] = True
    free = known.copy()
    free[seen] = False
    inner = np.flatnonzero(free[there])
    for _ in range(_SMOOTHINGS):
        _average(found, here[inner], there[inner])
    return found


def _average(values: np.ndarray, here: np.ndarray, there: np.ndarray) -> None:
    """Set ``values`` of all vertices ``there`` to the mean of those ``here`` that edges join to them."""
    number = np.bincount(there, minlength=len(values))
    changed = np.flatnonzero(number)
    for channel in range(values.shape[1]):
        total = np.bincount(there, values[here, channel], len(values))
        values[changed, channel] = total[changed] / number[changed]


def _soft_colours(sources: list[Source], part: _Part) -> tuple[np.ndarray, np.ndarray]:
    """The soft colours (N, 3) of texels in all photos together, and how much they say beside the mesh's own (N, 1)."""
    total, weight = np.zeros((len(part.points), 3), np.float32), np.zeros((len(part.points), 1), np.float32)
    for source in sources:
        trust, x, y = source.trust_at(part.points)
        total += trust[:, None] * source.soft_at(x, y)
        weight += trust[:, None]
    return total / np.maximum(weight, 1e-8), _share(weight)


def _share(trust: np.ndarray) -> np.ndarray:
    """How much photos say beside the mesh's own colours, from their trust together."""
    share = np.clip(trust / _ENOUGH, 0, 1)
    return share * share * (3 - 2 * share)


def _blend(sources: list[Source], part: _Part) -> np.ndarray:
    """The colours (N, 3) of texels."""
    count = len(part.points)
    soft, detail = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    soft_weight, detail_weight = np.zeros((count, 1), np.float32), np.full((count, 1), 1e-12, np.float32)
    for source in sources:
        trust, x, y = source.trust_at(part.points)
        shown = np.flatnonzero(trust > 1e-4)
        weight, x, y = trust[shown, None], x[shown], y[shown]
        low = source.soft_at(x, y)
        high = source.sharp_at(x, y) - low
        soft[shown] += weight * low
        soft_weight[shown] += weight
        detail[shown] += weight**_DETAIL * high
        detail_weight[shown] += weight**_DETAIL
    photo = soft / np.maximum(soft_weight, 1e-8) + detail / detail_weight
    return np.clip(part.own + _share(soft_weight) * (photo - part.own), 0, 1)


def _extend(texture: np.ndarray, atlas: Atlas) -> np.ndarray:
    """Colours beyond the charts: their borders' own within the margin, then smooth ones, for smaller copies of the
    texture that a renderer makes."""
    size = atlas.size
    source = np.full((size + 2) * (size + 2), -1, np.int64)  # a frame of one texel, so that neighbours always exist
    row, column = np.divmod(atlas.texels.pixel.astype(np.int64), size)
    front = (row + 1) * (size + 2) + column + 1
    source[front] = atlas.texels.pixel
    framed = np.zeros((size + 2, size + 2), bool)
    framed[1:-1, 1:-1] = True
    free = framed.ravel()
    free[front] = False
    for _ in range(atlas.margin):
        reached = []
        for step in (-1, 1, -size - 2, size + 2):
            target = front + step
            open_ = free[target]
            source[target[open_]] = source[front[open_]]
            free[target[open_]] = False
            reached.append(target[open_])
        front = np.unique(np.concatenate(reached))
    source = source.reshape(size + 2, size + 2)[1:-1, 1:-1]
    known = source >= 0
    extended = np.where(known[..., None], texture.reshape(-1, 3)[np.maximum(source, 0)], 0)
    count = shrink(known[..., None].astype(np.float32), 2)
    rest = fill(shrink(extended, 2) / np.maximum(count, 0.25), count[..., 0] > 0)
    return np.where(known[..., None], extended, rest.repeat(2, axis=0).repeat(2, axis=1))
