"""The hull on a grid and where rays meet it, against whole tensors in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pflrm.core import hull_grid
from pflrm.tests.core.painted_box import cameras_around
from torch import Tensor
from torch.nn import functional as F

LINE = np.linspace(-1.2, 1.2, 20, dtype=np.float32)
POSES = cameras_around([[0, 10], [80, 30], [200, -20]])
INTRINSICS = np.array([[1.4, 1.4, 0.5, 0.5], [1.3, 1.35, 0.48, 0.52], [1.5, 1.5, 0.5, 0.5]], np.float32)


@pytest.fixture(scope="module")
def distance() -> np.ndarray:
    """(3, 64, 64) smooth maps of no object in particular, mostly positive in the middle."""
    rng = np.random.default_rng(0)
    rough = torch.from_numpy(rng.normal(size=(3, 1, 8, 8)) * 0.1)
    row, column = (np.mgrid[:64, :64] + 0.5) / 32 - 1
    smooth = F.interpolate(rough, size=(64, 64), mode="bilinear")[:, 0].numpy()
    return (smooth + 0.5 - np.hypot(row, column)).astype(np.float32)


def arrays(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return poses[..., :3, :3].astype(np.float32), poses[..., :3, 3].astype(np.float32)


def looked_up(maps: Tensor, position: Tensor) -> Tensor:
    return F.grid_sample(maps[None], position[None], align_corners=False, padding_mode="border")[0]


def test_points_are_as_deep_as_the_masks_say(distance: np.ndarray) -> None:
    inside = hull_grid.depth_inside(distance, INTRINSICS, *arrays(POSES), LINE)
    z, y, x = torch.meshgrid(*3 * [torch.from_numpy(LINE).double()], indexing="ij")
    expected = torch.full_like(x, torch.inf)
    for view, pose in enumerate(torch.from_numpy(POSES)):
        seen = torch.stack([x, y, z], -1) @ pose[:3, :3].T + pose[:3, 3]
        focal, centre = torch.from_numpy(INTRINSICS[view]).double().split(2)
        position = 2 * (seen[..., :2] / seen[..., 2:] * focal + centre) - 1
        edge = looked_up(torch.from_numpy(distance[view]).double()[None], position.flatten(0, 1) / 2)[0]
        expected = torch.minimum(expected, edge.view(x.shape) * seen[..., 2] / (2 * focal[0]))
    np.testing.assert_allclose(inside, expected.numpy(), atol=1e-4)
    assert (inside > 0).mean() > 0.02


def test_rays_meet_the_hull_where_it_begins(distance: np.ndarray) -> None:
    inside = hull_grid.depth_inside(distance, INTRINSICS, *arrays(POSES), LINE)
    position = np.random.default_rng(1).uniform(-1, 1, (300, 2)).astype(np.float32)
    depth = np.float32(POSES[1, 2, 3]) + np.linspace(-1.1, 1.1, 50, dtype=np.float32)
    points, meets = hull_grid.first_met(
        inside, LINE[-1], np.float32(0.02), INTRINSICS[1], *arrays(POSES[1]), position, depth
    )
    ahead = ((position + 1) / 2 - INTRINSICS[1, 2:]) / INTRINSICS[1, :2]
    seen = np.concatenate([ahead, np.ones((300, 1))], 1)[:, None] * depth[:, None]
    along = (seen - POSES[1, :3, 3]) @ POSES[1, :3, :3]
    deep = F.grid_sample(
        torch.from_numpy(inside).double()[None, None], torch.from_numpy(along)[None, None] / LINE[-1].item(),
        align_corners=True, padding_mode="border",
    )[0, 0, 0].numpy()
    clear = (np.abs(deep + 0.02) > 1e-4).all(1)  # of rounding
    assert 0.1 < meets.mean() < 0.9
    np.testing.assert_array_equal(meets[clear], (deep > -0.02).any(1)[clear])
    expected = along[np.arange(300), (deep > -0.02).argmax(1)]
    np.testing.assert_allclose(points[clear], expected[clear], atol=1e-4)
