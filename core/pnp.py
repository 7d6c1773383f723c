"""Weighted Perspective-n-Point: camera poses from predicted points.

The paper (section 3.3) finds a view's pose as argmin ½ Σ β_j ‖π(R p_j + t) − q_j‖² with β = opacity · weight. Here the
square is a Huber function, so that a wrong point pulls no harder than a bound, and the minimum is sought by
Levenberg-Marquardt from many starts at once. Nothing here is differentiated: training uses ``pnp_loss``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .cameras import REFERENCE_ROTATION
from .pnp_starts import linear_poses, poses_all_around

RELATIVE_HUBER = 0.1  # where the Huber function turns linear, in units of the rays' weighted spread
NEAR = 0.05  # points nearer than this share of the expected distance project as if they were that far away
SMALLEST_WEIGHT = 1e-6  # of the largest one; points below it do not count as weighted
SMALLEST_SPREAD = 1e-3  # second over first extent of the points, below which they lie on a line


@dataclass(frozen=True)
class PnPSolution:
    """Poses ``world_to_camera`` (B, 4, 4) float32 and their costs (B,) float32; cost is infinite for a fallback."""

    world_to_camera: Tensor
    cost: Tensor


@dataclass(frozen=True)
class Problem:
    """A batch of weighted correspondences, free of NaN, coordinates first.

    ``points`` (B, 3, N), ``rays`` (B, 2, N), ``weights`` (B, N), ``huber`` (B,) bound of the residual up to which the
    cost is quadratic, ``near`` (B,) smallest depth.
    """

    points: Tensor
    rays: Tensor
    weights: Tensor
    huber: Tensor
    near: Tensor

    @classmethod
    def of(cls, points: Tensor, rays: Tensor, weights: Tensor, distance: Tensor) -> Problem:
        """The problem of points (B, N, 3), rays (B, N, 2), weights (B, N); entries that are not finite weigh 0.

        The Huber bound and the nearest depth are constants: no gradient flows through them.
        """
        valid = points.isfinite().all(-1) & rays.isfinite().all(-1) & weights.isfinite() & (weights > 0)  # (B, N)
        points = torch.where(valid[..., None], points, 0.0).transpose(1, 2)
        rays = torch.where(valid[..., None], rays, 0.0).transpose(1, 2)
        weights = torch.where(valid, weights, 0.0)
        share = weights.detach()
        share = share / share.sum(-1, keepdim=True).clamp_min(torch.finfo(share.dtype).tiny)
        centre = (rays.detach() * share[:, None]).sum(-1, keepdim=True)
        spread = ((rays.detach() - centre).square().sum(1) * share).sum(-1).sqrt()
        # The object fills its view: without any weight, 1 / distance is the size that its rays should have.
        spread = torch.where(spread > 0, spread, 1 / distance)
        return cls(points, rays, weights, RELATIVE_HUBER * spread, NEAR * distance)


def solver_device(device: torch.device) -> torch.device:
    """Where poses are computed: float64 is needed, which GPUs of Apple and Intel lack."""
    return torch.device("cpu") if device.type in ("mps", "xpu") else device


def project(problem: Problem, rotation: Tensor, translation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Project the points with S poses for each item of the batch.

    :param rotation: (B, S, 3, 3)
    :param translation: (B, S, 3)
    :returns: the points turned but not moved (B, S, 3, N), their depths (B, S, N) kept at or above ``near``,
        and the residuals in the image plane (B, S, 2, N).
    """
    points = problem.points[:, None, :, None]  # (B, 1, 3, 1, N)
    # A sum of products, not a matrix product: it stays exact under autocast and TF32.
    turned = rotation[..., 0, None] * points[:, :, 0] + rotation[..., 1, None] * points[:, :, 1]
    turned = turned + rotation[..., 2, None] * points[:, :, 2]  # (B, S, 3, N)
    moved = turned + translation[..., None]
    depth = torch.maximum(moved[:, :, 2], problem.near[:, None, None])
    return turned, depth, moved[:, :, :2] / depth[:, :, None] - problem.rays[:, None]


def reprojection_cost(problem: Problem, rotation: Tensor, translation: Tensor) -> Tensor:
    """The robust cost (B, S) of poses, ½ Σ β_j ρ(‖residual_j‖²); differentiable in the problem."""
    return _robust_cost(problem, project(problem, rotation, translation)[2].square().sum(2))


def _robust_cost(problem: Problem, squared: Tensor) -> Tensor:
    """½ Σ β ρ of squared residuals (B, S, N): ρ(s) = s up to the bound δ², 2 δ √s − δ² beyond it."""
    bound = problem.huber[:, None, None]
    linear = 2 * bound * torch.maximum(squared, bound.square()).sqrt() - bound.square()
    return 0.5 * (torch.where(squared <= bound.square(), squared, linear) * problem.weights[:, None]).sum(-1)


