"""The mesh of a field: analytic surfaces, trimesh as the outside judge, and every file read back."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from pflrm.core import marching
from pflrm.core import mesh as mesh_module
from pflrm.core.errors import CancelledError, InputError, PflrmError
from pflrm.core.mesh import Mesh, extract_mesh
from pflrm.core.mesh_files import save_mesh
from scipy.spatial import cKDTree

from .fields import AnalyticField, sphere, union, wavy_torus


def judge(mesh: Mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def test_sphere_has_its_volume_normals_and_colours() -> None:
    field = AnalyticField(sphere(0.8, (0.1, -0.2, 0.3)))
    mesh = extract_mesh(field, resolution=96, smoothing=0)
    offset = mesh.vertices - [0.1, -0.2, 0.3]
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), 0.8, atol=2e-3)
    np.testing.assert_allclose(judge(mesh).volume, 4 / 3 * np.pi * 0.8**3, rtol=5e-3)
    assert judge(mesh).is_watertight
    assert (np.einsum("ij,ij->i", mesh.normals, offset / 0.8) > 0.99).all()
    np.testing.assert_allclose(mesh.colours, 0.5 + 0.5 * np.sin(2 * mesh.vertices), atol=0.03)
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.normals.dtype, mesh.colours.dtype) == (
        np.float32, np.int32, np.float32, np.float32)


def test_a_saturated_field_shows_no_steps() -> None:
    """Densities a million times the level must not push the vertices to the ends of their edges."""
    field = AnalyticField(lambda points: 4 * sphere(0.8)(points))
    mesh = extract_mesh(field, resolution=64, smoothing=0)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.8).max() < 0.25 * 2.6 / 64


def test_a_surface_cut_by_the_box_is_closed() -> None:
    mesh = extract_mesh(AnalyticField(sphere(0.9, (0.9, 0.0, 0.0))), resolution=64)
    assert judge(mesh).is_watertight
    assert mesh.vertices[:, 0].max() < 1.3 + 2.6 / 64


def test_crumbs_and_inner_shells_are_dropped_and_large_parts_stay() -> None:
    def hollow(points: torch.Tensor) -> torch.Tensor:
        return torch.minimum(sphere(0.7)(points), -sphere(0.5)(points))

    field = AnalyticField(union(hollow, sphere(0.2), sphere(0.3, (0.95, 0.6, 0.6)), sphere(0.06, (-1.0, 1.0, 1.0))))
    parts = judge(extract_mesh(field, resolution=80)).split()
    assert sorted(round(float(part.extents[0] / 2), 1) for part in parts) == [0.3, 0.7]
    everything = judge(extract_mesh(field, resolution=80, smallest_part=0.0)).split()
    assert sorted(round(float(part.extents[0] / 2), 2) for part in everything) == [0.06, 0.3, 0.7]


def test_smoothing_takes_the_noise_and_leaves_the_volume() -> None:
    def rough(points: torch.Tensor) -> torch.Tensor:
        return sphere(0.8)(points) + 0.01 * torch.sin(1e4 * points.sum(dim=-1))

    raw = extract_mesh(AnalyticField(rough), resolution=64, smoothing=0)
    smoothed = extract_mesh(AnalyticField(rough), resolution=64, smoothing=5)
    spread = [np.linalg.norm(mesh.vertices, axis=1).std() for mesh in (raw, smoothed)]
    assert spread[1] < 0.6 * spread[0]
    np.testing.assert_allclose(judge(smoothed).volume, judge(raw).volume, rtol=0.01)


def test_smoothing_moves_vertices_towards_the_middle_of_their_neighbours() -> None:
    mesh = extract_mesh(AnalyticField(wavy_torus), resolution=24, smoothing=0)
    faces = mesh.faces[1:]  # an open edge counts as any other
    around: list[set[int]] = [set() for _ in mesh.vertices]
    for face in faces.tolist():
        for vertex in face:
            around[vertex] |= set(face) - {vertex}
    expected = mesh.vertices.astype(float)
    for factor in mesh_module.TAUBIN:
        middle = np.array([expected[list(near)].mean(axis=0) for near in around])
        expected = expected + factor * (middle - expected)
    np.testing.assert_allclose(mesh_module.smooth(mesh.vertices.astype(float), faces, 1), expected, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_field_without_a_surface_is_refused_with_advice(value: float) -> None:
    field = AnalyticField(lambda points: torch.full(points.shape[:-1], value) - 1e3)
    with pytest.raises(InputError, match="no surface") as caught:
        extract_mesh(field, resolution=16)
    assert caught.value.remedy


def test_progress_rises_to_one_and_can_stop_the_work() -> None:
    seen: list[float] = []
    extract_mesh(AnalyticField(wavy_torus), resolution=128, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 5

    def cancel(fraction: float) -> None:
        if fraction > 0.2:
            raise CancelledError("stopped")

    field = AnalyticField(wavy_torus)
    with pytest.raises(CancelledError):
        extract_mesh(field, resolution=256, progress=cancel)
    assert field.queried < 1e6


@pytest.fixture
def coloured_mesh() -> Mesh:
    """Different along every axis, so that no turn goes unseen."""
    def box(points: torch.Tensor) -> torch.Tensor:
        return -((points - torch.tensor([0.1, 0.2, 0.3])).abs() - torch.tensor([0.3, 0.5, 0.8])).amax(dim=-1)

    return extract_mesh(AnalyticField(box), resolution=24)


def linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def written_normals(path: Path, count: int) -> np.ndarray:
    """Read from the bytes: trimesh's readers make normals of their own."""
    data = path.read_bytes()
    if path.suffix == ".obj":
        return np.array([line.split()[1:] for line in data.decode().splitlines() if line.startswith("vn ")], float)
    if path.suffix == ".glb":
        size = struct.unpack_from("<I", data, 12)[0]
        header, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
        accessor = header["accessors"][header["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]
        start = header["bufferViews"][accessor["bufferView"]]["byteOffset"]
        return np.frombuffer(binary, np.float32, 3 * count, start).reshape(-1, 3)
    row = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 4)])
    return np.frombuffer(data.split(b"end_header\n", 1)[1], row, count)["normal"]


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb", ".PLY"])
def test_files_are_read_back_by_trimesh(suffix: str, coloured_mesh: Mesh, tmp_path: Path) -> None:
    path = tmp_path / f"robot{suffix}"
    save_mesh(coloured_mesh, path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    loaded = trimesh.load_mesh(path, process=False, maintain_order=True)
    turn = np.eye(3) if suffix.lower() == ".ply" else np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    np.testing.assert_allclose(loaded.vertices, coloured_mesh.vertices @ turn.T, atol=1e-5)
    np.testing.assert_array_equal(loaded.faces, coloured_mesh.faces)
    np.testing.assert_allclose(
        written_normals(path, len(loaded.vertices)), coloured_mesh.normals @ turn.T, atol=1e-5
    )
    colours = linear(coloured_mesh.colours) if suffix == ".glb" else coloured_mesh.colours
    assert isinstance(loaded.visual, trimesh.visual.ColorVisuals)
    np.testing.assert_allclose(loaded.visual.vertex_colors[:, :3] / 255, colours, atol=0.6 / 255)
    assert loaded.volume > 0


def test_glb_has_the_attributes_that_gltf_names(coloured_mesh: Mesh, tmp_path: Path) -> None:
    save_mesh(coloured_mesh, tmp_path / "robot.glb")
    data = (tmp_path / "robot.glb").read_bytes()
    magic, version, size, json_size, kind = struct.unpack_from("<4sII I4s", data)
    assert (magic, version, size, kind) == (b"glTF", 2, len(data), b"JSON")
    attributes = json.loads(data[20 : 20 + json_size])["meshes"][0]["primitives"][0]["attributes"]
    assert {"POSITION", "NORMAL", "COLOR_0"} <= set(attributes)


BLENDER_SCRIPT = """
import bpy, json, sys
imports = {"ply": bpy.ops.wm.ply_import, "obj": bpy.ops.wm.obj_import, "glb": bpy.ops.import_scene.gltf}
report = {}
for kind, load in imports.items():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    load(filepath=f"{sys.argv[1]}/robot.{kind}")
    [thing] = [thing for thing in bpy.data.objects if thing.type == "MESH"]
    bpy.context.view_layer.update()
    colours = thing.data.color_attributes[0]
    first = {}
    for loop in thing.data.loops:
        index = loop.index if colours.domain == "CORNER" else loop.vertex_index
        first.setdefault(loop.vertex_index, list(colours.data[index].color)[:3])
    report[kind] = [[*(thing.matrix_world @ v.co), *first[v.index]] for v in thing.data.vertices]
print("REPORT" + json.dumps(report))
"""


def test_blender_reads_all_three_files_as_the_same_object(coloured_mesh: Mesh, tmp_path: Path) -> None:
    """Blender's importers with default settings: the world's axes come back, and one linear colour."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("the bpy module is not installed")
    for suffix in ("ply", "obj", "glb"):
        save_mesh(coloured_mesh, tmp_path / f"robot.{suffix}")
    command = [sys.executable, "-c", BLENDER_SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout.split("REPORT")[1])
    tree = cKDTree(coloured_mesh.vertices)
    for kind, rows in report.items():
        found = np.array(rows)
        distance, index = tree.query(found[:, :3])
        assert distance.max() < 1e-4, kind
        assert len(np.unique(index)) == len(coloured_mesh.vertices), kind
        np.testing.assert_allclose(found[:, 3:], linear(coloured_mesh.colours)[index], atol=1.5 / 255, err_msg=kind)


def test_unknown_formats_and_bad_folders_are_refused(coloured_mesh: Mesh, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"robot\.stl.*\.stl is not known"):
        save_mesh(coloured_mesh, tmp_path / "robot.stl")
    with pytest.raises(PflrmError, match="written"):
        save_mesh(coloured_mesh, tmp_path / "missing" / "robot.ply")
    kept = tmp_path / "kept.ply"
    kept.mkdir()
    with pytest.raises(PflrmError, match="written"):
        save_mesh(coloured_mesh, kept)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.ply"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_as_such_and_leaves_nothing(coloured_mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / "robot.part.ply").symlink_to("/dev/full")
    with pytest.raises(PflrmError, match=r"no space left on the disk to write .*robot\.ply") as caught:
        save_mesh(coloured_mesh, tmp_path / "robot.ply")
    assert caught.value.exit_code == 1
    assert caught.value.remedy
    assert not list(tmp_path.iterdir())


def test_chunks_do_not_change_the_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = extract_mesh(AnalyticField(wavy_torus), resolution=40)
    for module in (mesh_module, marching):
        monkeypatch.setattr(module, "CHUNK", 1001)
    parts = extract_mesh(AnalyticField(wavy_torus), resolution=40)
    np.testing.assert_array_equal(whole.faces, parts.faces)
    np.testing.assert_allclose(whole.vertices, parts.vertices, atol=1e-6)
    np.testing.assert_allclose(whole.colours, parts.colours, atol=1e-6)
