"""Where a search of poses starts: tables of how well two views agree, for all level cameras, put together view by view.

Photos are mostly taken level. Then the relative rotation of two of them has three unknowns, the two elevations and
the azimuth between them, which a table can hold, and how far away each was taken follows from it (:mod:`.extents`). The
tables of all pairs share the elevations, so that a set of cameras is scored by adding up entries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from . import extents
from .hull import angles, level_rotation, relative_rotations, unequal
from .pair_rays import Pair, judged
from .silhouettes import OUTLIERS, Silhouettes
from .threads import side_by_side
from .verticals import unusual_elevation

ELEVATIONS = 10
ELEVATION_RANGE = (-25.0, 74.0)  # degrees
AZIMUTHS = 36
DEPTHS = 8
USUAL_SEPARATION = 40.0  # degrees between the axes of two photos
BEAM = 6000  # sets of cameras kept while views are added
CELL_ELEVATIONS, CELL_AZIMUTHS = 4, 3  # table steps in a cell
CELLS = -(-ELEVATIONS // CELL_ELEVATIONS) * (AZIMUTHS // CELL_AZIMUTHS)


@dataclass(frozen=True)
class PairTable:
    """Agreement of two views over (elevation of the first, elevation of the second, azimuth between them)."""

    elevations: torch.Tensor  # (E,) radians
    azimuths: torch.Tensor  # (A,) radians
    scores: dict[tuple[int, int], torch.Tensor]  # (E, E, A) for each pair of views, first < second
    likely: torch.Tensor  # (V, E) what each view by itself says about its elevation


def level_table(scene: Silhouettes) -> PairTable:
    """Score all pairs of views under all level cameras of a coarse grid."""
    low, high = ELEVATION_RANGE
    elevations = torch.deg2rad(torch.linspace(low, high, ELEVATIONS))
    azimuths = torch.arange(AZIMUTHS) * (2 * math.pi / AZIMUTHS)
    first, second, between = torch.meshgrid(elevations, elevations, azimuths, indexing="ij")
    of_first = level_rotation(first.reshape(-1), torch.zeros(first.numel()))
    of_second = level_rotation(second.reshape(-1), between.reshape(-1))
    rotations = of_second @ of_first.transpose(-1, -2)
    shape = (ELEVATIONS, ELEVATIONS, AZIMUTHS)
    couples = [(a, b) for a in range(len(scene)) for b in range(a + 1, len(scene))]
    with side_by_side() as pool:
        scores = pool.map(lambda pair: score_pair(scene, pair[0], pair[1], rotations).view(shape), couples)
        return PairTable(elevations, azimuths, dict(zip(couples, scores, strict=True)), _likely(scene, elevations))


def _likely(scene: Silhouettes, elevations: torch.Tensor) -> torch.Tensor:
    """(V, E) log likelihood of elevations by what was measured or else is said; 0 where nobody knows."""
    measured = torch.asin((-scene.verticals.up[:, 2:]).clamp(-1, 1))
    step = elevations[1] - elevations[0]
    off = (elevations - measured).abs() / step
    is_said = scene.verticals.elevation[:, 1:2] == 0  # without slack
    said = unusual_elevation(scene.verticals, elevations[:, None]).T * is_said
    return -torch.where(scene.verticals.known[:, None], 2 * off.square(), said)


def score_pair(scene: Silhouettes, a: int, b: int, rotations: torch.Tensor) -> torch.Tensor:
    """(P,) agreement of views a and b under relative rotations (P, 3, 3) from a to b, both ways, centres aligned."""
    separation = torch.rad2deg(torch.acos(rotations[:, 2, 2].clamp(-1, 1)))
    near = 0.5 * ((USUAL_SEPARATION - separation).clamp(min=0) / 10).square()
    pair = torch.stack([torch.eye(3).expand_as(rotations), rotations], 1)
    distance = extents.distances(scene.width[[a, b]], scene.half_angle[[a, b]], pair)
    unlike = unequal(distance.log()).sum(1)
    there = _one_way(scene, a, b, rotations, distance)
    back = _one_way(scene, b, a, rotations.transpose(-1, -2), distance.flip(1))
    return there + back - near - unlike


def _one_way(scene: Silhouettes, a: int, b: int, rotations: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
    """(P,) how well rays of view a agree with view b, at distances (P, 2)."""
    steps = (np.arange(DEPTHS, dtype=np.float32) + 0.5) / DEPTHS * 2 - 1
    radius = distance * scene.half_angle[[a, b]].sin()
    given = (rotations.contiguous().numpy(), distance.contiguous().numpy(), radius.numpy(), steps)
    return torch.from_numpy(judged(_pair(scene, a, b), *given))


def _pair(scene: Silhouettes, a: int, b: int) -> Pair:
    """Pixels of view a, as they look for themselves in view b."""
    small = F.avg_pool2d(scene.appearance[b, None], 2)[0]  # (D, S/2, S/2)
    unlike = torch.cdist(
        scene.pixel_appearance[a], small.flatten(1).T, compute_mode="donot_use_mm_for_euclid_dist"  # exact near zero
    )
    likeness = (1 - OUTLIERS) * (torch.exp(-unlike - scene.commonness[a, :, None]) - 1)
    return Pair(
        rays=scene.rays[a].numpy(),
        surface=np.zeros((0, 2), np.float32) if scene.pixel_surface is None else scene.pixel_surface[a].numpy(),
        likeness=likeness.view(-1, *small.shape[1:]).numpy(),
        distance=F.avg_pool2d(scene.signed_distance[b, None], 2)[0, 0].numpy(),
        focal=np.float32(scene.focal[b]),
    )


def assemble(table: PairTable, views: int, *, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Up to ``count`` sets of level cameras with the best sums over all pairs, by beam search over the views.

    Of sets that agree in all cells of azimuth and elevation only the best is kept, so that the beam spreads over
    different explanations instead of many versions of the likeliest one.

    :returns: world-to-camera rotations (B, V, 3, 3) and their sums (B,), best first.
    """
    tilts, turns = len(table.elevations), len(table.azimuths)
    new_tilt = torch.arange(tilts).repeat_interleave(turns)
    new_turn = torch.arange(turns).repeat(tilts)
    tilt = torch.arange(tilts)[:, None]
    turn = torch.zeros(tilts, 1, dtype=torch.long)
    best, cell = table.likely[0], _cell(tilt[:, 0], turn[:, 0])
    for b in range(1, views):
        total = best[:, None] + table.likely[b].repeat_interleave(turns)
        for a in range(b):
            total += table.scores[a, b][tilt[:, a, None], new_tilt, (new_turn - turn[:, a, None]) % turns]
        inner, state = _best_of_cells(total.view(-1, tilts, turns))
        cells = (cell[:, None] * CELLS + torch.arange(CELLS)).flatten()
        order = inner.flatten().argsort(descending=True, stable=True)
        kept = order[_first_of_each(cells[order])][: max(BEAM, count)]
        best = inner.flatten()[kept]
        cell = cells[kept].unique(return_inverse=True)[1]  # counted anew, or the numbers would overflow
        old, added = kept // CELLS, state.flatten()[kept]
        tilt = torch.cat([tilt[old], new_tilt[added, None]], dim=1)
        turn = torch.cat([turn[old], new_turn[added, None]], dim=1)
    return level_rotation(table.elevations[tilt[:count]], table.azimuths[turn[:count]]), best[:count]


