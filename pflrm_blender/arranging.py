"""A result as a whole: turned, put on the floor, shown alone or beside another one, deleted."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Matrix, Vector

from . import scene as scenes

_BESIDE = "pflrm_beside"  # on the root: how far it was moved for a comparison
_GAP = 0.25  # between two results that are compared, as a share of the wider one


def _corners(result: bpy.types.Collection) -> np.ndarray:
    """(N, 3) world positions of the mesh's vertices, or of the cameras where there is no mesh."""
    mesh = scenes.mesh_of(result)
    if mesh is None or not len(mesh.data.vertices):
        return np.array([camera.matrix_world.translation for camera in scenes.cameras_of(result)]).reshape(-1, 3)
    local = np.empty(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", local)
    matrix = np.array(mesh.matrix_world)
    return local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def turn(result: bpy.types.Collection, root: bpy.types.Object, axis: str) -> None:
    """Turn by a quarter about a world axis ("X", "Y" or "Z") through the middle; the lowest point keeps its height."""
    before = _corners(result)
    middle = Vector((before.min(axis=0) + before.max(axis=0)) / 2)
    quarter = Matrix.Rotation(math.pi / 2, 4, axis)
    _move(root, Matrix.Translation(middle) @ quarter @ Matrix.Translation(-middle))
    _lift(root, float(before[:, 2].min() - _corners(result)[:, 2].min()))


def drop(result: bpy.types.Collection, root: bpy.types.Object) -> None:
    """Put the lowest point at the height 0."""
    _lift(root, -float(_corners(result)[:, 2].min()))


def _lift(root: bpy.types.Object, height: float) -> None:
    _move(root, Matrix.Translation((0.0, 0.0, height)))


def _move(root: bpy.types.Object, transform: Matrix) -> None:
    root.matrix_world = transform @ root.matrix_world
    bpy.context.view_layer.update()  # the matrices of what hangs below the root


def show_alone(scene: bpy.types.Scene, result: bpy.types.Collection) -> None:
    """Show this result and hide the others, in the viewport and in renders."""
    for other in scenes.results_of(scene):
        other.hide_viewport = other.hide_render = other != result


def stands_beside(result: bpy.types.Collection) -> bool:
    """Whether ``put_beside`` has moved this result."""
    root = scenes.root_of(result)
    return root is not None and _BESIDE in root


def put_beside(front: bpy.types.Collection, other: bpy.types.Collection, root: bpy.types.Object) -> None:
    """Show both results, and move ``other`` to the right of ``front`` along x, in line with it and at its height."""
    for result in (front, other):
        result.hide_viewport = result.hide_render = False
    bpy.context.view_layer.update()
    here, there = _corners(front), _corners(other)
    width = max(float(np.ptp(corners[:, 0])) for corners in (here, there))
    step = np.array([
        here[:, 0].max() + _GAP * width - there[:, 0].min(),
        here[:, 1].mean() - there[:, 1].mean(),
        here[:, 2].min() - there[:, 2].min(),
    ])
    root[_BESIDE] = step.tolist()
    _move(root, Matrix.Translation(step))


def put_back(root: bpy.types.Object) -> None:
    """Undo ``put_beside``; how the artist has moved the result meanwhile stays."""
    step = Vector(root[_BESIDE])
    del root[_BESIDE]
    _move(root, Matrix.Translation(-step))


def delete(scene: bpy.types.Scene, result: bpy.types.Collection) -> None:
    """Remove a result: its collection, what the run made in it, and the markers of its cameras.

    What the artist put into the collection moves to the scene; photos that others use stay.
    """
    cameras = scenes.cameras_of(result)
    for marker in [marker for marker in scene.timeline_markers if marker.camera in cameras]:
        scene.timeline_markers.remove(marker)
    made = {*cameras, scenes.root_of(result), scenes.mesh_of(result)} - {None}
    for item in set(result.objects) - made:
        if len(item.users_collection) == 1:
            scene.collection.objects.link(item)
    data = {item.data for item in made if item.data is not None}
    bpy.data.batch_remove([*made, result])
    bpy.data.batch_remove([item for item in data if not item.users])
