"""Mirror symmetry: images of cameras, planes that are found, and what they tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pflrm.core import bundle, mirrors
from pflrm.core.cameras import rotation_angle
from pflrm.core.mirrors import MOST, SURELY, Mirrors
from pflrm.core.rigs import Rig, rig_of, rotation_of, together
from pflrm.tests.core.balls import CAMERA, LEVEL_VIEWS, MOLECULE, camera_at, look, photograph

NORMAL = np.array([0.6, 0.64, 0.48])
OFFSET = 0.05
PLANE = np.append(NORMAL, OFFSET)
CAMERAS = [camera_at(*angles) for angles in LEVEL_VIEWS]


def reflected(points: np.ndarray) -> np.ndarray:
    return points - 2 * ((points @ NORMAL) - OFFSET)[..., None] * NORMAL


@pytest.fixture(scope="module")
def symmetric() -> np.ndarray:
    """Balls of which each has its image in the plane."""
    image = MOLECULE.copy()
    image[:, :3] = reflected(image[:, :3])
    return np.concatenate([MOLECULE, image])


def as_rig(poses: np.ndarray, plane: np.ndarray | None = None) -> Rig:
    return replace(rig_of(poses), plane=plane)


def the_plane(prepared: Mirrors, poses: np.ndarray) -> Rig:
    (rig,) = mirrors.find(prepared, as_rig(poses).alone()).apart()
    return rig


def evidence(prepared: Mirrors, rig: Rig) -> float:
    return float(mirrors.evidence(prepared, rig.alone())[0])


def test_images_of_cameras_take_flipped_photos(symmetric: np.ndarray) -> None:
    """Against photos that are cast anew from there."""
    views, poses = look(symmetric, CAMERAS)
    _, there = mirrors.images(views, np.stack(CAMERAS), PLANE)
    np.testing.assert_allclose(np.linalg.det(there[:, :3, :3]), 1, atol=1e-9)
    for camera, image in zip(CAMERAS, there, strict=True):
        here, flipped = photograph(symmetric, camera).rgba, photograph(symmetric, image).rgba[:, ::-1]
        assert (np.abs(here - flipped).max(-1) > 0.02).mean() < 0.002  # a rounding at an outline
    flipped_views, seen = mirrors.images(views, poses, PLANE)
    np.testing.assert_array_equal(flipped_views[0].image, views[0].image[:, ::-1])
    points = np.random.default_rng(0).normal(size=(20, 3)) * 0.5
    for view, pose, image in zip(views, poses, seen, strict=True):
        (x, y), (u, v) = (project(view.intrinsics, *both) for both in ((pose, points), (image, reflected(points))))
        np.testing.assert_allclose(u, view.intrinsics.width - x, atol=1e-6)
        np.testing.assert_allclose(v, y, atol=1e-6)


def project(intrinsics, pose: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    seen = (points @ pose[:3, :3].T + pose[:3, 3]) @ intrinsics.matrix().T
    return seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]


def test_the_plane_of_an_object_is_found(symmetric: np.ndarray) -> None:
    views, poses = look(symmetric, CAMERAS)
    prepared = mirrors.prepare(views)
    found = the_plane(prepared, poses)
    assert found.plane is not None
    plane = found.plane * np.sign(found.plane[:3] @ NORMAL)
    assert np.degrees(np.arccos(plane[:3] @ NORMAL)) < 2
    assert plane[3] == pytest.approx(OFFSET, abs=0.02)
    assert evidence(prepared, found) > SURELY
    assert mirrors.certain_plane(prepared, found) is found.plane


def test_planes_sought_together_are_those_of_each(symmetric: np.ndarray) -> None:
    views, poses = look(symmetric, CAMERAS)
    prepared, wrong = mirrors.prepare(views), poses.copy()
    wrong[1, :3, :3] = rotation_of(np.array([0.0, 0.3, 0.1])) @ wrong[1, :3, :3]
    both = mirrors.find(prepared, together([as_rig(poses), as_rig(wrong)]))
    for rig, cameras in zip(both.apart(), (poses, wrong), strict=True):
        alone = the_plane(prepared, cameras)
        np.testing.assert_allclose(rig.poses, alone.poses)
        np.testing.assert_allclose(rig.plane, alone.plane, atol=1e-3)
    right, less = mirrors.evidence(prepared, both)
    assert less < right - 1


def test_an_object_without_a_plane_is_not_taken_for_symmetric() -> None:
    views, poses = look(MOLECULE, CAMERAS)
    prepared = mirrors.prepare(views)
    found = the_plane(prepared, poses)
    assert evidence(prepared, found) < 0
    assert mirrors.certain_plane(prepared, found) is mirrors.certain_plane(prepared, as_rig(poses)) is None


def turned(degrees: float, seed: int) -> np.ndarray:
    """Three rotations of so much about random axes."""
    axes = torch.nn.functional.normalize(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)), dim=1)
    return rotation_of(np.radians(degrees) * axes.double().numpy())


@pytest.mark.parametrize("degrees", [20.0, 60.0])
def test_wrong_cameras_find_no_plane(symmetric: np.ndarray, degrees: float) -> None:
    views, poses = look(symmetric, CAMERAS)
    prepared = mirrors.prepare(views)
    right = evidence(prepared, the_plane(prepared, poses))
    poses[1:, :3, :3] = turned(degrees, seed=1) @ poses[1:, :3, :3]
    assert evidence(prepared, the_plane(prepared, poses)) < min(right - 2, SURELY)


def test_bundle_adjustment_moves_cameras_and_plane(symmetric: np.ndarray) -> None:
    """Without a match: masks alone, and what the symmetry makes of them."""
    views, poses = look(symmetric, CAMERAS)
    prepared, errors = bundle.prepare(views), []
    for seed in range(4):
        wrong = poses.copy()
        wrong[1:, :3, :3] = turned(6, seed) @ poses[1:, :3, :3]
        for rig in (as_rig(wrong), the_plane(mirrors.prepare(views), wrong)):
            for miss in mirrors.MISSES:
                rig = bundle.adjust(prepared, rig, None, miss=miss)
            errors.append(rotation_angle(rig.poses[1:, :3, :3] @ poses[1:, :3, :3].transpose(0, 2, 1)).mean())
    alone, mirrored = np.mean(errors[::2]), np.mean(errors[1::2])
    assert mirrored < 0.8 * alone, errors


@pytest.mark.parametrize("zooming", [False, True])
def test_slopes_are_those_of_small_moves(symmetric: np.ndarray, zooming: bool) -> None:
    """Against differences of the terms, at the same points."""
    views, poses = look(symmetric, CAMERAS)
    prepared = mirrors.prepare(views)
    plane = PLANE + [0.03, -0.02, 0.01, 0.04]
    plane[:3] /= np.linalg.norm(plane[:3])
    rig = as_rig(poses, plane).zoomed(np.float64(1.02))
    points = mirrors.touching(prepared.fine, rig.alone())
    found = rig.slope_of_move(mirrors.slopes(prepared, rig, points), zooming)
    step = 2e-4
    differences = np.array([
        float(mirrors.terms(prepared, rig.moved(shift), points).total()
              - mirrors.terms(prepared, rig.moved(-shift), points).total()) / (2 * step)
        for shift in step * np.eye(rig.parameters(zooming))
    ])
    assert len(found) == 18 + zooming + 3
    assert np.linalg.norm(found - differences) < 0.05 * np.linalg.norm(differences)


def test_no_photo_is_needed_of_what_is_mirrored(symmetric: np.ndarray) -> None:
    """Two photos that do not show the same side: with their images they show all of it."""
    assert CAMERA.width == 128  # the photos that the views are made of
    views, poses = look(symmetric, CAMERAS[:2])
    prepared = mirrors.prepare(views)
    assert evidence(prepared, as_rig(poses, PLANE)) > MOST - 0.1