def _cell(tilt: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    return tilt // CELL_ELEVATIONS * (AZIMUTHS // CELL_AZIMUTHS) + turn // CELL_AZIMUTHS


def _best_of_cells(total: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The best of each cell of a new view's elevation and azimuth: values and places in the table (B, CELLS), of sums
    (B, elevations, azimuths)."""
    tilts, turns = total.shape[1:]
    padded = F.pad(total, (0, 0, 0, -tilts % CELL_ELEVATIONS), value=-torch.inf)
    blocks = padded.unflatten(1, (-1, CELL_ELEVATIONS)).unflatten(3, (-1, CELL_AZIMUTHS)).transpose(2, 3)
    value, within = blocks.flatten(3).max(3)  # (B, tilts / CELL_ELEVATIONS, turns / CELL_AZIMUTHS)
    tilt = torch.arange(value.shape[1])[:, None] * CELL_ELEVATIONS + within // CELL_AZIMUTHS
    turn = torch.arange(value.shape[2]) * CELL_AZIMUTHS + within % CELL_AZIMUTHS
    return value.flatten(1), (tilt * turns + turn).flatten(1)


def _first_of_each(values: torch.Tensor) -> torch.Tensor:
    """Indices, in order, at which the values (N,) appear for the first time."""
    different, index = torch.unique(values, return_inverse=True)
    first = torch.full((len(different),), len(values))
    return first.scatter_reduce(0, index, torch.arange(len(values)), "amin").sort().values


def distinct(rotation: torch.Tensor, score: torch.Tensor, *, apart: float, count: int) -> torch.Tensor:
    """(M,) indices of up to ``count`` sets of cameras, best first, of which any two differ by more than ``apart``
    degrees in the relative rotation of some pair of views."""
    relative = relative_rotations(rotation)
    alive = torch.ones(len(score), dtype=torch.bool)
    kept: list[int] = []
    for index in score.argsort(descending=True, stable=True).tolist():
        if alive[index]:
            kept.append(index)
            if len(kept) == count:
                break
            difference = angles(relative @ relative[index].transpose(-1, -2))
            alive &= difference.amax(1) > apart
    return torch.tensor(kept, dtype=torch.long)
