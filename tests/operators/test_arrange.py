from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from pflrm.pflrm_blender import results
from pflrm.pflrm_blender import scene as scenes
from pflrm.tests import fake_result


def bounds(result):
    """Lowest and highest corner of the result's mesh in the world."""
    mesh = results.mesh_of(result)
    corners = np.array([mesh.matrix_world @ vertex.co for vertex in mesh.data.vertices])
    return corners.min(axis=0), corners.max(axis=0)


@pytest.fixture
def shown(extension, result_file):
    made = scenes.apply_result(extension, scenes.load_result(result_file), "Robot", location=(3.0, 0.0, 1.0), size=2.0)
    extension.pflrm_result = bpy.data.collections[made.collection]
    return extension


def test_a_turn_keeps_the_middle_the_height_and_the_cameras_views(shown):
    result = shown.pflrm_result
    mesh, camera = results.mesh_of(result), results.cameras_of(result)[1]
    low, high = bounds(result)
    seen = camera.matrix_world.inverted() @ mesh.matrix_world
    bpy.ops.pflrm.turn_result(axis="X")
    new_low, new_high = bounds(result)
    np.testing.assert_allclose((new_low + new_high)[:2], (low + high)[:2], atol=1e-5)
    assert new_low[2] == pytest.approx(low[2], abs=1e-5)
    np.testing.assert_allclose((new_high - new_low), (high - low)[[0, 2, 1]], atol=1e-5)
    np.testing.assert_allclose(camera.matrix_world.inverted() @ mesh.matrix_world, seen, atol=1e-5)


def test_four_turns_are_none(shown):
    before = results.root_of(shown.pflrm_result).matrix_world.copy()
    for _ in range(4):
        bpy.ops.pflrm.turn_result(axis="Y")
    np.testing.assert_allclose(results.root_of(shown.pflrm_result).matrix_world, before, atol=1e-5)


def test_drop_to_floor(shown):
    results.root_of(shown.pflrm_result).matrix_world @= Matrix.Rotation(0.7, 4, "X")
    bpy.context.view_layer.update()
    bpy.ops.pflrm.drop_to_floor()
    assert bounds(shown.pflrm_result)[0][2] == pytest.approx(0, abs=1e-6)


def test_without_its_root_a_result_cannot_be_turned(shown):
    bpy.data.objects.remove(results.root_of(shown.pflrm_result))
    assert not bpy.ops.pflrm.turn_result.poll()
    assert bpy.ops.pflrm.result_delete.poll()


def test_delete_takes_what_the_run_made_and_nothing_else(shown, photos, tmp_path):
    first = shown.pflrm_result
    other = scenes.apply_result(
        shown, scenes.load_result(fake_result.make_result(tmp_path / "other.npz", photos)), "Other"
    )
    hat = bpy.data.objects.new("Hat", None)
    first.objects.link(hat)
    meshes, cameras, markers = len(bpy.data.meshes), len(bpy.data.cameras), len(shown.timeline_markers)
    mine = {item.name for item in first.objects} - {"Hat"}
    bpy.ops.pflrm.result_delete()
    assert mine.isdisjoint(bpy.data.objects.keys())
    assert hat.name in shown.collection.objects
    assert (len(bpy.data.meshes), len(bpy.data.cameras)) == (meshes - 1, cameras - 3)
    assert len(shown.timeline_markers) == markers - 3
    assert [result.name for result in results.results_of(shown)] == [other.collection]
    assert shown.pflrm_result.name == other.collection


def own_mesh(name, collection):
    """An object that the artist has modelled in a collection."""
    item = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    collection.objects.link(item)
    return item


def test_delete_leaves_the_artists_mesh_beside_cameras_alone(extension, photos, tmp_path):
    file = fake_result.make_result(tmp_path / "cameras.npz", photos, mesh=False)
    made = scenes.apply_result(extension, scenes.load_result(file), "Robot")
    extension.pflrm_result = result = bpy.data.collections[made.collection]
    own = own_mesh("Model", result)
    assert results.mesh_of(result) is None
    bpy.ops.pflrm.result_delete()
    assert own.name in extension.collection.objects
    assert not any(item.type == "CAMERA" for item in bpy.data.objects)


