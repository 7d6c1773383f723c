"""The global pose search on objects made of balls, whose masks and colours follow from geometry alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pflrm.core import hull, outlines, pairs
from pflrm.core.ascent import climb
from pflrm.core.camera_sets import CameraSets
from pflrm.core.cameras import (
    Intrinsics,
    invert_pose,
    object_distance,
    pose,
    reference_pose,
    rotation_angle,
)
from pflrm.core.confidence import TURN_SLACK
from pflrm.core.outlines import FINE, OutlineObjective
from pflrm.core.search import Hypothesis, alternatives, from_cameras, search_poses, symmetry, to_cameras
from pflrm.core.silhouettes import Silhouettes, prepare
from pflrm.core.views import View, canonical_view
from pflrm.tests.core.balls import BALL, CAMERA, CROSS, DUMBBELL, LEVEL_VIEWS, MOLECULE, camera_at, look, photograph
from scipy.spatial.transform import Rotation


def in_reference_frame(poses: np.ndarray, view: View) -> np.ndarray:
    """The same cameras in the world of the first one."""
    distance = object_distance(math.atan(0.9 * 32 / view.intrinsics.fx))
    relative = poses @ invert_pose(poses[0])
    relative[:, :3, 3] *= distance / poses[0, 2, 3]
    return relative @ reference_pose(distance)


def rotation_errors(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(V - 1,) degrees between found and true rotations relative to the first view."""
    relative = found[1:, :3, :3] @ found[0, :3, :3].T
    expected = true[1:, :3, :3] @ true[0, :3, :3].T
    return rotation_angle(relative @ expected.transpose(0, 2, 1))


@pytest.fixture(scope="module")
def molecule() -> tuple[list[View], np.ndarray]:
    return look(MOLECULE, [camera_at(*angles) for angles in LEVEL_VIEWS])


@pytest.fixture(scope="module")
def found(molecule: tuple[list[View], np.ndarray]) -> list[Hypothesis]:
    return search_poses(molecule[0], effort="draft")


def true_state(views: list[View], poses: np.ndarray) -> tuple[Silhouettes, CameraSets]:
    """The scene with the true cameras as a hypothesis."""
    scene = prepare(views, 64)
    return scene, from_cameras(scene, [in_reference_frame(poses, views[0])])


def copies(sets: CameraSets, count: int) -> CameraSets:
    """The first of some sets of cameras, many times, to be changed."""
    return sets[torch.zeros(count, dtype=torch.long)]


def test_cameras_of_irregular_objects_are_found() -> None:
    """In the mean over photos from four sides: where one search ends may hang on a rounding."""
    turned, shifted = [], []
    for side in (0.0, 50.0, 140.0, 250.0):
        views, poses = look(MOLECULE, [camera_at(tilt, turn + side, roll) for tilt, turn, roll in LEVEL_VIEWS])
        true = in_reference_frame(poses, views[0])
        best = search_poses(views, effort="standard")[0]
        turned.append(rotation_errors(best.world_to_camera, true).mean())
        off = invert_pose(best.world_to_camera)[:, :3, 3] - invert_pose(true)[:, :3, 3]
        shifted.append(np.linalg.norm(off, axis=1).mean() / true[0, 2, 3])
    assert np.mean(turned) < 13
    assert np.mean(shifted) < 0.2


def test_more_photos_than_the_paper_looks_at() -> None:
    views, poses = look(MOLECULE, [camera_at(*angles) for angles in (*LEVEL_VIEWS, (20, 125, 0), (10, 310, 0))])
    found = search_poses(views, effort="draft")
    assert np.median(rotation_errors(found[0].world_to_camera, in_reference_frame(poses, views[0]))) < 10


def test_the_first_view_is_the_reference(molecule: tuple[list[View], np.ndarray], found: list[Hypothesis]) -> None:
    distance = object_distance(math.atan(0.9 * 32 / molecule[0][0].intrinsics.fx))
    for hypothesis in found:
        np.testing.assert_allclose(hypothesis.world_to_camera[0], reference_pose(distance), atol=1e-5)
        rotation = hypothesis.world_to_camera[:, :3, :3]
        np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3)[None].repeat(4, 0), atol=1e-5)


def test_hypotheses_are_distinct_and_best_first(found: list[Hypothesis]) -> None:
    scores = [hypothesis.score for hypothesis in found]
    assert len(found) > 1
    assert scores == sorted(scores, reverse=True)
    for index, one in enumerate(found):
        for other in found[:index]:
            pair_errors = [
                rotation_errors(np.roll(one.world_to_camera, shift, 0), np.roll(other.world_to_camera, shift, 0)).max()
                for shift in range(4)
            ]
            assert max(pair_errors) > 14.9


