"""Correspondences between far apart views of a painted box, and the cameras they lead to."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from pflrm.core import bundle, correspondences, match_rays
from pflrm.core.cameras import rotation_angle
from pflrm.core.correspondences import Matches, Pictures
from pflrm.core.rigs import Rig, rig_of
from pflrm.tests.core.painted_box import box_view, cameras_around, disturbed, lively, met, taken_for

SIZE = 192
CLOSE = 0.006


@pytest.fixture(scope="module")
def true_poses() -> np.ndarray:
    return cameras_around([[0, 10], [55, 25], [110, 15], [240, 20]])


@pytest.fixture(scope="module")
def views(true_poses: np.ndarray) -> list[SimpleNamespace]:
    return [box_view(matrix, SIZE, lively) for matrix in true_poses]


@pytest.fixture(scope="module")
def pictures(views: list[SimpleNamespace]) -> Pictures:
    return correspondences.prepare(views)


def as_rig(poses: np.ndarray) -> Rig:
    return rig_of(poses)


def true_places(pictures: Pictures, true_poses: np.ndarray, matches: Matches) -> np.ndarray:
    """(N, 2) where the second views show the places of the first views, by the box itself, with OpenCV's projection."""
    places = []
    for first, second, here in zip(matches.first.tolist(), matches.second.tolist(), matches.here, strict=True):
        ray = correspondences.rays(pictures.intrinsics[first], torch.from_numpy(here)[None]).double().numpy()
        point, _ = met(true_poses[first], ray)
        fx, fy, cx, cy = pictures.intrinsics[second].double().tolist()
        matrix, pose = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), true_poses[second]
        place, _ = cv2.projectPoints(point, cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], matrix, np.zeros(4))
        places.append(2 * place[0, 0] - 1)
    return np.array(places)


@pytest.mark.parametrize("degrees", [0.0, 8.0])
def test_places_are_found_again_also_under_wrong_cameras(
    pictures: Pictures, true_poses: np.ndarray, degrees: float
) -> None:
    matches = correspondences.find(pictures, as_rig(disturbed(true_poses, degrees, seed=1)))
    missed = np.linalg.norm(matches.there - true_places(pictures, true_poses, matches), axis=1)
    assert len(matches) > 60
    assert np.median(missed) < 0.01
    assert (missed < 0.03).mean() > 0.8
    assert (matches.first != matches.second).all()
    assert matches.track.max() == len(matches.front) - 1


def test_what_has_no_structure_has_no_matches(true_poses: np.ndarray) -> None:
    plain = [box_view(matrix, SIZE, lambda points: np.full(points.shape, 0.6)) for matrix in true_poses]
    assert len(correspondences.find(correspondences.prepare(plain), as_rig(true_poses))) == 0


def test_views_of_opposite_sides_have_no_matches() -> None:
    poses = cameras_around([[0, 0], [180, 0]])
    pictures = correspondences.prepare([box_view(matrix, SIZE, lively) for matrix in poses])
    assert len(pictures.corners[0]) > 50
    assert len(correspondences.find(pictures, as_rig(poses))) == 0


def test_the_correlation_is_opencvs() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(37, 37)).astype(np.float32)
    patch = image[9:22, 14:27] + rng.normal(size=(13, 13)).astype(np.float32) * 0.1
    expected = cv2.matchTemplate(image, patch, cv2.TM_CCOEFF_NORMED)
    small, large = (
        torch.stack([torch.from_numpy(one.copy()), torch.ones(one.shape)])[None] for one in (patch, image)
    )
    found = correspondences._correlation(small, large)[0].numpy()
    np.testing.assert_allclose(found, expected, atol=0.02)  # faint structure counts a little less
    shift, good = correspondences._best_shift(torch.from_numpy(found)[None])
    assert good.all()
    np.testing.assert_allclose(shift[0].numpy() / correspondences.STEP, [2, -3], atol=0.3)


def test_where_a_mask_ends_nothing_is_compared() -> None:
    """Beside the object may be anything: only what both masks show counts."""
    rng = np.random.default_rng(1)
    image = torch.from_numpy(rng.uniform(size=(1, 37, 37)).astype(np.float32))
    mask = torch.ones(1, 37, 37)
    mask[:, :, 20:] = 0
    large = torch.stack([torch.where(mask > 0, image, 9.0), mask], 1)
    small = torch.stack([image[:, 12:25, 12:25], torch.ones(1, 13, 13)], 1)
    found = correspondences._correlation(small, large)[0]
    assert found[12, 12] > 0.9
    assert (found[:, 15:] == correspondences.NOTHING).all()