def test_delete_leaves_a_duplicate_of_the_mesh_where_it_stands(shown):
    result = shown.pflrm_result
    mesh = results.mesh_of(result)
    retopology = mesh.copy()
    retopology.data = mesh.data.copy()
    result.objects.link(retopology)
    bpy.context.view_layer.update()
    place = retopology.matrix_world.copy()
    for item in shown.objects:
        item.select_set(item == mesh)
    bpy.ops.object.delete()
    assert results.mesh_of(result) is None
    bpy.ops.pflrm.result_delete()
    bpy.context.view_layer.update()
    assert retopology.name in shown.collection.objects
    np.testing.assert_allclose(retopology.matrix_world, place, atol=1e-6)
    assert [item.name for item in bpy.data.objects] == [retopology.name]  # what was deleted before is gone for good


def test_delete_leaves_what_lies_in_collections_below(shown):
    below = bpy.data.collections.new("Retopology")
    shown.pflrm_result.children.link(below)
    own = own_mesh("Model", below)
    bpy.ops.pflrm.result_delete()
    assert below.name in shown.collection.children
    assert own.name in shown.objects


def test_made_objects_are_known_in_collections_below_and_after_loading(shown, tmp_path):
    below = bpy.data.collections.new("Cameras")
    shown.pflrm_result.children.link(below)
    left = results.cameras_of(shown.pflrm_result)[1]
    below.objects.link(left)
    shown.pflrm_result.objects.unlink(left)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "work.blend"))
    result = bpy.context.scene.pflrm_result
    assert [camera.name for camera in results.cameras_of(result)] == ["front", "left", "back"]
    bpy.ops.pflrm.result_delete()
    assert not bpy.data.objects


def test_one_result_is_shown_alone(shown, photos, tmp_path):
    first = shown.pflrm_result
    made = scenes.apply_result(
        shown, scenes.load_result(fake_result.make_result(tmp_path / "other.npz", photos)), "Other"
    )
    bpy.ops.pflrm.show_alone()
    other = bpy.data.collections[made.collection]
    assert (first.hide_render, other.hide_render, other.hide_viewport) == (False, True, True)
    shown.pflrm_result = other
    bpy.ops.pflrm.show_alone()
    assert (first.hide_render, other.hide_render, other.hide_viewport) == (True, False, False)


@pytest.fixture
def two(shown, result_file):
    """The result Robot in front, and another one, Statue, somewhere else."""
    scenes.apply_result(shown, scenes.load_result(result_file), "Statue", location=(-4.0, 5.0, 2.0))
    return shown


def test_compared_results_stand_side_by_side_and_go_back(two):
    front, other = two.pflrm_result, bpy.data.collections["PF-LRM Statue"]
    before = results.root_of(other).matrix_world.copy()
    other.hide_viewport = True
    bpy.ops.pflrm.compare(result=other.name)
    assert not other.hide_viewport
    (low, high), (other_low, _) = bounds(front), bounds(other)
    assert other_low[0] > high[0]
    assert other_low[2] == pytest.approx(low[2], abs=1e-5)
    bpy.ops.pflrm.compare()  # from the search: the other one
    np.testing.assert_allclose(results.root_of(other).matrix_world, before, atol=1e-5)


def test_there_is_nothing_to_compare_one_result_with(shown):
    with pytest.raises(RuntimeError, match="no other result"):
        bpy.ops.pflrm.compare()


def test_a_named_result_comes_to_the_front_alone_or_goes(two):
    robot, statue = two.pflrm_result, bpy.data.collections["PF-LRM Statue"]
    bpy.ops.pflrm.show_alone(result="PF-LRM Statue")
    assert two.pflrm_result == statue
    assert robot.hide_viewport
    bpy.ops.pflrm.result_front(result="PF-LRM Robot")
    assert two.pflrm_result == robot
    assert not robot.hide_viewport
    assert all(item.select_get() == (item.name in robot.objects) for item in two.objects)
    bpy.ops.pflrm.result_delete(result="PF-LRM Statue")
    assert results.results_of(two) == [robot] == [two.pflrm_result]
