"""The Monte-Carlo pose loss and samples of poses, against closed forms and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pflrm.core import pnp, pnp_loss
from pflrm.core.cameras import rotation_angle
from pflrm.core.pnp import solve_pnp
from pflrm.core.pnp_loss import monte_carlo_pose_loss, sample_posterior
from pflrm.tests.core.pnp_scene import KINDS, Scene, degenerate
from scipy.spatial.transform import Rotation
from torch import Tensor


def likelihood_of(scene: Scene, scale: float) -> tuple[Tensor, Tensor]:
    """Laplace's approximation of the loss (B,), and the covariance (B, 6, 6) of rotation vector and translation."""
    points, rays, weights = scene.tensors(torch.float64)
    truth = scene.truth(torch.float64)
    problem = pnp.Problem.of(points, rays, weights * scale, truth[:, 2, 3])
    best = scene.solved(weights.float() * scale).world_to_camera.double()[:, None]
    hessian, _, cost = pnp.normal_equations(problem, best[..., :3, :3], best[..., :3, 3])
    true_cost = pnp.reprojection_cost(problem, truth[:, None, :3, :3], truth[:, None, :3, 3])
    loss = (true_cost - cost)[:, 0] + 3 * math.log(2 * math.pi) - 0.5 * torch.logdet(hessian[:, 0])
    return loss, torch.linalg.inv(hessian[:, 0])


def test_the_loss_of_a_sharp_likelihood_is_laplaces() -> None:
    scene = Scene(8, 64, noise=0.005)
    points, rays, weights = scene.tensors()
    loss = monte_carlo_pose_loss(points, rays, weights * 1e4, scene.truth())
    torch.testing.assert_close(loss, likelihood_of(scene, 1e4)[0].float(), atol=0.25, rtol=0)


def test_the_loss_of_no_information_is_the_volume_of_all_poses() -> None:
    scene = Scene(8, 64)
    points, rays, weights = scene.tensors()
    loss = monte_carlo_pose_loss(points, rays, weights * 0, scene.truth())
    depth = scene.truth()[:, 2, 3]
    near, far = (bound * depth for bound in pnp_loss.DEPTHS)
    volume = 8 * math.pi**2 * 4 / 3 * (far**3 - near**3)  # |x|, |y| < z
    torch.testing.assert_close(loss, volume.log(), atol=0.6, rtol=0)


def test_the_loss_is_lowest_near_the_true_pose() -> None:
    scene = Scene(8, 64, noise=0.01)
    points, rays, weights = scene.tensors()
    right = monte_carlo_pose_loss(points, rays, weights * 1e3, scene.truth())
    for degrees in (5, 20, 90, 180):
        wrong = scene.truth()
        turn = torch.tensor(Rotation.from_euler("y", degrees, degrees=True).as_matrix(), dtype=torch.float32)
        wrong[:, :3, :3] = turn @ wrong[:, :3, :3]
        assert (monte_carlo_pose_loss(points, rays, weights * 1e3, wrong) > right + 0.3).all()


def test_gradients_agree_with_finite_differences() -> None:
    scene = Scene(2, 12, noise=0.05)
    points, rays, weights = scene.tensors(torch.float64)
    weights = weights * 300
    truth = scene.truth(torch.float64)
    fixed = pnp.Problem.of(points, rays, weights, truth[:, 2, 3])
    generator = torch.Generator().manual_seed(0)
    draws, log_proposal = pnp_loss._sample(fixed, truth[:, None], truth[:, 2, 3], generator)

    def loss(points: Tensor, rays: Tensor, weights: Tensor) -> Tensor:
        free = pnp.Problem(points.mT, rays.mT, weights, fixed.huber, fixed.near)
        return pnp_loss._negative_log_likelihood(free, truth, draws, log_proposal)

    leaves = tuple(values.clone().requires_grad_() for values in (points, rays, weights))
    torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-5)
    expected = torch.autograd.grad(loss(*leaves).sum(), leaves)
    # Other draws estimate the same gradient.
    public = monte_carlo_pose_loss(*leaves, truth)
    for got, wanted in zip(torch.autograd.grad(public.sum(), leaves), expected, strict=True):
        assert torch.nn.functional.cosine_similarity(got.flatten(), wanted.flatten(), dim=0) > 0.95


def test_gradient_descent_on_points_finds_the_true_pose() -> None:
    scene = Scene(4, 64)
    points, rays, weights = scene.tensors()
    turn = torch.tensor(Rotation.from_euler("xyz", [25, -30, 20], degrees=True).as_matrix(), dtype=torch.float32)
    turned = (points @ turn.T).requires_grad_()
    before = scene.errors(solve_pnp(turned, rays, weights, distance=scene.expected()).world_to_camera)
    optimiser = torch.optim.Adam([turned], lr=0.03)
    for seed in range(25):
        optimiser.zero_grad()
        generator = torch.Generator().manual_seed(seed)
        monte_carlo_pose_loss(turned, rays, weights * 100, scene.truth(), generator=generator).mean().backward()
        optimiser.step()
    after = scene.errors(solve_pnp(turned, rays, weights, distance=scene.expected()).world_to_camera)
    assert before.min() > 30
    assert after.max() < 5


