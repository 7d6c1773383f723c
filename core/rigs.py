"""Cameras that saw one object, as the refinement moves them: poses, one focal length for all where nobody told it, and
the plane in which the object mirrors itself where it is taken for symmetric.

A focal length that is ``zoom`` times the assumed one stretches all depths in front of the cameras by as much; then the
photos hardly change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .ascent import rotation_of

ZOOM = 0.4  # spread of the log of a focal length that nobody told


@dataclass(frozen=True)
class Rig:
    """V cameras, or B times as many side by side. The first one stays where it is but for the zoom."""

    poses: Tensor  # (V, 4, 4) or (B, V, 4, 4), world to view
    zoom: Tensor  # () or (B,) factor of all views' focal lengths
    plane: Tensor | None = None  # (4,) or (B, 4) unit normal, and how far along it the plane is from the origin

    @property
    def views(self) -> int:
        """V."""
        return self.poses.shape[-3]

    def alone(self) -> Rig:
        """The same as one of B = 1."""
        return Rig(self.poses[None], self.zoom[None], None if self.plane is None else self.plane[None])

    def apart(self) -> list[Rig]:
        """B rigs one by one."""
        planes = [None] * len(self.poses) if self.plane is None else self.plane
        return [Rig(*parts) for parts in zip(self.poses, self.zoom, planes, strict=True)]

    def parameters(self, zooming: bool) -> int:
        """How many numbers a move has: turns and shifts of all cameras but the first, the zoom where it may change, and
        tilt and shift of the plane where there is one."""
        return 6 * (self.views - 1) + zooming + (0 if self.plane is None else 3)

    def moved(self, move: Tensor) -> Rig:
        """After a move (P,), or B rigs after moves (B, P): turns of all cameras but the first about the object's
        centre, rotation vectors of the cameras' own axes; then their shifts; then the change of the log of the zoom, or
        nothing; then the plane's, if there is one."""
        others, several = self.views - 1, move.shape[:-1]
        turn, shift = move[..., : 6 * others].unflatten(-1, (2, others, 3)).unbind(-3)
        plane, rest = None, move[..., 6 * others :]
        if self.plane is not None:
            plane, rest = tilted(self.plane, rest[..., -3:]), rest[..., :-3]
        stretch = rest.sum(-1).exp()
        upper = torch.cat([rotation_of(turn) @ self.poses[1:, :3, :3], (self.poses[1:, :3, 3] + shift)[..., None]], -1)
        moving = torch.cat([upper, self.poses[1:, 3:].expand(*several, -1, -1, -1)], -2)
        poses = torch.cat([self.poses[:1].expand(*several, -1, -1, -1), moving], -3)
        return Rig(poses, self.zoom.expand(several), plane).zoomed(stretch)

    def zoomed(self, factor: Tensor) -> Rig:
        """With focal lengths that are ``factor`` (B,) or () times as long, from as much farther away."""
        ones = torch.ones_like(factor)
        stretch = torch.stack([ones, ones, factor], -1)[..., None, :]
        upper = torch.cat([self.poses[..., :3, :3], (self.poses[..., :3, 3] * stretch)[..., None]], -1)
        return Rig(torch.cat([upper, self.poses[..., 3:, :]], -2), self.zoom * factor, self.plane)

    def mirrored(self) -> Rig:
        """2V cameras: these, and those that would have taken the photos, flipped from left to right, of the object's
        image in the plane."""
        assert self.plane is not None
        normal, offset = self.plane[..., None, :3], self.plane[..., None, 3]
        turned = self.poses[..., :3, :3] @ normal[..., None]  # the normal as the cameras see it
        rotation = self.poses[..., :3, :3] - 2 * turned * normal[..., None, :]
        shift = self.poses[..., :3, 3] + 2 * offset[..., None] * turned[..., 0]
        upper = torch.cat([rotation, shift[..., None]], -1) * self.poses.new_tensor([[-1.0], [1.0], [1.0]])
        others = torch.cat([upper, self.poses[..., 3:, :]], -2)
        return Rig(torch.cat([self.poses, others], -3), self.zoom)

    def slope_of_move(self, by_poses: Tensor, by_zoom: Tensor) -> Tensor:
        """(6 (V - 1) + 1,) how a function whose slopes along poses and zoom are these changes with small moves."""
        turning = (by_poses[1:, :3, :3] @ self.poses[1:, :3, :3].transpose(1, 2)).flatten(1)
        turn = turning[:, [7, 2, 3]] - turning[:, [5, 6, 1]]  # what an antisymmetric matrix has of it
        zooming = by_zoom * self.zoom + (by_poses[:, 2, 3] * self.poses[:, 2, 3]).sum()
        return torch.cat([turn.flatten(), by_poses[1:, :3, 3].flatten(), zooming[None]])


def rig_of(poses: Tensor) -> Rig:
    """Cameras (V, 4, 4) of the focal lengths that the views say."""
    return Rig(poses, torch.ones((), dtype=poses.dtype))


def together(rigs: Sequence[Rig]) -> Rig:
    """Single rigs, all with a plane or all without one, side by side."""
    planes = [rig.plane for rig in rigs if rig.plane is not None]
    return Rig(
        torch.stack([rig.poses for rig in rigs]), torch.stack([rig.zoom for rig in rigs]),
        torch.stack(planes) if planes else None,
    )


def tilted(plane: Tensor, move: Tensor) -> Tensor:
    """(..., 4) planes (..., 4) after moves (..., 3): the normal tilts along two axes across it, then the plane shifts.
    """
    normal = plane[..., :3]
    least = torch.eye(3, dtype=plane.dtype)[normal.detach().abs().argmin(-1)]
    first = F.normalize(torch.linalg.cross(normal, least), dim=-1)
    second = torch.linalg.cross(normal, first)
    there = normal + move[..., :1] * first + move[..., 1:2] * second
    return torch.cat([F.normalize(there, dim=-1), plane[..., 3:] + move[..., 2:]], -1)
