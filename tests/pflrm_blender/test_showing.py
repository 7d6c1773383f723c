from __future__ import annotations

import math

import bpy
import pytest
from pflrm.pflrm_blender import results, showing
from pflrm.pflrm_blender import scene as scenes


@pytest.fixture
def cube(extension):
    """The default cube: two metres wide, around the world's origin, selected."""
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    return bpy.context.object


@pytest.fixture
def collection(extension, cube, result_file):
    result = scenes.apply_result(extension, scenes.load_result(result_file), "Robot", size=0.5)
    return bpy.data.collections[result.collection]


def test_a_result_alone_is_selected_and_moves_as_one(extension, cube, collection):
    showing.select_only(extension, collection)
    assert set(bpy.context.view_layer.objects.selected) == set(collection.objects)
    assert bpy.context.view_layer.objects.active == results.root_of(collection)


def test_a_result_that_its_view_layer_leaves_out_is_left_alone(extension, cube, collection):
    bpy.context.view_layer.layer_collection.children[collection.name].exclude = True
    showing.select_only(extension, collection)
    assert not bpy.context.view_layer.objects.selected


@pytest.fixture
def viewport(extension):
    """A 3D viewport of the window that shows the scene."""
    window = bpy.context.window_manager.windows[0]
    window.scene = extension
    return next(area.spaces.active for area in window.screen.areas if area.type == "VIEW_3D")


def test_a_result_comes_into_view_whole(extension, collection, viewport):
    viewport.region_3d.view_perspective = "PERSP"
    viewport.region_3d.view_location = (50.0, 0.0, 0.0)
    showing.frame(extension, collection)
    points = [camera.matrix_world.translation for camera in results.cameras_of(collection)]
    half_angle = math.atan(36 / viewport.lens)  # across the longer side of a viewport, whose sensor is 72 mm wide
    for point in points:
        away = (point - viewport.region_3d.view_location).length
        assert math.asin(away / viewport.region_3d.view_distance) < half_angle


def test_a_view_through_a_camera_stays(extension, collection, viewport):
    viewport.region_3d.view_perspective = "CAMERA"
    viewport.region_3d.view_location = (50.0, 0.0, 0.0)
    showing.frame(extension, collection)
    assert tuple(viewport.region_3d.view_location) == (50.0, 0.0, 0.0)


def test_what_hides_a_result_is_found(extension, cube, collection):
    assert showing.covers_of(extension, collection) == [cube]


def test_a_result_that_reaches_the_top_of_what_hides_it_is_hidden(extension, cube, collection):
    root = results.root_of(collection)
    root.scale *= 1.0 / collection.objects[root.name].scale.x
    bpy.context.view_layer.update()
    mesh = results.mesh_of(collection)
    top = max((mesh.matrix_world @ vertex.co).z for vertex in mesh.data.vertices)
    cube.scale = (4.0, 4.0, top * (1 - 1e-6))
    bpy.context.view_layer.update()
    assert showing.covers_of(extension, collection) == [cube]


@pytest.mark.parametrize("change", [
    lambda cube: setattr(cube, "location", (0.9, 0.0, 0.0)),
    lambda cube: setattr(cube, "scale", (0.1, 1.0, 1.0)),
    lambda cube: setattr(cube, "scale", (0.0, 1.0, 1.0)),
    lambda cube: setattr(cube, "display_type", "WIRE"),
    lambda cube: cube.hide_set(True),
    lambda cube: bpy.data.objects.remove(cube),
], ids=["moved", "too thin", "flat", "wire", "hidden", "deleted"])  # fmt: skip
def test_what_shows_some_of_a_result_does_not_hide_it(extension, cube, collection, change):
    change(cube)
    bpy.context.view_layer.update()
    assert showing.covers_of(extension, collection) == []


def test_another_result_in_the_same_place_is_found(extension, collection, result_file):
    assert showing.in_same_place(extension, collection) is None  # the cube is no result
    second = scenes.apply_result(extension, scenes.load_result(result_file), "Robot", size=0.5)
    again = bpy.data.collections[second.collection]
    assert showing.in_same_place(extension, again) == collection
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    assert showing.covers_of(extension, again) == []  # it is no stranger's object
    results.root_of(again).location.x += 3.0
    bpy.context.view_layer.update()
    assert showing.in_same_place(extension, again) is None
    results.root_of(again).location.x -= 3.0
    results.mesh_of(collection).hide_set(True)
    bpy.context.view_layer.update()
    assert showing.in_same_place(extension, again) is None


def test_cameras_alone_are_hidden_by_nothing(extension, cube, collection):
    bpy.data.objects.remove(results.mesh_of(collection))
    assert showing.covers_of(extension, collection) == []
