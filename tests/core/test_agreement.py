"""The judge of cameras at the resolution of the views, on a painted box whose cameras are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pflrm.core import agreement
from pflrm.core.colours import BRIGHTNESS_WIDTH, comparable, exposed_differently
from pflrm.core.rigs import ZOOM, Rig, rig_of
from pflrm.tests.core.agreement_reference import Reference, slope_of
from pflrm.tests.core.painted_box import box_view, cameras_around, disturbed

SIZE = 96
GAINS = np.array([1.0, 1.25, 0.8, 1.1])


@pytest.fixture(scope="module")
def true_poses() -> np.ndarray:
    return cameras_around([[0, 0], [60, 15], [130, -10], [230, 20]])


def scene_of(poses: np.ndarray, gains: np.ndarray) -> agreement.Scene:
    views = [exposed(box_view(matrix, SIZE), gain) for matrix, gain in zip(poses, gains, strict=True)]
    return agreement.prepare(views, pixels=192, depths=28, uneven=bool(np.ptp(gains)))


def exposed(view: SimpleNamespace, gain: float) -> SimpleNamespace:
    """The same view with all colours, dark enough not to clip, times a gain."""
    view.image[..., :3] *= 0.75 * gain
    return view


def judged(scene: agreement.Scene, poses: np.ndarray) -> tuple[float, agreement.Surface]:
    return agreement.judge(scene, rig_of(poses))


def test_exposures_are_found_under_true_cameras(true_poses: np.ndarray) -> None:
    _, surface = judged(scene_of(true_poses, GAINS), true_poses)
    brightness = surface.found.exposure[:, 0] * BRIGHTNESS_WIDTH / 3**0.5  # mean of three logarithms
    assert np.corrcoef(brightness, np.log(GAINS))[0, 1] > 0.98
    assert np.ptp(brightness) > 0.5 * np.ptp(np.log(GAINS))  # it leans towards photos exposed alike


def test_photos_exposed_alike_are_taken_as_they_are(true_poses: np.ndarray) -> None:
    """What shading explains must not count as exposure."""
    _, surface = judged(scene_of(true_poses, np.ones(4)), true_poses)
    assert not surface.found.exposure.any()


def test_photos_are_uneven_if_they_say_so() -> None:
    assert exposed_differently([-3.0, None, -2.0])
    assert not exposed_differently([-3.0, -3.1, -3.0])
    assert not exposed_differently([None, None])
    assert not exposed_differently([-3.0, None])


def test_true_cameras_win_whatever_the_exposure(true_poses: np.ndarray) -> None:
    scene = scene_of(true_poses, GAINS)
    scores = [judged(scene, disturbed(true_poses, degrees, seed=4))[0] for degrees in (0.0, 5.0, 15.0, 30.0)]
    assert scores == sorted(scores, reverse=True)


def test_the_order_of_the_views_does_not_matter(true_poses: np.ndarray) -> None:
    order = [2, 0, 3, 1]
    score, _ = judged(scene_of(true_poses, GAINS), true_poses)
    shuffled, _ = judged(scene_of(true_poses[order], GAINS[order]), true_poses[order])
    assert shuffled == pytest.approx(score, abs=0.05)


@pytest.mark.parametrize("half_sides", [(0.35, 0.55, 0.75), (0.05, 0.4, 0.75)], ids=["box", "plate"])
@pytest.mark.parametrize("degrees", [0.0, 5.0, 40.0])
def test_the_score_and_its_slope_are_those_of_the_reference(
    true_poses: np.ndarray, degrees: float, half_sides: tuple[float, ...]
) -> None:
    """Against the same in float64 with automatic differentiation, where the surface was found and a little beside."""
    views = [box_view(matrix, SIZE, half_sides=np.array(half_sides)) for matrix in true_poses]
    scene = agreement.prepare(views, pixels=96, depths=28)
    rig, reference = rig_of(disturbed(true_poses, degrees, seed=1)), Reference(scene)
    expected, place = reference.judge(torch.from_numpy(rig.poses))
    score, surface = agreement.judge(scene, rig)
    assert score == pytest.approx(expected, abs=0.02)
    move = 0.01 * torch.randn(18, generator=torch.Generator().manual_seed(2)).double().numpy()
    for there in (rig, rig.moved(move)):
        poses = torch.from_numpy(there.poses)
        true = slope_of(lambda now: reference.score_at(now, place), poses).numpy()
        slopes = agreement.slopes_at(scene, there, surface)
        found = np.concatenate([slopes.rotation, slopes.translation[..., None]], -1)
        assert value(scene, there, surface) == pytest.approx(float(reference.score_at(poses, place)), abs=0.02)
        assert not true[:, 3].any()
        assert np.linalg.norm(found - true[:, :3]) / np.linalg.norm(true) < 0.03


def value(scene: agreement.Scene, rig: Rig, surface: agreement.Surface) -> float:
    """The score on a surface found before."""
    terms, unusual = agreement.terms_at(scene, rig, surface)
    return sum(float(part.total()) for part in terms) - unusual


@pytest.mark.parametrize("zoom", [0.8, 1.3])
def test_a_zoom_is_another_focal_length(true_poses: np.ndarray, zoom: float) -> None:
    """Against the reference told that focal length, and its slope along it."""
    scene = agreement.prepare([box_view(matrix, SIZE) for matrix in true_poses], pixels=96, depths=28)
    rig = rig_of(disturbed(true_poses, 5, seed=1)).zoomed(np.float64(zoom))
    poses = torch.from_numpy(rig.poses)
    reference, factor = Reference(scene), torch.tensor(zoom, dtype=torch.float64, requires_grad=True)
    intrinsics, rays = reference.intrinsics, reference.rays

    def told(factor: torch.Tensor) -> Reference:
        reference.intrinsics = torch.cat([intrinsics[:, :2] * factor, intrinsics[:, 2:]], 1)
        reference.rays = torch.cat([rays[..., :2] / factor, rays[..., 2:]], -1)
        return reference

    expected, place = told(factor.detach()).judge(poses)
    score, surface = agreement.judge(scene, rig)
    unusual = agreement.HABIT * 0.5 * (np.log(zoom) / ZOOM) ** 2
    assert score + unusual == pytest.approx(expected, abs=0.03)
    (true,) = torch.autograd.grad(told(factor).score_at(poses, place), factor)
    found = agreement.slopes_at(scene, rig, surface).zoom
    assert found + np.log(zoom) / ZOOM**2 / zoom == pytest.approx(float(true), rel=0.05, abs=0.05)


def test_the_slope_is_that_of_the_score_whatever_the_exposure(true_poses: np.ndarray) -> None:
    """Against differences, on a surface that stays."""
    scene = scene_of(true_poses, GAINS)
    poses = disturbed(true_poses, 4, seed=1)
    _, surface = judged(scene, poses)

    def beside(shift: np.ndarray) -> float:
        moved = poses.copy()
        moved[1, :3, 3] += shift
        return value(scene, rig_of(moved), surface)

    differences = [(beside(step) - beside(-step)) / 4e-3 for step in 2e-3 * np.eye(3)]
    found = agreement.slopes_at(scene, rig_of(poses), surface).translation[1]
    np.testing.assert_allclose(found, differences, rtol=0.15, atol=1.0)


def test_a_brighter_photo_differs_by_a_shift() -> None:
    colours = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.3
    shift = comparable(1.2 * colours) - comparable(colours)
    assert float(shift[:, 0].std() / shift[:, 0].mean()) < 0.05
    assert float(shift[:, 1:].abs().max()) < 0.2 * float(shift[:, 0].mean())
