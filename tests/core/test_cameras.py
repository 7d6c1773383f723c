"""Camera conventions: the canonical camera, the cone of a mask, poses, and files of intrinsics."""

import json
import math

import numpy as np
import pytest
from pflrm.core.cameras import (
    CANONICAL_FILL,
    Camera,
    Intrinsics,
    KnownCamera,
    bounding_cone,
    canonical_intrinsics,
    half_angle_of,
    invert_pose,
    load_known_cameras,
    minimal_rotation,
    object_distance,
    pose,
    reference_pose,
    rotation_angle,
    save_cameras,
)
from pflrm.core.errors import InputError
from scipy.spatial.transform import Rotation


def sphere_mask(camera: Intrinsics, centre: np.ndarray, radius: float) -> np.ndarray:
    """The pixels whose rays hit a sphere: the oracle is the distance of the centre from the ray."""
    x = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    rays = np.stack([*np.meshgrid(x, y), np.ones((camera.height, camera.width))], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    return np.linalg.norm(np.cross(rays, centre), axis=-1) < radius


@pytest.mark.parametrize("direction", [(0, 0, 5), (1.2, -0.5, 4), (-2.5, 1.5, 4)])
@pytest.mark.parametrize("radius", [0.4, 1.0])
def test_cone_of_a_sphere(direction, radius):
    camera = Intrinsics(800, 600, 420.0, 400.0, 390.0, 310.0)
    centre = np.array(direction, dtype=float)
    axis, half_angle = bounding_cone(sphere_mask(camera, centre, radius), camera)
    distance = np.linalg.norm(centre)
    pixel = math.degrees(1 / camera.fx)
    assert math.degrees(math.acos(axis @ centre / distance)) < 0.6 * pixel
    assert math.degrees(half_angle) == pytest.approx(math.degrees(math.asin(radius / distance)), abs=0.8 * pixel)


@pytest.mark.parametrize("half_degrees", [30, 45, 60])
@pytest.mark.parametrize("tilt", [0, 5, 12])
def test_cone_of_a_wide_object(half_degrees, tilt):
    camera = Intrinsics.from_fov(1400, 1400, 150.0)
    direction = np.array([math.sin(math.radians(tilt)), 0.0, math.cos(math.radians(tilt))])
    mask = sphere_mask(camera, direction, math.sin(math.radians(half_degrees)))
    axis, half_angle = bounding_cone(mask, camera)
    assert math.degrees(half_angle) == pytest.approx(half_degrees, abs=0.3)
    assert math.degrees(math.acos(min(1.0, axis @ direction))) < 0.3


def test_cone_of_one_pixel_has_the_size_of_a_pixel():
    camera = Intrinsics.from_fov(101, 101, 50.0)
    mask = np.zeros((101, 101), bool)
    mask[50, 50] = True
    axis, half_angle = bounding_cone(mask, camera)
    np.testing.assert_allclose(axis, [0, 0, 1], atol=1e-6)
    assert 0 < half_angle <= 1 / camera.fx


def test_canonical_camera_fills_its_view():
    half_angle = math.radians(20)
    camera = canonical_intrinsics(half_angle, 256)
    edge = camera.cx + camera.fx * math.tan(half_angle)
    assert edge == pytest.approx(128 + CANONICAL_FILL * 128)
    assert half_angle_of(camera) == pytest.approx(half_angle)
    # A sphere of radius 1 at this distance touches the cone.
    assert math.asin(1 / object_distance(half_angle)) == pytest.approx(half_angle)


def test_minimal_rotation_turns_the_axis_by_the_shortest_way():
    for direction in np.random.default_rng(0).normal(size=(20, 3)):
        direction /= np.linalg.norm(direction)
        rotation = minimal_rotation(direction)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        np.testing.assert_allclose(rotation @ [0, 0, 1], direction, atol=1e-12)
        angle = math.degrees(math.acos(direction[2]))
        assert rotation_angle(rotation) == pytest.approx(angle, abs=1e-5)


def test_minimal_rotation_has_no_way_backwards():
    with pytest.raises(ValueError, match="backwards"):
        minimal_rotation(np.array([0.0, 0.0, -1.0]))


def test_inverse_of_poses():
    rotations = Rotation.random(5, random_state=1).as_matrix()
    poses = np.stack([pose(rotation, np.array([1.0, -2.0, k])) for k, rotation in enumerate(rotations)])
    np.testing.assert_allclose(invert_pose(poses), np.linalg.inv(poses), atol=1e-12)


def test_rotation_angle_agrees_with_scipy():
    rotations = Rotation.random(10, random_state=2)
    np.testing.assert_allclose(rotation_angle(rotations.as_matrix()), np.degrees(rotations.magnitude()), atol=1e-5)


def test_reference_camera_looks_along_y_with_z_up():
    camera_from_world = reference_pose(3.0)
    np.testing.assert_allclose(invert_pose(camera_from_world)[:3, 3], [0, -3, 0], atol=1e-12)
    origin, above, behind = (camera_from_world @ [*point, 1] for point in ((0, 0, 0), (0, 0, 1), (0, 1, 0)))
    np.testing.assert_allclose(origin[:3], [0, 0, 3])
    assert above[1] < 0  # up in the photo, where y points down
    assert behind[2] > 3


def test_intrinsics_from_angle_and_focal_length():
    full_frame = Intrinsics.from_focal_35mm(6000, 4000, 50.0)
    assert full_frame.fx == pytest.approx(50 * 6000 / 36)
    upright = Intrinsics.from_fov(600, 800, 90.0)
    assert upright.fx == pytest.approx(400)
    assert (upright.cx, upright.cy) == (300, 400)


def test_resized_intrinsics_see_the_same_point():
    camera = Intrinsics(800, 600, 700.0, 710.0, 390.0, 310.0)
    half = camera.resized(400, 300)
    point = np.array([0.3, -0.2, 2.0])
    full, small = camera.matrix() @ point, half.matrix() @ point
    np.testing.assert_allclose(small[:2] / small[2], full[:2] / full[2] / 2)
    np.testing.assert_allclose(half.normalised(), camera.normalised())
    assert camera.with_focal_scaled(2).fx == 1400


def test_saved_cameras_give_their_intrinsics_back(tmp_path):
    camera = Intrinsics(800, 600, 700.0, 710.0, 390.0, 310.0)
    path = tmp_path / "cameras.json"
    save_cameras(path, [Camera("folder/a.jpg", camera, reference_pose(3.0), 0.5)])
    assert load_known_cameras(path) == {"a.jpg": KnownCamera(camera, None)}
    content = json.loads(path.read_text())
    assert content["units"] == "object"
    assert content["up"] == [0, 0, 1]
    assert content["reference"] == 0
    np.testing.assert_allclose(content["photos"][0]["world_to_camera"], reference_pose(3.0))


GOOD = {"file": "a.jpg", "width": 8, "height": 6, "fx": 7, "fy": 7, "cx": 4, "cy": 3}


@pytest.mark.parametrize("text", [
    "no json",
    "[]",
    "{}",
    '{"photos": 3}',
    json.dumps({"photos": [{**GOOD, "fx": "wide"}]}),
    json.dumps({"photos": [{**GOOD, "fx": None}]}),
    json.dumps({"photos": [{key: value for key, value in GOOD.items() if key != "cy"}]}),
    json.dumps({"photos": [{**GOOD, "fx": 0}]}),
    json.dumps({"photos": [{**GOOD, "width": -8}]}),
    json.dumps({"photos": [{**GOOD, "width": 400, "fx": 1.2, "fy": 1.2}]}),  # in units of the width
    json.dumps({"photos": [{**GOOD, "width": 4000, "height": 3000, "fx": 35, "fy": 35}]}),  # in millimetres
    json.dumps({"photos": [{**GOOD, "fy": 0.01}]}),
    json.dumps({"photos": [{**GOOD, "fx": 7e5, "fy": 7e5}]}),
    '{"photos": [{"file": "a.jpg", "width": 8, "height": 6, "fx": NaN, "fy": 7, "cx": 4, "cy": 3}]}',
])
def test_unusable_intrinsics_files_are_refused(tmp_path, text):
    path = tmp_path / "intrinsics.json"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        load_known_cameras(path)
    assert "intrinsics.json" in refusal.value.message
    assert refusal.value.remedy


def test_two_photos_of_one_name_are_refused(tmp_path):
    path = tmp_path / "intrinsics.json"
    path.write_text(json.dumps({"photos": [{**GOOD, "file": "left/0.png"}, {**GOOD, "file": "right/0.png"}]}))
    with pytest.raises(InputError, match=r"intrinsics\.json.* two photos are called 0\.png"):
        load_known_cameras(path)


def test_missing_intrinsics_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        load_known_cameras(tmp_path / "none.json")


def test_binary_intrinsics_file_is_refused(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match=r"photo\.jpg"):
        load_known_cameras(path)
