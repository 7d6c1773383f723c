from __future__ import annotations

import math
import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from pflrm.pflrm_blender import photo_images, results, texture
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests import fake_result


def contents() -> dict[str, set[str]]:
    """The names of every datablock in the file, by kind."""
    kinds = ("objects", "cameras", "meshes", "materials", "collections", "images")
    return {kind: {item.name for item in getattr(bpy.data, kind)} for kind in kinds}


def reprojection_error(scene: bpy.types.Scene, data: scenes.ResultData, result: results.Result) -> float:
    """Largest distance in pixels between the photo's pixel of a vertex and where Blender's camera sees it.

    The outside oracle is Blender's own projection of the mesh's vertices, with the render set to the photo's size.
    """
    mesh = bpy.data.objects[result.mesh]
    worst = 0.0
    for index, name in enumerate(result.cameras):
        width, height = (int(value) for value in data.sizes[index])
        scene.render.resolution_x, scene.render.resolution_y = width, height
        fx, fy, cx, cy = data.intrinsics[index]
        bpy.context.view_layer.update()
        for vertex, point in zip(mesh.data.vertices, data.mesh.vertices, strict=True):
            x, y, z = (data.world_to_camera[index] @ [*point, 1.0])[:3]
            seen = world_to_camera_view(scene, bpy.data.objects[name], mesh.matrix_world @ vertex.co)
            expected = (fx * x / z + cx, fy * y / z + cy)
            worst = max(worst, math.dist(expected, (seen.x * width, (1 - seen.y) * height)))
    return worst


class TestCameras:
    def test_every_vertex_lands_on_its_pixel(self, scene, result_file):
        data = scenes.load_result(result_file)
        result = scenes.apply_result(scene, data, "Robot")
        assert reprojection_error(scene, data, result) < 1e-3

    def test_a_photo_that_was_replaced_is_shown_as_it_is_now(self, scene, photos, result_file):
        scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        shown = bpy.data.objects["front"].data.background_images[0].image
        assert max(shown.pixels[:3]) == 0
        fake_result.write_png(photos[0], np.full((30, 40, 3), 255, np.uint8))
        os.utime(photos[0], (1, 1))  # a file manager keeps the time of what it copies
        assert texture.read_photos(scenes.load_result(result_file))[0].pixels.min() == 255
        again = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        image = bpy.data.objects[again.cameras[0]].data.background_images[0].image
        assert image == shown
        assert tuple(image.size) == (40, 30)
        assert min(image.pixels[:3]) == 1

    def test_what_the_artist_has_painted_on_a_photo_stays(self, scene, photos):
        image = photo_images.load_upright(photos[0])
        image.pixels[:] = [0.5] * len(image.pixels)
        os.utime(photos[0], (1, 1))
        photo_images.load_upright(photos[0])
        assert image.pixels[0] == pytest.approx(0.5, abs=0.01)

    def test_the_root_carries_everything(self, scene, result_file):
        data = scenes.load_result(result_file)
        result = scenes.apply_result(scene, data, "Robot", size=0.4, location=(3.0, -2.0, 1.0))
        turned = Matrix.LocRotScale(Vector((5, 6, 7)), Matrix.Rotation(1.0, 3, "X").to_quaternion(), Vector((9, 9, 9)))
        bpy.data.objects[result.root].matrix_world = turned
        bpy.context.view_layer.update()
        camera = bpy.data.objects[result.cameras[0]]
        assert camera.matrix_world.to_scale().x == pytest.approx(9)
        assert reprojection_error(scene, data, result) < 1e-3
        distance = (camera.matrix_world.translation - bpy.data.objects[result.mesh].matrix_world.translation).length
        assert camera.data.clip_start < distance / 2
        assert camera.data.clip_end > distance * 2

    def test_names_and_notes(self, scene, result_file, photos):
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert result.collection == "PF-LRM Robot"
        assert result.cameras == ("front", "left", "back")
        left = bpy.data.objects["left"]
        assert left["pflrm_photo"] == str(photos[1])
        assert list(left["pflrm_photo_size"]) == [48, 64]
        assert left["pflrm_confidence"] == pytest.approx(0.55)
        assert [camera.name for camera in results.cameras_of(bpy.data.collections[result.collection])] == [
            "front", "left", "back",
        ]

    def test_pixels_that_are_not_square_are_told(self, scene, tmp_path, photos):
        intrinsics = np.array([[80.0, 84.0, 33.0, 22.0]])
        path = fake_result.make_result(tmp_path / "r.npz", photos[:1], intrinsics=intrinsics)
        result = scenes.apply_result(scene, scenes.load_result(path), "Robot")
        assert any("front.png" in warning and "not square" in warning for warning in result.warnings)

    def test_the_photo_spans_the_frame_whatever_is_rendered(self, scene, result_file):
        scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        front = bpy.data.objects[result.cameras[0]]
        assert front.data.background_images[0].frame_method == "CROP"
        scene.render.resolution_x, scene.render.resolution_y = 1080, 1920
        results.fit_background(scene, front)
        assert front.data.background_images[0].frame_method == "FIT"


