"""The texture in Blender: coordinates, image, material, export; what undo and failures leave."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from pflrm.pflrm_blender import results, session, texture
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests import fake_result

from . import solids

bpy = pytest.importorskip("bpy")

CAMERAS = [solids.camera(azimuth) for azimuth in (0, 90, 180, 270)]
SIZE = 256


@pytest.fixture
def data(tmp_path):
    """A result for photos of a sphere in rainbow colours, on magenta, whose own colours are grey."""
    photos, files = [solids.photo_of_sphere(camera) for camera in CAMERAS], []
    for index, photo in enumerate(photos):
        files.append(tmp_path / f"{index}.png")
        fake_result.write_png(files[-1], photo.pixels)
    vertices, faces = solids.sphere()
    path = fake_result.make_result(
        tmp_path / "sphere.npz", files, vertices=vertices, faces=faces,
        colours=np.full((len(vertices), 3), 0.4, np.float32), world_to_camera=np.stack(CAMERAS),
        intrinsics=np.stack([photo.intrinsics for photo in photos]), size=np.full((4, 2), solids.SIDE),
        confidence=np.ones(4),
        **{f"mask_{index}": np.rint(255 * photo.mask).astype(np.uint8) for index, photo in enumerate(photos)},
    )  # fmt: skip
    return scenes.load_result(path)


@pytest.fixture
def textured(scene, data):
    return bpy.data.objects[_apply(scene, data).mesh]


def _apply(scene, data):
    projected = texture.project(data.mesh, texture.read_photos(data), SIZE)
    return scenes.apply_result(scene, data, "Ball", projected=projected)


def _image(mesh):
    shader = mesh.materials[0].node_tree.nodes["Principled BSDF"]
    return shader.inputs["Base Color"].links[0].from_node.image


def _colours_at(image, uv):
    pixels = np.array(image.pixels).reshape(image.size[1], image.size[0], 4)
    column, row = (np.clip(uv[:, axis] * image.size[axis], 0, image.size[axis] - 1).astype(int) for axis in (0, 1))
    return pixels[row, column, :3]


def test_the_mesh_shows_the_photos_at_its_uv_coordinates(textured):
    mesh = textured.data
    uv = np.array([corner.uv[:] for corner in mesh.uv_layers.active.data])
    points = np.array([mesh.vertices[loop.vertex_index].co[:] for loop in mesh.loops])
    assert mesh.uv_layers.active.active_render
    belt = np.abs(points[:, 2]) < 0.5
    error = np.abs(_colours_at(_image(mesh), uv) - solids.rainbow(points))[belt]
    assert np.median(error) < 0.03


def test_the_image_is_in_the_file_and_in_the_colours_of_the_photos(textured):
    image = _image(textured.data)
    assert image.packed_file is not None
    assert not image.is_float
    assert image.colorspace_settings.name == "sRGB"
    assert image.colorspace_settings.name == bpy.data.images["0.png"].colorspace_settings.name
    assert image.filepath == ""
    assert tuple(image.size) == (SIZE, SIZE)


def test_a_render_shows_what_the_photo_shows(scene, textured, tmp_path):
    """In even white light, from the first camera: no second gamma, no second gloss."""
    scene.world = bpy.data.worlds.new("White")
    if scene.world.node_tree is None:
        scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    scene.render.engine, scene.view_settings.view_transform = "CYCLES", "Standard"
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.render.filepath = str(tmp_path / "render.png")
    scene.timeline_markers.clear()
    scene.camera = bpy.data.objects["0"]
    bpy.ops.render.render(write_still=True)
    rendered = texture.read_pixels(bpy.data.images.load(scene.render.filepath)) / 255
    photo = solids.photo_of_sphere(CAMERAS[0]).pixels.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3)) / 255
    row, column = np.mgrid[:64, :64] - 31.5
    middle = np.hypot(row, column) < 15
    assert np.abs(rendered - photo)[middle].mean() < 0.02


def test_the_colours_of_the_vertices_stay(textured):
    assert textured.data.color_attributes.active_color.name == scenes.COLOUR_ATTRIBUTE
    assert len(textured.data.materials) == 1


def test_without_a_texture_nothing_changes(scene, data):
    mesh = bpy.data.objects[scenes.apply_result(scene, data, "Ball").mesh].data
    assert not mesh.uv_layers
    assert {node.bl_idname for node in mesh.materials[0].node_tree.nodes} >= {"ShaderNodeVertexColor"}


def test_decimation_keeps_the_picture_in_place(scene, data):
    projected = texture.project(data.mesh, texture.read_photos(data), SIZE)
    mesh = bpy.data.objects[
        scenes.apply_result(scene, data, "Ball", projected=projected, face_limit=len(data.mesh.faces) // 3).mesh
    ]
    seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    assert len(seen.polygons) <= len(data.mesh.faces) // 3
    uv = np.array([corner.uv[:] for corner in seen.uv_layers.active.data])
    points = np.array([seen.vertices[loop.vertex_index].co[:] for loop in seen.loops])
    middle, place = (values.reshape(-1, 3, values.shape[1]).mean(axis=1) for values in (uv, points))
    belt = np.abs(place[:, 2]) < 0.5
    error = np.abs(_colours_at(_image(mesh.data), middle) - solids.rainbow(place))[belt].max(axis=1)
    assert np.median(error) < 0.06
    assert np.mean(error > 0.2) < 0.03


def test_the_export_carries_the_picture_and_leaves_its_colours_alone(textured, tmp_path):
    path = tmp_path / "ball.glb"
    bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", export_apply=True)
    content = path.read_bytes()
    (length,) = struct.unpack("<I", content[12:16])
    gltf = json.loads(content[20 : 20 + length])
    (primitive,) = gltf["meshes"][0]["primitives"]
    assert "TEXCOORD_0" in primitive["attributes"]
    # Viewers multiply the first colours with the texture.
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    mesh = next(item.data for item in bpy.data.objects if item.type == "MESH")
    colours = mesh.color_attributes.get("Color")
    assert colours is None or all(min(value.color) == 1.0 for value in colours.data)
    material = gltf["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material["metallicFactor"] == 0
    image = gltf["images"][gltf["textures"][material["baseColorTexture"]["index"]]["source"]]
    assert image["mimeType"] == "image/png"
    assert "bufferView" in image


def test_photos_are_read_and_left_alone(scene, data):
    mine = bpy.data.images.load(str(data.files[0]))
    photos = texture.read_photos(data)
    assert list(bpy.data.images) == [mine]
    assert len(photos) == 4
    np.testing.assert_array_equal(photos[2].pixels, solids.photo_of_sphere(CAMERAS[2]).pixels)
    np.testing.assert_allclose(photos[2].mask, solids.photo_of_sphere(CAMERAS[2]).mask, atol=0.003)


def test_a_photo_that_blender_cannot_read_is_done_without(scene, data, tmp_path):
    broken = tmp_path / "broken.heic"
    broken.write_bytes(b"no picture")
    photos = texture.read_photos(replace(data, files=(data.files[0], broken, *data.files[2:])))
    np.testing.assert_array_equal([photo.world_to_camera for photo in photos], [CAMERAS[0], *CAMERAS[2:]])
    assert texture.project(data.mesh, [], SIZE) is None


def test_more_than_eight_bits_become_srgb(scene):
    image = bpy.data.images.new("Deep", 2, 1, float_buffer=True)
    image.pixels.foreach_set(np.array([0.2145, 0.0, 1.0, 1.0, 0.5, 0.5, 0.5, 1.0], np.float32))
    assert texture.read_pixels(image).tolist() == [[[128, 0, 255], [188, 188, 188]]]


def test_a_failure_leaves_nothing_behind(scene, data, monkeypatch):
    projected = texture.project(data.mesh, texture.read_photos(data), SIZE)

    def fail(self, cameras):
        raise RuntimeError("no room")

    monkeypatch.setattr(scenes._Builder, "_show_cameras", fail)
    with pytest.raises(RuntimeError):
        scenes.apply_result(scene, data, "Ball", projected=projected)
    assert not any(map(len, (bpy.data.images, bpy.data.meshes, bpy.data.materials, bpy.data.objects)))


class TestRun:
    """Through the session, as the button starts it."""

    @pytest.fixture
    def start(self, worker, extension, photos):
        def run(choice):
            extension.pflrm.texture = choice
            for photo in photos:
                extension.pflrm.photos.add().filepath = str(photo)
            session.start(extension, poses_only=False)

        return run

    @pytest.mark.parametrize(("choice", "size"), [("0", None), ("1024", 1024)])
    def test_the_choice_is_kept(self, extension, start, choice, size):
        start(choice)
        session.wait()
        mesh = results.mesh_of(extension.pflrm_result).data
        assert bool(mesh.uv_layers) == bool(size)
        if size:
            assert tuple(_image(mesh).size) == (size, size)

    def test_cancel_discards_the_result_while_it_is_projected(self, extension, start):
        start("1024")
        while session.state.run.texturing is None:
            session._advance(0.05)
        assert session.state.run.stage == texture.STAGE
        session.cancel()
        assert session.state.run is None
        assert not results.results_of(extension)
        assert not len(bpy.data.images)
