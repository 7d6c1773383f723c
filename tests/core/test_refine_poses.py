"""Refinement of the cameras: a painted box seen from four sides, whose cameras are known and then disturbed."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from pflrm.core import agreement
from pflrm.core import refine_poses as refining
from pflrm.core.cameras import (
    canonical_intrinsics,
    half_angle_of,
    object_distance,
    pose,
    reference_pose,
    rotation_angle,
)
from pflrm.core.errors import CancelledError
from pflrm.core.refine_poses import refine_poses
from pflrm.core.rigs import rig_of
from pflrm.core.search import Hypothesis
from pflrm.tests.core.painted_box import HALF_ANGLE, box_view, cameras_around, disturbed, lively, taken_for
from scipy.spatial.transform import Rotation

SIZE = 96


@pytest.fixture(scope="module")
def true_poses() -> np.ndarray:
    # Of no photo that looks straight at one flat face: its angle to the others would be nearly open.
    return cameras_around([[25, 0], [60, 15], [130, -10], [230, 20]])


@pytest.fixture(scope="module")
def views(true_poses: np.ndarray) -> list[SimpleNamespace]:
    return [box_view(matrix, SIZE) for matrix in true_poses]


def errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    return rotation_angle(found[1:, :3, :3] @ np.swapaxes(true[1:, :3, :3], 1, 2))


def hypothesis(poses: np.ndarray, score: float = 0.0) -> Hypothesis:
    return Hypothesis(poses, score, np.linspace(1, 0.5, len(poses)))


@pytest.mark.parametrize("degrees", [10.0, 15.0])
def test_known_errors_shrink(views: list[SimpleNamespace], true_poses: np.ndarray, degrees: float) -> None:
    """In the mean over three starts: where one ends may hang on a rounding."""
    left = []
    for seed in (1, 2, 3):
        start = disturbed(true_poses, degrees, seed=seed)
        [best] = refine_poses(views, [hypothesis(start)], quality="standard")
        assert errors(start, true_poses).mean() == pytest.approx(degrees)
        left.append(errors(best.world_to_camera, true_poses).mean())
    assert np.mean(left) < 0.3 * degrees
    np.testing.assert_array_equal(best.world_to_camera[0].astype(np.float32), true_poses[0].astype(np.float32))
    np.testing.assert_allclose(np.linalg.det(best.world_to_camera[:, :3, :3]), 1, atol=1e-4)


def test_details_make_surer() -> None:
    """Sought in close-ups: what is found again tells that cameras are right, and leads as far as the rest does."""
    near = cameras_around([[25, 0], [60, 15], [100, -10], [140, 20]])
    close = [box_view(matrix, 2 * SIZE, lively) for matrix in near]
    views = [box_view(matrix, SIZE, lively) for matrix in near]
    error = []
    for seed in (1, 2):
        start = hypothesis(disturbed(near, 10, seed=seed))
        [best] = refine_poses(views, [start], closeups=close, quality="standard")
        error.append(errors(best.world_to_camera, near).mean())
        assert (best.confidence[1:] > start.confidence[1:] + 0.1).all()
        assert best.confidence[0] == 1
    assert np.mean(error) < 2.5


def test_a_focal_length_that_nobody_told_is_found(true_poses: np.ndarray) -> None:
    """Photos taken for ones of a lens that is a quarter longer. Errors of the cameras shrink as it is found, in the
    mean over five starts (see above); where the lens is taken as told, they grow to 6 degrees."""
    taken_for_long, close = [
        [taken_for(box_view(matrix, size, lively), 1.25) for matrix in true_poses] for size in (SIZE, 2 * SIZE)
    ]
    zoom, left = [], []
    for seed in range(1, 6):
        start = hypothesis(disturbed(farther(true_poses, 1.25), 5.0, seed))
        [found] = refine_poses(taken_for_long, [start], closeups=close, zooming=True, quality="standard")
        zoom.append(found.zoom)
        left.append(errors(found.world_to_camera, true_poses).mean())
    assert 0.75 < np.mean(zoom) < 0.9
    assert np.mean(left) < 4.8


def test_all_explanations_get_the_same_lens(true_poses: np.ndarray) -> None:
    """And the distance at which a canonical view of it shows the object."""
    taken_for_long = [taken_for(box_view(matrix, SIZE, lively), 1.25) for matrix in true_poses]
    starts = [
        hypothesis(disturbed(farther(true_poses, 1.25), degrees, seed=1), -degrees / 10) for degrees in (5.0, 40.0)
    ]
    found = refine_poses(taken_for_long, starts, zooming=True, quality="standard")
    assert found[0].zoom == found[1].zoom != 1
    seen = taken_for_long[0].intrinsics.with_focal_scaled(found[0].zoom)
    distance = object_distance(half_angle_of(seen))
    for one in found:
        np.testing.assert_allclose(one.world_to_camera[0, :3, 3], [0, 0, distance], atol=1e-5)


def farther(poses: np.ndarray, factor: float) -> np.ndarray:
    away = poses.copy()
    away[:, 2, 3] *= factor
    return away


def test_the_scale_of_the_start_does_not_matter(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    """The first photo's sphere is the world's unit, whatever the start's was."""
    start = disturbed(true_poses, 5, seed=1)
    larger = start.copy()
    larger[:, :3, 3] *= 2.0
    [found] = refine_poses(views, [hypothesis(start)], quality="standard")
    [same] = refine_poses(views, [hypothesis(larger)], quality="standard")
    np.testing.assert_allclose(same.world_to_camera, found.world_to_camera, atol=1e-4)
    assert found.zoom == 1
    distance = object_distance(half_angle_of(views[0].intrinsics))
    np.testing.assert_allclose(same.world_to_camera[0, :3, 3], [0, 0, distance], atol=1e-5)


