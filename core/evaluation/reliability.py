"""Is a camera as often right as its confidence says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..confidence import SURE_WITHIN
from .protocol import Score

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
SIZE, MARGIN = 320, 44  # of the diagram, pixels


@dataclass(frozen=True)
class Bin:
    """Cameras whose confidence lies between two edges."""

    low: float
    high: float
    count: int
    confidence: float  # mean; 0 where there is no camera
    right: float  # share within SURE_WITHIN of the truth


def bins_of(scores: Sequence[Score]) -> list[Bin]:
    """All cameras but the references. A camera is right if its rotation relative to the reference is."""
    pairs = [
        (confidence, error) for score in scores
        # The first pairs of views are those with the reference.
        for confidence, error in zip(score.confidence, score.rotation, strict=False)
    ]
    confidence, error = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    bins = []
    for low, high in zip(EDGES, EDGES[1:], strict=False):
        inside = (confidence >= low) & ((confidence < high) | (high == EDGES[-1]))
        count = int(inside.sum())
        mean, right = (
            (float(confidence[inside].mean()), float((error[inside] < SURE_WITHIN).mean())) if count else (0.0, 0.0)
        )
        bins.append(Bin(low, high, count, mean, right))
    return bins


def bins_as_markdown(bins: Sequence[Bin]) -> str:
    """A Markdown table."""
    lines = ["| confidence | cameras | mean confidence | within 15° |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.low:.1f}–{one.high:.1f} | {one.count} | {one.confidence:.2f} | {one.right:.2f} |"
        for one in bins if one.count
    ]
    return "\n".join(lines)


def diagram(bins: Sequence[Bin]) -> str:
    """An SVG: how often cameras are right over what their confidence says; the area of a dot counts its cameras."""
    span = SIZE - 2 * MARGIN

    def at(x: float, y: float) -> tuple[float, float]:
        return MARGIN + span * x, SIZE - MARGIN - span * y

    (left, bottom), (right, top) = at(0, 0), at(1, 1)
    shapes = [
        f'<rect width="{SIZE}" height="{SIZE}" fill="white"/>',
        f'<path d="M{left} {bottom}H{right}V{top}H{left}Z" fill="none" stroke="#999"/>',
        f'<path d="M{left} {bottom}L{right} {top}" stroke="#999" stroke-dasharray="4"/>',
    ]
    most = max((one.count for one in bins), default=1) or 1
    for one in bins:
        if one.count:
            x, y = at(one.confidence, one.right)
            radius = 3 + 11 * (one.count / most) ** 0.5
            shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#3572b0" fill-opacity=".75"/>')
            shapes.append(f'<text x="{x:.1f}" y="{y - radius - 3:.1f}">{one.count}</text>')
    for tick in (0.0, 0.5, 1.0):
        shapes.append(f'<text x="{at(tick, 0)[0]}" y="{bottom + 16}">{tick:g}</text>')
        shapes.append(f'<text x="{left - 14}" y="{at(0, tick)[1] + 4}">{tick:g}</text>')
    middle = SIZE / 2
    shapes.append(f'<text x="{middle}" y="{SIZE - 8}">confidence</text>')
    shapes.append(f'<text x="14" y="{middle}" transform="rotate(-90 14 {middle})">share within 15°</text>')
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" font-family="sans-serif" '
        f'font-size="12" text-anchor="middle">\n{body}\n</svg>\n'
    )
