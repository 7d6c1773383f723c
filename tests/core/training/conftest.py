"""A small pack of training assets, made of shapes that need no files."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from pflrm.core.training.pack import pack


def _write_mesh(path: Path, mesh: trimesh.Trimesh, colour: tuple[int, int, int], texture: np.ndarray | None) -> None:
    vertices = mesh.vertices - mesh.bounding_sphere.primitive.center
    vertices /= np.linalg.norm(vertices, axis=1).max() * 1.001
    arrays = {
        "v": vertices.astype(np.float16), "f": mesh.faces.astype(np.int32),
        "uv": np.tile(np.array([[0, 0], [1, 0], [0, 1]], np.float16), (len(mesh.faces), 1, 1)),
        "mat": np.zeros(len(mesh.faces), np.uint8), "kd": np.array([colour], np.uint8),
        "licence": np.array("CC0"), "source": np.array("test"),
    }
    if texture is not None:
        arrays["tex0"] = cv2.imencode(".png", texture)[1].ravel()
    np.savez(path, **arrays)


@pytest.fixture(scope="session")
def pack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two meshes, a plain one and a textured one, and one surface texture."""
    source = tmp_path_factory.mktemp("assets")
    (source / "meshes").mkdir()
    (source / "textures").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    _write_mesh(source / "meshes" / "a.npz", trimesh.creation.box((1.0, 0.6, 0.3)), (200, 40, 40), None)
    _write_mesh(source / "meshes" / "b.npz", trimesh.creation.icosphere(2), (255, 255, 255), picture)
    cv2.imwrite(str(source / "textures" / "t.jpg"), picture)
    out = source / "pack.npz"
    pack(source, out)
    return out