def exact(pictures: Pictures, true_poses: np.ndarray) -> Matches:
    """Matches without any error, at the places that were found."""
    matches = correspondences.find(pictures, as_rig(true_poses))
    return replace(matches, there=true_places(pictures, true_poses, matches).astype(np.float32))


def test_true_cameras_fit_exact_matches(
    views: list[SimpleNamespace], pictures: Pictures, true_poses: np.ndarray
) -> None:
    matches, own = exact(pictures, true_poses), bundle.prepare(views)
    missed, behind = bundle.misfit(own, as_rig(true_poses).alone(), matches, CLOSE)
    assert np.median(np.linalg.norm(missed, axis=-1)) < 1e-3
    assert (behind * match_rays.DEPTH_SPREAD + match_rays.BEHIND > -correspondences.HULL_SLACK).all()  # within the hull
    right, wrong = (
        bundle.log_ratios(own, as_rig(poses), matches, CLOSE)[0].sum()
        for poses in (true_poses, disturbed(true_poses, 3.0, seed=2))
    )
    assert right > 100 > 0 > wrong


def test_a_match_beside_its_epipolar_line_is_missed_by_as_much(
    views: list[SimpleNamespace], pictures: Pictures, true_poses: np.ndarray
) -> None:
    matches, own = exact(pictures, true_poses), bundle.prepare(views)
    relative = true_poses[matches.second] @ np.linalg.inv(true_poses)[matches.first]
    here = torch.from_numpy(matches.here)
    ray = correspondences.rays(pictures.intrinsics[matches.first], here).double().numpy()[..., None]
    near, far = ((relative[:, :3, :3] @ ray * depth)[..., 0] + relative[:, :3, 3] for depth in (2.0, 3.0))
    line = far[:, :2] / far[:, 2:] - near[:, :2] / near[:, 2:]
    line = (line / np.linalg.norm(line, axis=-1, keepdims=True)).astype(np.float32)
    beside = np.stack([-line[:, 1], line[:, 0]], -1)
    for along, expected in ((beside, 0.02), (line, 0.0)):
        shifted = replace(
            matches, there=matches.there + np.float32(0.02) * along, track=np.arange(len(matches)),
            front=matches.front[matches.track],
        )
        missed, _ = bundle.misfit(own, as_rig(true_poses).alone(), shifted, 0.03)
        assert np.median(np.linalg.norm(missed, axis=-1)) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("zoom", [1.0, 1.2])
@pytest.mark.parametrize(("width", "off"), [(CLOSE, 0.35), (0.03, 0.12), (1.0, 0.03)])
def test_slopes_of_matches_are_those_of_small_moves(zoom: float, width: float, off: float) -> None:
    """Against differences: the depths of corners follow the cameras, but the weights that they are found by stay, which
    matters the less the less robust these are."""
    poses = cameras_around([[25, 0], [60, 15], [100, -10], [140, 20]])
    views = [box_view(matrix, SIZE, lively) for matrix in poses]
    rig, own = as_rig(disturbed(poses, 0.5, seed=1)).zoomed(np.float64(zoom)), bundle.prepare(views)
    matches = correspondences.find(correspondences.prepare(views), rig)
    assert len(matches) > np.bincount(matches.track).size  # some corners are found in several views

    def value(move: np.ndarray) -> float:
        return float(bundle.log_ratios(own, rig.moved(move), matches, width)[0].sum(dtype=float))

    found = rig.slope_of_move(bundle.log_ratios(own, rig, matches, width)[1], zooming=True)
    steps = 2e-4 * np.eye(rig.parameters(zooming=True))
    differences = np.array([(value(step) - value(-step)) / 4e-4 for step in steps])
    assert np.linalg.norm(found - differences) < off * np.linalg.norm(differences)


