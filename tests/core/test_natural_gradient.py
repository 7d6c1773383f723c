"""Natural gradients: movements measured by what they change, and the way up that they open."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pflrm.core import agreement, bundle, correspondences, mirrors, natural_gradient
from pflrm.core.information import Terms, directions
from pflrm.core.natural_gradient import DIFFERENCE, HOPE, Goal, Look, Pull, _ascent, _Place, climb, explore
from pflrm.core.rigs import Rig, rig_of
from pflrm.tests.core.painted_box import box_view, cameras_around, disturbed, lively, taken_for
from scipy.spatial.transform import Rotation

SIZE = 96


@pytest.fixture(scope="module")
def true_poses() -> np.ndarray:
    return cameras_around([[0, 0], [60, 15], [130, -10], [230, 20]])


@pytest.fixture(scope="module")
def goal(true_poses: np.ndarray) -> Goal:
    return goal_of([box_view(matrix, SIZE) for matrix in true_poses], pixels=96, depths=20)


def goal_of(views: list[SimpleNamespace], pixels: int, depths: int) -> Goal:
    return Goal(agreement.prepare(views, pixels=pixels, depths=depths), mirrors.prepare(views))


def as_rig(matrices: np.ndarray) -> Rig:
    return rig_of(matrices)


def test_directions_change_linear_terms_equally() -> None:
    """Against the definition: along any two of them the weighted changes are 1 long and at right angles."""
    slopes = [torch.randn(3, 50, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    slopes[0][2] *= 0.01  # a direction of which the terms tell little

    def terms(parameters: torch.Tensor) -> list[Terms]:
        return [Terms(parameters @ slope, weight) for slope, weight in zip(slopes, (0.5, 20.0), strict=True)]

    around = [terms(DIFFERENCE * one) for one in torch.eye(3)]
    found = directions(terms(torch.zeros(3)), around, stiffness=0.0)
    information = sum(weight * slope @ slope.T for slope, weight in zip(slopes, (0.5, 20.0), strict=True))
    torch.testing.assert_close(found.T @ information @ found, torch.eye(3), atol=1e-3, rtol=0)


def test_stiffness_bounds_what_the_terms_tell_nothing_of() -> None:
    nothing = [Terms(torch.zeros(2, 10), 1.0)]  # two sets at once
    found = directions(nothing, [nothing] * 4, stiffness=25.0)
    torch.testing.assert_close(found, (torch.eye(4) / 5).expand(2, 4, 4))


def test_the_score_is_the_sum_of_its_terms(goal: Goal, true_poses: np.ndarray) -> None:
    rig = as_rig(true_poses)
    score, seen = goal.look(rig)
    assert value(goal, rig, seen) == pytest.approx(score, abs=0.3)  # it looks at the nearest pixel, and at all depths


def value(goal: Goal, rig: Rig, seen: Look) -> float:
    """The score at what was seen before."""
    _, unusual = agreement.terms_at(goal.scene, rig, seen.surface)
    return sum(float(part.total()) for part in goal.terms_at(rig, seen)) - unusual


@pytest.mark.parametrize("zooming", [False, True])
def test_slopes_are_those_of_small_moves(goal: Goal, true_poses: np.ndarray, zooming: bool) -> None:
    """Against differences, with a plane in which the object mirrors itself."""
    goal, rig = replace(goal, zooming=zooming), as_rig(disturbed(true_poses, 3, seed=1))
    rig = replace(rig, plane=np.array([1.0, 0, 0, 0.02]))
    _, seen = goal.look(rig)
    steps = 1e-4 * np.eye(rig.parameters(zooming))
    differences = [
        (value(goal, rig.moved(step), seen) - value(goal, rig.moved(-step), seen)) / 2e-4 for step in steps
    ]
    found = goal.slope_at(rig, seen)
    assert np.linalg.norm(found - differences) < 0.05 * np.linalg.norm(differences)


@pytest.mark.parametrize("zoom", [1 / 1.3, 1.3])
def test_a_focal_length_that_nobody_told_is_found(true_poses: np.ndarray, zoom: float) -> None:
    """The photos are taken for ones of another lens; what is usual speaks for that one."""
    views = [taken_for(box_view(matrix, SIZE), 1 / zoom) for matrix in true_poses]
    goal = goal_of(views, pixels=192, depths=28)
    start = replace(as_rig(true_poses).zoomed(np.float64(1 / zoom)), zoom=np.float64(1))
    assert climb(goal, start, rounds=1)[1].zoom == 1  # where it is known
    _, found = climb(replace(goal, zooming=True), start, rounds=2)
    assert np.log(found.zoom) == pytest.approx(np.log(zoom), abs=0.5 * abs(np.log(zoom)))


def test_a_leap_without_hope_is_given_up(goal: Goal, true_poses: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """From far below the true cameras no short climb leads above them: it need not be walked to its end. Who
    has more hope walks on."""
    looks, look = [], Goal.look

    def counted(self: Goal, rig: Rig) -> tuple[float, Look]:
        looks.append(rig)
        return look(self, rig)

    monkeypatch.setattr(Goal, "look", counted)
    far, ways = _Place.at(goal, as_rig(disturbed(true_poses, 25, seed=2))), 0.05 * np.eye(18)
    true, counts = goal.look(as_rig(true_poses))[0], []
    for wanted, hope in ((-np.inf, HOPE), (true, HOPE), (true, np.inf)):
        monkeypatch.setattr(natural_gradient, "HOPE", hope)
        looks.clear()
        _ascent(goal, far, ways, steps=12, wanted=wanted)
        counts.append(len(looks))
    assert counts == [4, 1, 4]


@pytest.mark.parametrize("degrees", [0.0, 20.0])
def test_a_climb_never_ends_below_its_start(goal: Goal, true_poses: np.ndarray, degrees: float) -> None:
    start = as_rig(disturbed(true_poses, degrees, seed=3))
    before, _ = goal.look(start)
    score, rig = climb(goal, start, rounds=1)
    assert score >= before
    assert score == pytest.approx(goal.look(rig)[0], abs=1e-4)
    further, there = explore(goal, rig, leaps=2, generator=torch.Generator().manual_seed(0))
    assert further >= score
    assert further == pytest.approx(goal.look(there)[0], abs=1e-4)


def test_a_climb_finds_the_cameras_of_a_thin_object(true_poses: np.ndarray) -> None:
    """Its surface moves along with the cameras: held fast on its pixels' rays it would hold them at 5 degrees."""
    plate = [box_view(matrix, SIZE, half_sides=np.array([0.05, 0.4, 0.75])) for matrix in true_poses]
    thin, error = goal_of(plate, pixels=192, depths=28), []
    for seed in range(3):
        _, rig = climb(thin, as_rig(disturbed(true_poses, 6, seed)), rounds=2)
        difference = rig.poses[1:, :3, :3] @ true_poses[1:, :3, :3].transpose(0, 2, 1)
        error.append(np.degrees(Rotation.from_matrix(difference).magnitude()))
    assert np.mean(error) < 2.5


