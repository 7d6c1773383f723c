"""How well two views agree, compiled, against the same in float64 on whole tensors."""

from __future__ import annotations

import pytest
import torch
from pflrm.core import extents, pairs
from pflrm.core.ascent import rotation_of
from pflrm.core.silhouettes import OUTLIERS, Silhouettes, prepare
from pflrm.tests.core.balls import LEVEL_VIEWS, MOLECULE, camera_at, look, random_depth
from torch import Tensor
from torch.nn import functional as F

SURFACE_DEPTH, SURFACE_WIDTH, INSIDE_SLACK, COVER_SLACK, COVER_WIDTH = -0.39, 0.35, 0.16, 0.05, 0.12


@pytest.fixture(scope="module", params=["without depth", "with depth"])
def scene(request: pytest.FixtureRequest) -> Silhouettes:
    views, _ = look(MOLECULE, [camera_at(*angles) for angles in LEVEL_VIEWS])
    told = random_depth(len(views)) if request.param == "with depth" else {}
    return prepare(views, 24, **told)


def one_way(scene: Silhouettes, a: int, b: int, rotations: Tensor, distance: Tensor) -> Tensor:
    """(P,) evidence and cover of view a's pixels in view b, of rotations (P, 3, 3) at distances (P, 2)."""
    steps = (torch.arange(pairs.DEPTHS) + 0.5).double() / pairs.DEPTHS * 2 - 1
    focal, radius = scene.focal[b].double(), distance * scene.half_angle[[a, b]].double().sin()
    depth = distance[:, :1] + steps  # (P, K)
    points = (scene.rays[a].double() @ rotations.mT)[:, :, None] * depth[:, None, :, None]  # (P, N, K, 3)
    shift = -rotations[:, :, 2] * distance[:, :1]
    shift[:, 2] += distance[:, 1]
    x, y, z = (points + shift[:, None, None]).unbind(-1)
    z = z.clamp(min=0.2)
    where = torch.stack([x, y], -1) * (focal / z)[..., None]  # (P, N, K, 2), a view from -1 to 1

    small = F.avg_pool2d(scene.appearance[b, None].double(), 2)[0]
    unlike = torch.cdist(scene.pixel_appearance[a].double(), small.flatten(1).T)
    likeness = (1 - OUTLIERS) * (torch.exp(-unlike - scene.commonness[a, :, None].double()) - 1)
    maps = likeness.view(-1, 1, *small.shape[1:])  # (N, 1, S, S)
    alike = F.grid_sample(maps, where.transpose(0, 1), "nearest", "zeros", False)[:, 0].transpose(0, 1)
    wide = F.avg_pool2d(scene.signed_distance[b, None].double(), 2)
    edge = F.grid_sample(wide, where.flatten(1, 2)[None] / 2, "nearest", "border", False)[0, 0].view_as(z) * z / focal

    if scene.pixel_surface is None:
        usual = torch.exp(-0.5 * ((steps - SURFACE_DEPTH * radius[:, :1, None]) / SURFACE_WIDTH).square())
    else:
        middle, error = (own * radius[:, :1] for own in scene.pixel_surface[a].double().unbind(-1))  # (P, N)
        usual = torch.exp(-(steps - middle[..., None]).abs() / error[..., None])
    likely = ((edge + INSIDE_SLACK) / INSIDE_SLACK).clamp(0, 1) * usual / usual.sum(-1, keepdim=True)
    before = (z - distance[:, 1, None, None] - SURFACE_DEPTH * radius[:, 1, None, None]) / (2.5 * SURFACE_WIDTH)
    seen = likely * (1 - before.square()).clamp(min=0) * alike
    evidence = torch.log1p(seen.sum(-1) / (likely.sum(-1) + 1e-4)).mean(1)
    excess = ((-edge.amax(-1) - COVER_SLACK) / COVER_WIDTH).clamp(min=0)
    return 4 * evidence - 10 * (excess / (1 + excess)).mean(1)


def test_agreement_is_that_of_the_reference(scene: Silhouettes) -> None:
    rotations = rotation_of(1.5 * torch.randn(400, 3, generator=torch.Generator().manual_seed(0)))
    both = torch.stack([torch.eye(3).expand_as(rotations), rotations], 1)
    distance = extents.distances(scene.width[[0, 1]], scene.half_angle[[0, 1]], both)
    logs = distance.double().log()
    unequal = 0.5 * ((logs - logs.mean(1, keepdim=True)) / 0.2).square().sum(1)
    separation = torch.rad2deg(torch.acos(rotations[:, 2, 2].double()))
    near = 0.5 * ((40 - separation).clamp(min=0) / 10).square()
    there = one_way(scene, 0, 1, rotations.double(), distance.double())
    back = one_way(scene, 1, 0, rotations.double().mT, distance.double().flip(1))
    off = (pairs.score_pair(scene, 0, 1, rotations) - (there + back - unequal - near)).abs()
    assert float(there.std()) > 0.3
    assert float(off.median()) < 1e-4
    assert float(off.max()) < 0.2  # a sample may fall into the next cell
