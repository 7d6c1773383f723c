"""Signed distances of primitives and the marching of rays through them."""

import numpy as np
import pytest
from pflrm.core.jit import FAR
from pflrm.core.training import sdf
from pflrm.core.training.assets import no_assets
from pflrm.core.training.kernels import draw_objects, empty_tables
from scipy.ndimage import label


def _primitive(kind: int, size=(0.5, 0.4, 0.3), extra=0.3, operation=sdf.UNION) -> np.ndarray:
    table = np.zeros((1, sdf.PRIMITIVE_FIELDS), np.float32)
    table[0, sdf.KIND], table[0, sdf.OPERATION], table[0, sdf.EXTRA] = kind, operation, extra
    table[0, sdf.SIZE : sdf.SIZE + 3] = size
    table[0, sdf.ROTATION : sdf.ROTATION + 9] = np.eye(3).ravel()
    table[0, sdf.RADIUS] = 2.0
    return table


def _distances(table: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.array([sdf.primitive_distance(table, 0, *point) for point in points.astype(np.float32)])


@pytest.mark.parametrize("kind", range(sdf.PRIMITIVE_KINDS))
def test_a_distance_never_oversteps(kind):
    table = _primitive(kind, (0.4, 0.3, 0.5) if kind == sdf.CAPSULE else (0.5, 0.4, 0.3))
    rng = np.random.default_rng(kind)
    points = rng.uniform(-1, 1, (3000, 3))
    inside = _distances(table, points) < 0
    assert 0.01 < inside.mean() < 0.5
    outside = points[~inside]
    gaps = np.linalg.norm(outside[:, None] - points[inside][None], axis=-1).min(1)
    # The ellipsoid's is an approximation; the marching steps of objects leave it room.
    assert (_distances(table, outside) <= gaps * (1.08 if kind == sdf.ELLIPSOID else 1.0) + 1e-4).all()


@pytest.mark.parametrize(("kind", "axis", "extent"), [
    (sdf.BOX, 0, 0.5), (sdf.BOX, 2, 0.3), (sdf.ELLIPSOID, 1, 0.4), (sdf.CYLINDER, 0, 0.5), (sdf.CYLINDER, 1, 0.4),
    (sdf.CYLINDER, 2, 0.3), (sdf.TORUS, 0, 0.5), (sdf.TORUS, 1, 0.4), (sdf.CONE, 2, 0.3), (sdf.PRISM, 2, 0.3),
])
def test_surfaces_lie_at_the_half_extents(kind, axis, extent):
    point = np.zeros((1, 3))
    point[0, axis] = extent
    if kind == sdf.CONE:
        point[0, 0] = 0.05
    assert abs(_distances(_primitive(kind), point)[0]) < 1e-3


def _march(table: np.ndarray, ray: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[float, int, int]:
    origin, direction = (tuple(map(np.float32, part)) for part in ray)
    return sdf.march(table, len(table), 0.95, 0.0, *origin, *direction)


def test_a_cut_takes_material_away():
    table = np.concatenate([
        _primitive(sdf.BOX, (0.5, 0.5, 0.5)), _primitive(sdf.CYLINDER, (0.2, 0.2, 0.9), operation=sdf.DIFFERENCE),
    ])
    down, along_x = ((0.0, 0.0, 2.0), (0.0, 0.0, -1.0)), ((-2.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    assert _march(table[:1], down)[0] == pytest.approx(1.5, abs=2e-3)
    assert _march(table, down)[0] == FAR
    assert _march(table, along_x)[0] == pytest.approx(1.5, abs=2e-3)
    t, nearest, active = _march(table, ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    assert (t, nearest) == (pytest.approx(0.2, abs=2e-3), 1)
    normal = sdf.normal_at(table, nearest, active, np.float32(t), np.float32(0), np.float32(0))
    np.testing.assert_allclose(normal, (-1, 0, 0), atol=1e-2)


def test_random_objects_fill_the_unit_ball_and_hang_together():
    tables = empty_tables(40, 1)
    draw_objects(np.arange(40), *tables, no_assets(), 0.0, 45.0, 64)
    grid = np.stack(np.meshgrid(*[np.linspace(-1.05, 1.05, 36)] * 3, indexing="ij"), -1).reshape(-1, 3)
    whole = 0
    for header, primitives in zip(tables[0], tables[1], strict=True):
        count = int(header[0])
        assert 1 <= count <= sdf.MAX_PRIMITIVES
        distances = np.array([sdf.distance_at(primitives, (1 << count) - 1, *p)[0] for p in grid.astype(np.float32)])
        radius = np.linalg.norm(grid[distances < 0], axis=1).max(initial=0.0)
        assert 0.7 < radius < 1.08
        # Half a cell's diagonal closes gaps that the grid alone would make.
        solid = (distances < 0.05).reshape(36, 36, 36)
        whole += label(solid)[1] == 1
    assert whole >= 36
