"""Marching cubes in blocks: the surface of the dense grid, vertex by vertex, by both packages."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
import trimesh
from pflrm.core import marching
from pflrm.core.errors import InputError, RuntimeMissingError
from pflrm.core.marching import march, march_field, march_with_skimage
from pflrm.core.mesh import extract_mesh
from scipy.spatial import cKDTree

from .fields import AnalyticField, sphere, union, wavy_torus


def spiked_torus(points: torch.Tensor) -> torch.Tensor:
    """A thin spike hangs on the torus: the coarse grid misses it, the way along the surface does not."""
    x, y, z = points.unbind(-1)
    spike = 0.04 - torch.maximum(torch.hypot(x - 0.713, y - 0.017), (z - 0.55).abs() - 0.5)
    return union(wavy_torus, lambda _: spike)(points)


def spring(points: torch.Tensor) -> torch.Tensor:
    """One wire thinner than the coarse grid's cells: the blocks are found one after the other, in many rounds."""
    x, y, z = points.unbind(-1)
    turn = torch.atan2(y, x) / (2 * torch.pi)
    above = z - 0.2 * (torch.round(z / 0.2 - turn) + turn)
    return torch.minimum(0.06 - torch.hypot(torch.hypot(x, y) - 0.8, above), 0.9 - z.abs())


def dense_surface(field: AnalyticField, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """PyMCubes on every sample of the box, with empty space around it."""
    mcubes = pytest.importorskip("mcubes")
    axis = torch.arange(cells + 1).float() * (2 * field.half_extent / cells) - field.half_extent
    occupancy = torch.empty((cells + 1,) * 3)
    for i in range(cells + 1):
        density = field.query(torch.stack(torch.meshgrid(axis[i : i + 1], axis, axis, indexing="ij"), dim=-1))[0]
        occupancy[i] = 1 - field.level / (density[0] + field.level)
    vertices, faces = mcubes.marching_cubes(np.pad(occupancy.double().numpy(), 1), 0.5)
    return (vertices - 1) * 2 * field.half_extent / cells - field.half_extent, faces.astype(np.int64)


def corner_sets(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The faces in an order that depends on nothing but their corners, which keep their sense of turning."""
    ahead = np.argmin(faces, axis=1)[:, None]
    faces = np.take_along_axis(faces, (np.arange(3) + ahead) % 3, axis=1)
    return faces[np.lexsort(faces.T)]


@pytest.mark.parametrize(
    ("resolution", "cells"), [(20, 20), (48, 48), (64, 64), (70, 72), (96, 96), (128, 128)]
)
@pytest.mark.parametrize(
    "shape", [spiked_torus, spring, sphere(1.1, (0.9, -0.8, 0.0)), sphere(9.0)],
    ids=["spike", "spring", "cut", "full box"],
)
def test_blocks_give_the_surface_of_the_dense_grid(
    shape, resolution: int, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of 1, 3, 4, 6 and 8 cells, the last three from halved ones; surfaces in, at and around the box."""
    monkeypatch.setattr(marching, "COARSE_CELLS", 16)
    monkeypatch.setattr(marching, "BATCH", 2000)
    field = AnalyticField(shape)
    vertices, faces, cell = march_field(field, resolution, lambda fraction: None)
    if shape is spiked_torus and resolution > 20:
        assert field.queried < 0.5 * (cells + 1) ** 3
        assert vertices[:, 2].max() > 1.0  # the spike is there
    assert cell == pytest.approx(2.6 / cells)

    expected, expected_faces = dense_surface(field, cells)
    assert len(vertices) == len(expected)
    distance, partner = cKDTree(expected).query(vertices)
    assert distance.max() < 1e-6
    assert len(np.unique(partner)) == len(expected)
    np.testing.assert_array_equal(corner_sets(vertices, partner[faces]), corner_sets(expected, expected_faces))
    assert trimesh.Trimesh(vertices, faces, process=False).is_watertight


def test_both_packages_give_the_same_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mcubes")
    pytest.importorskip("skimage")
    field = AnalyticField(union(wavy_torus, sphere(0.2)))
    vertices, faces, cell = march_field(field, 48, lambda fraction: None)
    monkeypatch.setitem(sys.modules, "mcubes", None)
    others, other_faces, _ = march_field(field, 48, lambda fraction: None)
    assert len(vertices) == len(others)
    assert cKDTree(vertices).query(others)[0].max() < 1e-6 * cell
    ours, theirs = (trimesh.Trimesh(v, f, process=False) for v, f in ((vertices, faces), (others, other_faces)))
    assert ours.is_watertight
    assert theirs.is_watertight
    assert ours.volume > 0
    np.testing.assert_allclose(ours.volume, theirs.volume, rtol=1e-3)
    np.testing.assert_allclose(ours.area, theirs.area, rtol=1e-3)


@pytest.mark.parametrize("march", [march, march_with_skimage])
def test_no_cell_has_a_face_that_lies_in_its_side(march) -> None:
    """Faces between two blocks that are marched on each other are told by this from the blocks' own."""
    for case in range(1, 255):
        inside = np.array([case >> bit & 1 for bit in range(8)], dtype=bool).reshape(2, 2, 2)
        vertices, faces = march(inside)
        corners = vertices[faces]  # (M, 3, 3)
        assert not ((corners == corners[:, :1]).all(axis=1) & (corners[:, 0] % 1 == 0)).any()


def test_scikit_image_stands_in_for_pymcubes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage")
    monkeypatch.setitem(sys.modules, "mcubes", None)
    vertices, faces, _ = march_field(AnalyticField(sphere(0.8)), 32, lambda fraction: None)
    np.testing.assert_allclose(trimesh.Trimesh(vertices, faces).volume, 4 / 3 * np.pi * 0.8**3, rtol=0.03)
    with pytest.raises(InputError, match="no surface"):
        extract_mesh(AnalyticField(sphere(-0.5)), resolution=16)
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    with pytest.raises(RuntimeMissingError, match="pymcubes"):
        extract_mesh(AnalyticField(sphere(0.8)), resolution=16)


def test_each_sample_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What neighbours share can so never differ between them, however a field rounds."""
    monkeypatch.setattr(marching, "CHUNK", 1 << 24)
    asked: list[torch.Tensor] = []

    class Watched(AnalyticField):
        def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            asked.append(points)
            return super().query(points)

    march_field(Watched(wavy_torus), 192, lambda fraction: None)
    fine = torch.cat(asked[1:])  # the first question is the coarse grid
    assert len(asked) >= 2
    assert len(fine.unique(dim=0)) == len(fine)
