"""PF-LRM: unposed views in, a triplane and posed points out (paper, Figure 2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..cameras import CANONICAL_FILL
from .config import ModelConfig
from .nerf import Field, TriplaneDecoder
from .points import DepthHead, PointHead
from .tokenizer import Tokenizer
from .transformer import Trunk


@dataclass(frozen=True)
class Prediction:
    """For a batch of B objects with V views of N patches each.

    ``planes`` (B, 3, C, R, R); ``points`` (B, V, N, 3) in the world, ``opacity`` and ``weight`` (B, V, N) in [0, 1];
    ``depth`` and ``depth_log_scale`` (B, V, G, G) in each view's own frame, None where the model has no depth head.
    """

    planes: Tensor
    points: Tensor
    opacity: Tensor
    weight: Tensor
    depth: Tensor | None
    depth_log_scale: Tensor | None


def view_distance(intrinsics: Tensor) -> Tensor:
    """Distance (...) at which the unit sphere fills its cone, from a canonical camera's intrinsics (..., 4)."""
    tangent = CANONICAL_FILL / (2 * intrinsics[..., 0])
    return torch.sqrt(1 + tangent**2) / tangent  # 1 / sin(half angle)


class PFLRM(nn.Module):
    """The whole network. The first view is the reference, in whose frame everything is predicted."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width, side = config.trunk_width, config.triplane_tokens
        self.tokenizer = Tokenizer(config)
        self.to_trunk = nn.Linear(config.tokenizer_width, width)
        self.triplane = nn.Parameter(0.02 * torch.randn(3 * side * side, width))
        self.trunk = Trunk(config)
        self.to_planes = nn.Linear(width, config.triplane_channels * config.triplane_upsampling**2)
        self.decoder = TriplaneDecoder(config)
        self.point_head = PointHead(config)
        self.depth_head = DepthHead(config) if config.depth_cells else None

    def forward(self, images: Tensor, intrinsics: Tensor) -> Prediction:
        """Canonical views (B, V, 4, S, S), RGBA in [0, 1], and normalised intrinsics (B, V, 4)."""
        tokens = self.tokenizer(images, intrinsics)
        depth, log_scale = self.depth(tokens, intrinsics)
        triplane = self.triplane.expand(len(images), -1, -1)
        views, triplane = self.trunk(self.to_trunk(tokens), triplane)
        points, opacity, weight = self.point_head(views)
        return Prediction(self._planes(triplane), points, opacity, weight, depth, log_scale)

    def depth(self, tokens: Tensor, intrinsics: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Depth and its log scale from the tokenizer's tokens alone, (B, V, G, G) each."""
        if self.depth_head is None:
            return None, None
        depth, log_scale = self.depth_head(tokens, view_distance(intrinsics))
        return depth, log_scale

    def field(self, prediction: Prediction, index: int = 0) -> Field:
        """The field of one object of the batch."""
        return Field(self.decoder, prediction.planes[index].float())

    def _planes(self, triplane: Tensor) -> Tensor:
        config = self.config
        side, up, channels = config.triplane_tokens, config.triplane_upsampling, config.triplane_channels
        # A deconvolution whose kernel equals its stride is a linear map of each token to up × up texels.
        planes = self.to_planes(triplane).view(len(triplane), 3, side, side, channels, up, up)
        planes = planes.permute(0, 1, 4, 2, 5, 3, 6)  # (B, 3, C, side, up, side, up)
        return planes.reshape(len(triplane), 3, channels, side * up, side * up)
