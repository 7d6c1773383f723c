"""Photos to tokens: patches, positions, and blocks conditioned on the intrinsics (paper §3.1, A.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig
from .stem import COARSE_CHANNELS, FINE_CHANNELS, Stem
from .transformer import Block, mlp


class Tokenizer(nn.Module):
    """Canonical views (B, V, 4, S, S) and intrinsics (B, V, 4) → tokens (B, V, N, tokenizer width).

    Views are RGBA with straight alpha; they are laid on white, as the paper's are.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.tokenizer_width
        self.config = config
        self.patches = nn.Conv2d(config.input_channels, width, config.patch, config.patch)
        self.stem = Stem() if config.stem else None
        if config.stem:
            self.stem_projection = nn.Conv2d(4 * FINE_CHANNELS + COARSE_CHANNELS, width, 1)
        self.positions = nn.Parameter(0.02 * torch.randn(width, config.patches, config.patches))
        self.intrinsics = mlp([4] + [width] * config.intrinsics_layers, nn.GELU)
        self.reference_code = nn.Parameter(0.02 * torch.randn(width))
        self.source_code = nn.Parameter(0.02 * torch.randn(width))
        self.blocks = nn.ModuleList(
            Block(width, qk_norm=config.qk_norm, conditioned=True) for _ in range(config.tokenizer_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, images: Tensor, intrinsics: Tensor) -> Tensor:
        batch, count = images.shape[:2]
        tokens = self._embed(images.flatten(0, 1))  # (B·V, D, P, P)
        positions = F.interpolate(self.positions[None], tokens.shape[-2:], mode="bilinear", align_corners=False)
        x = (tokens + positions).flatten(2).transpose(1, 2)  # (B·V, N, D)
        codes = self.intrinsics(intrinsics)  # (B, V, D)
        roles = torch.cat([self.reference_code[None], self.source_code.expand(count - 1, -1)])
        codes = (codes + roles).flatten(0, 1)  # the first view is the reference
        for block in self.blocks:
            x = block(x, codes)
        return self.norm(x).unflatten(0, (batch, count))

    def _embed(self, rgba: Tensor) -> Tensor:
        alpha = rgba[:, 3:]
        rgb = rgba[:, :3] * alpha + (1 - alpha)
        tokens = self.patches(torch.cat([rgb, alpha], 1) if self.config.input_channels == 4 else rgb)
        if self.stem is not None:
            fine, coarse = self.stem(rgb)
            tokens = tokens + self.stem_projection(torch.cat([F.pixel_unshuffle(fine, 2), coarse], 1))
        return tokens
