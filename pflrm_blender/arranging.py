"""A result as a whole: turned, put on the floor, shown alone or beside another one, deleted."""

from __future__ import annotations

import math

import bpy
from mathutils import Matrix, Vector

from . import results

_BESIDE = "pflrm_beside"  # on the root: how far it was moved for a comparison
_GAP = 0.25  # between two results that are compared, as a share of the wider one


def _bounds(result: bpy.types.Collection) -> tuple[Vector, Vector]:
    """The lowest and the highest world coordinates of the mesh, or of the cameras where there is no mesh."""
    import numpy as np  # Blender's start does without it

    mesh = results.mesh_of(result)
    if mesh is None or not len(mesh.data.vertices):
        points = np.array([camera.matrix_world.translation for camera in results.cameras_of(result)]).reshape(-1, 3)
    else:
        local = np.empty(3 * len(mesh.data.vertices), np.float32)
        mesh.data.vertices.foreach_get("co", local)
        matrix = np.array(mesh.matrix_world)
        points = local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return Vector(points.min(axis=0)), Vector(points.max(axis=0))


def turn(result: bpy.types.Collection, root: bpy.types.Object, axis: str) -> None:
    """Turn by a quarter about a world axis ("X", "Y" or "Z") through the middle; the lowest point keeps its height."""
    low, high = _bounds(result)
    middle = (low + high) / 2
    quarter = Matrix.Rotation(math.pi / 2, 4, axis)
    _move(root, Matrix.Translation(middle) @ quarter @ Matrix.Translation(-middle))
    _lift(root, low.z - _bounds(result)[0].z)


def drop(result: bpy.types.Collection, root: bpy.types.Object) -> None:
    """Put the lowest point at the height 0."""
    _lift(root, -_bounds(result)[0].z)


def _lift(root: bpy.types.Object, height: float) -> None:
    _move(root, Matrix.Translation((0.0, 0.0, height)))


def _move(root: bpy.types.Object, transform: Matrix) -> None:
    root.matrix_world = transform @ root.matrix_world
    bpy.context.view_layer.update()  # the matrices of what hangs below the root


def show_alone(scene: bpy.types.Scene, result: bpy.types.Collection) -> None:
    """Show this result and hide the others, in the viewport and in renders."""
    for other in results.results_of(scene):
        other.hide_viewport = other.hide_render = other != result


def stands_beside(result: bpy.types.Collection) -> bool:
    """Whether ``put_beside`` has moved this result."""
    root = results.root_of(result)
    return root is not None and _BESIDE in root


def put_beside(front: bpy.types.Collection, other: bpy.types.Collection, root: bpy.types.Object) -> None:
    """Show both results, and move ``other`` to the right of ``front`` along x, in line with it and at its height."""
    for result in (front, other):
        result.hide_viewport = result.hide_render = False
    bpy.context.view_layer.update()
    (low, high), (other_low, other_high) = _bounds(front), _bounds(other)
    gap = _GAP * max(high.x - low.x, other_high.x - other_low.x)
    middle, other_middle = (low + high) / 2, (other_low + other_high) / 2
    step = Vector((high.x + gap - other_low.x, middle.y - other_middle.y, low.z - other_low.z))
    root[_BESIDE] = step
    _move(root, Matrix.Translation(step))


def put_back(root: bpy.types.Object) -> None:
    """Undo ``put_beside``; how the artist has moved the result meanwhile stays."""
    step = Vector(root[_BESIDE])
    del root[_BESIDE]
    _move(root, Matrix.Translation(-step))


def delete(scene: bpy.types.Scene, result: bpy.types.Collection) -> None:
    """Remove a result: its collection, what the run made in it, and the markers of its cameras.

    What the artist put into the collection, duplicates too, moves to the scene and keeps its place in the world;
    photos that others use stay.
    """
    made = {*results.made_of(result), *results.remains_of(result)}
    for marker in [marker for marker in scene.timeline_markers if marker.camera in made]:
        scene.timeline_markers.remove(marker)
    for item in bpy.data.objects:
        if item.parent in made and item not in made:
            place = item.matrix_world.copy()
            item.parent = None
            item.matrix_world = place
    for item in set(result.objects) - made:
        if len(item.users_collection) == 1:
            scene.collection.objects.link(item)
    below = list(result.children)
    data = {item.data for item in made if item.data is not None}
    bpy.data.batch_remove([*made, result])
    bpy.data.batch_remove([item for item in data if not item.users])
    for collection in set(below) - set(scene.collection.children_recursive):
        scene.collection.children.link(collection)
