"""A result that has just arrived, brought to the artist's eyes: selected, in view, and what stands in its way."""

from __future__ import annotations

import bpy
from mathutils import Vector

from . import results

_AIR = 1.4
_SLACK = 1e-4  # of a box: a result of a metre on the floor reaches the top of the default cube, more or less
_SEE_THROUGH = ("WIRE", "BOUNDS")


def select_only(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Select a result as Blender's importers do, so that View Selected frames it and G moves all of it together."""
    chosen = set(collection.objects)
    for view_layer in scene.view_layers:
        view_layer.update()  # it may not know yet that a collection has been left out
        for item in view_layer.objects:
            item.select_set(item in chosen, view_layer=view_layer)
        root = results.root_of(collection)
        if root is not None and root.name in view_layer.objects:
            view_layer.objects.active = root


def frame(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Bring a result's mesh and cameras into the middle of the viewports that show the scene, from where they look.

    A viewport that looks through a camera stays as it is.
    """
    mesh = results.mesh_of(collection)
    points = [camera.matrix_world.translation for camera in results.cameras_of(collection)]
    if mesh is not None:
        points += _corners(mesh)
    if not points:
        return
    low, high = (Vector(map(choose, zip(*points, strict=True))) for choose in (min, max))
    middle = (low + high) / 2
    radius = max((point - middle).length for point in points)
    for space in _viewports(scene):
        if space.region_3d.view_perspective != "CAMERA":
            space.region_3d.view_location = middle
            # A viewport's lens belongs to a sensor of 72 mm; half of it covers the radius, with some air.
            space.region_3d.view_distance = _AIR * radius * max(1.0, space.lens / 36)


def _viewports(scene: bpy.types.Scene) -> list[bpy.types.SpaceView3D]:
    screens = [window.screen for window in bpy.context.window_manager.windows if window.scene == scene]
    return [area.spaces.active for screen in screens for area in screen.areas if area.type == "VIEW_3D"]


def covers_of(scene: bpy.types.Scene, collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The visible meshes of the artist's own whose bounding boxes hold the whole of the result's mesh, such as the
    default cube at the world's origin."""
    mesh = results.mesh_of(collection)
    if mesh is None:
        return []
    ours = {item.name for result in results.results_of(scene) for item in result.objects}
    others = (item for item in scene.objects if item.type == "MESH" and item.name not in ours)
    return [other for other in others if _hides(other, _corners(mesh))]


def in_same_place(scene: bpy.types.Scene, collection: bpy.types.Collection) -> bpy.types.Collection | None:
    """The newest other result whose visible mesh overlaps the result's, as after a second run; None without one."""
    mesh = results.mesh_of(collection)
    if mesh is None:
        return None
    for other in reversed(results.results_of(scene)):
        there = results.mesh_of(other) if other != collection else None
        if there is not None and there.visible_get() and _overlap(_corners(mesh), _corners(there)):
            return other
    return None


def _corners(mesh: bpy.types.Object) -> list[Vector]:
    return [mesh.matrix_world @ Vector(corner) for corner in mesh.bound_box]


def _overlap(some: list[Vector], others: list[Vector]) -> bool:
    return all(
        min(corner[axis] for corner in one) < max(corner[axis] for corner in another)
        for one, another in ((some, others), (others, some)) for axis in range(3)
    )


def _hides(other: bpy.types.Object, corners: list[Vector]) -> bool:
    if not other.visible_get() or other.display_type in _SEE_THROUGH or not other.matrix_world.determinant():
        return False
    to_box = other.matrix_world.inverted()
    low, high = Vector(other.bound_box[0]), Vector(other.bound_box[6])
    slack = _SLACK * (high - low)
    low, high = low - slack, high + slack
    return all(low[axis] <= (to_box @ corner)[axis] <= high[axis] for corner in corners for axis in range(3))
