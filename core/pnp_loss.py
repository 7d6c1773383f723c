"""The distribution of a camera's pose given its predicted points: a training loss, and samples.

EPro-PnP (Chen et al., CVPR 2022) reads exp(−½ Σ ξ_j(y)) as the likelihood of a pose y, where ξ_j is the robust squared
reprojection error of point j times its weight. The paper (section 3.3) trains points and weights with the negative
log-likelihood of the true pose under it. The integral over poses is estimated by adaptive multiple importance sampling
(AMIS): draws from a Student t for translations and from an angular central Gaussian for rotations, refitted in turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .pnp import PnPSolution, Problem, normal_equations, reprojection_cost, solve_pnp, solver_device

ITERATIONS = 4  # proposals; the first ones lie around the solution and the true pose, the others are fitted
DRAWS = 128  # poses from each proposal
FREEDOM = 3  # degrees of freedom of the Student t
DEPTHS = (0.5, 2.0)  # poses count whose depth of the origin is within these multiples of the known one
WIDEST_TURN = 1.0  # radians; a proposal around a pose that the points leave open is this wide
WIDEST_MOVE = 0.5  # the same for translations, in units of the depth
NARROWEST = 1e-5  # radians or units of length; keeps a proposal's covariance regular
INERTIA = 8.0  # effective draws that the first proposal is worth when a later one is fitted
HAAR_VOLUME = 8 * math.pi**2  # of all rotations, measured in radians


@dataclass(frozen=True)
class _Proposal:
    """Independent distributions of translations (Student t: ``mean`` (B, 3), scale ``spread`` (B, 3, 3)) and of unit
    quaternions (angular central Gaussian of ``inertia`` (B, 4, 4), trace 1). float64."""

    mean: Tensor
    spread: Tensor
    inertia: Tensor


@dataclass(frozen=True)
class _Draws:
    """Poses (B, S), as quaternions (B, S, 4) w first and translations (B, S, 3). float64."""

    quaternion: Tensor
    translation: Tensor

    def rotation(self) -> Tensor:
        """The rotation matrices (B, S, 3, 3)."""
        w, x, y, z = self.quaternion.unbind(-1)
        return torch.stack([
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ], -1).unflatten(-1, (3, 3))


def monte_carlo_pose_loss(points: Tensor, rays: Tensor, weights: Tensor, world_to_camera: Tensor, *,
                          generator: torch.Generator | None = None) -> Tensor:
    """The negative log-likelihood (B,) of true poses: ½ Σ ξ(true) + log ∫ exp(−½ Σ ξ(y)) dy.

    Differentiable in points, rays and weights. The scale of the weights sets how sharp the likelihood is: it needs
    to be learnable, or hundreds of weights below 1 say next to nothing about the pose. The integral runs over all
    rotations and over translations whose depth is between half and twice the true one.

    :param points: (B, N, 3) in the world; any floating type, also under autocast.
    :param rays: (B, N, 2) normalised image coordinates.
    :param weights: (B, N) β ≥ 0 of the points.
    :param world_to_camera: (B, 4, 4) the true poses.
    :param generator: of the random draws; without one, each call uses the same random numbers.
    :returns: float32, or float64 for float64 input.
    """
    device = points.device
    points, rays, weights, truth = (_as_float(values) for values in (points, rays, weights, world_to_camera))
    solution = solve_pnp(points, rays, weights, distance=truth[:, :3, 3].norm(dim=-1))
    centres = torch.stack([solution.world_to_camera.to(truth), truth], 1)
    problem = Problem.of(points, rays, weights, truth[:, 2, 3])
    draws, log_proposal = _sample(_detached(problem), centres, truth[:, 2, 3], _or_fixed(generator))
    return _negative_log_likelihood(problem, truth, draws, log_proposal).to(device)


@torch.no_grad()
def sample_posterior(points: Tensor, rays: Tensor, weights: Tensor, solution: PnPSolution, count: int,
                     generator: torch.Generator) -> Tensor:
    """Poses (B, count, 4, 4) float32 drawn by their likelihood, which the solver's solution starts the search for.

    Arguments as in :func:`monte_carlo_pose_loss`. A pose can come up repeatedly where the likelihood is sharp.
    """
    points, rays, weights, best = (_as_float(values) for values in (points, rays, weights, solution.world_to_camera))
    depth = best[:, 2, 3]
    problem = Problem.of(points, rays, weights, depth)
    draws, log_proposal = _sample(problem, best[:, None], depth, generator)
    cumulative = _shares(_importance(problem, draws, log_proposal, depth)).cumsum(-1)
    uniform = torch.rand(len(best), count, generator=generator, dtype=torch.float64, device=generator.device)
    index = torch.searchsorted(cumulative, uniform.to(cumulative) * cumulative[:, -1:])
    index = index.clamp_max(cumulative.shape[1] - 1)
    batch = torch.arange(len(best), device=index.device)[:, None]
    matrix = torch.eye(4, device=best.device).repeat(len(best), count, 1, 1)
    matrix[..., :3, :3] = draws.rotation()[batch, index].float()
    matrix[..., :3, 3] = draws.translation[batch, index].float()
    return matrix.to(solution.world_to_camera.device)


def _negative_log_likelihood(problem: Problem, truth: Tensor, draws: _Draws, log_proposal: Tensor) -> Tensor:
    """The loss (B,) estimated from draws of known proposal density (B, S); the draws are constants."""
    cost = reprojection_cost(problem, truth[:, None, :3, :3], truth[:, None, :3, 3])[:, 0]
    terms = _importance(problem, draws, log_proposal, truth[:, 2, 3])
    return cost + terms.logsumexp(-1) - math.log(terms.shape[1])


def _importance(problem: Problem, draws: _Draws, log_proposal: Tensor, depth: Tensor) -> Tensor:
    """Logarithms (B, S) of likelihood over proposal density; −∞ behind the camera and out of the range of depths."""
    cost = reprojection_cost(problem, draws.rotation().to(problem.points), draws.translation.to(problem.points))
    x, y, z = draws.translation.unbind(-1)
    reach = depth[:, None]
    inside = (z > DEPTHS[0] * reach) & (z < DEPTHS[1] * reach) & (torch.maximum(x.abs(), y.abs()) < z)
    return (-cost - log_proposal.to(cost)).masked_fill(~inside, -torch.inf)


@torch.no_grad()
def _sample(problem: Problem, centres: Tensor, depth: Tensor, generator: torch.Generator) -> tuple[_Draws, Tensor]:
    """AMIS: draws around ``centres`` (B, C, 4, 4), then from proposals fitted to all draws so far.

    :returns: ITERATIONS · DRAWS poses, and the logarithms (B, S) of the mixture of proposals they come from.
    """
    proposals = [_laplace(problem, centre, depth) for centre in centres.unbind(1)]
    parts = [_draw(proposal, generator) for proposal in proposals]
    while len(parts) < ITERATIONS:
        draws, log_proposal = _mixture(proposals, parts)
        share = _shares(_importance(problem, draws, log_proposal, depth))
        proposals.append(_fitted(draws, share, proposals[0]))
        parts.append(_draw(proposals[-1], generator))
    return _mixture(proposals, parts)


def _mixture(proposals: list[_Proposal], parts: list[_Draws]) -> tuple[_Draws, Tensor]:
    """All draws together, and the logarithm (B, S) of the density of the mixture of all proposals."""
    draws = _Draws(torch.cat([part.quaternion for part in parts], 1),
                   torch.cat([part.translation for part in parts], 1))
    densities = torch.stack([_log_density(proposal, draws) for proposal in proposals])
    return draws, densities.logsumexp(0) - math.log(len(proposals))


def _shares(terms: Tensor) -> Tensor:
    """Normalised weights (B, S) float64 of draws; equal ones where no draw counts."""
    return terms.double().nan_to_num(nan=-1e30, neginf=-1e30).softmax(-1)


def _laplace(problem: Problem, centre: Tensor, depth: Tensor) -> _Proposal:
    """The proposal of the cost's curvature at poses (B, 4, 4), no wider than WIDEST_TURN and WIDEST_MOVE."""
    exact = Problem(*(values.double() for values in vars(problem).values()))
    centre, depth = centre.double(), depth.double()
    hessian = normal_equations(exact, centre[:, None, :3, :3], centre[:, None, :3, 3])[0][:, 0]
    turn = torch.full_like(depth, WIDEST_TURN**-2)
    move = (WIDEST_MOVE * depth) ** -2
    hessian = hessian + torch.diag_embed(torch.stack([turn, turn, turn, move, move, move], -1))
    covariance = torch.linalg.inv_ex(hessian)[0]
    covariance = covariance + NARROWEST**2 * torch.eye(6, dtype=covariance.dtype, device=covariance.device)
    quaternion = _quaternion(centre[:, :3, :3])
    tangent = _tangent(quaternion)
    inertia = quaternion[..., None] * quaternion[:, None] + tangent @ covariance[:, :3, :3] @ tangent.mT / 4
    return _Proposal(centre[:, :3, 3], covariance[:, 3:, 3:], _unit_trace(inertia))