@pytest.mark.parametrize("degrees", [5.0, 10.0])
def test_matches_and_outlines_lead_cameras_back(degrees: float) -> None:
    """Cameras that share corners with their neighbours; in the mean over two starts, for one may hang on a rounding."""
    poses, left = cameras_around([[25, 0], [60, 15], [100, -10], [140, 20]]), []
    views = [box_view(matrix, SIZE, lively) for matrix in poses]
    pictures, own = correspondences.prepare(views), bundle.prepare(views)
    for seed in (3, 4):
        rig = as_rig(disturbed(poses, degrees, seed=seed))
        for width in (0.03, 0.012, 0.012, 0.012):
            matches = correspondences.find(pictures, rig)
            rig = bundle.adjust(own, rig, matches, width)
        found = rig.poses
        left.append(rotation_angle(found[1:, :3, :3] @ np.swapaxes(poses[1:, :3, :3], 1, 2)).mean())
        np.testing.assert_array_equal(rig.poses[0], poses[0])
        np.testing.assert_allclose(np.linalg.det(found[:, :3, :3]), 1, atol=1e-4)
    assert np.mean(left) < 0.5 * degrees


@pytest.mark.parametrize("zoom", [1 / 1.3, 1.3])
def test_exact_matches_tell_the_focal_length(zoom: float) -> None:
    """No camera looks straight at one flat face, which would leave its angle nearly open."""
    poses = cameras_around([[10, 10], [65, 25], [120, 15], [250, 20]])
    views = [box_view(matrix, SIZE, lively) for matrix in poses]
    matches = exact(correspondences.prepare(views), poses)
    own = bundle.prepare([taken_for(view, 1 / zoom) for view in views])
    start = replace(as_rig(poses).zoomed(np.float64(1 / zoom)), zoom=np.float64(1))
    matches = replace(matches, front=matches.front / np.float32(zoom))
    assert bundle.adjust(own, start, matches, CLOSE).zoom == 1
    found = bundle.adjust(own, start, matches, CLOSE, zooming=True)
    assert np.log(found.zoom) == pytest.approx(np.log(zoom), abs=0.4 * abs(np.log(zoom)))


def test_a_zoom_sees_the_places_that_a_longer_lens_sees(pictures: Pictures, true_poses: np.ndarray) -> None:
    """From as much farther away: the same matches, in the same order."""
    rig, zoom = as_rig(disturbed(true_poses, 4.0, seed=1)), 1.25
    there = rig.zoomed(np.float64(zoom))
    expected = correspondences.find(pictures.zoomed(zoom), rig_of(there.poses))
    found = correspondences.find(pictures, there)
    np.testing.assert_allclose(found.there, expected.there, atol=1e-5)
    np.testing.assert_allclose(found.front * zoom, expected.front, atol=1e-5)


def test_measured_verticals_are_kept_to(views: list[SimpleNamespace], true_poses: np.ndarray) -> None:
    """Without any match: outlines alone leave tilts open, measured verticals do not."""
    upright = [
        SimpleNamespace(**{**vars(view), "up": matrix[:3, 2].copy()})
        for view, matrix in zip(views, true_poses, strict=True)
    ]
    none, nowhere = np.zeros(0, np.int64), np.zeros((0, 2), np.float32)
    matches = Matches(none, none, nowhere, nowhere, none, nowhere[:, 0])
    start = as_rig(disturbed(true_poses, 8.0, seed=4))
    poses = bundle.adjust(bundle.prepare(upright), start, matches, CLOSE).poses
    was, off = (felt_apart(one, true_poses[:, :3, 2]) for one in (start.poses, poses))
    assert off < 0.5 * was


def felt_apart(poses: np.ndarray, verticals: np.ndarray) -> float:
    """Mean angle between what cameras feel as the vertical, and what they feel in the mean."""
    felt = np.einsum("vij,vi->vj", poses[:, :3, :3], verticals)
    mean = felt.mean(0) / np.linalg.norm(felt.mean(0))
    return np.degrees(np.arccos((felt @ mean).clip(max=1))).mean()


def test_few_matches_of_a_pair_count_more_each_than_many() -> None:
    pair, nowhere = np.array([0] * 100 + [1] * 2), np.zeros((102, 2), np.float32)
    matches = Matches(pair, pair + 1, nowhere, nowhere, 0 * pair, nowhere[:1, 0])
    shares = bundle.share(matches, 3, 60.0)
    assert shares[0] < 0.4 < 0.9 < shares[-1]
