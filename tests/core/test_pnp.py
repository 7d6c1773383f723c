"""Poses and focal lengths from weighted points, against OpenCV and scipy."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from pflrm.core import pnp
from pflrm.core.cameras import reference_pose, rotation_angle
from pflrm.core.pnp import solve_pnp
from pflrm.tests.core.pnp_scene import KINDS, Scene, degenerate
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def sqpnp(scene: Scene) -> np.ndarray:
    """Rotation errors (B,) in degrees of OpenCV's SQPnP."""
    rotations = []
    for points, rays in zip(scene.points, scene.rays, strict=True):
        rotation = cv2.solvePnP(points, rays, np.eye(3), np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)[1]
        rotations.append(cv2.Rodrigues(rotation)[0])
    return rotation_angle(np.stack(rotations) @ scene.rotation.transpose(0, 2, 1))


@pytest.mark.parametrize("device", DEVICES)
def test_clean_points_give_the_camera_of_opencv(device: str) -> None:
    scene = Scene(64, 64)
    solution = solve_pnp(*scene.tensors(device=device), distance=scene.expected().to(device))
    torch.testing.assert_close(solution.world_to_camera.cpu(), scene.truth(), atol=2e-5, rtol=0)
    assert solution.world_to_camera.dtype == solution.cost.dtype == torch.float32
    assert solution.cost.max() < 1e-8


@pytest.mark.parametrize(("count", "noise"), [(12, 0.01), (64, 0.02), (256, 0.02), (256, 0.1)])
def test_noisy_points_are_solved_as_well_as_by_sqpnp(count: int, noise: float) -> None:
    scene = Scene(64, count, noise=noise)
    assert np.median(scene.errors(scene.solved().world_to_camera)) < 1.1 * np.median(sqpnp(scene))


def test_the_solution_is_the_minimum_that_scipy_finds() -> None:
    scene = Scene(6, 40, noise=0.05, outliers=0.2)
    weights = np.random.default_rng(1).uniform(0.0, 3.0, (6, 40))
    solution = scene.solved(torch.tensor(weights, dtype=torch.float32))
    share = weights / weights.sum(1, keepdims=True)
    centre = (share[..., None] * scene.rays).sum(1, keepdims=True)
    bound = pnp.RELATIVE_HUBER * np.sqrt((share * ((scene.rays - centre) ** 2).sum(-1)).sum(1))
    for item in range(6):
        def residual(y: np.ndarray, item: int = item) -> np.ndarray:
            moved = scene.points[item] @ Rotation.from_rotvec(y[:3]).as_matrix().T + y[3:]
            distance = np.linalg.norm(moved[:, :2] / moved[:, 2:] - scene.rays[item], axis=-1)
            huber = np.where(distance < bound[item], distance**2, 2 * bound[item] * distance - bound[item] ** 2)
            return np.sqrt(weights[item] * huber + 1e-18)

        start = np.concatenate([Rotation.from_matrix(scene.rotation[item]).as_rotvec(), scene.translation[item]])
        found = least_squares(residual, start, xtol=1e-12, ftol=1e-12)
        assert float(solution.cost[item]) == pytest.approx(found.cost, rel=1e-4)


def test_a_third_of_outliers_is_survived() -> None:
    scene = Scene(64, 128, noise=0.01, outliers=0.3)
    errors = scene.errors(scene.solved().world_to_camera)
    assert np.median(errors) < 2
    assert np.mean(errors < 10) > 0.95
    assert np.median(sqpnp(scene)) > 5  # the outliers are real ones


@pytest.mark.parametrize(("count", "outliers", "shape"), [(12, 0.34, (1.0, 0.7, 0.9)), (32, 0.0, (1.0, 0.0, 0.9))])
def test_no_start_at_the_true_pose_finds_a_lower_cost(count: int, outliers: float, shape: tuple) -> None:
    scene = Scene(256, count, noise=0.01, outliers=outliers, shape=shape)
    truth, expected = scene.truth(torch.float64)[:, None], scene.expected(torch.float64)
    problem = pnp.Problem.of(*scene.tensors(torch.float64), expected)
    problem = replace(problem, weights=problem.weights / count)
    reached = pnp._levenberg_marquardt(problem, truth[..., :3, :3], truth[..., :3, 3], 30)[2][:, 0] * count
    assert (scene.solved().cost <= 1.001 * reached + 1e-6).all()


