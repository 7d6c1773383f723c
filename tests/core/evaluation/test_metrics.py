"""The figures against formulas of others: scipy's rotations, trimesh, scikit-image, and cases done by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import trimesh
from pflrm.core.evaluation.metrics import (
    align,
    chamfer_and_f_score,
    psnr,
    rotation_errors,
    sample_surface,
    ssim,
    translation_errors,
)
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation


def cameras(count: int, seed: int = 0, distance: float = 3.0) -> np.ndarray:
    """Random cameras (count, 4, 4) that look at the origin from ``distance``."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    poses[:, 2, 3] = distance
    return poses


def moved(poses: np.ndarray, scale: float, seed: int = 7) -> np.ndarray:
    """The same cameras in a world that is turned, shifted and scaled."""
    world = np.eye(4)
    world[:3, :3] = Rotation.random(random_state=seed).as_matrix()
    world[:3, 3] = [0.3, -2.0, 1.0]
    result = poses @ world
    result[:, :3, 3] *= scale
    return result


def test_perfect_cameras_have_no_error_in_any_world() -> None:
    true = cameras(4)
    for predicted in (true, moved(true, 1.0), moved(true, 0.01), moved(true, 50.0)):
        np.testing.assert_allclose(rotation_errors(predicted, true), np.zeros(6), atol=1e-5)
        np.testing.assert_allclose(translation_errors(predicted, true, 3.0), np.zeros(6), atol=1e-9)


def test_no_similarity_of_either_world_changes_the_errors() -> None:
    true, predicted = cameras(4, 1), cameras(4, 2)
    for a, b in ((moved(predicted, 0.2), true), (moved(predicted, 3.0, 8), moved(true, 1.0, 9))):
        np.testing.assert_allclose(rotation_errors(a, b), rotation_errors(predicted, true))
        np.testing.assert_allclose(translation_errors(a, b, 3.0), translation_errors(predicted, true, 3.0))


def test_rotation_errors_agree_with_scipy() -> None:
    predicted, true = cameras(4, 1), cameras(4, 2)
    a, b = (Rotation.from_matrix(poses[:, :3, :3]) for poses in (predicted, true))
    expected = [np.degrees(((a[j] * a[i].inv()).inv() * (b[j] * b[i].inv())).magnitude())
                for i, j in combinations(range(4), 2)]
    np.testing.assert_allclose(rotation_errors(predicted, true), expected)


@pytest.mark.parametrize("degrees", [0.01, 15.0, 90.0, 179.9])
def test_one_turned_camera_spoils_its_own_pairs_alone(degrees: float) -> None:
    true = cameras(4)
    predicted = true.copy()
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, 0.0, 0.8])).as_matrix()
    predicted[2, :3] = turn @ predicted[2, :3]
    expected = [degrees if 2 in pair else 0.0 for pair in combinations(range(4), 2)]
    np.testing.assert_allclose(rotation_errors(predicted, true), expected, atol=1e-5)


def test_random_rotations_are_wrong_by_126_degrees() -> None:
    """The mean angle of a uniform rotation is π/2 + 2/π."""
    errors = np.concatenate([rotation_errors(cameras(4, seed), cameras(4, 9000 + seed)) for seed in range(400)])
    assert abs(errors.mean() - np.degrees(np.pi / 2 + 2 / np.pi)) < 2.5
    assert (errors < 15).mean() < 0.01


def test_translation_errors_by_hand() -> None:
    """Camera 1 at the origin, camera 2 one unit to its right, camera 3 two units above; camera 3 is then misplaced."""
    true = np.tile(np.eye(4), (3, 1, 1))
    true[1, 0, 3], true[2, 1, 3] = -1.0, 2.0
    predicted = true.copy()
    predicted[2, :3, 3] = [0.0, 0.0, 2.0]  # as far away, but in front
    np.testing.assert_allclose(translation_errors(predicted, true, 2.0), [0.0, np.sqrt(8) / 2, np.sqrt(8) / 2])