def test_the_same_seed_gives_the_same_answer(
    molecule: tuple[list[View], np.ndarray], found: list[Hypothesis]
) -> None:
    again = search_poses(molecule[0], effort="draft")
    np.testing.assert_array_equal(again[0].world_to_camera, found[0].world_to_camera)


def test_true_cameras_cover_all_masks_and_win(molecule: tuple[list[View], np.ndarray]) -> None:
    scene, sets = true_state(*molecule)
    true = hull.judge(scene, sets)
    assert float(true.uncovered.max()) < 0.01
    others = copies(sets, 24)
    turns = Rotation.from_rotvec(np.random.default_rng(0).normal(size=(24, 3)) * 0.5).as_matrix()
    others.rotation[:, 2] = torch.from_numpy(turns).float() @ others.rotation[:, 2]
    wrong = hull.judge(scene, others)
    assert bool((wrong.uncovered.mean(1) > true.uncovered.mean()).all())
    weights = hull.Weights()
    assert bool((wrong.total(weights) < true.total(weights)).all())


def test_the_order_of_the_views_does_not_matter_to_the_judge(molecule: tuple[list[View], np.ndarray]) -> None:
    views, poses = molecule
    scene, sets = true_state(views, poses)
    order = [2, 0, 3, 1]
    judged = hull.judge(scene, sets)
    shuffled = CameraSets(sets.rotation[:, order], sets.centre[:, order])
    other = hull.judge(prepare([views[i] for i in order], 64), shuffled)
    torch.testing.assert_close(other.uncovered, judged.uncovered[:, order], atol=1e-5, rtol=0)
    torch.testing.assert_close(other.evidence, judged.evidence[:, order], atol=1e-4, rtol=0)


def test_turning_the_world_changes_habit_alone(molecule: tuple[list[View], np.ndarray]) -> None:
    scene, sets = true_state(*molecule)
    judged = hull.judge(scene, sets)
    upright = torch.from_numpy(Rotation.from_euler("z", 70, degrees=True).as_matrix()).float()
    same = hull.judge(scene, replace(sets, rotation=sets.rotation @ upright))
    torch.testing.assert_close(same.total(hull.Weights()), judged.total(hull.Weights()), atol=0.05, rtol=0)
    lying = torch.from_numpy(Rotation.from_euler("x", 50, degrees=True).as_matrix()).float()
    tilted = hull.judge(scene, replace(sets, rotation=sets.rotation @ lying))
    torch.testing.assert_close(tilted.uncovered, judged.uncovered, atol=0.005, rtol=0)
    assert float(tilted.habit) > float(judged.habit) + 2


def test_ascent_never_ends_below_its_start(molecule: tuple[list[View], np.ndarray]) -> None:
    scene, sets = true_state(*molecule)
    turn = torch.from_numpy(Rotation.from_euler("y", 12, degrees=True).as_matrix()).float()
    start = copies(sets, 1)
    start.rotation[:, 1] = turn @ start.rotation[:, 1]
    weights = hull.Weights()
    before = hull.judge(scene, start).total(weights)
    _, after = climb(hull.HullObjective(scene, weights), start, steps=20, rate=0.04)
    assert float(after) > float(before) + 0.3


def test_cameras_survive_the_search_s_own_world(molecule: tuple[list[View], np.ndarray]) -> None:
    views, poses = molecule
    true = in_reference_frame(poses, views[0])
    scene, sets = true_state(views, poses)
    np.testing.assert_allclose(to_cameras(scene, sets)[0], true, atol=2e-5)
    np.testing.assert_allclose(sets.rotation[0, :, 0, 2], 0, atol=0.02)  # level again


def wide(views: list[View]) -> list[View]:
    """The same photos, taken for ones of a wider lens: of 50 degrees instead of 40."""
    taken_for = Intrinsics.from_fov(CAMERA.width, CAMERA.height, 50)
    return [canonical_view(replace(view.photo, intrinsics=taken_for), 64) for view in views]


def test_a_focal_length_that_is_assumed_wrongly_does_little_harm(molecule: tuple[list[View], np.ndarray]) -> None:
    """Where the search ends hangs on a rounding; so the worst camera is asked of all the sets that are refined."""
    views, poses = molecule
    true = in_reference_frame(poses, views[0])
    to_refine = search_poses(wide(views), effort="standard")[:8]
    errors = np.array([rotation_errors(one.world_to_camera, true) for one in to_refine])
    assert errors[0].mean() < 15, errors
    assert errors.max(1).min() < 15, errors


