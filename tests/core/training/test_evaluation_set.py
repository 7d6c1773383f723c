"""Objects of the generator as a set to evaluate on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pflrm.core.evaluation.metrics import separations
from pflrm.core.evaluation.sets import EvaluationObject, load_set
from pflrm.core.training import evaluation_set


@pytest.fixture(scope="module", params=[False, True], ids=["as held", "level"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bool, Path]:
    out = tmp_path_factory.mktemp("set")
    evaluation_set.write_set(out, objects=2, seed=3, pack=None, mesh_share=0.0, level=request.param)
    return request.param, out


@pytest.fixture(scope="module")
def objects(written: tuple[bool, Path]) -> list[EvaluationObject]:
    return load_set(written[1])


def test_points_lie_within_every_photo_s_mask(objects: list[EvaluationObject]) -> None:
    """With OpenCV's projection; points at an edge may miss it by a pixel."""
    for item in objects:
        for camera in item.cameras:
            mask = cv2.imread(camera.file, cv2.IMREAD_UNCHANGED)[..., 3] > 0
            known, pose = camera.intrinsics, camera.world_to_camera
            matrix = np.array([[known.fx, 0, known.cx], [0, known.fy, known.cy], [0, 0, 1]])
            pixels, _ = cv2.projectPoints(
                item.points, cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], matrix, np.zeros(4)
            )
            column, row = np.floor(pixels[:, 0]).astype(int).clip(0, 255).T
            assert cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))[row, column].mean() > 0.99


def test_photos_are_taken_from_far_apart(objects: list[EvaluationObject]) -> None:
    assert len(objects) == 2
    for item in objects:
        assert len(item.cameras) == evaluation_set.VIEWS
        # The canonical view turns a little from where the photo looked.
        assert separations(np.stack([camera.world_to_camera for camera in item.cameras])).min() > 35


def test_level_cameras_are_not_rolled(written: tuple[bool, Path], objects: list[EvaluationObject]) -> None:
    """Relative to the first one: of a world in which that one looks straight ahead."""
    level, _ = written
    for item in objects:
        right = np.stack([camera.world_to_camera[0, :3] for camera in item.cameras])
        left_over = np.linalg.svd(right)[1][-1]  # level cameras' right axes lie in one plane
        assert (left_over < 0.12) == level


def test_the_same_seed_writes_the_same_set(written: tuple[bool, Path], tmp_path: Path) -> None:
    level, out = written
    evaluation_set.write_set(tmp_path, objects=1, seed=3, pack=None, mesh_share=0.0, level=level)
    assert (tmp_path / "000" / "0.png").read_bytes() == (out / "000" / "0.png").read_bytes()