def normal_equations(problem: Problem, rotation: Tensor, translation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gauss-Newton's approximation of the robust cost around poses, for R ← exp(ω) R and t ← t + τ.

    :returns: Hessian (B, S, 6, 6) and gradient (B, S, 6) in (ω, τ), and the cost (B, S).
    """
    turned, depth, residual = project(problem, rotation, translation)
    squared = residual.square().sum(2)
    u, v = (residual + problem.rays[:, None]).unbind(2)
    front = depth > problem.near[:, None, None]
    u_z, v_z = u * front, v * front  # a depth held at its lower bound does not move
    x, y, z = turned.unbind(2)
    inverse = depth.reciprocal()
    zero = torch.zeros_like(inverse)
    u_z, v_z = u_z * inverse, v_z * inverse
    jacobian = torch.stack([  # of u and v by each of the six parameters
        -u_z * y, -z * inverse - v_z * y,
        z * inverse + u_z * x, v_z * x,
        -y * inverse, x * inverse,
        inverse, zero,
        zero, inverse,
        -u_z, -v_z,
    ], 2).unflatten(2, (6, 2))  # (B, S, 6, 2, N)
    norm = squared.sqrt().clamp_min(torch.finfo(squared.dtype).tiny)
    weight = problem.weights[:, None] * (problem.huber[:, None, None] / norm).clamp_max(1.0)  # (B, S, N)
    weighted = (jacobian * weight[:, :, None, None]).flatten(3)  # (B, S, 6, 2N)
    hessian = weighted @ jacobian.flatten(3).transpose(-1, -2)
    gradient = (weighted @ residual.flatten(2)[..., None])[..., 0]
    return hessian, gradient, _robust_cost(problem, squared)


@torch.no_grad()
def solve_pnp(points: Tensor, rays: Tensor, weights: Tensor, *, distance: Tensor) -> PnPSolution:
    """The poses that reproject weighted points best.

    An item that no pose can be found for (all weights zero, fewer than four weighted points, points on a line)
    gets the orientation of the reference camera at its expected distance, and an infinite cost.

    :param points: (B, N, 3) in the world; entries that are not finite are ignored.
    :param rays: (B, N, 2) normalised image coordinates (u − cx) / fx, (v − cy) / fy.
    :param weights: (B, N) β ≥ 0 of the points.
    :param distance: (B,) expected distance of the world's origin from the cameras.
    """
    device = points.device
    points, rays, weights, distance = _as_double(points, rays, weights, distance)
    fallback = _fallback(distance)
    infinite = torch.full_like(distance, torch.inf)
    if points.shape[0] == 0 or points.shape[1] < 4:
        return _solution(fallback, infinite, device)
    problem, total = _normalised(points, rays, weights, distance)
    solvable = _solvable(problem, total)
    rotation, translation = _starts(problem, distance)
    rotation, translation, cost = _levenberg_marquardt(problem, rotation, translation, 6)
    rotation, translation = _best(rotation, translation, cost, 3)
    rotation, translation, cost = _levenberg_marquardt(problem, rotation, translation, 10)
    world_to_camera, cost = _pick(problem, rotation, translation, cost)
    solvable &= cost.isfinite()
    world_to_camera = torch.where(solvable[:, None, None], world_to_camera, fallback)
    return _solution(world_to_camera, torch.where(solvable, cost * total, infinite), device)


def _as_double(*values: Tensor) -> list[Tensor]:
    return [value.detach().to(device=solver_device(value.device), dtype=torch.float64) for value in values]


def _solution(world_to_camera: Tensor, cost: Tensor, device: torch.device) -> PnPSolution:
    return PnPSolution(world_to_camera.float().to(device), cost.float().to(device))


def _fallback(distance: Tensor) -> Tensor:
    """Poses (B, 4, 4) with the orientation of the reference camera."""
    matrix = torch.eye(4, dtype=distance.dtype, device=distance.device).repeat(len(distance), 1, 1)
    matrix[:, :3, :3] = torch.as_tensor(REFERENCE_ROTATION, dtype=distance.dtype, device=distance.device)
    matrix[:, 2, 3] = distance
    return matrix


def _normalised(points: Tensor, rays: Tensor, weights: Tensor, distance: Tensor) -> tuple[Problem, Tensor]:
    """The problem with weights that sum to 1 (all equal where none is positive), and their former sums (B,)."""
    peak = torch.where(weights.isfinite(), weights, 0.0).amax(-1).clamp_min(torch.finfo(weights.dtype).tiny)
    problem = Problem.of(points, rays, weights / peak[:, None], distance)
    total = problem.weights.sum(-1)
    share = torch.where(total[:, None] > 0, problem.weights, 1.0)
    share = share / share.sum(-1, keepdim=True)
    return Problem(problem.points, problem.rays, share, problem.huber, problem.near), total * peak


def _solvable(problem: Problem, total: Tensor) -> Tensor:
    """Which items (B,) have four weighted points that lie neither on a line nor behind one pixel."""
    weights, points = problem.weights, problem.points
    enough = (weights > SMALLEST_WEIGHT * weights.amax(-1, keepdim=True)).sum(-1) >= 4
    centred = points - (points * weights[:, None]).sum(-1, keepdim=True)
    # Eigenvalues of a symmetric 3×3 matrix never fail to converge on finite input.
    variance = torch.linalg.eigvalsh((centred * weights[:, None]) @ centred.transpose(1, 2))  # ascending
    extended = variance[:, 1] > SMALLEST_SPREAD**2 * variance[:, 2]
    ray_centre = (problem.rays * weights[:, None]).sum(-1, keepdim=True)
    spread = ((problem.rays - ray_centre).square().sum(1) * weights).sum(-1)
    return (total > 0) & enough & extended & (variance[:, 2] > 1e-12) & (spread > 1e-12)


def _starts(problem: Problem, distance: Tensor) -> tuple[Tensor, Tensor]:
    """The most promising first guesses: rotations (B, S, 3, 3) and translations (B, S, 3)."""
    points, rays = problem.points.transpose(1, 2), problem.rays.transpose(1, 2)
    linear = linear_poses(points, rays, problem.weights, distance)
    around = poses_all_around(distance)
    chosen = [
        _best(*poses, reprojection_cost(problem, *poses), count) for poses, count in ((linear, 4), (around, 6))
    ]
    rotations, translations = zip(*chosen, strict=True)
    return torch.cat(rotations, 1), torch.cat(translations, 1)


def _levenberg_marquardt(problem: Problem, rotation: Tensor, translation: Tensor,
                         iterations: int) -> tuple[Tensor, Tensor, Tensor]:
    """Poses (B, S, 3, 3), (B, S, 3) after a fixed number of damped steps, and their costs (B, S)."""
    hessian, gradient, cost = normal_equations(problem, rotation, translation)
    damping = torch.full_like(cost, 1e-2)
    for _ in range(iterations):
        scale = hessian.diagonal(dim1=-2, dim2=-1) * damping[..., None] + 1e-10
        step = -torch.linalg.solve_ex(hessian + torch.diag_embed(scale), gradient)[0]
        turned, moved = _exponential(step[..., :3]) @ rotation, translation + step[..., 3:]
        trial_hessian, trial_gradient, trial_cost = normal_equations(problem, turned, moved)
        better = trial_cost < cost  # false for NaN
        rotation = torch.where(better[..., None, None], turned, rotation)
        translation = torch.where(better[..., None], moved, translation)
        hessian = torch.where(better[..., None, None], trial_hessian, hessian)
        gradient = torch.where(better[..., None], trial_gradient, gradient)
        cost = torch.where(better, trial_cost, cost)
        damping = torch.where(better, damping * 0.2, damping * 6).clamp(1e-9, 1e6)
    return rotation, translation, cost


def _exponential(vector: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians."""
    angle = vector.norm(dim=-1).clamp_min(1e-12)[..., None, None]
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3)) / angle
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + angle.sin() * skew + (1 - angle.cos()) * (skew @ skew)


def _best(rotation: Tensor, translation: Tensor, cost: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` poses of lowest cost of each item."""
    index = torch.where(cost.isfinite(), cost, torch.inf).topk(count, dim=1, largest=False).indices
    batch = torch.arange(len(cost), device=cost.device)[:, None]
    return rotation[batch, index], translation[batch, index]


def _pick(problem: Problem, rotation: Tensor, translation: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
    """The pose (B, 4, 4) of lowest cost among those with most of the weight in front of the camera, and its cost."""
    depth = project(problem, rotation, translation)[1]
    front = (problem.weights[:, None] * (depth > problem.near[:, None, None])).sum(-1) > 0.5
    cost = torch.where(front & cost.isfinite(), cost, torch.inf)
    cost, index = cost.min(dim=1)
    batch = torch.arange(len(cost), device=cost.device)
    matrix = torch.eye(4, dtype=cost.dtype, device=cost.device).repeat(len(cost), 1, 1)
    matrix[:, :3, :3] = rotation[batch, index]
    matrix[:, :3, 3] = translation[batch, index]
    return matrix, cost
