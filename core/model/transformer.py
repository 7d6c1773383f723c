"""Attention blocks, plain and adaptive, and the single-stream trunk (paper §3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ModelConfig

HEAD_WIDTH = 64


def mlp(widths: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers through these widths with an activation between them."""
    layers: list[nn.Module] = []
    for index in range(len(widths) - 1):
        layers.append(nn.Linear(widths[index], widths[index + 1]))
        if index < len(widths) - 2:
            layers.append(activation())
    return nn.Sequential(*layers)


class Attention(nn.Module):
    """Multi-head self-attention over (B, N, D)."""

    def __init__(self, width: int, qk_norm: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.qk_norm = qk_norm

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, width // HEAD_WIDTH, HEAD_WIDTH)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, 64)
        if self.qk_norm:
            q, k = F.rms_norm(q, (HEAD_WIDTH,)), F.rms_norm(k, (HEAD_WIDTH,))
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    """A pre-norm transformer block. With ``conditioned`` the norms are scaled and shifted by a code (B, D)."""

    def __init__(self, width: int, *, qk_norm: bool, conditioned: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, qk_norm)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = mlp([width, 4 * width, width], nn.GELU)
        self.modulation = nn.Linear(width, 4 * width) if conditioned else None
        if self.modulation is not None:  # start as a plain block
            nn.init.zeros_(self.modulation.weight)
            nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Tensor:
        if self.modulation is None or code is None:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))
        scale1, shift1, scale2, shift2 = self.modulation(F.gelu(code))[:, None].chunk(4, dim=-1)
        x = x + self.attention(self.norm1(x) * (1 + scale1) + shift1)
        return x + self.mlp(self.norm2(x) * (1 + scale2) + shift2)


class Trunk(nn.Module):
    """Self-attention over the tokens of all views and of the triplane together.

    Where the configuration says ``alternate``, even layers attend within each view and within the triplane (a
    deviation from the paper that VGGT's Table 6 found to help) and odd ones across everything.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.alternate = config.alternate
        self.blocks = nn.ModuleList(
            Block(config.trunk_width, qk_norm=config.qk_norm) for _ in range(config.trunk_layers)
        )
        self.norm = nn.LayerNorm(config.trunk_width)

    def forward(self, views: Tensor, triplane: Tensor) -> tuple[Tensor, Tensor]:
        """(B, V, N, D) and (B, T, D) → the same shapes."""
        batch, count, tokens, width = views.shape
        for index, block in enumerate(self.blocks):
            if self.alternate and index % 2 == 0:
                views = block(views.reshape(batch * count, tokens, width)).view(batch, count, tokens, width)
                triplane = block(triplane)
            else:
                everything = torch.cat([views.reshape(batch, count * tokens, width), triplane], dim=1)
                everything = block(everything)  # (B, V·N + T, D)
                views = everything[:, : count * tokens].view(batch, count, tokens, width)
                triplane = everything[:, count * tokens :]
        return self.norm(views), self.norm(triplane)