def test_leaps_are_the_same_from_the_same_seed(goal: Goal, true_poses: np.ndarray) -> None:
    start = as_rig(disturbed(true_poses, 6, seed=5))
    first, second = (
        explore(goal, start, leaps=2, generator=torch.Generator().manual_seed(7))[1] for _ in range(2)
    )
    np.testing.assert_array_equal(first.poses, second.poses)


def test_matches_add_to_the_score(true_poses: np.ndarray) -> None:
    views = [box_view(matrix, SIZE, lively) for matrix in true_poses]
    close = [box_view(matrix, 2 * SIZE, lively) for matrix in true_poses]
    alone = goal_of(views, pixels=96, depths=20)
    matches = correspondences.find(correspondences.prepare(close), as_rig(true_poses))
    assert len(matches) > 10
    together = replace(alone, pull=Pull(bundle.prepare(close), matches))
    start, true = as_rig(disturbed(true_poses, 1.5, seed=2)), as_rig(true_poses)
    assert together.matched(true) > together.matched(start) + 1
    assert together.look(start)[0] == pytest.approx(alone.look(start)[0] + together.matched(start), abs=1e-4)
    _, seen = alone.look(start)
    *_, last = together.terms_at(start, seen)
    assert float(last.total()) == pytest.approx(together.matched(start), abs=1e-4)
    more = together.slope_at(start, seen) - alone.slope_at(start, seen)
    np.testing.assert_allclose(more, start.slope_of_move(together.pull.slopes(start), zooming=False), atol=1e-3)
    score, rig = climb(together, start, rounds=1)
    assert score > together.look(start)[0]
    assert score == pytest.approx(together.look(rig)[0], abs=1e-4)
