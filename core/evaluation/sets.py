"""Sets of objects with true cameras and surface: a folder an object, with photos, cameras.json and points.npy."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..cameras import Camera, Intrinsics, invert_pose
from ..errors import InputError

INPUT_VIEWS = 4  # views 0 … 3 are input, in this order; with fewer, the first of them
NOVEL_VIEW = 4


@dataclass(frozen=True)
class EvaluationObject:
    """One object: its photos' true cameras (``file`` is the whole path) and points (N, 3) of its surface."""

    name: str
    symmetric: bool
    cameras: tuple[Camera, ...]
    points: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """(3,) the middle of the object's bounding box."""
        return (self.points.min(axis=0) + self.points.max(axis=0)) / 2

    @property
    def radius(self) -> float:
        """Distance of the furthest surface point from the centre: the unit of distances between surfaces."""
        return float(np.linalg.norm(self.points - self.centre, axis=1).max())

    @property
    def camera_distance(self) -> float:
        """Mean distance of the cameras from the centre: the unit of translation errors."""
        positions = invert_pose(np.stack([camera.world_to_camera for camera in self.cameras]))[:, :3, 3]
        return float(np.linalg.norm(positions - self.centre, axis=1).mean())


def load_set(folder: Path, limit: int | None = None) -> list[EvaluationObject]:
    """The objects of a set in the order of their names, the first ``limit`` of them.

    :raises InputError: the folder holds no object, or an object's files are missing or damaged.
    """
    files = sorted(folder.glob("*/cameras.json"))[:limit]
    if not files:
        raise InputError(f"The folder {folder} holds no evaluation set.", "Give a folder of folders with cameras.json.")
    return [_load_object(file.parent) for file in files]


def every_choice(item: EvaluationObject, views: int) -> list[EvaluationObject]:
    """The object once for each choice of so many of its photos, the chosen ones first.

    Which photos are given decides more than most changes of a method do: all choices tell apart what one does not.
    """
    numbers = range(len(item.cameras))
    return [
        replace(
            item,
            name=f"{item.name} {''.join(map(str, chosen))}",
            cameras=tuple(item.cameras[k] for k in [*chosen, *(k for k in numbers if k not in chosen)]),
        )
        for chosen in itertools.combinations(numbers, views)
    ]


def _load_object(folder: Path) -> EvaluationObject:
    try:
        content = json.loads((folder / "cameras.json").read_text(encoding="utf-8"))
        cameras = tuple(
            Camera(
                str(folder / view["file"]),
                Intrinsics(view["width"], view["height"], view["fx"], view["fy"], view["cx"], view["cy"]),
                np.array(view["world_to_camera"], dtype=np.float64),
                1.0,
            )
            for view in content["views"]
        )
        points = np.load(folder / "points.npy", allow_pickle=False).astype(np.float64)
        return EvaluationObject(folder.name, bool(content.get("symmetric", False)), cameras, points)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The evaluation object {folder} is damaged: {error}.", "Copy the set again.") from error
