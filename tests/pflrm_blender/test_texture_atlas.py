"""The properties that make an atlas one: no texel for two faces, room between charts, nothing mirrored or left out."""

import numpy as np
import pytest
from pflrm.pflrm_blender import texture_atlas
from pflrm.pflrm_blender.texture_atlas import unwrap

from . import solids

SIZE = 512


def spiral(turns=3, steps=60):
    """A spiral ramp: one piece that all looks up, and lies over itself."""
    angle = np.linspace(0, 2 * np.pi * turns, turns * steps)
    rim = np.stack([np.cos(angle), np.sin(angle), angle / 20], axis=-1)
    vertices = np.concatenate([rim * [0.5, 0.5, 1], rim])
    first, count = np.arange(len(angle) - 1), len(angle)
    faces = np.concatenate([
        np.stack([first, first + count, first + count + 1], -1), np.stack([first, first + count + 1, first + 1], -1),
    ])
    return vertices.astype(np.float32), faces.astype(np.int32)


def bumpy():
    vertices, faces = solids.sphere(60)
    noise = np.random.default_rng(1).normal(0, 0.005, vertices.shape)
    return (vertices * [1, 0.6, 1.4] + noise).astype(np.float32), faces


MESHES = {"sphere": solids.sphere, "spiral": spiral, "bumpy": bumpy}


@pytest.fixture(params=MESHES, scope="module")
def mesh(request):
    return MESHES[request.param]()


@pytest.fixture(scope="module")
def atlas(mesh):
    return unwrap(*mesh, SIZE)


def test_no_two_faces_share_a_place(atlas):
    """Random points of the texture, tried against every face by the sign of three areas."""
    points = np.random.default_rng(2).uniform(0, SIZE, (1500, 2)).astype(np.float32)
    a, b, c = (atlas.corners[:, corner].astype(np.float64) for corner in range(3))
    depth = np.full((len(points), len(a)), np.inf, np.float32)
    for start, end in ((a, b), (b, c), (c, a)):
        side, to = end - start, points[:, None] - start
        length = np.maximum(np.linalg.norm(side, axis=-1), 1e-9)
        depth = np.minimum(depth, (side[:, 0] * to[..., 1] - side[:, 1] * to[..., 0]) / length)
    assert ((depth > 0.5).sum(axis=1) <= 1).all()  # deeper than half a texel, since texels are what must not be shared


def test_faces_lie_on_the_texture_and_none_is_mirrored(atlas):
    a, b, c = (atlas.corners[:, corner] for corner in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (area > -1e-3).all()
    assert atlas.corners.min() >= atlas.margin - 1e-3
    assert atlas.corners.max() <= SIZE - atlas.margin + 1e-3


def test_texels_know_where_they_lie(atlas):
    row, column = np.divmod(atlas.texels.pixel, SIZE)
    corners = atlas.corners[atlas.texels.face]
    place = (corners * atlas.texels.weights[..., None]).sum(axis=1)
    np.testing.assert_allclose(place, np.stack([column, row], -1) + 0.5, atol=0.01)
    assert len(np.unique(atlas.texels.pixel)) == len(atlas.texels.pixel)


def test_charts_keep_their_distance(mesh, atlas):
    """Texels of faces that no path of shared UV edges connects are at least two margins apart."""
    _, faces = mesh
    pairs = texture_atlas._neighbours(faces)
    joined = [_share_an_edge(atlas.corners, faces, *pair) for pair in pairs.T]
    chart = texture_atlas._components(len(faces), pairs[:, np.array(joined)])
    grid = np.full(SIZE * SIZE, -1)
    grid[atlas.texels.pixel] = chart[atlas.texels.face]
    grid = grid.reshape(SIZE, SIZE)
    for step in range(1, 2 * atlas.margin - 1):
        for here, there in ((grid[:, step:], grid[:, :-step]), (grid[step:], grid[:-step])):
            both = (here >= 0) & (there >= 0)
            assert (here[both] == there[both]).all()


def _share_an_edge(corners, faces, one, other):
    shared = set(faces[one]) & set(faces[other])
    return all(
        np.allclose(corners[one][faces[one] == vertex], corners[other][faces[other] == vertex], atol=1e-2)
        for vertex in shared
    )


def test_most_of_a_bumpy_surface_is_in_few_charts():
    vertices, faces = bumpy()
    atlas = unwrap(vertices, faces, SIZE)
    pairs = texture_atlas._neighbours(faces)
    joined = [_share_an_edge(atlas.corners, faces, *pair) for pair in pairs.T]
    sizes = np.bincount(texture_atlas._components(len(faces), pairs[:, np.array(joined)]))
    assert np.sort(sizes)[-12:].sum() > 0.9 * len(faces)
    assert len(atlas.texels.pixel) > 0.3 * SIZE**2


def test_a_face_without_an_area_does_no_harm():
    vertices, faces = solids.squares(0.0, sides=(1.0,))
    faces = np.vstack([faces, [[0, 1, 0]]]).astype(np.int32)
    atlas = unwrap(vertices, faces, 64)
    assert np.isfinite(atlas.corners).all()
    assert len(atlas.texels.pixel) > 1000
