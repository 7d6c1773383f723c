"""First guesses of camera poses for the PnP solver, from weighted correspondences of a 3D point and a ray."""

from __future__ import annotations

import functools
import itertools

import torch
from torch import Tensor

SUBSETS = 48  # random minimal subsets of four points; a third of outliers leaves ten without one


def linear_poses(points: Tensor, rays: Tensor, weights: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Poses from all points and from random subsets of four, some of which hold no outlier.

    :param points: (B, N, 3); rays (B, N, 2) normalised image coordinates; weights (B, N) with a positive sum.
    :param distance: (B,) expected distance of the origin, which bounds the depths.
    :returns: rotations (B, 1 + SUBSETS, 3, 3) and translations (B, 1 + SUBSETS, 3).
    """
    rows = _minimal_subsets(weights)  # (B, SUBSETS, 4)
    batch = torch.arange(len(rows), device=rows.device)[:, None, None]
    whole = _posit(points[:, None], rays[:, None], weights[:, None], distance)
    few = _posit(points[batch, rows], rays[batch, rows], torch.ones_like(rows, dtype=points.dtype), distance)
    return torch.cat([whole[0], few[0]], 1), torch.cat([whole[1], few[1]], 1)


def poses_all_around(distance: Tensor) -> tuple[Tensor, Tensor]:
    """Poses that need no good point: 24 rotations (B, 24, 3, 3) with the origin ahead, translations (B, 24, 3)."""
    rotation = _cube_rotations().to(distance).expand(len(distance), -1, -1, -1)
    translation = torch.zeros_like(rotation[..., 0])
    translation[..., 2] = distance[:, None]
    return rotation, translation


def _minimal_subsets(weights: Tensor) -> Tensor:
    """Random rows (B, SUBSETS, 4), drawn by weight from the same random numbers for each item and device."""
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(SUBSETS, 4, generator=generator, dtype=torch.float64)
    # One draw from each quarter of the weight: four distinct points that lie apart in the image.
    quantile = ((uniform + torch.arange(4)) / 4).to(weights).flatten().expand(len(weights), -1)
    rows = torch.searchsorted(weights.cumsum(-1), quantile.contiguous())
    return rows.clamp_max(weights.shape[1] - 1).view(len(weights), SUBSETS, 4)


def _posit(points: Tensor, rays: Tensor, weights: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Poses by POSIT (DeMenthon and Davis, 1995): a scaled-orthographic camera, corrected for perspective in turn.

    :param points: (B, S, n, 3); rays (B, S, n, 2); weights (B, S, n).
    """
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], -1)  # (B, S, n, 4)
    weighted = (homogeneous * weights[..., None]).transpose(-1, -2)
    gram = weighted @ homogeneous
    scale = gram.diagonal(dim1=-2, dim2=-1).amax(-1)[..., None, None] + 1e-12
    gram = gram + 1e-6 * scale * torch.eye(4, dtype=gram.dtype, device=gram.device)
    solver = torch.linalg.solve_ex(gram, weighted)[0]  # (B, S, 4, n)
    perspective = torch.ones_like(points[..., :1])  # depth of a point over depth of the origin
    reach = distance[:, None, None]
    for _ in range(4):
        affine = (solver @ (rays * perspective)).transpose(-1, -2)  # (B, S, 2, 4)
        axes, scale = _orthonormal_rows(affine[..., :3])
        rotation = torch.cat([axes, torch.linalg.cross(axes[..., :1, :], axes[..., 1:, :])], -2)
        depth = torch.minimum(torch.maximum(1 / scale, reach / 8), reach * 8)  # (B, S, 1)
        perspective = (1 + points @ rotation[..., 2, :, None] / depth[..., None]).clamp(0.1, 10.0)
    return rotation, torch.cat([affine[..., 3] * depth, depth], -1)


def _orthonormal_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The orthonormal pair nearest to two rows (..., 2, 3) and the mean of their singular values (..., 1).

    (A Aᵀ)^(-1/2) A, with the closed form of a 2×2 matrix' root: √G = (G + √det G · 1) / (σ₁ + σ₂).
    """
    rows = rows + 1e-9 * torch.eye(2, 3, dtype=rows.dtype, device=rows.device)  # four points can be one point
    gram = rows @ rows.transpose(-1, -2)
    a, b, c = gram[..., 0, 0], gram[..., 0, 1], gram[..., 1, 1]
    product = (a * c - b * b).clamp_min(1e-24 * (a + c).square()).sqrt()  # σ₁ σ₂
    total = (a + c + 2 * product).sqrt()  # σ₁ + σ₂
    adjugate = torch.stack([torch.stack([c + product, -b], -1), torch.stack([-b, a + product], -1)], -2)
    axes = adjugate @ rows / (product * total)[..., None, None]
    return axes, (total / 2)[..., None]


@functools.cache
def _cube_rotations() -> Tensor:
    """The 24 rotations of a cube (24, 3, 3), as world-to-camera rotations: level cameras are among them."""
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = torch.diag(torch.tensor(signs, dtype=torch.float64))[list(order)]
            if torch.linalg.det(matrix) > 0:
                matrices.append(matrix)
    return torch.stack(matrices)
