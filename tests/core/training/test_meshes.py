"""Rays through triangle meshes against trimesh, and the pack of assets."""

import numpy as np
import pytest
import trimesh
from pflrm.core.errors import InputError
from pflrm.core.jit import FAR
from pflrm.core.training.assets import load_pack
from pflrm.core.training.meshes import build_hierarchy, cast
from pflrm.core.training.pack import pack, thin


def _hierarchy(mesh: trimesh.Trimesh):
    corners = mesh.triangles.astype(np.float32)
    order = np.empty(len(corners), np.int64)
    nodes, links = np.zeros((2 * len(corners) + 1, 6), np.float32), np.zeros((2 * len(corners) + 1, 3), np.int32)
    end = build_hierarchy(corners, order, nodes, links, 0, 0)
    corners = corners[order]
    triangles = np.column_stack([corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]])
    return nodes, links, triangles, end, order


def _first_hit(mesh: trimesh.Trimesh, origin: np.ndarray, direction: np.ndarray) -> float:
    """The same by trimesh's planes and barycentric coordinates, one triangle after the other."""
    along = np.einsum("ij,ij->i", mesh.triangles[:, 0] - origin, mesh.face_normals)
    distance = along / (mesh.face_normals @ direction)
    points = origin + distance[:, None] * direction
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles, points)
    return distance[(weights >= 0).all(1) & (distance > 0)].min(initial=np.inf)


def test_rays_meet_the_triangles_that_trimesh_finds():
    ball = trimesh.creation.icosphere(2, 0.3)
    ball.apply_translation((0.5, 0.3, 0.4))
    mesh: trimesh.Trimesh = trimesh.creation.torus(0.6, 0.2, 24, 12) + trimesh.creation.box((0.3, 0.5, 0.9)) + ball
    nodes, links, triangles, end, order = _hierarchy(mesh)
    assert sorted(order) == list(range(len(mesh.faces)))
    rng = np.random.default_rng(3)
    origins = rng.normal(size=(300, 3))
    origins *= 2.5 / np.linalg.norm(origins, axis=1, keepdims=True)
    directions = rng.uniform(-0.8, 0.8, (300, 3)) - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distances = np.array([_first_hit(mesh, *ray) for ray in zip(origins, directions, strict=True)])
    assert 100 < np.isfinite(distances).sum() < 295
    for origin, direction, distance in zip(origins.astype("f4"), directions.astype("f4"), distances, strict=True):
        t, triangle, u, v = cast(nodes, links, triangles, 0, end, *origin, *direction, FAR, False)
        blocked, _, _, _ = cast(nodes, links, triangles, 0, end, *origin, *direction, FAR, True)
        assert (blocked < FAR) == np.isfinite(distance)
        if np.isfinite(distance):
            assert t == pytest.approx(distance, abs=2e-4)
            point = triangles[triangle, :3] + u * triangles[triangle, 3:6] + v * triangles[triangle, 6:]
            np.testing.assert_allclose(point, origin + t * direction, atol=2e-4)
        else:
            assert triangle == -1


def test_the_pack_keeps_shapes_and_textures(pack_file):
    assets = load_pack(pack_file)
    assert len(assets.supports) == 2
    assert len(assets.surfaces) == len(assets.pictures) == 1
    assert assets.roots[-1] == len(assets.nodes) == len(assets.links)
    assert len(assets.triangles) == 12 + 320
    assert set(assets.colours[:, 3]) == {-1.0, 0.0}
    np.testing.assert_allclose(np.linalg.norm(assets.supports[1], axis=-1), 1.0, atol=5e-3)


def test_thinning_keeps_the_surface():
    mesh = trimesh.creation.icosphere(5, 0.95)
    vertices, faces, kept = thin(mesh.vertices, mesh.faces, 16000)
    assert 10000 < len(faces) <= 16000
    assert len(kept) == len(faces)
    np.testing.assert_allclose(np.linalg.norm(vertices[faces].mean(1), axis=1), 0.95, atol=0.03)


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(InputError, match="neither meshes"):
        pack(tmp_path, tmp_path / "out.npz")
    (tmp_path / "no.npz").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"no\.npz is no pack"):
        load_pack(tmp_path / "no.npz")