class TestPhotos:
    def test_each_camera_shows_its_photo(self, scene, result_file, photos):
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        for name, photo in zip(result.cameras, photos, strict=True):
            camera = bpy.data.objects[name].data
            assert camera.show_background_images
            assert Path(bpy.path.abspath(camera.background_images[0].image.filepath)) == photo
            assert camera.background_images[0].alpha == pytest.approx(0.5)

    def test_a_photo_on_its_side_is_turned_and_packed(self, scene, tmp_path, photos):
        fake_result.set_orientation(photos[0], 6)  # the camera was held upright: stored 64 × 48, shown 48 × 64
        image = photo_images.load_upright(photos[0])
        assert tuple(image.size) == (48, 64)
        assert image.packed_file is not None
        pixels = np.array(image.pixels[:]).reshape(64, 48, 4)[::-1]
        assert pixels[5, -5, 0] == 1.0  # the stored top left corner is now at the top right
        assert pixels[5, 5, 0] == 0.0
        assert photo_images.load_upright(photos[0]) == image
        assert [item.name for item in bpy.data.images] == [image.name]

    def test_a_photo_that_blender_cannot_read_costs_only_its_background(self, scene, result_file, photos):
        photos[1].write_bytes(b"not a picture")
        photos[2].unlink()
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert [len(bpy.data.objects[name].data.background_images) for name in result.cameras] == [1, 0, 0]
        assert sum("cannot be shown" in warning for warning in result.warnings) == 2
        assert {image.name for image in bpy.data.images} == {"front.png"}

    def test_a_photo_that_blender_cannot_read_shows_the_copy_that_came_along(self, scene, tmp_path, photos):
        heic = tmp_path / "front.heic"
        heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
        copy = np.frombuffer(photos[0].read_bytes(), np.uint8)
        path = fake_result.make_result(tmp_path / "r.npz", [heic, *photos[1:]], copy_0=copy)
        data = scenes.load_result(path)
        result = scenes.apply_result(scene, data, "Robot")
        assert result.warnings == ("A warning from the worker.",)
        (background,) = bpy.data.objects[result.cameras[0]].data.background_images
        image = background.image
        assert (image.name, tuple(image.size)) == ("front.heic", fake_result.SIZES[0])
        assert image.packed_file is not None
        assert image.filepath == ""  # unpacked it would else write over the photo
        again = scenes.apply_result(scene, data, "Robot")
        assert bpy.data.objects[again.cameras[0]].data.background_images[0].image == image
        before = set(bpy.data.images)
        assert len(texture.read_photos(data)) == 3
        assert set(bpy.data.images) == before

    def test_an_image_that_is_there_is_used_again(self, scene, result_file, photos):
        mine = bpy.data.images.load(str(photos[0]))
        scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert bpy.data.objects["front"].data.background_images[0].image == mine


