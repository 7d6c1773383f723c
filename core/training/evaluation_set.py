"""``python -m pflrm.core.training.evaluation_set OUT``: objects of the generator as a set to evaluate on.

They are objects that nobody chose and no constant was fitted to, of the kind that the network was trained on: artist
meshes, or shapes put together. Photos are clean, from directions at least 45° apart as in the paper's protocol (§4.1),
of lenses from 15° to 75°, and mostly held nearly level, as hands hold them.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from .cameras import EYE, PHOTO, TURN
from .data import Batch, ObjectStream

VIEWS, SIZE, SAMPLES = 5, 256, 3
SEPARATION = 45.0  # degrees
LOWEST, HIGHEST = -10.5, 60.5  # degrees of elevation
MOST_ROLLED = 15.0  # degrees
LEAST_COVERED = 0.06  # share of a view
LEAST_CONTRAST = 0.03  # standard deviation of all colours
POINTS = 20_000


def write_set(out: Path, *, objects: int, seed: int, pack: Path | None, mesh_share: float, level: bool) -> None:
    """Write a folder an object, as ``core.evaluation.sets`` reads it; what is there already is overwritten.

    :param level: no camera is rolled.
    """
    stream = ObjectStream(
        size=SIZE, views=VIEWS, batch=1, seed=seed, pack=pack, mesh_share=mesh_share, samples=SAMPLES, workers=0
    )
    written = 0
    for step in itertools.count():
        if written == objects:
            return
        tables = stream.draw(step)
        views, lights = tables[3][0], tables[4][0]
        if not _usual(views, lights):
            continue
        if level:
            views[:, PHOTO : PHOTO + 9] = views[:, TURN : TURN + 9] = _level(views).flatten(1)
        batch = stream.render(tables)
        if batch.target_mask.mean((2, 3)).min() < LEAST_COVERED or batch.target_rgb.std() < LEAST_CONTRAST:
            continue
        _write(out / f"{written:03d}", batch)
        written += 1


def _usual(views: torch.Tensor, lights: torch.Tensor) -> bool:
    """Whether somebody would take such photos: from the side or above, far enough apart, upright, and in a light that
    stands still."""
    away = F.normalize(views[:, EYE : EYE + 3], dim=-1)
    apart = (away @ away.T - 2 * torch.eye(VIEWS)).amax() < np.cos(np.radians(SEPARATION))
    elevation = torch.rad2deg(torch.asin(away[:, 2]))
    right, down = views[:, PHOTO : PHOTO + 3], views[:, PHOTO + 3 : PHOTO + 6]
    upright = (torch.rad2deg(torch.asin(right[:, 2])).abs() < MOST_ROLLED) & (down[:, 2] < 0)
    within = (elevation > LOWEST) & (elevation < HIGHEST)
    return bool(apart & upright.all() & within.all() & (lights == lights[:1]).all())


def _level(views: torch.Tensor) -> torch.Tensor:
    """(V, 3, 3) rotations, camera from object, of cameras that look at the object without a roll."""
    forward = -F.normalize(views[:, EYE : EYE + 3], dim=-1)
    right = F.normalize(torch.stack([forward[:, 1], -forward[:, 0], torch.zeros(len(views))], -1), dim=-1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], 1)


def _write(folder: Path, batch: Batch) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    views, points = [], []
    for index in range(VIEWS):
        rgba = torch.cat([batch.target_rgb[0, index], batch.target_mask[0, index][None]]).permute(1, 2, 0)
        image = np.rint(255 * rgba.clamp(0, 1).numpy()).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), image[..., [2, 1, 0, 3]])
        fx, fy, cx, cy = (SIZE * batch.intrinsics[0, index].double()).tolist()
        pose, depth = batch.world_to_camera[0, index].double().numpy(), batch.depth[0, index].double().numpy()
        row, column = np.nonzero(depth)
        ray = np.column_stack([(column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy, np.ones(len(row))])
        points.append((ray * depth[row, column, None] - pose[:3, 3]) @ pose[:3, :3])
        views.append({
            "file": f"{index}.png", "width": SIZE, "height": SIZE, "fx": fx, "fy": fy, "cx": cx, "cy": cy,
            "world_to_camera": pose.tolist(),
        })
    surface = np.concatenate(points)
    chosen = np.random.default_rng(0).choice(len(surface), min(POINTS, len(surface)), replace=False)
    np.save(folder / "points.npy", surface[chosen].astype(np.float32))
    (folder / "cameras.json").write_text(json.dumps({"views": views}), encoding="utf-8")


def main() -> None:
    """Write a set."""
    parser = argparse.ArgumentParser(prog="python -m pflrm.core.training.evaluation_set", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--objects", type=int, default=45)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--pack", type=Path, help="meshes and textures, as core.training.pack writes them")
    parser.add_argument("--mesh-share", type=float, default=1.0, help="of the objects are meshes of the pack")
    parser.add_argument("--level", action="store_true", help="no camera is rolled")
    given = parser.parse_args()
    write_set(
        given.out, objects=given.objects, seed=given.seed, pack=given.pack, mesh_share=given.mesh_share,
        level=given.level,
    )


if __name__ == "__main__":
    main()