def test_a_good_candidate_is_taken() -> None:
    rolled = [(70.0, 0.0, 60.0), (-40.0, 100.0, -80.0), (10.0, 200.0, 130.0), (-60.0, 290.0, 20.0)]
    views, poses = look(MOLECULE, [camera_at(*angles) for angles in rolled])
    true = in_reference_frame(poses, views[0])
    best = search_poses(views, effort="draft", candidates=[true])[0]
    assert rotation_errors(best.world_to_camera, true).max() < 12


def test_a_ball_can_be_seen_from_anywhere(found: list[Hypothesis]) -> None:
    views, _ = look(BALL, [camera_at(*angles) for angles in LEVEL_VIEWS])
    hypotheses = search_poses(views, effort="draft")
    assert len(hypotheses) >= 4
    assert hypotheses[0].score - hypotheses[3].score < 0.5
    assert hypotheses[0].confidence[1:].max() < found[0].confidence[1:].min()
    assert len(alternatives(hypotheses)) >= 2


def test_confidence_is_a_probability_and_the_reference_is_sure(found: list[Hypothesis]) -> None:
    for hypothesis in found:
        assert hypothesis.confidence.shape == (4,)
        assert ((hypothesis.confidence >= 0) & (hypothesis.confidence <= 1)).all()
        assert hypothesis.confidence[0] == 1


def test_an_irregular_object_has_one_explanation(found: list[Hypothesis]) -> None:
    assert len(alternatives(found)) == 1
    assert symmetry(found) == ""


@pytest.mark.parametrize(("balls", "turns", "sides"), [(DUMBBELL, (180,), "2 sides"), (CROSS, (90, 180), "4 sides")])
def test_the_modes_of_symmetric_objects_are_found_and_named(
    balls: np.ndarray, turns: tuple[int, ...], sides: str
) -> None:
    """Beside the true cameras, which join as a candidate, and by two of five sets of photos: with which modes one
    search ends may hang on a rounding."""
    named, sides_left = 0, [0, 40, 60, 80, 100]
    while named < 2 and sides_left:
        side = sides_left.pop(0)
        views, true = look(balls, [camera_at(tilt, turn + side, roll) for tilt, turn, roll in LEVEL_VIEWS])
        hypotheses = search_poses(views, candidates=[in_reference_frame(true, views[0])])
        best, *others = alternatives(hypotheses)
        away = np.array([rotation_errors(other.world_to_camera, best.world_to_camera) for other in others])
        found = all(np.abs(away - turn).min(initial=180) < TURN_SLACK for turn in turns)
        named += found and sides in symmetry(hypotheses)
    assert named == 2


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_any_number_of_views(count: int) -> None:
    cameras = [camera_at(15.0 + 5 * i, 360 / count * i, 0.0) for i in range(count)]
    views, _ = look(MOLECULE, cameras)
    hypotheses = search_poses(views, effort="draft")
    assert hypotheses[0].world_to_camera.shape == (count, 4, 4)
    assert np.isfinite(hypotheses[0].world_to_camera).all()
    assert hypotheses[0].confidence.shape == (count,)


def test_thin_and_tiny_objects_do_not_fail() -> None:
    rod = np.column_stack([np.zeros((40, 2)), np.linspace(-0.8, 0.8, 40), np.full((40, 4), 0.02)])
    speck = np.array([[0.0, 0.0, 0.0, 0.02, 1.0, 1.0, 1.0]])
    for balls in (rod, speck):
        views, _ = look(balls, [camera_at(*angles) for angles in LEVEL_VIEWS[:3]])
        best = search_poses(views, effort="draft")[0]
        assert np.isfinite(best.world_to_camera).all()


def test_progress_rises_and_can_stop_the_search(molecule: tuple[list[View], np.ndarray]) -> None:
    class StopError(Exception):
        pass

    seen: list[float] = []

    def report(fraction: float) -> None:
        seen.append(fraction)
        if fraction > 0.1:
            raise StopError

    with pytest.raises(StopError):
        search_poses(molecule[0], effort="draft", progress=report)
    assert seen == sorted(seen)


def test_tables_agree_with_the_sum_over_pairs(molecule: tuple[list[View], np.ndarray]) -> None:
    scene = prepare(molecule[0], 24)
    table = pairs.level_table(scene)
    sets, sums = pairs.assemble(table, 4, count=10)
    for rotation, found in zip(sets, sums, strict=True):
        total = sum(
            float(pairs.score_pair(scene, a, b, (rotation[b] @ rotation[a].T)[None]))
            for a in range(4) for b in range(a + 1, 4)
        )
        assert total == pytest.approx(float(found), abs=1e-3)
    assert sums.tolist() == sorted(sums.tolist(), reverse=True)
    assert float(sums[0]) <= sum(float(scores.max()) for scores in table.scores.values()) + 1e-3


