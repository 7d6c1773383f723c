"""Cameras that saw one object, as the refinement moves them: poses, and one focal length for all where nobody told it.

A focal length that is ``zoom`` times the assumed one stretches all depths in front of the cameras by as much; then the
photos hardly change.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .ascent import rotation_of

ZOOM = 0.4  # spread of the log of a focal length that nobody told


@dataclass(frozen=True)
class Rig:
    """V cameras, or B times as many side by side. The first one stays where it is but for the zoom."""

    poses: Tensor  # (V, 4, 4) or (B, V, 4, 4), world to view
    zoom: Tensor  # () or (B,) factor of all views' focal lengths

    @property
    def views(self) -> int:
        """V."""
        return self.poses.shape[-3]

    def alone(self) -> Rig:
        """The same as one of B = 1."""
        return Rig(self.poses[None], self.zoom[None])

    def parameters(self, zooming: bool) -> int:
        """How many numbers a move has: turns and shifts of all cameras but the first, and the zoom where it may
        change."""
        return 6 * (self.views - 1) + zooming

    def moved(self, move: Tensor) -> Rig:
        """After a move (P,), or B rigs after moves (B, P): turns of all cameras but the first about the object's
        centre, rotation vectors of the cameras' own axes; then their shifts; then the change of the log of the zoom, or
        nothing."""
        others, several = self.views - 1, move.shape[:-1]
        turn, shift = move[..., : 6 * others].unflatten(-1, (2, others, 3)).unbind(-3)
        stretch = move[..., 6 * others :].sum(-1).exp()
        upper = torch.cat([rotation_of(turn) @ self.poses[1:, :3, :3], (self.poses[1:, :3, 3] + shift)[..., None]], -1)
        moving = torch.cat([upper, self.poses[1:, 3:].expand(*several, -1, -1, -1)], -2)
        poses = torch.cat([self.poses[:1].expand(*several, -1, -1, -1), moving], -3)
        return Rig(poses, self.zoom.expand(several)).zoomed(stretch)

    def zoomed(self, factor: Tensor) -> Rig:
        """With focal lengths that are ``factor`` (B,) or () times as long, from as much farther away."""
        ones = torch.ones_like(factor)
        stretch = torch.stack([ones, ones, factor], -1)[..., None, :]
        upper = torch.cat([self.poses[..., :3, :3], (self.poses[..., :3, 3] * stretch)[..., None]], -1)
        return Rig(torch.cat([upper, self.poses[..., 3:, :]], -2), self.zoom * factor)

    def slope_of_move(self, by_poses: Tensor, by_zoom: Tensor) -> Tensor:
        """(6 (V - 1) + 1,) how a function whose slopes along poses and zoom are these changes with small moves."""
        turning = (by_poses[1:, :3, :3] @ self.poses[1:, :3, :3].transpose(1, 2)).flatten(1)
        turn = turning[:, [7, 2, 3]] - turning[:, [5, 6, 1]]  # what an antisymmetric matrix has of it
        zooming = by_zoom * self.zoom + (by_poses[:, 2, 3] * self.poses[:, 2, 3]).sum()
        return torch.cat([turn.flatten(), by_poses[1:, :3, 3].flatten(), zooming[None]])


def rig_of(poses: Tensor) -> Rig:
    """Cameras (V, 4, 4) of the focal lengths that the views say."""
    return Rig(poses, torch.ones((), dtype=poses.dtype))
