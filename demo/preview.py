"""Draw what a .blend made by pflrm holds: ``python demo/preview.py SCENE.blend PICTURE.png``.

Above, each photo with the outline of the mesh as its predicted camera sees it, and the cameras around the object from
above; below, the mesh with its texture from three sides, and in clay.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path

import bpy
import cv2
import numpy as np
from mathutils import Euler, Matrix, Vector

TILE = 384  # pixels
MOST_COLUMNS = 6
OUTLINE = (40, 60, 255)  # blue, green, red
TEXTURED_SIDES = (0.0, 120.0, 240.0)  # degrees around the object, from the first photo
CLAY_SIDES = (30.0, 210.0)
SUN = (math.radians(-35), math.radians(-40), 0.0)  # its direction relative to a view of clay
SAMPLES = 16
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(blend: Path) -> np.ndarray:
    """The picture (H, W, 3) uint8, blue, green, red, of the only result in a file; it becomes the open file."""
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.world = light()
    scene.timeline_markers.clear()  # they would switch cameras under the renders
    collection = next(c for c in bpy.data.collections if "pflrm_run" in c)
    cameras = [o for o in collection.all_objects if o.type == "CAMERA"]
    mesh = next(o for o in collection.all_objects if o.type == "MESH" and not o.hide_render)
    above = [outlined(scene, camera) for camera in cameras] + [plan(scene, mesh, cameras)]
    below = [from_side(scene, mesh, cameras[0], degrees) for degrees in TEXTURED_SIDES]
    sun = dress_in_clay(scene)
    below += [from_side(scene, mesh, cameras[0], degrees, sun) for degrees in CLAY_SIDES]
    columns = max(math.ceil(len(above) / math.ceil(len(above) / MOST_COLUMNS)), len(below))
    return np.concatenate([np.concatenate(row, axis=1) for row in (*rows(above, columns), *rows(below, columns))])


def rows(tiles: list[np.ndarray], columns: int) -> list[list[np.ndarray]]:
    """Pictures of one size in rows, the last one filled up with white."""
    tiles = tiles + [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    return [tiles[first : first + columns] for first in range(0, len(tiles), columns)]


def light() -> bpy.types.World:
    """Even light, so that the mesh shows its own colours."""
    world = bpy.data.worlds.new("Preview")
    if world.node_tree is None:
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    return world


def render(scene: bpy.types.Scene, camera: bpy.types.Object, width: int, height: int) -> np.ndarray:
    """(height, width, 4) uint8, blue, green, red, alpha."""
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "view.png")
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGBA"
        bpy.ops.render.render(write_still=True)
        return cv2.imread(scene.render.filepath, cv2.IMREAD_UNCHANGED)


def dress_in_clay(scene: bpy.types.Scene) -> bpy.types.Object:
    """One grey material for everything; a sun that shows the shape."""
    clay = bpy.data.materials.new("Clay")
    if clay.node_tree is None:
        clay.use_nodes = True
    clay.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.6, 0.6, 0.6, 1)
    clay.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.9
    scene.view_layers[0].material_override = clay
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.55
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.0, math.radians(20)
    scene.collection.objects.link(sun)
    return sun


def plan(scene: bpy.types.Scene, mesh: bpy.types.Object, cameras: list[bpy.types.Object]) -> np.ndarray:
    """The object from above among its numbered cameras; the first photo's is at the bottom of the picture.

    A small object is drawn larger than it is beside the cameras' distances.
    """
    corners = [mesh.matrix_world @ Vector(corner) for corner in mesh.bound_box]
    centre = sum(corners, Vector()) / 8
    radius = max((corner - centre).length for corner in corners)
    first = cameras[0].matrix_world.translation - centre
    turn = Matrix.Rotation(-math.pi / 2 - math.atan2(first.y, first.x), 3, "Z")
    reach = 1.3 * max((camera.matrix_world.translation - centre).xy.length for camera in cameras)
    eye = bpy.data.objects.new("Plan", bpy.data.cameras.new("Plan"))
    scene.collection.objects.link(eye)
    eye.data.type, eye.data.ortho_scale, eye.data.clip_end = "ORTHO", 2 * min(reach, 3 * radius), 10 * reach
    eye.matrix_world = Matrix.Translation(centre + Vector((0, 0, 5 * reach))) @ turn.inverted().to_4x4()
    bpy.context.view_layer.update()
    tile = on_white(render(scene, eye, TILE, TILE))
    bpy.data.objects.remove(eye)
    for number, camera in enumerate(cameras, start=1):
        place = turn @ (camera.matrix_world.translation - centre)
        axes = turn @ camera.matrix_world.to_3x3()
        corners = [place + axes @ Vector((side * 0.13, 0, -0.3)) * reach for side in (-1, 1)]
        points = [pixel(point, reach) for point in (place, *corners)]
        cv2.polylines(tile, [np.array(points)], True, OUTLINE, 2, cv2.LINE_AA)
        cv2.putText(tile, str(number), pixel(1.1 * place, reach), FONT, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def pixel(point: Vector, reach: float) -> tuple[int, int]:
    """Where a point relative to the centre lies in the plan."""
    return round((1 + point.x / reach) * TILE / 2), round((1 - point.y / reach) * TILE / 2)


def outlined(scene: bpy.types.Scene, camera: bpy.types.Object) -> np.ndarray:
    """A photo on white with the mesh's outline from the photo's camera."""
    photo = on_white(cv2.imread(str(camera["pflrm_photo"]), cv2.IMREAD_UNCHANGED))
    scale = TILE / max(photo.shape[:2])
    height, width = (round(scale * side) for side in photo.shape[:2])
    tile = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    seen = render(scene, camera, width, height)[..., 3] > 127
    contours, _ = cv2.findContours(seen.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(tile, contours, -1, OUTLINE, 2, cv2.LINE_AA)
    return square(tile)


def from_side(
    scene: bpy.types.Scene, mesh: bpy.types.Object, reference: bpy.types.Object, degrees: float,
    sun: bpy.types.Object | None = None,
) -> np.ndarray:
    """The mesh from the reference camera's side, turned by some degrees around the vertical. The sun shines over the
    viewer's left shoulder."""
    corners = [mesh.matrix_world @ Vector(corner) for corner in mesh.bound_box]
    centre = sum(corners, Vector()) / 8
    radius = max((corner - centre).length for corner in corners)
    camera = bpy.data.objects.new("Preview", bpy.data.cameras.new("Preview"))
    scene.collection.objects.link(camera)
    camera.data.angle = math.radians(40)
    towards = reference.matrix_world.translation - centre
    towards.z = 0.35 * towards.xy.length
    offset = Matrix.Rotation(math.radians(degrees), 3, "Z") @ towards.normalized() * radius / math.sin(math.radians(20))
    camera.matrix_world = Matrix.Translation(centre + offset) @ offset.to_track_quat("Z", "Y").to_matrix().to_4x4()
    if sun is not None:
        sun.matrix_world = camera.matrix_world @ Euler(SUN).to_matrix().to_4x4()
    bpy.context.view_layer.update()
    picture = render(scene, camera, TILE, TILE)
    bpy.data.objects.remove(camera)
    return on_white(picture)


def on_white(picture: np.ndarray) -> np.ndarray:
    """Blue, green, red (H, W, 3) of a picture with or without alpha."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:] / 255.0
    return (picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def square(tile: np.ndarray) -> np.ndarray:
    """The tile in the middle of a white square."""
    free_y, free_x = TILE - tile.shape[0], TILE - tile.shape[1]
    sides = (free_y // 2, free_y - free_y // 2, free_x // 2, free_x - free_x // 2)
    return cv2.copyMakeBorder(tile, *sides, cv2.BORDER_CONSTANT, value=(255, 255, 255))


if __name__ == "__main__":
    cv2.imwrite(sys.argv[2], draw(Path(sys.argv[1])))
