"""Does the extension work in this Blender? ``PYTHON tests/blender_versions.py [ARCHIVE] [--photos FILE …]``, for any
Python with bpy.

Installs the archive as a user would, builds a scene from a made-up result, and compares Blender's projection with the
photos' pixels. Prints a line and exits with 0 if all is well. Without an archive it builds one first. With photos the
worker itself reconstructs them too, in Draft quality; PFLRM_PYTHON names its Python.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

_FOLDER = tempfile.TemporaryDirectory(prefix="pflrm-", ignore_cleanup_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = str(Path(_FOLDER.name, "user"))  # before bpy: its own preferences and extensions

import bpy  # noqa: E402, I001 - the next one is there only after it
import addon_utils  # noqa: E402
import fake_result  # noqa: E402
from build_extension import build  # noqa: E402
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402

MODULE = "bl_ext.user_default.pflrm"


def install(archive: Path) -> None:
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    assert addon_utils.check(MODULE) == (True, True), "the extension is not enabled"
    assert not addon_utils._extensions_warnings_get(), addon_utils._extensions_warnings_get()


def worst_pixel(scene: bpy.types.Scene, data: Any, result: Any) -> float:
    """The largest distance in pixels between where the photo and where Blender's camera see a vertex."""
    mesh, worst = bpy.data.objects[result.mesh], 0.0
    for index, name in enumerate(result.cameras):
        bpy.ops.pflrm.look_through(camera=name)
        bpy.ops.pflrm.match_render_size()
        bpy.context.view_layer.update()
        width, height = scene.render.resolution_x, scene.render.resolution_y
        fx, fy, cx, cy = data.intrinsics[index]
        for vertex, point in zip(mesh.data.vertices, data.mesh.vertices, strict=True):
            x, y, z = (data.world_to_camera[index] @ [*point, 1.0])[:3]
            seen = world_to_camera_view(scene, scene.camera, mesh.matrix_world @ vertex.co)
            worst = max(worst, math.dist((fx * x / z + cx, fy * y / z + cy), (seen.x * width, (1 - seen.y) * height)))
    return worst


def build_scene(folder: Path) -> float:
    photos = fake_result.make_photos(folder)
    fake_result.set_orientation(photos[2], 8)
    path = fake_result.make_result(folder / "result.npz", photos)
    scenes = importlib.import_module(f"{MODULE}.pflrm_blender.scene")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene, data = bpy.context.scene, scenes.load_result(path)
    result = scenes.apply_result(scene, data, "Robot", size=0.4, location=(1, 2, 3))
    assert len(result.warnings) == 1, result.warnings  # the worker's own
    turned = bpy.data.objects["back"].data.background_images[0].image
    assert turned.packed_file is not None, "a photo on its side is not turned"
    scene.pflrm_result = bpy.data.collections[result.collection]
    scene.pflrm_result_size = 2.5
    scene.pflrm_photo_opacity = 0.3
    assert math.isclose(bpy.data.objects["front"].data.background_images[0].alpha, 0.3, rel_tol=1e-5)
    bpy.ops.pflrm.photos_add(directory=str(folder), files=[{"name": photo.name} for photo in photos])
    assert len(scene.pflrm.photos) == 3
    return worst_pixel(scene, data, result)


def reconstruct(photos: list[Path]) -> str:
    """Run the worker on photos; returns what came of it, in words."""
    api = importlib.import_module(f"{MODULE}.pflrm_blender.api")
    started = time.monotonic()
    result = api.reconstruct(photos, quality="draft", name="Real")
    faces = len(bpy.data.objects[result.mesh].data.polygons)
    assert len(result.cameras) == len(photos), result
    assert all(bpy.data.objects[name].type == "CAMERA" for name in result.cameras)
    assert faces > 1000, f"the mesh has {faces} faces"
    return f", {len(result.cameras)} cameras and {faces} faces in {time.monotonic() - started:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description="Does the extension work in this Blender?")
    parser.add_argument("archive", nargs="?", type=Path)
    parser.add_argument("--photos", nargs="+", type=Path, default=[])
    arguments = parser.parse_args()
    folder = Path(_FOLDER.name)
    install(arguments.archive or build(folder / "dist"))
    error = build_scene(folder)
    assert error < 1e-3, f"a vertex is {error} pixels off"
    real = reconstruct(arguments.photos) if arguments.photos else ""
    for _ in range(2):
        addon_utils.disable(MODULE)
        assert not hasattr(bpy.types.Scene, "pflrm"), "disabling leaves properties behind"
        assert addon_utils.enable(MODULE) is not None, "enabling again failed"
    addon_utils.disable(MODULE)
    versions = f"Blender {bpy.app.version_string}, Python {sys.version.split()[0]}"
    print(f"{versions}: well, {error:.6f} pixels off at most{real}")


if __name__ == "__main__":
    warnings.simplefilter("error", DeprecationWarning)
    main()
