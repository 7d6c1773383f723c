"""Figures of a set in one line, beside those of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from .protocol import Score


@dataclass(frozen=True)
class Row:
    """One method on one set. None where the source gives no figure."""

    method: str
    objects: str
    rotation: float | None = None  # mean over pairs of views, degrees
    median: float | None = None
    acc15: float | None = None  # share of pairs within 15°; pairs of failed objects count as wrong
    acc30: float | None = None
    translation: float | None = None
    mask_iou: float | None = None
    chamfer: float | None = None
    f_score: float | None = None
    psnr: float | None = None
    ssim: float | None = None
    failed: float | None = None  # share of objects without a result
    source: str = ""


PAPER = "PF-LRM (ICLR 2024), Tables 1 and 2"
PAPER_S = "PF-LRM (ICLR 2024), §4, small model"
HERE = "measured with this program"
# Other sets than ours, as published: they place our figures, they do not compare with them one by one.
PEERS = (
    Row("PF-LRM large, 590 M", "GSO", 3.99, None, 0.956, 0.976, 0.041, psnr=25.04, ssim=0.879, source=PAPER),
    Row("PF-LRM large, 590 M", "OmniObject3D", 6.32, None, 0.962, 0.990, 0.067, psnr=23.02, ssim=0.877, source=PAPER),
    Row("PF-LRM large, 590 M", "ABO", 16.27, None, 0.865, 0.885, 0.150, psnr=26.23, ssim=0.887, source=PAPER),
    Row("PF-LRM small", "GSO", 13.08, None, 0.848, 0.916, 0.135, psnr=22.82, source=PAPER_S),
    Row("PF-LRM small", "OmniObject3D", 15.06, None, 0.695, 0.910, 0.162, source=PAPER_S),
    Row("PF-LRM small", "ABO", 26.31, None, 0.785, 0.822, 0.249, source=PAPER_S),
    Row("RelPose++, retrained on Objaverse", "GSO", 45.58, None, 0.600, 0.686, 0.407, source=PAPER_S),
    Row("RelPose++", "GSO", 107.49, None, 0.037, 0.098, 1.143, source=PAPER),
    Row("FORGE", "GSO", 103.81, None, 0.012, 0.056, 1.100, psnr=11.43, source=PAPER),
    Row("HLoc", "GSO", 97.12, None, 0.036, 0.131, 1.199, failed=0.972, source=PAPER),
    Row("visual hull of true cameras", "scans_val", chamfer=0.106, f_score=0.683, psnr=17.13, ssim=0.791, source=HERE),
    Row("pycolmap 4.2, true intrinsics", "scans_val", acc15=0.0, acc30=0.0, failed=1.0, source=HERE),
    Row("random rotations", "scans_val", 123.0, None, 0.0, 0.017, source="measured once"),
)


def rows_of(method: str, scores: Sequence[Score]) -> list[Row]:
    """All objects, then those without and those with a symmetry: no photo tells a symmetric object's turns apart."""
    groups = {
        "all": list(scores),
        "no symmetry": [score for score in scores if not score.symmetric],
        "symmetric": [score for score in scores if score.symmetric],
    }
    return [_summary(method, f"{name} ({len(group)})", group) for name, group in groups.items() if group]


def rows_by_separation(method: str, scores: Sequence[Score]) -> list[Row]:
    """The pairs of objects without symmetry by the true angle between the photos."""
    rows = []
    for low, high in SEPARATIONS:
        parts = [_pairs_between(score, low, high) for score in scores if not score.symmetric and not score.failure]
        if count := sum(part.pairs for part in parts):
            rows.append(_summary(method, f"{low}–{high}° apart ({count} pairs)", parts))
    return rows


def _pairs_between(score: Score, low: float, high: float) -> Score:
    chosen = [k for k, angle in enumerate(score.separation) if low <= angle < high]
    return Score(
        score.name, score.symmetric, len(chosen),
        tuple(score.rotation[k] for k in chosen), tuple(score.translation[k] for k in chosen),
    )


def _summary(method: str, objects: str, scores: Sequence[Score]) -> Row:
    rotation = np.array([error for score in scores for error in score.rotation])
    translation = [error for score in scores for error in score.translation]
    pairs = sum(score.pairs for score in scores)
    return Row(
        method, objects,
        rotation=_mean(rotation),
        median=float(np.median(rotation)) if len(rotation) else None,
        acc15=float((rotation < 15).sum() / pairs),
        acc30=float((rotation < 30).sum() / pairs),
        translation=_mean(translation),
        mask_iou=_mean(score.mask_iou for score in scores),
        chamfer=_mean(score.chamfer for score in scores),
        f_score=_mean(score.f_score for score in scores),
        psnr=_mean(score.psnr for score in scores),
        ssim=_mean(score.ssim for score in scores),
        failed=sum(bool(score.failure) for score in scores) / len(scores),
        source=HERE,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


SEPARATIONS = ((0, 45), (45, 90), (90, 135), (135, 181))
COLUMNS = {
    "method": "method", "objects": "set", "rotation": "R mean", "median": "R median", "acc15": "Acc@15",
    "acc30": "Acc@30", "translation": "T", "mask_iou": "mask IoU", "chamfer": "Chamfer",
    "f_score": "F at 5 %", "psnr": "PSNR", "ssim": "SSIM", "failed": "failed", "source": "source",
}
DIGITS = {"rotation": 2, "median": 2, "psnr": 2}


def markdown(rows: Sequence[Row]) -> str:
    """A Markdown table; columns without any figure are left out."""
    names = [name for name in COLUMNS if any(getattr(row, name) not in (None, "") for row in rows)]
    lines = [[COLUMNS[name] for name in names], ["---"] * len(names)]
    lines += [[_cell(getattr(row, name), DIGITS.get(name, 3)) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: float | str | None, digits: int) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.{digits}f}"


def as_json(rows: Sequence[Row], scores: Sequence[Score]) -> dict[str, object]:
    """Everything that was measured, object by object."""
    return {"rows": [asdict(row) for row in rows], "objects": [asdict(score) for score in scores]}