def test_the_sets_put_together_are_the_best_of_their_cells(molecule: tuple[list[View], np.ndarray]) -> None:
    scene = prepare(molecule[0][:2], 24)
    table = pairs.level_table(scene)
    _, sums = pairs.assemble(table, 2, count=10**6)
    best: dict[tuple[int, int, int], float] = {}
    sum_of_all = table.scores[0, 1] + table.likely[0, :, None, None] + table.likely[1, :, None]
    for (a, b, turn), value in np.ndenumerate(sum_of_all.numpy()):
        cell = (a // pairs.CELL_ELEVATIONS, b // pairs.CELL_ELEVATIONS, turn // pairs.CELL_AZIMUTHS)
        best[cell] = max(best.get(cell, -np.inf), float(value))
    np.testing.assert_allclose(sums.numpy(), sorted(best.values(), reverse=True), atol=1e-4)


def test_outlines_fit_under_true_cameras_alone(molecule: tuple[list[View], np.ndarray]) -> None:
    views, poses = molecule
    scene, sets = true_state(views, poses)
    fit = outlines.OutlineObjective(outlines.prepare(views, scene.focal, outlines.FINE), 1.0)
    true = float(fit.look(sets)[0])
    assert true > -0.01
    turned = copies(sets, 3)
    for index in range(3):
        turn = Rotation.from_euler("xyz"[index], 8, degrees=True).as_matrix()
        turned.rotation[index, 1] = torch.from_numpy(turn).float() @ turned.rotation[index, 1]
    assert float(fit.look(turned)[0].max()) < true - 0.005


def test_outlines_move_cameras_towards_the_truth(molecule: tuple[list[View], np.ndarray]) -> None:
    views, poses = molecule
    scene, sets = true_state(views, poses)
    turns = Rotation.from_rotvec(np.random.default_rng(0).normal(size=(4, 3)) * 0.08).as_matrix()
    start = replace(sets, rotation=torch.from_numpy(turns).float() @ sets.rotation)
    edges = outlines.OutlineObjective(outlines.prepare(views, scene.focal, outlines.FINE), 1.0)
    found, score = climb(edges, start, steps=60, rate=0.02)
    before, after = (
        float(hull.angles(hull.relative_rotations(one.rotation) @ hull.relative_rotations(sets.rotation).mT).mean())
        for one in (start, found)
    )
    assert float(score) > -0.01  # then nothing is left to pull
    assert after < 0.75 * before


def test_level_rotation_looks_at_the_origin() -> None:
    rotation = hull.level_rotation(torch.tensor(math.radians(30.0)), torch.tensor(math.radians(110.0)))
    np.testing.assert_allclose(rotation.numpy(), camera_at(30.0, 110.0, 0.0)[:3, :3], atol=1e-6)


def test_a_photo_that_cuts_the_object_off_does_not_contradict_the_others() -> None:
    """True cameras; the second photo ends in the middle of the object. What lies beyond its edge is not empty."""
    photos = [photograph(MOLECULE, camera_at(*place)) for place in LEVEL_VIEWS]
    half = photos[1].rgba[:, : CAMERA.width // 2 + 4]
    photos[1] = replace(photos[1], rgba=half, intrinsics=replace(CAMERA, width=half.shape[1]))
    views = [canonical_view(photo, 64) for photo in photos]
    poses = np.stack([
        pose(view.photo_from_view.T, np.zeros(3)) @ camera_at(*place)
        for view, place in zip(views, LEVEL_VIEWS, strict=True)
    ])

    def mismatch(views: list[View]) -> tuple[float, float]:
        scene, sets = true_state(views, poses)
        edges = OutlineObjective(outlines.prepare(views, scene.focal, FINE), 1.0)
        return float(hull.judge(scene, sets).uncovered.mean()), float(-edges.look(sets)[0])

    known = mismatch(views)
    ignored = mismatch([replace(view, unseen=np.zeros_like(view.unseen)) for view in views])
    assert known[0] < 0.5 * ignored[0]
    assert known[1] < 0.5 * ignored[1]


def test_signed_distance_of_a_disc() -> None:
    views, _ = look(BALL, [camera_at(0.0, 0.0, 0.0)])
    signed = prepare(views, 16).signed_distance[0, 0].numpy()
    rows, columns = (np.mgrid[0:128, 0:128] + 0.5) / 32 - 2
    np.testing.assert_allclose(signed, 0.9 - np.hypot(rows, columns), atol=0.05)
