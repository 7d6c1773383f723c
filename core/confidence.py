"""How sure a camera is: the share of all likely explanations of the photos that agree on it, calibrated; and what an
object's symmetry leaves open."""

from __future__ import annotations

import numpy as np
import torch

from . import hull

SURE_WITHIN = 15.0  # degrees in the rotation relative to the reference view
TEMPERATURE = 0.2  # difference of score by which one explanation is e times likelier than another
# Logistic regression on cameras of scans, artist meshes and shapes put together; docs/benchmarks.md, Confidence.
INTERCEPT, OF_MASS, OF_EVIDENCE = -1.18, 0.24, 1.76
OF_VERTICAL = 1.25  # both cameras have measured it
OF_MATCHES = 0.55  # the log of one more than a camera's correspondences that fit, found after the search
OF_COVER = -1.0  # not fitted: on scans all masks fit; a doubt about objects that are cut off or masked badly
MODE_MARGIN = 2.4  # explanations whose score is worse by no more than this are shown as alternatives
MOST_MODES = 6
MODE_APART = 30.0  # degrees in some camera, so that an alternative is another explanation, not a better aim
TURN_SLACK = 20.0  # degrees


def from_reference(rotation: torch.Tensor) -> torch.Tensor:
    """(B, V, 3, 3) rotations from the reference view's camera, of world-to-camera rotations (B, V, 3, 3)."""
    return rotation @ rotation[:, :1].transpose(-1, -2)


def features(
    rotation: torch.Tensor, score: torch.Tensor, judgement: hull.Judgement, known: torch.Tensor
) -> torch.Tensor:
    """(B, V, 5) what the confidence of each camera of B hypotheses is read from: 1, the log odds of the likely
    hypotheses that agree on the camera, how badly the masks fit, how well the colours do, and whether the verticals of
    the camera and of the reference were measured."""
    relative = from_reference(rotation)
    difference = hull.angles(relative[:, None] @ relative[None].transpose(-1, -2))  # (B, B, V)
    mass = ((difference < SURE_WITHIN) * (score / TEMPERATURE).softmax(0)[None, :, None]).sum(1)
    cover = judgement.uncovered + judgement.uncovered[:, :1]
    return torch.stack([
        torch.ones_like(mass), mass.clamp(0.02, 0.98).logit(), cover, judgement.evidence + judgement.evidence[:, :1],
        (known & known[0]).float().expand_as(mass),
    ], dim=-1)


def confidence(
    rotation: torch.Tensor, score: torch.Tensor, judgement: hull.Judgement, known: torch.Tensor
) -> torch.Tensor:
    """(B, V) probability that a camera of each of B hypotheses is within ``SURE_WITHIN`` of the truth.

    :param rotation: (B, V, 3, 3) of all explanations that the search has ended with; ``score`` (B,) theirs.
    :param known: (V,) bool, whether each view's vertical was measured.
    The reference camera defines the world, so it is right whatever the others are.
    """
    weights = torch.tensor([INTERCEPT, OF_MASS, OF_COVER, OF_EVIDENCE, OF_VERTICAL])
    sure = torch.sigmoid(features(rotation, score, judgement, known) @ weights)
    sure[:, 0] = 1.0
    return sure


def with_matches(sure: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """The confidence (V,) of cameras that have so many correspondences (V,) which fit; the reference's stays."""
    odds = sure[1:].clip(1e-6, 1 - 1e-6)
    odds = odds / (1 - odds) * (1 + matches[1:]) ** OF_MATCHES
    return np.concatenate([sure[:1], odds / (1 + odds)])


def modes(rotation: torch.Tensor, score: torch.Tensor) -> list[int]:
    """Indices of the hypotheses, best first, that explain the photos about as well as the best and differ from it and
    from each other by more than ``MODE_APART`` in some camera."""
    relative = from_reference(rotation)
    kept: list[int] = []
    for index in score.argsort(descending=True, stable=True).tolist():
        if score[index] < score.max() - MODE_MARGIN or len(kept) == MOST_MODES:
            break
        apart = [hull.angles(relative[index] @ relative[k].transpose(-1, -2)).max() > MODE_APART for k in kept]
        if all(apart):
            kept.append(index)
    return kept


def symmetry(rotation: torch.Tensor) -> str:
    """What the photos leave open, in words for the user, from the turns by which modes (B, V, 3, 3), best first,
    differ. Empty where there is but one mode."""
    relative = from_reference(rotation)
    turns = hull.angles(relative[1:] @ relative[:1].transpose(-1, -2))  # (B - 1, V) degrees
    turns = turns[turns > MODE_APART]
    if len(turns) == 0:
        return ""
    quarter = ((turns - 90).abs() < TURN_SLACK).any()
    if quarter and (turns > 180 - TURN_SLACK).any():
        return "The object looks alike from 4 sides or more."
    if (turns > 180 - TURN_SLACK).any():
        return "The object looks alike from 2 sides."
    return "Other cameras explain the photos about as well."
