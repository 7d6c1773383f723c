"""Other sets of cameras that explain the photos of a result about as well: kept on the cameras, switched in place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import bpy
from mathutils import Matrix

_MATRICES, _CONFIDENCE, _SHOWN = "pflrm_alternatives", "pflrm_alternative_confidence", "pflrm_alternative"


def remember(camera: bpy.types.Object, matrices: Sequence[Matrix], confidence: Iterable[float]) -> None:
    """Keep the K local matrices of a camera, the one it has first, and how sure each is (K,)."""
    camera[_MATRICES] = [float(value) for matrix in matrices for row in matrix for value in row]
    camera[_CONFIDENCE] = [float(value) for value in confidence]


def count(cameras: Sequence[bpy.types.Object]) -> int:
    """How many sets of cameras a result has; 1 where it knows but the one."""
    return min((len(camera.get(_CONFIDENCE, (0.0,))) for camera in cameras), default=1)


def shown(result: bpy.types.Collection) -> int:
    """The index of the set that is shown."""
    return int(result.get(_SHOWN, 0))


def show(
    result: bpy.types.Collection, cameras: Sequence[bpy.types.Object], mesh: bpy.types.Object | None, index: int
) -> None:
    """Move the cameras to another set. The mesh was made with the first set and is hidden beside the others."""
    for camera in cameras:
        values = list(camera[_MATRICES])[16 * index : 16 * (index + 1)]
        camera.matrix_local = Matrix([values[row : row + 4] for row in range(0, 16, 4)])
        camera["pflrm_confidence"] = camera[_CONFIDENCE][index]
    if mesh is not None:
        hidden = index > 0
        mesh.hide_viewport = mesh.hide_render = hidden
    result[_SHOWN] = index
