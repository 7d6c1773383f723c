"""Mesh files: .ply, .obj and .glb, written by trimesh.

Opened in Blender with the importers' default settings, all three stand as the mesh does in its world (z up):

- .ply keeps the world's axes, the ones of cameras.json; colours are sRGB.
- .obj and .glb have y up, as nearly every program expects of them: (x, y, z) becomes (x, z, -y).
- colours in .glb are linear, as glTF 2.0 (§3.7.2.1) demands of vertex colours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .files import MESH_SUFFIXES, write
from .mesh import Mesh

Y_UP_FROM_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def save_mesh(mesh: Mesh, path: Path) -> None:
    """Write a mesh with its normals and vertex colours; the file appears only when it is complete.

    :raises InputError: another suffix than .ply, .obj or .glb.
    :raises PflrmError: the file cannot be written.
    """
    import trimesh

    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise InputError(
            f"The mesh cannot be saved as {path.name}: the format {suffix or 'without a suffix'} is not known.",
            f"End the file's name with one of {', '.join(MESH_SUFFIXES)}.",
        )
    turn = np.eye(3) if suffix == ".ply" else Y_UP_FROM_Z_UP
    colours = _linear(mesh.colours) if suffix == ".glb" else mesh.colours
    prepared = trimesh.Trimesh(
        vertices=mesh.vertices @ turn.T,
        faces=mesh.faces,
        vertex_normals=mesh.normals @ turn.T,
        vertex_colors=np.rint(255 * colours).astype(np.uint8),
        process=False,
    )
    with_normals: dict[str, Any] = {"vertex_normal" if suffix == ".ply" else "include_normals": True}
    content: Any = prepared.export(file_type=suffix[1:], **with_normals)
    write(path, lambda part: part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content))


def _linear(colours: np.ndarray) -> np.ndarray:
    """Linear RGB from sRGB values in [0, 1] (IEC 61966-2-1)."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
