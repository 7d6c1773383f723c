"""The overlay drawn in 3D viewports: what ``pflrm_blender/overlay.py`` finds, for the result in front of the artist.

It is found again only when what it hangs on has changed. While the overlay is off, a redraw costs one question.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.handlers import persistent

from ..pflrm_blender import results
from ..pflrm_blender.properties import current_result

if TYPE_CHECKING:  # slow to import, and Blender's start does without them
    from ..pflrm_blender.overlay import Drawing

_LINE_WIDTH = {"outline": 2.0, "errors": 1.0}  # pixels at a scale of 1
_POINT_SIZE = 4.0
_handle: Any = None
_found: dict[tuple[str, str], tuple[tuple, Any]] = {}  # by camera and kind: what it hangs on, and a batch


def _draw() -> None:
    context = bpy.context
    wanted = context.scene.pflrm_overlay
    if not (wanted.outlines or wanted.errors or wanted.points) or not context.space_data.overlay.show_overlays:
        return
    result = current_result(context.scene)
    if result is None or result.hide_viewport:
        return
    cameras, mesh = results.cameras_of(result), results.mesh_of(result)
    view = context.space_data.region_3d
    through = context.space_data.camera if view.view_perspective == "CAMERA" else None
    if through in cameras:  # the other photos' frames would be in the way
        cameras = [through]
    _draw_kinds(cameras, mesh, behind_objects=through not in cameras)


def _draw_kinds(cameras: list[bpy.types.Object], mesh: bpy.types.Object | None, *, behind_objects: bool) -> None:
    import gpu

    wanted = bpy.context.scene.pflrm_overlay
    gpu.state.depth_test_set("LESS_EQUAL" if behind_objects else "NONE")
    gpu.state.blend_set("ALPHA")
    try:
        for camera in cameras:
            if wanted.points:
                _draw_points(_points(camera))
            if wanted.errors and mesh is not None and not mesh.hide_viewport and mesh.mode == "OBJECT":
                _draw_lines(_errors(camera, mesh), _LINE_WIDTH["errors"])
            if wanted.outlines:
                _draw_lines(_outline(camera), _LINE_WIDTH["outline"])
    finally:
        gpu.state.depth_test_set("NONE")
        gpu.state.blend_set("NONE")


def _outline(camera: bpy.types.Object) -> Any:
    from ..pflrm_blender import overlay

    return _batch(camera, "outline", _place_of(camera), lambda: overlay.outline_of(camera))


def _points(camera: bpy.types.Object) -> Any:
    from ..pflrm_blender import overlay

    return _batch(camera, "points", _place_of(camera), lambda: overlay.points_of(camera))


def _errors(camera: bpy.types.Object, mesh: bpy.types.Object) -> Any:
    from ..pflrm_blender import overlay

    shape = zlib.crc32(overlay.vertices_of(mesh))  # however the artist changes it
    hangs_on = (_place_of(camera), _rows(mesh), len(mesh.data.polygons), shape)
    return _batch(camera, "errors", hangs_on, lambda: overlay.errors_of(camera, mesh))


def _place_of(camera: bpy.types.Object) -> tuple:
    lens = camera.data
    return _rows(camera), lens.lens, lens.sensor_width, lens.shift_x, lens.shift_y, lens.display_size


def _rows(item: bpy.types.Object) -> tuple:
    return tuple(value for row in item.matrix_world for value in row)


def _batch(camera: bpy.types.Object, kind: str, hangs_on: tuple, find: Any) -> Any:
    """A camera's batch of a kind, made anew when what it ``hangs_on`` has changed; None where nothing is to draw."""
    known = _found.get((camera.name, kind))
    hangs_on = (camera.session_uid, *hangs_on)
    if known is None or known[0] != hangs_on:
        for gone in [key for key in _found if key[0] not in bpy.data.objects]:
            del _found[gone]
        known = _found[camera.name, kind] = (hangs_on, _to_gpu(find(), kind))
    return known[1]


def _to_gpu(drawing: Drawing, kind: str) -> Any:
    from gpu_extras.batch import batch_for_shader

    if not len(drawing.positions):
        return None
    shader, form = (_point_shader(), "POINTS") if kind == "points" else (_line_shader(), "LINES")
    return batch_for_shader(shader, form, {"pos": drawing.positions, "color": drawing.colours})


def _line_shader() -> Any:
    import gpu

    return gpu.shader.from_builtin("POLYLINE_FLAT_COLOR")


def _point_shader() -> Any:
    import gpu

    try:
        return gpu.shader.from_builtin("POINT_FLAT_COLOR")  # with Vulkan and Metal no other has points of a size
    except ValueError:  # before Blender 4.5
        return gpu.shader.from_builtin("FLAT_COLOR")


def _draw_lines(batch: Any, width: float) -> None:
    import gpu

    if batch is not None:
        shader = _line_shader()
        shader.bind()
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", width * bpy.context.preferences.system.pixel_size)
        batch.draw(shader)


def _draw_points(batch: Any) -> None:
    import gpu

    if batch is not None:
        gpu.state.point_size_set(_POINT_SIZE * bpy.context.preferences.system.pixel_size)
        batch.draw(_point_shader())


@persistent
def _forget(*_: object) -> None:
    _found.clear()


def register() -> None:
    global _handle
    _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")
    bpy.app.handlers.load_pre.append(_forget)


def unregister() -> None:
    global _handle
    bpy.app.handlers.load_pre.remove(_forget)
    bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _found.clear()
