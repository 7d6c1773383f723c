"""The search's judges, compiled, against the same in float64 with automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from pflrm.core import hull, outlines
from pflrm.core.ascent import rotation_of
from pflrm.core.camera_sets import CameraSets
from pflrm.core.outlines import FINE, SLACK, WIDTH, OutlineObjective
from pflrm.core.search import from_cameras
from pflrm.core.silhouettes import Silhouettes, prepare
from pflrm.core.views import View
from pflrm.tests.core.balls import LEVEL_VIEWS, MOLECULE, camera_at, look, random_depth
from pflrm.tests.core.hull_reference import Reference, margin
from pflrm.tests.core.test_search import in_reference_frame

Scene = tuple[list[View], Silhouettes, CameraSets]


@pytest.fixture(scope="module", params=["without depth", "with depth"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """Views, and six sets of cameras, the first of which are true."""
    views, poses = look(MOLECULE, [camera_at(*angles) for angles in LEVEL_VIEWS])
    told = random_depth(len(views)) if request.param == "with depth" else {}
    found = prepare(views, 48, depths=24, **told)
    true = from_cameras(found, [in_reference_frame(poses, views[0])] * 6)
    generator = torch.Generator().manual_seed(1)
    spread = torch.tensor([0.0, 0.02, 0.05, 0.1, 0.3, 1.0])[:, None, None]
    turn, shift = (spread * torch.randn(6, len(views), 3, generator=generator) for _ in range(2))
    return views, found, CameraSets(rotation_of(turn) @ true.rotation, true.centre + 0.2 * shift)


def double(sets: CameraSets) -> CameraSets:
    return CameraSets(*(part.detach().double().requires_grad_() for part in (sets.rotation, sets.centre)))


def close(found: torch.Tensor, expected: torch.Tensor, share: float) -> None:
    for one, true in zip(found.flatten(1), expected.flatten(1), strict=True):
        assert float((one - true).norm()) <= share * float(true.norm()) + 1e-3


def slopes_of(value: torch.Tensor, sets: CameraSets) -> list[torch.Tensor]:
    return list(torch.autograd.grad(value.sum(), [sets.rotation, sets.centre], allow_unused=False))


def test_the_hull_s_score_is_that_of_the_reference(scene: Scene) -> None:
    _, silhouettes, sets = scene
    judged = hull.judge(silhouettes, sets)
    uncovered, evidence, _ = Reference(silhouettes).judge(double(sets))
    torch.testing.assert_close(judged.uncovered.double(), uncovered, atol=2e-3, rtol=0)  # a pixel may fall elsewhere
    torch.testing.assert_close(judged.evidence.double(), evidence, atol=2e-2, rtol=0)


def test_its_value_and_slopes_at_found_places_are_too(scene: Scene) -> None:
    _, silhouettes, sets = scene
    objective = hull.HullObjective(silhouettes, hull.Weights(habit=0.0))
    reference, exact = Reference(silhouettes), double(sets)
    places = reference.judge(exact)[2]
    points = hull.Choice(
        places.offsets.float().numpy(), places.chance.float().numpy(),
        places.seen.float().permute(1, 2, 3, 4, 0).contiguous().numpy(),
    )
    rough = CameraSets(*(part.clone().requires_grad_() for part in (sets.rotation, sets.centre)))
    value, expected = objective.value(rough, points), reference.value(exact, places, cover=100.0, appearance=6.0)
    torch.testing.assert_close(value.detach().double(), expected.detach(), atol=1e-2, rtol=1e-3)
    for found, true in zip(slopes_of(value, rough), slopes_of(expected, exact), strict=True):
        close(found.double(), true, 0.02)


def test_outlines_touch_where_the_reference_finds_no_deeper_place(scene: Scene) -> None:
    views, silhouettes, sets = scene
    edges = outlines.prepare(views, silhouettes.focal, FINE)
    points = torch.from_numpy(OutlineObjective(edges, 1.0).look(sets)[1]).double()
    exact = double(sets)
    with torch.no_grad():
        found = margin(edges, exact, points)
        along = torch.linspace(-1.15, 1.15, 100)
        tried = torch.stack([margin(edges, exact, at.expand_as(points)) for at in along])
    assert float((tried.amax(0) - found).clamp(min=0).quantile(0.98)) < 0.01


def test_slopes_of_outlines_are_those_of_the_reference(scene: Scene) -> None:
    views, silhouettes, sets = scene
    edges = outlines.prepare(views, silhouettes.focal, FINE)
    objective, exact = OutlineObjective(edges, 50.0), double(sets)
    _, points = objective.look(sets)
    rough = CameraSets(*(part.clone().requires_grad_() for part in (sets.rotation, sets.centre)))
    value = objective.value(rough, points)
    inside = margin(edges, exact, torch.from_numpy(points).double())
    miss = (-inside - float(SLACK)).clamp(min=0).flatten(1)
    expected = -50.0 * (miss / (miss + float(WIDTH))).mean(1)
    torch.testing.assert_close(value.detach().double(), expected.detach(), atol=1e-3, rtol=1e-3)
    for found, true in zip(slopes_of(value, rough), slopes_of(expected, exact), strict=True):
        close(found.double(), true, 0.02)