def test_gradient_descent_on_weights_silences_outliers() -> None:
    scene = Scene(4, 64, noise=0.01, outliers=0.3)
    points, rays, _ = scene.tensors()
    outliers = torch.tensor(scene.outliers)
    logarithm = torch.full((4, 64), math.log(100.0), requires_grad=True)
    before = scene.errors(scene.solved().world_to_camera)
    optimiser = torch.optim.Adam([logarithm], lr=0.1)
    for seed in range(25):
        optimiser.zero_grad()
        generator = torch.Generator().manual_seed(seed)
        monte_carlo_pose_loss(points, rays, logarithm.exp(), scene.truth(), generator=generator).sum().backward()
        optimiser.step()
    weights = logarithm.detach().exp()
    assert weights[outliers].median() < 0.1 * weights[~outliers].median()
    assert np.median(scene.errors(scene.solved(weights).world_to_camera)) < 0.5 * np.median(before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_and_its_gradients_stay_finite(kind: str) -> None:
    scene = Scene(2, 16)
    leaves = [values.requires_grad_() for values in degenerate(kind, *scene.tensors())]
    loss = monte_carlo_pose_loss(*leaves, scene.truth())
    loss.sum().backward()
    assert loss.isfinite().all()
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() for leaf in leaves)


def test_half_precision_and_autocast_do_not_change_the_loss() -> None:
    scene = Scene(4, 64, noise=0.02)
    half = [values.bfloat16() for values in scene.tensors()]
    exact = monte_carlo_pose_loss(*(values.float() for values in half), scene.truth())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = monte_carlo_pose_loss(*half, scene.truth())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact)


def test_the_tangent_is_the_derivative_of_a_rotation() -> None:
    rotation = torch.tensor(Rotation.random(20, rng=np.random.default_rng(0)).as_matrix())
    quaternion = pnp_loss._quaternion(rotation)
    step = 1e-6
    for axis, vector in enumerate(torch.eye(3, dtype=torch.float64)):
        moved = torch.tensor(Rotation.from_rotvec(step * vector.numpy()).as_matrix()) @ rotation
        difference = pnp_loss._quaternion(moved) * (quaternion * pnp_loss._quaternion(moved)).sum(-1, True).sign()
        torch.testing.assert_close((difference - quaternion) / (step / 2), pnp_loss._tangent(quaternion)[..., axis],
                                   atol=1e-5, rtol=0)


def test_a_proposal_is_fitted_to_its_own_draws() -> None:
    random = torch.Generator().manual_seed(0)
    roots = [torch.randn(2, size, size, generator=random, dtype=torch.float64) for size in (3, 4)]
    spread, inertia = (root @ root.mT + 0.1 * torch.eye(root.shape[1]) for root in roots)
    known = pnp_loss._Proposal(torch.zeros(2, 3, dtype=torch.float64), spread, pnp_loss._unit_trace(inertia))
    parts = [pnp_loss._draw(known, random) for _ in range(60)]
    draws = pnp_loss._mixture([known], parts)[0]
    share = torch.full(draws.quaternion.shape[:2], 1 / draws.quaternion.shape[1], dtype=torch.float64)
    far = pnp_loss._Proposal(known.mean + 5, 9 * known.spread, torch.eye(4, dtype=torch.float64).repeat(2, 1, 1) / 4)
    fitted = pnp_loss._fitted(draws, share, far)
    torch.testing.assert_close(fitted.inertia, known.inertia, atol=0.05, rtol=0)
    torch.testing.assert_close(fitted.mean, known.mean, atol=0.2, rtol=0)
    # The covariance of a Student t is f / (f − 2) times its scale.
    ratio = torch.linalg.eigvals(torch.linalg.solve(known.spread, fitted.spread)).real
    assert ratio.min() > 1.5
    assert ratio.max() < 5


def test_posterior_samples_spread_as_the_curvature_says() -> None:
    scene = Scene(4, 64, noise=0.005, distance=2.4)
    points, rays, weights = scene.tensors()
    weights = weights * 1e4
    solution = solve_pnp(points, rays, weights, distance=scene.expected())
    samples = sample_posterior(points, rays, weights, solution, 4000, torch.Generator().manual_seed(3)).double()
    assert samples.shape == (4, 4000, 4, 4)
    covariance = likelihood_of(scene, 1e4)[1]
    best = solution.world_to_camera.double()
    for item in range(4):
        turns = (samples[item, :, :3, :3] @ best[item, :3, :3].T).numpy()
        moves = (samples[item, :, :3, 3] - best[item, :3, 3]).numpy()
        deviation = np.concatenate([Rotation.from_matrix(turns).as_rotvec(), moves], 1)
        ratio = np.linalg.eigvals(np.linalg.solve(covariance[item].numpy(), np.cov(deviation.T))).real
        assert ratio.min() > 0.5
        assert ratio.max() < 2


def test_posterior_samples_without_weights_look_everywhere() -> None:
    scene = Scene(1, 16)
    points, rays, weights = scene.tensors()
    solution = scene.solved(weights * 0)
    samples = sample_posterior(points, rays, weights * 0, solution, 500, torch.Generator().manual_seed(0))
    assert samples.isfinite().all()
    turns = (samples[0, :, :3, :3] @ solution.world_to_camera[0, :3, :3].T).double().numpy()
    # Of uniform rotations, (θ − sin θ) / π turn by less than θ.
    assert np.quantile(rotation_angle(turns), [0.1, 0.5, 0.9]) == pytest.approx([73, 132, 171], abs=12)
