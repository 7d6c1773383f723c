"""The training objective: its geometry against OpenCV and its minima where the truth is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from pflrm.core.cameras import canonical_intrinsics, object_distance, reference_pose
from pflrm.core.model import CONFIGS, PFLRM, Prediction
from pflrm.core.training.data import Batch
from pflrm.core.training.losses import (
    Weights,
    camera_centres,
    depth_loss,
    depth_objective,
    field_loss,
    first_views,
    objective,
    patch_truth,
    pose_loss,
    render_loss,
)
from pflrm.core.training.optimiser import Optimiser
from scipy.spatial.transform import Rotation

SIZE = 32
HALF_ANGLE = 0.4


def ball_batch(views: int = 4) -> Batch:
    """The unit ball at the origin, grey, seen from random sides: everything about it is known in closed form."""
    intrinsics = canonical_intrinsics(HALF_ANGLE, SIZE)
    distance = object_distance(HALF_ANGLE)
    poses, depths = [], []
    for index in range(views):
        turn = np.eye(4)
        if index:
            turn[:3, :3] = Rotation.random(random_state=index).as_matrix()
        world_to_view = reference_pose(distance) @ turn
        v, u = (np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2) / intrinsics.fx
        rays = np.stack([u, v, np.ones_like(u)], -1)
        length = np.linalg.norm(rays, axis=-1)
        along = rays[..., 2] / length * distance
        inside = 1 - (distance**2 - along**2)
        depths.append(np.where(inside > 0, (along - np.sqrt(np.maximum(inside, 0))) / length, 0))
        poses.append(world_to_view)
    depth = torch.tensor(np.array(depths)).float()[None]
    mask = (depth > 0).float()
    grey = torch.full((1, views, 3, SIZE, SIZE), 0.5) * mask[:, :, None]
    return Batch(
        images=torch.cat([grey, mask[:, :, None]], 2), target_rgb=grey, target_mask=mask,
        intrinsics=torch.tensor(intrinsics.normalised()).float().expand(1, views, 4).clone(),
        world_to_camera=torch.tensor(np.array(poses)).float()[None], depth=depth, own_scale=torch.ones(1, views),
    )


@pytest.fixture(scope="module")
def model() -> PFLRM:
    torch.manual_seed(0)
    return PFLRM(CONFIGS["tiny"])


class BallDecoder(torch.nn.Module):
    """An opaque grey unit ball of some radius, whatever the planes say."""

    half_extent = 1.6

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, planes: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inside = (points.norm(dim=-1) < self.radius).float()
        return 200 * inside, torch.full((*points.shape[:2], 3), 0.5)


def test_patch_truth_projects_back_to_the_patch() -> None:
    batch = ball_batch()
    points, seen = patch_truth(batch, 2)
    assert seen.all()
    assert points.norm(dim=-1).flatten().tolist() == pytest.approx([1.0] * 16, abs=1e-4)
    matrix = canonical_intrinsics(HALF_ANGLE, SIZE).matrix()
    for view in range(4):
        pose = batch.world_to_camera[0, view].double().numpy()
        pixels, _ = cv2.projectPoints(
            points[0, view].double().numpy(), cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], matrix, np.zeros(4)
        )
        assert pixels[:, 0].ravel().tolist() == pytest.approx([8.5, 8.5, 24.5, 8.5, 8.5, 24.5, 24.5, 24.5], abs=1e-3)


def test_camera_centres_are_where_the_rays_start() -> None:
    batch = ball_batch()
    assert camera_centres(batch.world_to_camera).norm(dim=-1).flatten().tolist() == pytest.approx(
        [object_distance(HALF_ANGLE)] * 4, rel=1e-5
    )


def test_true_depth_has_no_error_and_confidence_pays() -> None:
    batch = ball_batch()
    seen = torch.nn.functional.avg_pool2d((batch.depth > 0).float(), 8)
    truth = torch.nn.functional.avg_pool2d(batch.depth, 8) / seen.clamp(min=1e-6)
    sure, unsure = torch.full_like(truth, -4.0), torch.zeros_like(truth)
    assert depth_loss(truth, sure, batch)[1] < 1e-5
    assert depth_loss(truth, sure, batch)[0] < depth_loss(truth, unsure, batch)[0]
    assert depth_loss(truth + 1, unsure, batch)[0] < depth_loss(truth + 1, sure, batch)[0]


@pytest.mark.parametrize("loss", [field_loss, render_loss])
def test_the_true_field_beats_a_wrong_one(model: PFLRM, loss: object) -> None:
    batch = ball_batch()
    planes = torch.zeros(1, 3, 8, 8, 8)

    def value(radius: float) -> float:
        own = PFLRM(CONFIGS["tiny"])
        own.decoder = BallDecoder(radius)
        return float(loss(own, planes, batch, 512, torch.Generator().manual_seed(0)))  # type: ignore[operator]

    assert value(1.0) < 0.5 * value(0.6)
    assert value(1.0) < 0.5 * value(1.4)


def test_true_points_have_the_least_pose_loss() -> None:
    batch = ball_batch()
    points, seen = patch_truth(batch, 8)
    points = points + 0.001 * torch.randn(points.shape, generator=torch.Generator().manual_seed(0))

    def value(shift: float) -> float:
        moved = points @ torch.tensor(Rotation.from_euler("x", shift).as_matrix()).float()
        prediction = Prediction(torch.zeros(1), moved, seen.float(), torch.ones(seen.shape), None, None)
        generator = torch.Generator().manual_seed(0)
        return float(pose_loss(prediction, torch.tensor(5.0), batch, 8, generator))

    assert value(0.0) < value(0.3) < value(1.0)


def test_first_views_keep_the_objects() -> None:
    batch = first_views(ball_batch(), 2)
    assert batch.images.shape[:2] == (1, 2)
    assert batch.own_scale.shape == (1, 2)


def test_every_parameter_learns_from_the_whole_objective(model: PFLRM) -> None:
    batch = ball_batch()
    total, terms = objective(
        model, batch, 3, Weights(pose=0.1, distilled=0.5), 64, torch.Generator().manual_seed(0)
    )
    total.backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert silent == []
    assert set(terms) >= {"depth", "points", "opacity", "field", "render", "pose"}
    model.zero_grad(set_to_none=True)


def test_a_few_steps_on_one_object_learn_its_depth() -> None:
    torch.manual_seed(0)
    model, batch = PFLRM(CONFIGS["tiny"]), ball_batch()
    optimiser = Optimiser(model, 1e-3, 1e-3)
    errors = []
    for _ in range(40):
        loss, terms = depth_objective(model, batch)
        loss.backward()
        optimiser.step(1.0)
        errors.append(float(terms["depth_error"]))
    assert errors[-1] < 0.5 * errors[0]


def test_resuming_is_exact(tmp_path) -> None:  # type: ignore[no-untyped-def]
    batch = ball_batch()

    def steps(optimiser: Optimiser, count: int) -> None:
        for _ in range(count):
            depth_objective(optimiser.model, batch)[0].backward()  # type: ignore[arg-type]
            optimiser.step(1.0)

    torch.manual_seed(0)
    whole = Optimiser(PFLRM(CONFIGS["tiny"]), 1e-3, 1e-3)
    steps(whole, 3)
    whole.save(tmp_path / "state.safetensors")
    resumed = Optimiser(PFLRM(CONFIGS["tiny"]), 1e-3, 1e-3)
    resumed.load(tmp_path / "state.safetensors")
    assert resumed.steps == 3
    steps(whole, 2)
    steps(resumed, 2)
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    for name, tensor in whole.average.items():
        torch.testing.assert_close(tensor, resumed.average[name], atol=1e-6, rtol=1e-5)


def test_a_spike_is_skipped(model: PFLRM) -> None:
    optimiser = Optimiser(model, 1e-3, 1e-3)
    before = [p.detach().clone() for p in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    optimiser.step(1.0)
    assert optimiser.skipped == 1
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
