"""``python -m pflrm.tests.evaluate_texture DATA [--hull]``: what the photos on the mesh gain over vertex colours.

For each object of an evaluation set: PSNR of the mesh on white seen from the input photos' predicted cameras, and from
the held-out view after the true cameras are aligned with the predicted ones; within the object alone too, where mesh
and photo both show it. Neither light nor shading is added.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from pflrm.core.cameras import Camera, Intrinsics, save_cameras
from pflrm.core.evaluation.baselines import visual_hull
from pflrm.core.evaluation.metrics import align
from pflrm.core.evaluation.render import load_rgba, on_white
from pflrm.core.evaluation.sets import INPUT_VIEWS, NOVEL_VIEW, load_set
from pflrm.core.reconstruct import ModelCache, Options, Reconstruction, reconstruct
from pflrm.pflrm_blender.texture_photos import Photo
from pflrm.pflrm_blender.texture_projection import bake
from pflrm.pflrm_blender.texture_raster import covered_pixels, sample

SAMPLES = 2  # along a pixel's side
COLUMNS = ("input, vertices", "input, texture", "held out, vertices", "held out, texture")


def main() -> None:
    """Print a row an object and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of a set, one folder an object")
    parser.add_argument("--limit", type=int, help="only the first objects")
    parser.add_argument("--names", nargs="+", help="only these objects")
    parser.add_argument("--hull", action="store_true", help="project onto the visual hull of the true cameras")
    parser.add_argument("--size", type=int, default=2048, help="texels along each side")
    arguments = parser.parse_args()
    models = ModelCache()
    rows: list[list[np.ndarray]] = []
    print("| object |", " | ".join(COLUMNS), "| seconds |")
    for item in load_set(arguments.data, arguments.limit):
        if arguments.names and item.name not in arguments.names:
            continue
        cameras = item.cameras[:INPUT_VIEWS]
        result = hull(cameras) if arguments.hull else product(cameras, models)
        novel = item.cameras[NOVEL_VIEW]
        predicted = np.stack([camera.world_to_camera for camera in result.cameras])
        to_true = align(predicted, np.stack([camera.world_to_camera for camera in cameras]))
        views = [(Path(camera.file), camera.world_to_camera, camera.intrinsics) for camera in result.cameras]
        views.append((Path(novel.file), to_true.inverse_of_camera(novel.world_to_camera), novel.intrinsics))
        figures, seconds = measure(result, views, arguments.size)
        rows.append([figures[:-1].mean(axis=0), figures[-1]])
        print(
            f"| {item.name} |", " | ".join(_cell(cell) for cell in _columns(rows[-1])), f"| {seconds:.1f} |", flush=True
        )
    print("| mean |", " | ".join(_cell(cell) for cell in _columns(np.mean(rows, axis=0))), "| |")


def product(cameras: tuple[Camera, ...], models: ModelCache) -> Reconstruction:
    """What the photos become in Standard quality, with known intrinsics."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "intrinsics.json"
        save_cameras(file, [replace(camera, world_to_camera=np.eye(4)) for camera in cameras])
        photos = [Path(camera.file) for camera in cameras]
        return reconstruct(photos, Options(intrinsics=file), models=models, progress=lambda stage, share: None)


def hull(cameras: tuple[Camera, ...]) -> Reconstruction:
    """The visual hull of the true cameras: how good the texture is where the cameras are."""
    masks = tuple(load_rgba(Path(camera.file))[..., 3] for camera in cameras)
    return Reconstruction(cameras, visual_hull(cameras), (), {}, masks)


def measure(
    result: Reconstruction, views: list[tuple[Path, np.ndarray, Intrinsics]], size: int
) -> tuple[np.ndarray, float]:
    """PSNR (V, 2, 2) of vertex colours and texture, of the whole view and of the object alone; seconds to project."""
    mesh = result.mesh
    assert mesh is not None
    photos = []
    for camera, mask in zip(result.cameras, result.masks, strict=True):
        inside = camera.intrinsics
        matrix = np.array([inside.fx, inside.fy, inside.cx, inside.cy])
        rgba = load_rgba(Path(camera.file))
        pixels = np.rint(255 * rgba[..., :3]).astype(np.uint8)
        photos.append(Photo(pixels, mask, matrix, camera.world_to_camera, camera.confidence))
    started = time.perf_counter()
    atlas, texture = bake(mesh.vertices, mesh.faces, mesh.colours, photos, size)
    seconds = time.perf_counter() - started
    figures = []
    for file, world_to_camera, intrinsics in views:
        rgba = load_rgba(file)
        seen, face, weights = visible(mesh.vertices, mesh.faces, world_to_camera, intrinsics)
        corners = (atlas.corners[face] * weights[..., None]).sum(axis=1)
        pictures = [
            (mesh.colours[mesh.faces[face]] * weights[..., None]).sum(axis=1), sample(texture, *corners.T),
        ]  # fmt: skip
        figures.append([_psnr(picture, seen, rgba) for picture in pictures])
    return np.array(figures), seconds


def visible(
    vertices: np.ndarray, faces: np.ndarray, world_to_camera: np.ndarray, intrinsics: Intrinsics
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The samples (N,) = row · width + column of a finer view that show the mesh, with their faces and barycentric
    weights (N, 3)."""
    fine = intrinsics.resized(intrinsics.width * SAMPLES, intrinsics.height * SAMPLES)
    seen = vertices @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    at = seen[:, :2] / seen[:, 2:] * [fine.fx, fine.fy] + [fine.cx, fine.cy]
    parts = list(covered_pixels(at[faces], fine.width, fine.height))
    face, pixel, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    over_depth = weights / seen[faces[face], 2]
    order = np.lexsort((over_depth.sum(axis=1), pixel))
    nearest = order[np.append(pixel[order][1:] != pixel[order][:-1], True)]
    return pixel[nearest], face[nearest], over_depth[nearest] / over_depth[nearest].sum(axis=1, keepdims=True)


def _psnr(colours: np.ndarray, seen: np.ndarray, rgba: np.ndarray) -> tuple[float, float]:
    height, width = rgba.shape[:2]
    fine = np.ones((height * SAMPLES * width * SAMPLES, 4), np.float32)
    fine[:, 3] = 0
    fine[seen] = np.insert(np.clip(colours, 0, 1), 3, 1, axis=1)
    view = fine.reshape(height, SAMPLES, width, SAMPLES, 4).mean(axis=(1, 3))
    error = (view[..., :3] - on_white(rgba)) ** 2
    both = (view[..., 3] > 0.99) & (rgba[..., 3] > 0.99)
    return -10 * np.log10(error.mean()), -10 * np.log10(error[both].mean())


def _columns(row: list[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    return [row[0][0], row[0][1], row[1][0], row[1][1]]


def _cell(figures: np.ndarray) -> str:
    return f"{figures[0]:.2f} ({figures[1]:.2f})"


if __name__ == "__main__":
    main()
