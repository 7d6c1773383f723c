"""Points, rays and cameras for the tests of PnP; the rays come from OpenCV's projection."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from pflrm.core.cameras import rotation_angle
from pflrm.core.pnp import PnPSolution, solve_pnp
from scipy.spatial.transform import Rotation
from torch import Tensor


class Scene:
    """Random points inside a unit ball, seen by cameras in random directions; rays come from OpenCV, in float64."""

    def __init__(self, batch: int, count: int, *, noise: float = 0.0, outliers: float = 0.0, seed: int = 0,
                 distance: float | None = None, shape: tuple[float, float, float] = (1.0, 0.7, 0.9)) -> None:
        random = np.random.default_rng(seed)
        directions = random.normal(size=(batch, count, 3))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        self.points = directions * random.uniform(size=(batch, count, 1)) ** (1 / 3) * shape
        self.distance = random.uniform(1.8, 4.5, batch) if distance is None else np.full(batch, distance)
        self.rotation = Rotation.random(batch, rng=random).as_matrix()
        sideways = random.uniform(-0.1, 0.1, (batch, 2))
        depth = self.distance * random.uniform(0.9, 1.2, batch)
        self.translation = np.column_stack([sideways, depth])
        self.rays = np.stack([
            cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], translation, np.eye(3), np.zeros(4))[0][:, 0]
            for points, rotation, translation in zip(self.points, self.rotation, self.translation, strict=True)
        ])
        self.rays += noise * random.normal(size=self.rays.shape) / self.distance[:, None, None]
        self.outliers = np.zeros((batch, count), bool)
        for item in range(batch):
            rows = random.permutation(count)[: int(outliers * count)]
            self.outliers[item, rows] = True
            self.points[item, rows] = random.normal(size=(len(rows), 3)) * 0.6

    def tensors(self, dtype: torch.dtype = torch.float32, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
        """points, rays, and weights of 1."""
        points, rays = (torch.as_tensor(values, dtype=dtype, device=device) for values in (self.points, self.rays))
        return points, rays, torch.ones_like(points[..., 0])

    def truth(self, dtype: torch.dtype = torch.float32) -> Tensor:
        matrix = torch.eye(4, dtype=dtype).repeat(len(self.rotation), 1, 1)
        matrix[:, :3, :3] = torch.as_tensor(self.rotation)
        matrix[:, :3, 3] = torch.as_tensor(self.translation)
        return matrix

    def expected(self, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(self.distance, dtype=dtype)

    def solved(self, weights: Tensor | None = None) -> PnPSolution:
        points, rays, ones = self.tensors()
        return solve_pnp(points, rays, ones if weights is None else weights, distance=self.expected())

    def errors(self, world_to_camera: Tensor) -> np.ndarray:
        """Rotation errors (B,) in degrees."""
        return rotation_angle(world_to_camera[:, :3, :3].double().numpy() @ self.rotation.transpose(0, 2, 1))


def degenerate(kind: str, points: Tensor, rays: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first item of a batch made unsolvable."""
    points, rays, weights = points.clone(), rays.clone(), weights.clone()
    if kind == "no weight":
        weights[0] = 0
    elif kind == "weights are NaN":
        weights[0] = torch.nan
    elif kind == "points are NaN":
        points[0] = torch.nan
    elif kind == "rays are infinite":
        rays[0] = torch.inf
    elif kind == "negative weights":
        weights[0] = -1
    elif kind == "three points":
        weights[0, 3:] = 0
    elif kind == "a line":
        points[0] = points[0, :, :1] * torch.tensor([1.0, 2.0, -1.0])
    elif kind == "one point":
        points[0] = points[0, :1]
    elif kind == "one ray":
        rays[0] = rays[0, :1]
    return points, rays, weights


KINDS = ["no weight", "weights are NaN", "points are NaN", "rays are infinite", "negative weights", "three points",
         "a line", "one point", "one ray"]
