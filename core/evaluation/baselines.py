"""What classical methods reach on the same photos: the visual hull of known cameras."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..cameras import Camera
from ..mesh import Mesh, extract_mesh
from .render import load_rgba

HULL_RESOLUTION = 128


class HullField:
    """The largest body within the silhouettes of RGBA photos: a field for ``extract_mesh``."""

    half_extent = 1.3  # the sets' objects fit into the box [-0.9, 0.9]³, their hulls into this one
    level = 1.0
    device = "cpu"

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self._images = [load_rgba(Path(camera.file)) for camera in cameras]
        self._cameras = cameras

    def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The least opaque photo decides on the density; the colour is the photos' mean."""
        seen = torch.stack([_look_up(*pair, points) for pair in zip(self._images, self._cameras, strict=True)])
        alpha = seen[..., 3].amin(dim=0).clamp(0, 1)
        return alpha / (1 - alpha).clamp_min(1e-6), seen[..., :3].mean(dim=0)


def _look_up(image: np.ndarray, camera: Camera, points: torch.Tensor) -> torch.Tensor:
    """The photo's values (..., 4) where it sees the points; 0 outside the photo and behind the camera."""
    matrix = torch.as_tensor(camera.intrinsics.matrix() @ camera.world_to_camera[:3], dtype=points.dtype)
    x, y, z = (points @ matrix[:, :3].T + matrix[:, 3]).unbind(-1)
    size = torch.tensor([camera.intrinsics.width, camera.intrinsics.height])
    grid = 2 * torch.stack([x, y], dim=-1) / z[..., None] / size - 1
    values = torch.nn.functional.grid_sample(
        torch.from_numpy(image).permute(2, 0, 1)[None], grid.reshape(1, 1, -1, 2), align_corners=False
    )[0, :, 0].T  # (N, 4)
    return torch.where(z[..., None] > 0, values.reshape(*points.shape[:-1], 4), 0.0)


def visual_hull(cameras: Sequence[Camera]) -> Mesh:
    """The hull of photos whose cameras are known, at 128³.

    :raises InputError: the silhouettes share no volume.
    """
    return extract_mesh(HullField(cameras), resolution=HULL_RESOLUTION, smoothing=0)

