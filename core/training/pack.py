"""Pack artist meshes and surface textures into one file that travels with a training run.

``python -m pflrm.core.training.pack SOURCE OUT.npz`` reads SOURCE/meshes/*.npz and SOURCE/textures/*.jpg; the form of
the meshes is described in that folder's README. Meshes are thinned to what a view of 128 pixels can show.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from ..errors import InputError

FACE_LIMIT = 4000
_GRIDS = (192, 160, 128, 112, 96, 80, 64, 48)  # cells across the unit ball that vertices are merged in
POSITION_RANGE = 32767.0  # vertices are stored as int16 in units of 1 / POSITION_RANGE


def merge_vertices(vertices: np.ndarray, faces: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the vertices of each cell of a grid.

    :param vertices: (N, 3) in the unit ball; ``faces``: (M, 3).
    :returns: merged vertices, the faces that are left, and their indices among ``faces``.
    """
    cell = np.floor((vertices + 1.0) * (0.5 * cells)).astype(np.int64)
    _, inverse, count = np.unique(cell @ [1, 4096, 4096 * 4096], return_inverse=True, return_counts=True)
    merged = np.stack([np.bincount(inverse, vertices[:, k]) for k in range(3)], axis=1) / count[:, None]
    corners = inverse[faces]
    solid = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
    # Thick walls collapse to faces that lie upon each other: one of them is enough.
    _, first = np.unique(np.sort(corners[solid], axis=1), axis=0, return_index=True)
    kept = np.flatnonzero(solid)[np.sort(first)]
    return merged, corners[kept], kept


def thin(vertices: np.ndarray, faces: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mesh with at most ``limit`` faces, if a coarse grid can do that; as :func:`merge_vertices`."""
    if len(faces) <= limit:
        return vertices, faces, np.arange(len(faces))
    for cells in _GRIDS:
        result = merge_vertices(vertices, faces, cells)
        if len(result[1]) <= limit:
            break
    return result


class _Blobs:
    """Distinct byte strings in one array."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.parts: list[np.ndarray] = []

    def add(self, content: np.ndarray) -> int:
        key = hashlib.sha256(content.tobytes()).hexdigest()
        if key not in self.index:
            self.index[key] = len(self.parts)
            self.parts.append(content)
        return self.index[key]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        ends = np.cumsum([len(part) for part in self.parts], dtype=np.int64)
        joined = np.concatenate(self.parts) if self.parts else np.zeros(0, np.uint8)
        return {f"{name}_bytes": joined, f"{name}_ends": ends}


def pack(source: Path, out: Path, face_limit: int = FACE_LIMIT) -> None:
    """Write the pack; see :func:`assets.load_pack` for its arrays.

    :raises InputError: SOURCE holds neither meshes nor textures.
    """
    surfaces, pictures = _Blobs(), _Blobs()
    for path in sorted((source / "textures").glob("*.jpg")):
        surfaces.add(np.frombuffer(path.read_bytes(), np.uint8))
    vertices, faces, uvs, materials = [], [], [], []
    colours: list[np.ndarray] = []
    vertex_counts, face_counts, names = [], [], []
    for path in sorted((source / "meshes").glob("*.npz")):
        with np.load(path, allow_pickle=False) as data:
            v, f, kept = thin(data["v"].astype(np.float64), data["f"], face_limit)
            if len(f) < 4:
                continue
            first = len(colours)
            for k, colour in enumerate(data["kd"]):
                picture = pictures.add(data[f"tex{k}"]) if f"tex{k}" in data else -1
                colours.append(np.array([*colour, picture], np.int32))
            uv = np.nan_to_num(data["uv"][kept].astype(np.float32), posinf=0.0, neginf=0.0)
            uv -= np.floor(uv.min(axis=1, keepdims=True))  # textures repeat, and small numbers keep more digits
            uvs.append(np.minimum(uv, 1000.0).astype(np.float16))
            materials.append((data["mat"][kept].astype(np.int32) + first).astype(np.int32))
            vertices.append(np.round(np.clip(v, -1, 1) * POSITION_RANGE).astype(np.int16))
            faces.append(f.astype(np.uint16))
            vertex_counts.append(len(v))
            face_counts.append(len(f))
            names.append(f"{data['source']} ({data['licence']})")
    if not faces and not surfaces.parts:
        raise InputError(f"{source} holds neither meshes/*.npz nor textures/*.jpg.", "Give the folder of the assets.")
    np.savez_compressed(
        out,
        vertices=np.concatenate(vertices) if vertices else np.zeros((0, 3), np.int16),
        faces=np.concatenate(faces) if faces else np.zeros((0, 3), np.uint16),
        uvs=np.concatenate(uvs) if uvs else np.zeros((0, 3, 2), np.float16),
        materials=np.concatenate(materials) if materials else np.zeros(0, np.int32),
        colours=np.stack(colours) if colours else np.zeros((0, 4), np.int32),
        vertex_ends=np.cumsum(vertex_counts, dtype=np.int64),
        face_ends=np.cumsum(face_counts, dtype=np.int64),
        names=np.array(names, dtype=np.str_),
        **surfaces.arrays("surface"),
        **pictures.arrays("picture"),
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--faces", type=int, default=FACE_LIMIT, help="faces a mesh may keep")
    arguments = parser.parse_args()
    pack(arguments.source, arguments.out, arguments.faces)


if __name__ == "__main__":
    main()
