"""What the overlay shows of a result: outlines of the masks, how far the mesh misses them, what the network saw.

A run leaves with each camera the outline of its photo's mask (``pflrm_outline``) and the network's points in the
camera's own frame (``pflrm_points``), so both come back with the file and follow a camera that is moved. The mesh's
outline is found anew. Lines lie in the camera's frame, where they cover the photo for whoever looks through it.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from . import outlines
from .texture_raster import shrink

OUTLINE_COLOUR = (0.15, 0.8, 1.0, 1.0)
WORST = 0.05  # of the object's size in the photo: what misses by this much is red
_GOOD, _MIDDLE, _BAD = (0.2, 0.9, 0.2), (1.0, 0.85, 0.1), (1.0, 0.15, 0.1)
_OUTLINE, _POINTS = "pflrm_outline", "pflrm_points"
_PIXELS = 256  # along the longer side of a photo, in which outlines are found
_MOST_GAPS = 400  # lines each way


@dataclass(frozen=True)
class Drawing:
    """``positions`` (N, 3) float32 in the world and ``colours`` (N, 4) float32; two positions are a line."""

    positions: np.ndarray
    colours: np.ndarray


def remember(camera: bpy.types.Object, mask: np.ndarray | None, points: np.ndarray | None) -> None:
    """Keep with a camera the outline of its photo's mask (H, W) and the points (N, 4) of ``core/depth_points.py``."""
    if mask is not None:
        reduced = shrink(mask[..., None], max(1, max(mask.shape) // _PIXELS))[..., 0]
        camera[_OUTLINE] = outlines.outline(reduced).ravel().tolist()
    if points is not None:
        camera[_POINTS] = (points * (1, -1, -1, 1)).ravel().tolist()  # from OpenCV's camera to Blender's


def outline_of(camera: bpy.types.Object) -> Drawing:
    """The outline of the photo's mask in the camera's frame."""
    places = _outline(camera).reshape(-1, 2)
    return Drawing(in_frame(camera, places), np.tile(np.array(OUTLINE_COLOUR, np.float32), (len(places), 1)))


def errors_of(camera: bpy.types.Object, mesh: bpy.types.Object) -> Drawing:
    """Lines between the outlines of mask and mesh, from each to the nearest place of the other.

    Green where they agree, red where they are apart by WORST of the object's size or more.
    """
    width, height = _pixels(camera)
    mask = _outline(camera)
    own = outlines.outline(outlines.cover(_project(camera, mesh), width, height))
    if not len(mask) or not len(own):
        return Drawing(np.empty((0, 3), np.float32), np.empty((0, 4), np.float32))
    shape = np.array([width, height]) / max(width, height)
    ends = [_thinned(lines.mean(axis=1) * shape) for lines in (mask, own)]
    starts = np.concatenate(ends)
    (to_own, far), (to_mask, near) = outlines.gaps(ends[0], ends[1]), outlines.gaps(ends[1], ends[0])
    size = float(np.linalg.norm(np.ptp(ends[0], axis=0)))
    colours = ramp(1 - np.concatenate([far, near]) / (WORST * size))
    places = np.stack([starts, np.concatenate([to_own, to_mask])], axis=1) / shape
    return Drawing(in_frame(camera, places.reshape(-1, 2)), np.repeat(colours, 2, axis=0))


def points_of(camera: bpy.types.Object) -> Drawing:
    """What the network takes for the surface in the camera's photo; green where it is sure, red where it is not."""
    known = np.array(camera.get(_POINTS, ()), np.float32).reshape(-1, 4)
    matrix = np.array(camera.matrix_world, np.float32)
    return Drawing(known[:, :3] @ matrix[:3, :3].T + matrix[:3, 3], ramp(known[:, 3]))


def ramp(share: np.ndarray) -> np.ndarray:
    """Colours (N, 4) from red at 0 by yellow to green at 1."""
    share = np.clip(share, 0, 1)
    colours = [np.interp(share, (0, 0.5, 1), channel) for channel in zip(_BAD, _MIDDLE, _GOOD, strict=True)]
    return np.stack([*colours, np.ones_like(share)], axis=1).astype(np.float32)


def in_frame(camera: bpy.types.Object, places: np.ndarray) -> np.ndarray:
    """Where places (N, 2) of the photo lie in the frame that Blender draws for the camera: (N, 3) float32, world."""
    width, height = camera["pflrm_photo_size"]
    lens = camera.data
    x = places[:, 0] - 0.5 + lens.shift_x
    y = (0.5 - places[:, 1]) * height / width + lens.shift_y
    depth = np.full(len(places), -lens.lens / lens.sensor_width)
    frame = lens.display_size * np.stack([x, y, depth], axis=1)
    matrix = np.array(camera.matrix_world)
    return (frame @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _project(camera: bpy.types.Object, mesh: bpy.types.Object) -> np.ndarray:
    """The triangles (M, 3, 2) of a mesh in a camera's photo; those that reach behind the camera are left out."""
    to_camera = np.array(camera.matrix_world.inverted_safe() @ mesh.matrix_world, np.float32)
    points = vertices_of(mesh) @ to_camera[:3, :3].T + to_camera[:3, 3]
    mesh.data.calc_loop_triangles()
    corners = np.empty(3 * len(mesh.data.loop_triangles), np.int32)
    mesh.data.loop_triangles.foreach_get("vertices", corners)
    width, height = camera["pflrm_photo_size"]
    lens = camera.data
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = (points[:, :2] / -points[:, 2:] * lens.lens / lens.sensor_width).T
    places = np.stack([0.5 + x - lens.shift_x, 0.5 - (y - lens.shift_y) * width / height], axis=1)
    triangles = corners.reshape(-1, 3)
    return places[triangles[(points[triangles, 2] < 0).all(axis=1)]]


def vertices_of(mesh: bpy.types.Object) -> np.ndarray:
    """The vertices (N, 3) float32 of a mesh in its own frame, without its modifiers."""
    values = np.empty(3 * len(mesh.data.vertices), np.float32)
    mesh.data.attributes["position"].data.foreach_get("vector", values)
    return values.reshape(-1, 3)


def _outline(camera: bpy.types.Object) -> np.ndarray:
    return np.array(camera.get(_OUTLINE, ()), np.float64).reshape(-1, 2, 2)


def _pixels(camera: bpy.types.Object) -> tuple[int, int]:
    width, height = camera["pflrm_photo_size"]
    factor = _PIXELS / max(width, height)
    return max(2, round(width * factor)), max(2, round(height * factor))


def _thinned(places: np.ndarray) -> np.ndarray:
    return places[:: -(-len(places) // _MOST_GAPS)]
