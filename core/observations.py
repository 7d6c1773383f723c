"""The views as tensors, at the poses that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .cameras import CANONICAL_FILL, half_angle_of, object_distance
from .silhouettes import signed_distances
from .views import View


@dataclass(frozen=True)
class Observations:
    """The views as tensors: RGB on white (V, 3, S, S), mask (V, S, S), what the photo shows of the view (V, S, S) bool,
    signed distance to the mask (V, 2S, 2S) in widths of a view and over twice its extent, normalised intrinsics (V, 4),
    poses (V, 4, 4), trust (V,) in [0, 1], and if there are any, depth and its scale (V, G, G) in the world's scale."""

    rgb: Tensor
    mask: Tensor
    known: Tensor
    distance: Tensor
    intrinsics: Tensor
    world_to_view: Tensor
    trust: Tensor
    depth: Tensor | None
    depth_scale: Tensor | None

    @property
    def reach(self) -> float:
        """Radius of the largest of the spheres that fill the views' cones, in the world's scale."""
        tangent = CANONICAL_FILL / (2 * self.intrinsics[:, 0])
        return float((self.world_to_view[:, 2, 3] * tangent.atan().sin()).max())

    @classmethod
    def of(
        cls, views: Sequence[View], world_to_view: np.ndarray, trust: np.ndarray,
        depth: np.ndarray | None, depth_log_scale: np.ndarray | None,
    ) -> Observations:
        """Own-frame depths are brought to the world's scale by the poses' distances."""
        images = torch.from_numpy(np.stack([view.image for view in views])).float().permute(0, 3, 1, 2)
        alpha = images[:, 3:]
        intrinsics = torch.from_numpy(np.stack([view.intrinsics.normalised() for view in views])).float()
        poses = torch.from_numpy(world_to_view).float()
        scaled = scale = None
        if depth is not None and depth_log_scale is not None:
            own = np.array([object_distance(half_angle_of(view.intrinsics)) for view in views])
            factor = (np.linalg.norm(world_to_view[:, :3, 3], axis=1) / own)[:, None, None]
            scaled = torch.from_numpy(depth * factor).float()
            scale = torch.from_numpy(np.exp(depth_log_scale) * factor).float()
        margin = images.shape[-1] // 2
        known = torch.from_numpy(np.stack([~view.unseen[margin:-margin, margin:-margin] for view in views]))
        distance = signed_distances([view.image[..., 3] > 0.5 for view in views], views) / 2
        return cls(
            images[:, :3] * alpha + 1 - alpha, alpha[:, 0], known, distance, intrinsics, poses,
            torch.from_numpy(trust).float(), scaled, scale,
        )


def project(points: Tensor, seen: Observations) -> tuple[Tensor, Tensor]:
    """World points (N, 3) → positions (V, N, 2) in [-1, 1] of each view and depths (V, N)."""
    rotation, translation = seen.world_to_view[:, :3, :3], seen.world_to_view[:, :3, 3]
    camera = points @ rotation.transpose(1, 2) + translation[:, None]
    depth = camera[..., 2].clamp(min=1e-3)
    uv = camera[..., :2] / depth[..., None] * seen.intrinsics[:, None, :2] + seen.intrinsics[:, None, 2:]
    return 2 * uv - 1, depth


def look_up(images: Tensor, position: Tensor, padding: str = "border") -> Tensor:
    """Values (V, C, N) of images (V, C, S, S) at positions (V, N, 2) in [-1, 1]."""
    return F.grid_sample(images, position[:, None], padding_mode=padding, align_corners=False)[:, :, 0]