def test_of_two_explanations_the_right_one_wins(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    """The search ranked them the other way round by a hair: the photos decide, and the scores follow."""
    wrong = true_poses.copy()
    wrong[2, :3, :3] = wrong[2, :3, :3] @ Rotation.from_euler("z", 90, degrees=True).as_matrix()
    best, other = refine_poses(
        views, [hypothesis(wrong, 0.1), hypothesis(disturbed(true_poses, 4, seed=2), 0.0)], quality="standard"
    )
    assert errors(best.world_to_camera, true_poses).max() < 15
    assert errors(other.world_to_camera, true_poses).max() > 30
    assert best.score >= other.score


def test_the_true_cameras_score_best(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    scene = agreement.prepare(views, pixels=192, depths=28)
    scores = [
        agreement.judge(scene, rig_of(disturbed(true_poses, degrees, seed=4)))[0]
        for degrees in (0.0, 3.0, 8.0, 20.0)
    ]
    assert scores == sorted(scores, reverse=True)


def test_a_thin_object_is_met_between_the_coarse_depths() -> None:
    """A plate thinner than the distance between two samples: true cameras leave none of its pixels uncovered."""
    views, poses = [], []
    for angle in (0, 90):
        turn = Rotation.from_euler("z", angle, degrees=True).as_matrix()
        world_to_view = reference_pose(object_distance(HALF_ANGLE)) @ pose(turn, np.zeros(3))
        image = np.full((SIZE, SIZE, 4), 0.5, np.float32)
        image[..., 3] = 0
        half_width = SIZE // 3 if angle == 0 else 2
        image[SIZE // 3 : -SIZE // 3, SIZE // 2 - half_width : SIZE // 2 + half_width, 3] = 1
        unseen = np.zeros((2 * SIZE, 2 * SIZE), bool)
        intrinsics = canonical_intrinsics(HALF_ANGLE, SIZE)
        views.append(SimpleNamespace(
            image=image, intrinsics=intrinsics, unseen=unseen, up=None, photo=SimpleNamespace(tilt=None)
        ))
        poses.append(world_to_view)
    scene = agreement.prepare(views, pixels=64, depths=12)
    score, surface = agreement.judge(scene, rig_of(np.array(poses)))
    enters, leaves = surface.found.ends[0].T
    deepest = enters + surface.found.shares[0, :, 0] * (leaves - enters)
    assert np.median(np.abs(deepest)) < 0.1
    assert score > -0.05 * agreement.COVER  # less than a twentieth of its pixels


def test_the_same_seed_gives_the_same_cameras(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    start = hypothesis(disturbed(true_poses, 10, seed=5))
    first, second = (refine_poses(views, [start], quality="standard", seed=7)[0] for _ in range(2))
    np.testing.assert_array_equal(first.world_to_camera, second.world_to_camera)


def test_draft_and_a_single_photo_change_nothing(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    start = hypothesis(disturbed(true_poses, 10, seed=6))
    assert refine_poses(views, [start], quality="draft") == [start]
    alone = hypothesis(true_poses[:1])
    assert refine_poses(views[:1], [alone], quality="best") == [alone]


def test_progress_rises_to_one_and_can_stop_the_work(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    start = hypothesis(disturbed(true_poses, 10, seed=8))
    told: list[float] = []
    refine_poses(views, [start], quality="standard", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_whoever_stops_the_work_does_not_wait_for_all_of_it(
    views: list[SimpleNamespace], true_poses: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def slow(found: refining._Found, **_: object) -> refining._Found:
        begun.append(found.index)
        time.sleep(0.05)
        return found

    def cancel(fraction: float) -> None:
        raise CancelledError("stopped")

    monkeypatch.setattr(refining, "_climbed", slow)
    starts = [hypothesis(true_poses)] * 8
    with pytest.raises(CancelledError):
        refine_poses(views, starts, quality="standard", progress=cancel)
    assert len(begun) < len(starts)
