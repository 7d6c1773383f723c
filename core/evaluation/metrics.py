"""The figures of the paper's protocol (§4.1), and those of the shape and of novel views.

Poses are ``world_to_camera`` (V, 4, 4) in OpenCV's axes. A predicted world differs from the true one by a similarity
that nobody can know from photos: rotations are compared between pairs, which no similarity changes; everything else
is compared after ``align``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from ..cameras import invert_pose, rotation_angle


@dataclass(frozen=True)
class Similarity:
    """x ↦ scale · rotation · x + translation; ``rotation`` (3, 3), ``translation`` (3,)."""

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def of_points(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3), mapped."""
        return self.scale * points @ self.rotation.T + self.translation

    def inverse_of_camera(self, world_to_camera: np.ndarray) -> np.ndarray:
        """The camera (4, 4) of the mapped world, as a camera of the world before; camera units scale along."""
        rotation = world_to_camera[:3, :3] @ self.rotation
        translation = (world_to_camera[:3, :3] @ self.translation + world_to_camera[:3, 3]) / self.scale
        return np.block([[rotation, translation[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])


def align(predicted: np.ndarray, true: np.ndarray) -> Similarity:
    """The similarity from the predicted world to the true one.

    It puts the first predicted camera, the reference, onto the true one; the scale makes the root mean square
    distance of the other cameras from the reference the true one, whatever their rotations are worth.
    """
    scale = _spread(true) / max(_spread(predicted), 1e-9) if len(true) > 1 else 1.0
    to_true = invert_pose(true[0])
    rotation = to_true[:3, :3] @ predicted[0, :3, :3]
    translation = to_true[:3, :3] @ (scale * predicted[0, :3, 3]) + to_true[:3, 3]
    return Similarity(scale, rotation, translation)


def _spread(poses: np.ndarray) -> float:
    """Root mean square distance of the other cameras from the first."""
    centres = invert_pose(poses)[:, :3, 3]
    return float(np.sqrt(np.mean(np.sum((centres[1:] - centres[0]) ** 2, axis=1))))


def relative_poses(poses: np.ndarray) -> np.ndarray:
    """(P, 4, 4): from camera i to camera j for every pair i < j."""
    return np.stack([poses[j] @ invert_pose(poses[i]) for i, j in combinations(range(len(poses)), 2)])


def rotation_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(P,) degrees between the predicted and the true relative rotation of every pair of views."""
    a, b = relative_poses(predicted)[:, :3, :3], relative_poses(true)[:, :3, :3]
    return rotation_angle(a @ np.swapaxes(b, 1, 2))


def separations(poses: np.ndarray) -> np.ndarray:
    """(P,) degrees between the optical axes of every pair of views."""
    cosine = relative_poses(poses)[:, 2, 2]
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def mask_iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of masks (H, W) in [0, 1]; 1 where both are empty."""
    union = np.maximum(mask, truth).sum()
    return float(np.minimum(mask, truth).sum() / union) if union > 0 else 1.0


def translation_errors(predicted: np.ndarray, true: np.ndarray, distance: float) -> np.ndarray:
    """(P,) ‖s t_predicted − t_true‖ / distance of the relative translations of every pair, s from ``align``.

    The paper does not define its T. With ``distance``, the cameras' mean distance from the object, as the unit, a
    small rotation error of θ radians costs about 0.8 θ and blind guessing about 4/3, which is what its tables show.
    With two views the scale makes the baselines equal, and only their directions differ.
    """
    scale = align(predicted, true).scale
    difference = scale * relative_poses(predicted)[:, :3, 3] - relative_poses(true)[:, :3, 3]
    return np.linalg.norm(difference, axis=1) / distance


def sample_surface(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """(count, 3) points, evenly distributed over the area of a triangle mesh."""
    generator = np.random.default_rng(seed)
    triangles = vertices[faces].astype(np.float64)  # (M, 3, 3)
    edges = triangles[:, 1:] - triangles[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    chosen = generator.choice(len(faces), count, p=area / area.sum())
    weights = generator.random((count, 2, 1))
    weights = np.where(weights.sum(axis=1, keepdims=True) > 1, 1 - weights, weights)  # fold the square to a triangle
    return triangles[chosen, 0] + (weights * edges[chosen]).sum(axis=1)


def chamfer_and_f_score(
    predicted: np.ndarray, true: np.ndarray, radius: float, threshold: float = 0.05
) -> tuple[float, float]:
    """Chamfer distance and F-score of surface points (N, 3) and (M, 3).

    Chamfer: the mean distance to the nearest point of the other set, both ways, summed, in units of ``radius``.
    F-score: the harmonic mean of the shares of points within ``threshold`` · ``radius`` of the other set.
    """
    there = cKDTree(true).query(predicted)[0] / radius
    back = cKDTree(predicted).query(true)[0] / radius
    precision, recall = np.mean(there < threshold), np.mean(back < threshold)
    score = 2 * precision * recall / max(precision + recall, 1e-12)
    return float(there.mean() + back.mean()), float(score)


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images (H, W, 3) in [0, 1]."""
    return float(-10 * np.log10(max(np.mean((image - truth) ** 2), 1e-12)))


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004: 11 × 11 Gaussian, σ 1.5) of images (H, W, 3) in [0, 1]."""

    def blur(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, sigma=(1.5, 1.5, 0), radius=(5, 5, 0))[5:-5, 5:-5]

    a, b = image.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b = blur(a), blur(b)
    variance = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return float(np.mean(luminance * (2 * covariance + 0.03**2) / (variance + 0.03**2)))