def _fitted(draws: _Draws, share: Tensor, prior: _Proposal) -> _Proposal:
    """The proposal that fits draws of normalised weights ``share`` (B, S), held by a prior where few of them count."""
    count = 1 / share.square().sum(-1)  # effective number of draws
    trust = (count / (count + INERTIA))[:, None, None]
    mean = (share[..., None] * draws.translation).sum(1)
    centred = draws.translation - mean[:, None]
    spread = trust * ((share[..., None] * centred).mT @ centred) + (1 - trust) * prior.spread
    inertia = prior.inertia
    for _ in range(3):  # Tyler's fixed point, the maximum likelihood of an angular central Gaussian
        distance = _squared(torch.linalg.cholesky_ex(inertia)[0], draws.quaternion)
        estimate = ((share / distance)[..., None] * draws.quaternion).mT @ draws.quaternion
        inertia = trust * _unit_trace(estimate) + (1 - trust) * prior.inertia
    return _Proposal(mean, spread, inertia)


def _draw(proposal: _Proposal, generator: torch.Generator) -> _Draws:
    """DRAWS poses from a proposal for each item of the batch."""
    batch = len(proposal.mean)
    normal = torch.randn(batch, DRAWS, 7 + FREEDOM, generator=generator, dtype=torch.float64, device=generator.device)
    normal = normal.to(proposal.mean)
    scale = (FREEDOM / normal[..., 7:].square().sum(-1, keepdim=True)).sqrt()
    offset = normal[..., :3] @ torch.linalg.cholesky_ex(proposal.spread)[0].mT * scale
    quaternion = normal[..., 3:7] @ torch.linalg.cholesky_ex(proposal.inertia)[0].mT
    return _Draws(torch.nn.functional.normalize(quaternion, dim=-1), proposal.mean[:, None] + offset)


