"""Reliability of confidence, counted on cameras whose errors are written down here."""

from __future__ import annotations

from xml.etree import ElementTree

from pflrm.core.evaluation.protocol import Score
from pflrm.core.evaluation.reliability import bins_as_markdown, bins_of, diagram

SCORES = [
    # Of six pairs of four views the first three are those with the reference.
    Score("a", False, 6, rotation=(5.0, 40.0, 14.0, 1.0, 1.0, 1.0), confidence=(0.95, 0.92, 0.3)),
    Score("b", False, 1, rotation=(16.0,), confidence=(1.0,)),
    Score("failed", False, 6, failure="no"),
]


def test_cameras_are_counted_where_their_confidence_puts_them() -> None:
    found = {one.low: one for one in bins_of(SCORES) if one.count}
    assert sorted(found) == [0.2, 0.9]
    assert (found[0.2].count, found[0.2].right) == (1, 1.0)
    assert (found[0.9].count, round(found[0.9].right, 3)) == (3, 0.333)
    assert round(found[0.9].confidence, 3) == 0.957


def test_nothing_measured_gives_an_empty_table_and_diagram() -> None:
    bins = bins_of([])
    assert len(bins_as_markdown(bins).splitlines()) == 2
    assert "circle" not in diagram(bins)


def test_the_diagram_is_svg_with_a_dot_for_each_bin_in_use() -> None:
    root = ElementTree.fromstring(diagram(bins_of(SCORES)))
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == 2