class TestMesh:
    def test_shape_colour_and_material(self, scene, result_file):
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        mesh = bpy.data.objects[result.mesh].data
        truth = fake_result.octahedron()
        assert len(mesh.vertices) == 6
        assert len(mesh.polygons) == 8
        for polygon in mesh.polygons:  # outward
            assert polygon.normal.dot(polygon.center) > 0
        colours = mesh.color_attributes["Color"]
        for colour, expected in zip(colours.data, truth["colours"], strict=True):
            assert list(colour.color_srgb)[:3] == pytest.approx(list(expected), abs=1 / 255)
        assert colours.data[5].color[1] == pytest.approx(0.1329, abs=0.004)  # 0.4 in sRGB, as light
        material = mesh.materials[0]
        base_colour = material.node_tree.nodes["Principled BSDF"].inputs["Base Color"]
        assert base_colour.links[0].from_node.layer_name == "Color"

    def test_faces_without_an_area_are_left_out(self, scene, tmp_path, photos):
        faces = np.vstack([fake_result.octahedron()["faces"], [[0, 0, 1]]]).astype(np.int32)
        path = fake_result.make_result(tmp_path / "r.npz", photos, faces=faces)
        result = scenes.apply_result(scene, scenes.load_result(path), "Robot")
        assert len(bpy.data.objects[result.mesh].data.polygons) == 8
        assert any("without an area" in warning for warning in result.warnings)

    @pytest.mark.parametrize(("on_floor", "lowest"), [(True, 1.0), (False, 0.8)])
    def test_size_and_place(self, scene, result_file, on_floor, lowest):
        data = scenes.load_result(result_file)
        result = scenes.apply_result(scene, data, "Robot", size=0.8, location=(0, 0, 1.0), on_floor=on_floor)
        mesh = bpy.data.objects[result.mesh]
        heights = [(mesh.matrix_world @ vertex.co).z for vertex in mesh.data.vertices]
        assert min(heights) == pytest.approx(lowest)
        corners = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
        assert np.ptp(corners, axis=0).max() == pytest.approx(0.8)

    @pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, -0.6, 0.8), (0.36, 0.48, 0.8), (0.0, 0.0, -1.0)])
    def test_the_object_stands_upright(self, scene, tmp_path, photos, up):
        path = fake_result.make_result(tmp_path / "r.npz", photos, up=np.array(up))
        data = scenes.load_result(path)
        result = scenes.apply_result(scene, data, "Robot", size=0.8, location=(0, 0, 1.0))
        mesh = bpy.data.objects[result.mesh]
        corners = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
        heights = data.mesh.vertices @ np.array(up)
        scale = bpy.data.objects[result.root].scale.x
        np.testing.assert_allclose(corners[:, 2] - 1, scale * (heights - heights.min()), atol=1e-5)
        assert tuple(bpy.data.objects[result.root].rotation_euler) == (0, 0, 0)  # axes that an artist can work with
        assert corners[:, 2].min() == pytest.approx(1.0)
        assert np.ptp(corners, axis=0).max() == pytest.approx(0.8)
        assert reprojection_error(scene, data, result) < 1e-3

    def test_cameras_alone(self, scene, tmp_path, photos):
        path = fake_result.make_result(tmp_path / "r.npz", photos, mesh=False)
        result = scenes.apply_result(scene, scenes.load_result(path), "Robot", size=3.0)
        assert result.mesh is None
        assert not bpy.data.meshes
        assert bpy.data.objects[result.root].scale.x == pytest.approx(1.5)


class TestFaceLimit:
    @pytest.fixture
    def ball(self, tmp_path: Path, photos: list[Path]) -> scenes.ResultData:
        """A sphere of 1280 triangles, each vertex coloured by where it is."""
        import bmesh  # is there only after bpy

        sphere = bmesh.new()
        bmesh.ops.create_icosphere(sphere, subdivisions=4, radius=1.0)
        vertices = np.array([vertex.co for vertex in sphere.verts], np.float32)
        faces = np.array([[vertex.index for vertex in face.verts] for face in sphere.faces], np.int32)
        sphere.free()
        path = fake_result.make_result(
            tmp_path / "ball.npz", photos, vertices=vertices, faces=faces, normals=vertices, colours=(vertices + 1) / 2
        )
        return scenes.load_result(path)

    @pytest.mark.parametrize("limit", [1000, 200, scenes.LEAST_FACES])
    def test_a_modifier_keeps_that_many_faces_and_their_colours(self, scene, ball, limit):
        result = scenes.apply_result(scene, ball, "Ball", face_limit=limit)
        made = bpy.data.objects[result.mesh]
        assert len(made.data.polygons) == 1280
        assert [modifier.type for modifier in made.modifiers] == ["DECIMATE"]
        seen = made.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        assert 0.98 * limit <= len(seen.polygons) <= limit
        assert results.faces_of(made) == len(seen.polygons)
        assert {len(polygon.vertices) for polygon in seen.polygons} == {3}
        if limit >= 200:
            colours = np.array([colour.color_srgb[:3] for colour in seen.color_attributes["Color"].data])
            places = np.array([vertex.co for vertex in seen.vertices])
            assert np.abs(colours - (places + 1) / 2).max() < 0.05
        assert seen.materials[0].original == made.data.materials[0]

    def test_the_artist_can_lift_it(self, scene, ball):
        made = bpy.data.objects[scenes.apply_result(scene, ball, "Ball", face_limit=200).mesh]
        made.modifiers[0].show_viewport = False
        assert results.faces_of(made) == 1280

    @pytest.mark.parametrize("limit", [None, 1280, 5000])
    def test_there_is_no_modifier_where_none_is_needed(self, scene, ball, limit):
        made = bpy.data.objects[scenes.apply_result(scene, ball, "Ball", face_limit=limit).mesh]
        assert not made.modifiers
        assert results.faces_of(made) == 1280


