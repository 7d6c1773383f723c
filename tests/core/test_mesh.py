"""The mesh of a field: analytic surfaces, trimesh as the outside judge, and every file read back."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from pflrm.core import mesh as mesh_module
from pflrm.core.errors import CancelledError, InputError, PflrmError, RuntimeMissingError
from pflrm.core.mesh import Mesh, close_and_march, extract_mesh, march, march_with_skimage, sample_occupancy
from pflrm.core.mesh_files import save_mesh
from scipy.spatial import cKDTree


@dataclass
class AnalyticField:
    """Density from a signed distance (positive inside), as steep as a trained field's."""

    distance: Callable[[torch.Tensor], torch.Tensor]
    half_extent: float = 1.3
    level: float = 10.0
    device: str = "cpu"
    queried: int = 0

    def query(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.queried += points[..., 0].numel()
        density = self.level * torch.exp(60 * self.distance(points))
        return density, 0.5 + 0.5 * torch.sin(2 * points)


Distance = Callable[[torch.Tensor], torch.Tensor]


def sphere(radius: float, centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Distance:
    return lambda points: radius - (points - torch.tensor(centre)).norm(dim=-1)


def union(*parts: Distance) -> Distance:
    return lambda points: torch.stack([part(points) for part in parts]).amax(dim=0)


def wavy_torus(points: torch.Tensor) -> torch.Tensor:
    x, y, z = points.unbind(-1)
    ring = torch.hypot(torch.hypot(x, y) - 0.7, z)
    return 0.3 + 0.06 * torch.sin(9 * x) * torch.sin(8 * y) - ring


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


@pytest.mark.parametrize("resolution", [48, 64, 70])
def test_sparse_sampling_finds_the_surface_of_the_dense_grid(resolution: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thin spike hangs on the torus: the coarse grid misses it, the way along the surface does not."""
    monkeypatch.setattr(mesh_module, "COARSE_CELLS", 16)

    def spike(points: torch.Tensor) -> torch.Tensor:
        x, y, z = points.unbind(-1)
        return 0.04 - torch.maximum(torch.hypot(x - 0.713, y - 0.017), (z - 0.55).abs() - 0.5)

    field = AnalyticField(union(wavy_torus, spike))
    sparse = sample_occupancy(field, resolution, lambda fraction: None)
    count = len(sparse)
    assert field.queried < 0.5 * count**3

    axis = torch.linspace(-1.3, 1.3, count)
    dense = torch.empty(count, count, count)
    for i in range(count):
        density = field.query(torch.stack(torch.meshgrid(axis[i : i + 1], axis, axis, indexing="ij"), dim=-1))[0]
        dense[i] = density[0] / (density[0] + field.level)
    expected_vertices, expected_faces = close_and_march(dense.numpy())
    vertices, faces = close_and_march(sparse)
    assert expected_vertices[:, 2].max() > (1.0 + 1.3) / 2.6 * (count - 1)  # the spike is there
    np.testing.assert_array_equal(faces, expected_faces)
    np.testing.assert_allclose(vertices, expected_vertices, atol=2e-3)


def test_both_marching_cubes_give_the_same_surface() -> None:
    pytest.importorskip("mcubes")
    pytest.importorskip("skimage")
    volume = np.pad(sample_occupancy(AnalyticField(union(wavy_torus, sphere(0.2))), 48, lambda fraction: None), 1)
    vertices, faces = march(volume)
    others, other_faces = march_with_skimage(volume)
    assert len(vertices) == len(others)
    assert cKDTree(vertices).query(others)[0].max() < 1e-4
    ours, theirs = (trimesh.Trimesh(v, f, process=False) for v, f in ((vertices, faces), (others, other_faces)))
    assert ours.is_watertight
    assert theirs.is_watertight
    assert ours.volume > 0
    np.testing.assert_allclose(ours.volume, theirs.volume, rtol=1e-3)
    np.testing.assert_allclose(ours.area, theirs.area, rtol=1e-3)


def test_scikit_image_stands_in_for_pymcubes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage")
    monkeypatch.setitem(sys.modules, "mcubes", None)
    mesh = extract_mesh(AnalyticField(sphere(0.8)), resolution=32)
    np.testing.assert_allclose(judge(mesh).volume, 4 / 3 * np.pi * 0.8**3, rtol=0.03)
    with pytest.raises(InputError, match="no surface"):
        extract_mesh(AnalyticField(sphere(-0.5)), resolution=16)
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    with pytest.raises(RuntimeMissingError, match="pymcubes"):
        extract_mesh(AnalyticField(sphere(0.8)), resolution=16)


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
    monkeypatch.setattr(mesh_module, "CHUNK", 1001)
    parts = extract_mesh(AnalyticField(wavy_torus), resolution=40)
    np.testing.assert_array_equal(whole.faces, parts.faces)
    np.testing.assert_allclose(whole.vertices, parts.vertices, atol=1e-6)
    np.testing.assert_allclose(whole.colours, parts.colours, atol=1e-6)
