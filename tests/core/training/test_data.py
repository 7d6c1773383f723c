"""Batches of training data against the conventions of core.cameras and against themselves."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from pflrm.core.cameras import (
    CANONICAL_FILL,
    Intrinsics,
    bounding_cone,
    half_angle_of,
    minimal_rotation,
    object_distance,
    reference_pose,
)
from pflrm.core.training.assets import load_pack
from pflrm.core.training.cameras import EYE, HALF_ANGLE, PHOTO, TURN
from pflrm.core.training.data import Batch, ObjectStream, poses_of
from pflrm.core.training.kernels import draw_objects, empty_tables, render_objects

SIZE, VIEWS, BATCH = 64, 4, 10


@pytest.fixture(scope="module")
def stream(pack_file):
    return ObjectStream(size=SIZE, views=VIEWS, batch=BATCH, seed=7, pack=pack_file, workers=0, samples=1)


@pytest.fixture(scope="module")
def batch(stream) -> Batch:
    return stream.batch_at(0)


def _half_angles(batch: Batch) -> np.ndarray:
    focal = batch.intrinsics[..., 0].numpy()
    return np.arctan(0.5 * CANONICAL_FILL / focal)


def test_shapes_and_ranges(batch):
    assert batch.images.shape == (BATCH, VIEWS, 4, SIZE, SIZE)
    assert batch.target_rgb.shape == (BATCH, VIEWS, 3, SIZE, SIZE)
    assert batch.world_to_camera.shape == (BATCH, VIEWS, 4, 4)
    for tensor in vars(batch).values():
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()
    for tensor in (batch.images, batch.target_rgb, batch.target_mask):
        assert tensor.min() >= 0
        assert tensor.max() <= 1


def test_mask_and_depth_agree(batch, pack_file):
    assert torch.equal(batch.target_mask > 0, batch.depth > 0)
    smooth = ObjectStream(size=SIZE, views=2, batch=2, seed=7, pack=pack_file, workers=0, samples=4).batch_at(0)
    assert (smooth.target_mask[smooth.depth > 0] >= 0.25).all()
    assert ((smooth.target_mask > 0) & (smooth.target_mask < 1)).any()
    assert (smooth.target_rgb.amax(2)[smooth.target_mask == 0] == 0).all()


def test_a_batch_follows_from_seed_and_step(stream, batch, pack_file):
    again = ObjectStream(size=SIZE, views=VIEWS, batch=BATCH, seed=7, pack=pack_file, workers=2, samples=1)
    first, second = itertools.islice(again, 2)
    for name, tensor in vars(batch).items():
        assert torch.equal(tensor, getattr(first, name)), name
    assert not torch.equal(first.images, second.images)
    assert torch.equal(second.images, stream.batch_at(1).images)


def test_the_reference_view_defines_the_world(batch):
    for half_angle, world_to_camera in zip(_half_angles(batch)[:, 0], batch.world_to_camera[:, 0].numpy(), strict=True):
        np.testing.assert_allclose(world_to_camera, reference_pose(object_distance(half_angle)), atol=1e-4)
    assert (batch.own_scale[:, 0] == 1).all()


def _points(batch: Batch, b: int, v: int) -> np.ndarray:
    """World points (N, 3) of the pixels of a view."""
    depth, (fx, fy, cx, cy) = batch.depth[b, v].numpy(), batch.intrinsics[b, v].numpy() * SIZE
    rows, columns = np.nonzero(depth)
    z = depth[rows, columns]
    points = np.column_stack([(columns + 0.5 - cx) / fx * z, (rows + 0.5 - cy) / fy * z, z])
    pose = batch.world_to_camera[b, v].numpy()
    return (points - pose[:3, 3]) @ pose[:3, :3]


def test_depth_of_one_view_lies_on_the_surface_of_the_others(batch):
    seen = []
    for b, a, v in itertools.product(range(BATCH), range(VIEWS), range(VIEWS)):
        pose, (fx, fy, cx, cy) = batch.world_to_camera[b, v].numpy(), batch.intrinsics[b, v].numpy() * SIZE
        camera = _points(batch, b, a) @ pose[:3, :3].T + pose[:3, 3]
        column = np.floor(camera[:, 0] / camera[:, 2] * fx + cx).astype(int).clip(0, SIZE - 1)
        row = np.floor(camera[:, 1] / camera[:, 2] * fy + cy).astype(int).clip(0, SIZE - 1)
        depth = batch.depth[b, v].numpy()
        nearby = np.ones((3, 3), np.uint8)
        nearest = cv2.erode(np.where(depth > 0, depth, 1e3).astype(np.float32), nearby)[row, column]
        farthest = cv2.dilate(depth, nearby)[row, column]
        # No point of the surface lies beside the silhouette or in front of what another view sees.
        wrong = (farthest == 0) | (camera[:, 2] < nearest - 0.03)
        assert wrong.mean() < 0.02, (b, a, v)
        seen.append(np.mean((camera[:, 2] > nearest - 0.03) & (camera[:, 2] < farthest + 0.03)))
    assert np.mean(seen) > 0.5


def test_masks_fill_the_canonical_view(batch):
    offsets, radii = [], []
    for b, v in itertools.product(range(BATCH), range(VIEWS)):
        fx, fy, cx, cy = batch.intrinsics[b, v].numpy().astype(np.float64) * SIZE
        canonical = Intrinsics(SIZE, SIZE, fx, fy, cx, cy)
        axis, half_angle = bounding_cone(batch.target_mask[b, v].numpy() > 0, canonical)
        tangent = np.tan(half_angle_of(canonical))
        offsets.append(np.hypot(*axis[:2]) / axis[2] / tangent)
        radii.append(np.tan(half_angle) / tangent)
    # In units of the circle's radius; a pixel is 0.035. The probe is no finer, and thin tips fall between pixels.
    assert np.median(offsets) < 0.03
    assert np.percentile(offsets, 90) < 0.07
    assert abs(np.median(radii) - 1) < 0.03
    assert np.percentile(np.abs(np.array(radii) - 1), 90) < 0.05


def _tables(pack_file, count: int, views: int, separation: float):
    assets = load_pack(pack_file)
    tables = empty_tables(count, views)
    draw_objects(np.arange(count), *tables, assets, 0.5, separation, 16)
    return assets, tables


def test_canonical_views_are_roll_free_turns_of_the_photos(pack_file):
    assets, tables = _tables(pack_file, 6, 3, 45.0)
    outputs = [np.empty((6, 3, *shape), np.float32) for shape in ((3, 16, 16), (16, 16), (16, 16), (4, 16, 16))]
    render_objects(*tables, assets, 1, *outputs)
    views = tables[3].astype(np.float64)
    for view in views.reshape(-1, views.shape[-1]):
        photo, turned = view[PHOTO : PHOTO + 9].reshape(3, 3), view[TURN : TURN + 9].reshape(3, 3)
        np.testing.assert_allclose(photo @ photo.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(photo) > 0
        photo_from_view = photo @ turned.T
        np.testing.assert_allclose(photo_from_view, minimal_rotation(photo_from_view[:, 2]), atol=1e-5)

    intrinsics, world_to_camera, own_scale, unit = poses_of(torch.from_numpy(tables[3]))
    # The centre of the bounding ball, seen from each view, lies where the own frame says.
    for b, v in itertools.product(range(6), range(3)):
        view = views[b, v]
        centre = -(view[TURN : TURN + 9].reshape(3, 3) @ view[EYE : EYE + 3]) * float(unit[b])
        own_depth = centre[2] * float(own_scale[b, v])
        assert own_depth == pytest.approx(object_distance(view[HALF_ANGLE]), rel=1e-5)
        first = world_to_camera[b, 0].double().numpy()
        centre_0 = -(views[b, 0, TURN : TURN + 9].reshape(3, 3) @ views[b, 0, EYE : EYE + 3]) * float(unit[b])
        world = (centre_0 - first[:3, 3]) @ first[:3, :3]
        pose = world_to_camera[b, v].double().numpy()
        np.testing.assert_allclose(pose[:3, :3] @ world + pose[:3, 3], centre, atol=1e-4)


def test_views_keep_their_distance(pack_file):
    _, tables = _tables(pack_file, 60, 5, 45.0)
    directions = tables[3][..., EYE : EYE + 3]
    directions = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    cosines = directions @ directions.transpose(0, 2, 1) - 2 * np.eye(5)
    closest = np.degrees(np.arccos(cosines.max((1, 2))))
    assert (closest > 14.9).all()
    assert 0.5 < (closest > 44.9).mean() < 0.95


def test_faults_of_photos_are_small_and_there(batch):
    difference = (batch.images[:, :, 3] - batch.target_mask).abs()
    assert 0.001 < difference.mean() < 0.08
    inside = (batch.target_mask == 1)[:, :, None] & (batch.images[:, :, 3:] == 1)
    colour = ((batch.images[:, :, :3] - batch.target_rgb).abs() * inside).sum() / inside.sum() / 3
    assert 0.005 < colour < 0.12