class TestTheArtistsFile:
    def test_a_second_run_leaves_the_first_alone(self, scene, result_file):
        data = scenes.load_result(result_file)
        first = scenes.apply_result(scene, data, "Robot")
        bpy.data.objects[first.cameras[0]].location.x += 1.0
        before = bpy.data.objects[first.cameras[0]].location.copy()
        second = scenes.apply_result(scene, data, "Robot")
        assert second.collection == "PF-LRM Robot.001"
        assert bpy.data.objects[first.cameras[0]].location == before
        assert not set(first.cameras) & set(second.cameras)
        assert [run.name for run in results.results_of(scene)] == [first.collection, second.collection]
        assert len(bpy.data.images) == 3

    def test_an_empty_scene_gets_a_camera_and_markers(self, scene, result_file):
        result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert scene.camera.name == result.cameras[0]
        markers = {marker.frame: marker.camera.name for marker in scene.timeline_markers}
        assert markers == {1: "front", 2: "left", 3: "back"}

    def test_a_camera_of_the_artist_stays_in_charge(self, scene, result_file):
        mine = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
        scene.collection.objects.link(mine)
        scene.camera = mine
        scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        scene.frame_set(2)
        assert scene.camera == mine

    def test_markers_come_behind_those_there_are(self, scene, result_file):
        scene.timeline_markers.new("Beat", frame=40)
        scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert sorted((marker.frame, marker.name) for marker in scene.timeline_markers) == [
            (40, "Beat"), (41, "front"), (42, "left"), (43, "back"),
        ]

    @pytest.mark.parametrize("step", ["_make_material", "_show_photo", "_show_cameras"])
    def test_a_failure_half_way_leaves_no_trace(self, scene, result_file, monkeypatch, step):
        scene.timeline_markers.new("Beat", frame=40)
        scenes.apply_result(scene, scenes.load_result(result_file), "Earlier")
        before, markers, camera = contents(), len(scene.timeline_markers), scene.camera
        original = getattr(scenes._Builder, step)

        def fail(self, *arguments):
            original(self, *arguments)
            raise MemoryError("no room")

        monkeypatch.setattr(scenes._Builder, step, fail)
        with pytest.raises(MemoryError):
            scenes.apply_result(scene, scenes.load_result(result_file), "Robot")
        assert contents() == before
        assert len(scene.timeline_markers) == markers
        assert scene.camera == camera


class TestFiles:
    def test_a_damaged_result_is_refused_in_words(self, tmp_path, result_file):
        for path in (tmp_path / "missing.npz", tmp_path / "damaged.npz", tmp_path / "lacking.npz"):
            if path.stem == "damaged":
                path.write_bytes(result_file.read_bytes()[:300])
            if path.stem == "lacking":
                np.savez(path, files=np.array(["a.png"]))
            with pytest.raises(scenes.ResultError, match=path.name):
                scenes.load_result(path)

    @pytest.mark.parametrize("index", [-1, 6])
    def test_faces_of_unknown_vertices_are_refused(self, tmp_path, photos, index):
        path = fake_result.make_result(tmp_path / "r.npz", photos, faces=np.array([[0, 1, index]], np.int32))
        with pytest.raises(scenes.ResultError, match="damaged"):
            scenes.load_result(path)

    def test_pickled_arrays_are_refused(self, tmp_path, photos):
        path = fake_result.make_result(tmp_path / "r.npz", photos, warnings=np.array([{"a": 1}], dtype=object))
        with pytest.raises(scenes.ResultError):
            scenes.load_result(path)


@pytest.mark.parametrize("size", [0.01, 30.0])
def test_cameras_are_drawn_as_large_as_the_object_asks(scene, result_file, size):
    result = scenes.apply_result(scene, scenes.load_result(result_file), "Robot", size=size)
    camera = bpy.data.objects[result.cameras[0]]
    drawn = camera.data.display_size * camera.matrix_world.to_scale().x  # as Blender draws a camera that is scaled
    distance = (camera.matrix_world.translation - bpy.data.objects[result.root].matrix_world.translation).length
    assert drawn == pytest.approx(distance / 10, rel=0.1)