def _log_density(proposal: _Proposal, draws: _Draws) -> Tensor:
    """The logarithms (B, S) of a proposal's density, per cubic radian and per cubic unit of length."""
    root = torch.linalg.cholesky_ex(proposal.spread)[0]
    squared = _squared(root, draws.translation - proposal.mean[:, None])
    constant = math.lgamma((FREEDOM + 3) / 2) - math.lgamma(FREEDOM / 2) - 1.5 * math.log(FREEDOM * math.pi)
    move = constant - _log_determinant(root) - (FREEDOM + 3) / 2 * (squared / FREEDOM).log1p()
    root = torch.linalg.cholesky_ex(proposal.inertia)[0]
    turn = -math.log(HAAR_VOLUME) - _log_determinant(root) - 2 * _squared(root, draws.quaternion).log()
    return move + turn


def _squared(root: Tensor, vectors: Tensor) -> Tensor:
    """Squared Mahalanobis lengths (B, S) of vectors (B, S, D) under a covariance with this Cholesky root (B, D, D)."""
    return torch.linalg.solve_triangular(root, vectors.mT, upper=False).square().sum(1)


def _log_determinant(root: Tensor) -> Tensor:
    return root.diagonal(dim1=-2, dim2=-1).log().sum(-1, keepdim=True)


def _unit_trace(matrix: Tensor) -> Tensor:
    return matrix / matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]


def _quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternions (B, 4) of rotation matrices (B, 3, 3)."""
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    product = torch.stack([  # 4 q qᵀ, linear in the rotation
        1 + a + e + i, h - f, c - g, d - b,
        h - f, 1 + a - e - i, d + b, c + g,
        c - g, d + b, 1 - a + e - i, h + f,
        d - b, c + g, h + f, 1 - a - e + i,
    ], -1).unflatten(-1, (4, 4))
    largest = product.diagonal(dim1=-2, dim2=-1).argmax(-1)
    column = product[torch.arange(len(rotation), device=rotation.device), largest]
    return torch.nn.functional.normalize(column, dim=-1)


def _tangent(quaternion: Tensor) -> Tensor:
    """(B, 4, 3): the quaternion products i q, j q, k q, along which exp(ω) R moves by half of ω."""
    w, x, y, z = quaternion.unbind(-1)
    columns = [torch.stack(column, -1) for column in ((-x, w, -z, y), (-y, z, w, -x), (-z, -y, x, w))]
    return torch.stack(columns, -1)


def _detached(problem: Problem) -> Problem:
    return replace(problem, **{name: values.detach() for name, values in vars(problem).items()})


def _or_fixed(generator: torch.Generator | None) -> torch.Generator:
    return torch.Generator().manual_seed(0) if generator is None else generator


def _as_float(values: Tensor) -> Tensor:
    """At least float32, on the device where poses are computed."""
    return values.to(device=solver_device(values.device), dtype=torch.promote_types(values.dtype, torch.float32))