def test_weights_exclude_points() -> None:
    scene = Scene(16, 64, outliers=0.8)
    solution = scene.solved(torch.tensor(~scene.outliers, dtype=torch.float32))
    torch.testing.assert_close(solution.world_to_camera, scene.truth(), atol=2e-5, rtol=0)


def test_the_scale_of_weights_scales_the_cost_alone() -> None:
    scene = Scene(4, 32, noise=0.05)
    usual, tiny = scene.solved(), scene.solved(torch.full((4, 32), 1e-6))
    torch.testing.assert_close(usual.world_to_camera, tiny.world_to_camera)
    torch.testing.assert_close(usual.cost * 1e-6, tiny.cost)


def test_a_pose_that_looks_away_is_never_picked() -> None:
    scene = Scene(2, 16)
    truth = scene.truth(torch.float64)[:, None]
    problem = pnp.Problem.of(*scene.tensors(torch.float64), scene.expected(torch.float64))
    problem = replace(problem, weights=problem.weights / 16)
    rotation = truth[..., :3, :3].repeat(1, 2, 1, 1)
    translation = torch.cat([-truth[..., :3, 3], truth[..., :3, 3]], 1)  # the first looks away from the points
    picked, cost = pnp._pick(problem, rotation, translation, torch.tensor([[0.0, 1.0], [0.0, torch.nan]]).double())
    torch.testing.assert_close(picked[0], truth[0, 0])
    assert cost.tolist() == [1.0, torch.inf]


def test_a_plane_is_solved() -> None:
    scene = Scene(32, 64, noise=0.002, distance=2.4, shape=(1.0, 0.0, 0.9))
    assert np.median(scene.errors(scene.solved().world_to_camera)) < 1


def test_the_same_item_is_solved_alike_alone_and_in_a_batch() -> None:
    scene = Scene(5, 64, noise=0.1, outliers=0.4)
    points, rays, weights = scene.tensors()
    alone = solve_pnp(points[3:4], rays[3:4], weights[3:4], distance=scene.expected()[3:4])
    torch.testing.assert_close(alone.world_to_camera[0], scene.solved().world_to_camera[3], atol=1e-5, rtol=0)
    assert torch.equal(scene.solved().world_to_camera, scene.solved().world_to_camera)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unsolvable_item_falls_back_and_spares_the_others(kind: str) -> None:
    scene = Scene(3, 32)
    solution = solve_pnp(*degenerate(kind, *scene.tensors()), distance=scene.expected())
    fallback = torch.tensor(reference_pose(scene.distance[0]), dtype=torch.float32)
    torch.testing.assert_close(solution.world_to_camera[0], fallback)
    assert solution.cost[0] == torch.inf
    torch.testing.assert_close(solution.world_to_camera[1:], scene.truth()[1:], atol=2e-5, rtol=0)


@pytest.mark.parametrize(("batch", "count"), [(2, 3), (2, 0), (0, 8)])
def test_too_few_points_or_no_items_fall_back(batch: int, count: int) -> None:
    solution = solve_pnp(torch.zeros(batch, count, 3), torch.zeros(batch, count, 2), torch.ones(batch, count),
                         distance=torch.full((batch,), 3.0))
    assert solution.world_to_camera.shape == (batch, 4, 4)
    assert torch.isinf(solution.cost).all()


def test_some_nan_points_are_ignored() -> None:
    scene = Scene(4, 64)
    points, rays, weights = scene.tensors()
    points[:, ::5, 1], rays[:, 1::7], weights[:, 2::9] = torch.nan, torch.inf, torch.nan
    solution = solve_pnp(points, rays, weights, distance=scene.expected())
    torch.testing.assert_close(solution.world_to_camera, scene.truth(), atol=2e-5, rtol=0)
