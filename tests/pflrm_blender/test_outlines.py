"""Outlines against shapes whose outlines are known."""

from __future__ import annotations

import numpy as np
import pytest
from pflrm.pflrm_blender import outlines


def disc(height: int, width: int, radius: float) -> np.ndarray:
    """A disc in the middle with a soft edge, as a reduced mask has."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.clip(radius + 0.5 - np.hypot(x - width / 2, y - height / 2), 0, 1)


def test_the_outline_of_a_disc_is_its_circle():
    lines = outlines.outline(disc(80, 120, 30.0)) * (120, 80)
    assert np.hypot(*(lines.reshape(-1, 2) - (60, 40)).T) == pytest.approx(30.0, abs=0.1)
    assert np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1).sum() == pytest.approx(2 * np.pi * 30, rel=0.01)


def test_the_outline_is_closed():
    lines = outlines.outline(disc(80, 120, 30.0))
    _, times = np.unique(lines.reshape(-1, 2).round(9), axis=0, return_counts=True)
    assert set(times) == {2}


@pytest.mark.parametrize("corner", [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
def test_objects_that_touch_at_a_corner_have_an_outline_each(corner):
    mask = np.pad(np.array(corner, float), 1)
    lines = outlines.outline(mask)
    assert len(lines) == 8
    assert np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1) == pytest.approx(0.5**0.5 / 4)


def test_an_object_cut_off_at_the_edge_has_no_outline_there():
    mask = np.zeros((10, 20))
    mask[:, :8] = 1
    lines = outlines.outline(mask)
    assert lines[..., 0] == pytest.approx(8 / 20)
    assert lines[..., 1].min() == pytest.approx(0.05)
    assert not len(outlines.outline(np.ones((10, 20))))


def test_triangles_cover_their_area():
    square = np.array([[[0.25, 0.25], [0.75, 0.25], [0.75, 0.75]], [[0.25, 0.25], [0.75, 0.75], [0.25, 0.75]]])
    mask = outlines.cover(square, 40, 20)
    assert mask.shape == (20, 40)
    assert (mask[5:15, 10:30] == 1).all()
    assert mask.sum() == 200


def test_gaps_go_to_the_nearest_place():
    nearest, distance = outlines.gaps(np.array([[0.0, 0.0], [5.0, 1.0]]), np.array([[3.0, 1.0], [0.0, 4.0]]))
    assert nearest.tolist() == [[3.0, 1.0], [3.0, 1.0]]
    assert distance == pytest.approx([10**0.5, 2.0])