def test_blind_guessing_costs_four_thirds_of_the_distance() -> None:
    """Two random unit vectors are 4/3 apart on average; so are translations of cameras that look at one point."""
    errors = np.concatenate([translation_errors(cameras(4, seed), cameras(4, 500 + seed), 3.0) for seed in range(200)])
    assert abs(errors.mean() - 4 / 3) < 0.08


def test_alignment_maps_points_and_cameras_into_the_true_world() -> None:
    true = cameras(4)
    predicted = moved(true, 0.25)
    to_true = align(predicted, true)
    points = np.random.default_rng(0).normal(size=(20, 3))
    # What the predicted camera 3 sees at p, the true camera 3 sees at the mapped p, in true units.
    seen = points @ predicted[3, :3, :3].T + predicted[3, :3, 3]
    mapped = to_true.of_points(points) @ true[3, :3, :3].T + true[3, :3, 3]
    np.testing.assert_allclose(mapped, seen / 0.25, atol=1e-9)
    np.testing.assert_allclose(to_true.inverse_of_camera(true[3]), predicted[3], atol=1e-9)


def test_alignment_of_a_single_view_keeps_its_scale() -> None:
    true = cameras(1)
    assert align(moved(true, 1.0), true).scale == 1.0


def test_surface_samples_are_even_and_on_the_surface() -> None:
    box = trimesh.creation.box(extents=(1, 2, 4))
    points = sample_surface(np.asarray(box.vertices), np.asarray(box.faces), 20_000)
    on_face = np.isclose(np.abs(points), np.array([0.5, 1.0, 2.0]), atol=1e-12)
    assert on_face.any(axis=1).all()
    np.testing.assert_allclose(on_face.mean(axis=0), np.array([8, 4, 2]) / 14, atol=0.015)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.05)


def test_chamfer_and_f_score_agree_with_all_distances() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(300, 3)), generator.normal(size=(200, 3)) + 0.1
    distances = cdist(a, b) / 2.0
    near_a, near_b = distances.min(axis=1), distances.min(axis=0)
    precision, recall = (near_a < 0.15).mean(), (near_b < 0.15).mean()
    chamfer, f_score = chamfer_and_f_score(a, b, radius=2.0, threshold=0.15)
    np.testing.assert_allclose(chamfer, near_a.mean() + near_b.mean())
    np.testing.assert_allclose(f_score, 2 * precision * recall / (precision + recall))


def test_concentric_spheres_are_their_gap_apart() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=4)
    points = sample_surface(np.asarray(sphere.vertices), np.asarray(sphere.faces), 20_000)
    chamfer, f_score = chamfer_and_f_score(1.2 * points, points, radius=1.0)
    np.testing.assert_allclose(chamfer, 0.4, atol=0.01)
    assert f_score == 0.0
    chamfer, f_score = chamfer_and_f_score(1.03 * points, points, radius=1.0)
    np.testing.assert_allclose(chamfer, 0.06, atol=0.02)
    assert f_score > 0.99
    assert chamfer_and_f_score(points, points, 1.0) == (0.0, 1.0)


def test_psnr_by_hand() -> None:
    image = np.full((16, 16, 3), 0.5)
    np.testing.assert_allclose(psnr(image, image + 0.1), 20.0)
    np.testing.assert_allclose(psnr(image, image + 0.01), 40.0)


def test_ssim_agrees_with_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    generator = np.random.default_rng(0)
    truth = np.cumsum(generator.normal(size=(48, 40, 3)), axis=1) * 0.05 % 1
    image = np.clip(truth + 0.1 * generator.normal(size=truth.shape), 0, 1)
    expected = metrics.structural_similarity(
        image, truth, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    np.testing.assert_allclose(ssim(image, truth), expected, rtol=1e-6)
    np.testing.assert_allclose(ssim(truth, truth), 1.0)
