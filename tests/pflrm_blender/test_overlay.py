"""The overlay's lines and points, by Blender's own projection of them into the photos."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from pflrm.pflrm_blender import overlay
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests import fake_result

POINTS = np.array([[0.1, 0.2, 4.0, 0.9], [-0.3, 0.1, 3.5, 0.1]], np.float32)


@pytest.fixture
def truth(tmp_path, photos):
    """A result whose masks are where an octahedron's corners fall, by the same arithmetic as the worker's."""
    vertices, masks = fake_result.octahedron()["vertices"].astype(float), {}
    with np.load(fake_result.make_result(tmp_path / "bare.npz", photos)) as arrays:
        for index, (width, height) in enumerate(arrays["size"]):
            pose, (fx, fy, cx, cy) = arrays["world_to_camera"][index], arrays["intrinsics"][index]
            seen = vertices @ pose[:3, :3].T + pose[:3, 3]
            masks[f"mask_{index}"] = hull_mask(seen[:, :2] / seen[:, 2:] * (fx, fy) + (cx, cy), width, height)
    points = {f"points_{index}": POINTS for index in range(len(photos))}
    return fake_result.make_result(tmp_path / "result.npz", photos, **masks, **points)


def hull_mask(corners: np.ndarray, width: int, height: int) -> np.ndarray:
    """The convex hull of points in pixels as a mask: a pixel is inside if no line of two points parts it from them."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = np.ones((height, width), bool)
    for start in corners:
        for end in corners:
            across = np.array([start[1] - end[1], end[0] - start[0]])
            if across.any() and ((corners - start) @ across >= -1e-9).all():
                inside &= (x - start[0]) * across[0] + (y - start[1]) * across[1] >= 0
    return 255 * inside.astype(np.uint8)


@pytest.fixture
def built(scene, truth):
    """The scene, the cameras and the mesh, away from the origin, turned and scaled."""
    result = scenes.apply_result(scene, scenes.load_result(truth), "Robot", size=0.7, location=(1, 2, 3))
    bpy.data.objects[result.root].rotation_euler = (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    return scene, [bpy.data.objects[name] for name in result.cameras], bpy.data.objects[result.mesh]


def in_photo(scene, camera, positions):
    """Where Blender's camera sees positions, in shares of the photo."""
    scene.render.resolution_x, scene.render.resolution_y = camera["pflrm_photo_size"]
    seen = [world_to_camera_view(scene, camera, Vector(position)) for position in positions]
    return np.array([(place.x, 1 - place.y) for place in seen])


def test_outlines_lie_where_the_photo_shows_the_object(built, truth):
    scene, cameras, _ = built
    with np.load(truth) as arrays:
        for index, camera in enumerate(cameras):
            drawing = overlay.outline_of(camera)
            mask = arrays[f"mask_{index}"] > 127
            places = in_photo(scene, camera, drawing.positions) * mask.shape[::-1]
            low, high = places.min(axis=0), places.max(axis=0)
            rows, columns = np.nonzero(mask)
            assert low == pytest.approx([columns.min(), rows.min()], abs=0.02)
            assert high == pytest.approx([columns.max() + 1, rows.max() + 1], abs=0.02)
            assert len(drawing.colours) == len(drawing.positions) > 20


def test_a_mesh_in_its_place_leaves_short_green_lines(built):
    scene, cameras, mesh = built
    for camera in cameras:
        drawing = overlay.errors_of(camera, mesh)
        starts, ends = (in_photo(scene, camera, drawing.positions[side::2]) for side in (0, 1))
        assert len(starts) > 20
        assert np.linalg.norm(ends - starts, axis=1).max() < 1 / 40  # about a pixel of these small masks
        assert (drawing.colours[:, 1] > 0.7).all()


def test_a_mesh_beside_its_place_leaves_red_lines_as_long_as_it_was_moved(built):
    scene, cameras, mesh = built
    mesh.matrix_local = Matrix.Translation((0.5, 0.0, 0.0)) @ mesh.matrix_local  # across the first photo
    bpy.context.view_layer.update()
    drawing = overlay.errors_of(cameras[0], mesh)
    starts, ends = (in_photo(scene, cameras[0], drawing.positions[side::2]) for side in (0, 1))
    apart = np.abs(ends - starts)[:, 0].max()
    expected = 0.5 * fake_result.INTRINSICS[0][0] / 4.0 / fake_result.SIZES[0][0]
    assert apart == pytest.approx(expected, rel=0.15)
    worst = drawing.colours[np.linalg.norm(ends - starts, axis=1).argmax() * 2]
    assert worst[:3] == pytest.approx((1.0, 0.15, 0.1))


def test_a_mesh_that_a_camera_does_not_see_leaves_no_lines(built):
    _, cameras, mesh = built
    mesh.matrix_local = Matrix.Translation((0.0, -100.0, 0.0))
    bpy.context.view_layer.update()
    assert not len(overlay.errors_of(cameras[0], mesh).positions)


def test_whatever_the_artist_does_to_a_result_draws_without_an_error(built):
    scene, cameras, mesh = built
    mesh.data.clear_geometry()
    assert not len(overlay.errors_of(cameras[0], mesh).positions)
    mesh.parent.scale = (0, 0, 0)
    bpy.context.view_layer.update()
    for drawing in (overlay.outline_of(cameras[0]), overlay.errors_of(cameras[0], mesh), overlay.points_of(cameras[0])):
        assert np.isfinite(drawing.positions).all()


def test_points_stay_with_their_camera(built):
    scene, cameras, _ = built
    fx, fy, cx, cy = fake_result.INTRINSICS[0]
    expected = (POINTS[:, :2] / POINTS[:, 2:3] * (fx, fy) + (cx, cy)) / fake_result.SIZES[0]
    cameras[0].location.x += 0.3
    bpy.context.view_layer.update()
    drawing = overlay.points_of(cameras[0])
    assert in_photo(scene, cameras[0], drawing.positions) == pytest.approx(expected, abs=1e-4)
    assert drawing.colours[0, 1] > drawing.colours[1, 1]
    assert drawing.colours[1, 0] == 1.0


def test_what_is_shown_comes_back_with_the_file(built, tmp_path):
    _, cameras, mesh = built
    names, before = [cameras[0].name, mesh.name], overlay.outline_of(cameras[0]).positions
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    camera, mesh = (bpy.data.objects[name] for name in names)
    assert overlay.outline_of(camera).positions == pytest.approx(before, abs=1e-6)
    assert len(overlay.errors_of(camera, mesh).positions)
    assert len(overlay.points_of(camera).positions) == 2


def test_a_result_without_masks_or_points_shows_nothing(scene, result_file):
    result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
    camera, mesh = bpy.data.objects[result.cameras[0]], bpy.data.objects[result.mesh]
    for drawing in (overlay.outline_of(camera), overlay.errors_of(camera, mesh), overlay.points_of(camera)):
        assert drawing.positions.shape == (0, 3)
