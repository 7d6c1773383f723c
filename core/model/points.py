"""Heads that read tokens: points with opacities and weights (paper §3.3), and depth in a view's own frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import ModelConfig
from .transformer import mlp


class PointHead(nn.Module):
    """Tokens (B, V, N, D) → for each patch a point (B, V, N, 3) in the world, an opacity and a PnP weight in (0, 1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mlp = mlp([config.trunk_width] + [config.point_width] * (config.point_layers - 1) + [5], nn.GELU)
        # The pose loss sees β = scale · α · w: how sharply points are believed is learned (EPro-PnP).
        self.log_scale = nn.Parameter(torch.tensor(5.0))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.mlp(tokens).float()
        return out[..., :3], torch.sigmoid(out[..., 3]), torch.sigmoid(out[..., 4])


class DepthHead(nn.Module):
    """Tokens of single views, before views are compared → dense depth in each view's own frame (not in the paper).

    The own frame puts the object's sphere of radius 1 at ``object_distance`` (design.md); the head predicts the
    difference to that distance and the logarithm of a Laplace scale, on a grid finer than the patches.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.cells = config.depth_cells
        self.patches = config.patches
        width = config.tokenizer_width
        self.mlp = mlp([width, width, 2 * config.depth_cells**2], nn.GELU)

    def forward(self, tokens: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
        """(B, V, N, D) and distances (B, V) → depth and log scale, each (B, V, G, G)."""
        out = self.mlp(tokens).float()
        batch, views, count, _ = out.shape
        side = round(count**0.5)
        out = out.view(batch, views, side, side, 2, self.cells, self.cells)
        out = out.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, views, 2, side * self.cells, side * self.cells)
        offset, log_scale = out.unbind(2)
        return distance[..., None, None] + offset, torch.clamp(log_scale - 1, -6, 2)
