"""Confidence and modes on made-up explanations, where the right answer is known without a search."""

from __future__ import annotations

import numpy as np
import torch
from pflrm.core import confidence, hull
from scipy.spatial.transform import Rotation

NOTHING, ALL = torch.zeros(2, dtype=torch.bool), torch.ones(2, dtype=torch.bool)  # of the verticals is known


def cameras(*turns: float) -> torch.Tensor:
    """(2, 3, 3) a reference camera and one that is turned by the sum of ``turns`` about the vertical; degrees."""
    turned = Rotation.from_euler("y", np.array([[0.0], [sum(turns)]]), degrees=True).as_matrix()
    return torch.from_numpy(turned).float()


def judged(count: int, uncovered: float = 0.0, evidence: float = 0.5) -> hull.Judgement:
    return hull.Judgement(torch.full((count, 2), uncovered), torch.full((count, 2), evidence), torch.zeros(count))


def test_explanations_that_agree_make_a_camera_surer_than_ones_that_do_not() -> None:
    score = torch.tensor([1.0, 0.9, 0.9])
    agree = torch.stack([cameras(60), cameras(64), cameras(57)])
    differ = torch.stack([cameras(60), cameras(150), cameras(240)])
    sure = confidence.confidence(agree, score, judged(3, evidence=0.3), NOTHING)
    unsure = confidence.confidence(differ, score, judged(3, evidence=0.3), NOTHING)
    assert float(sure[0, 1]) > 0.6
    assert float(unsure[0, 1]) < float(sure[0, 1]) - 0.2
    assert sure[:, 0].tolist() == [1, 1, 1]


def test_an_unlikely_explanation_changes_nothing() -> None:
    both = torch.stack([cameras(60), cameras(150)])
    alone = confidence.confidence(both[:1], torch.tensor([3.0]), judged(1), NOTHING)
    beside = confidence.confidence(both, torch.tensor([3.0, -3.0]), judged(2), NOTHING)
    torch.testing.assert_close(beside[0], alone[0])
    assert float(beside[1, 1]) < 0.5


def test_poor_masks_and_colours_make_a_camera_less_sure() -> None:
    rotation, score = cameras(60)[None], torch.zeros(1)
    good = confidence.confidence(rotation, score, judged(1), NOTHING)[0, 1]
    assert confidence.confidence(rotation, score, judged(1, uncovered=0.2), NOTHING)[0, 1] < good
    assert confidence.confidence(rotation, score, judged(1, evidence=-0.2), NOTHING)[0, 1] < good


def test_measured_verticals_make_a_camera_surer() -> None:
    rotation, score = cameras(60)[None], torch.zeros(1)
    alone = confidence.confidence(rotation, score, judged(1), NOTHING)
    assert confidence.confidence(rotation, score, judged(1), ALL)[0, 1] > alone[0, 1]
    for half in ([True, False], [False, True]):  # one vertical tells nothing of the rotation between two cameras
        torch.testing.assert_close(confidence.confidence(rotation, score, judged(1), torch.tensor(half)), alone)


def test_modes_are_good_and_apart() -> None:
    rotation = torch.stack([cameras(60), cameras(70), cameras(240), cameras(150)])
    score = torch.tensor([1.0, 0.99, 0.8, 1.0 - 2 * confidence.MODE_MARGIN])
    assert confidence.modes(rotation, score) == [0, 2]


def test_turns_of_modes_are_named() -> None:
    one, half = cameras(60), cameras(60, 180)
    assert confidence.symmetry(torch.stack([one])) == ""
    assert "2 sides" in confidence.symmetry(torch.stack([one, half]))
    assert "4 sides" in confidence.symmetry(torch.stack([one, half, cameras(60, 90)]))
    assert "Other cameras" in confidence.symmetry(torch.stack([one, cameras(60, 50)]))


def test_correspondences_make_cameras_surer_and_leave_the_reference() -> None:
    sure = confidence.with_matches(np.array([1.0, 0.5, 0.5, 0.0, 1.0]), np.array([9, 0, 30, 10, 10]))
    assert sure[:2].tolist() == [1.0, 0.5]
    assert 0.8 < sure[2] < 1
    assert 0 <= sure[3] < 0.01
    assert 0.99 < sure[4] <= 1
