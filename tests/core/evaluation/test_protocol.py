"""A made-up set of one object goes through the whole protocol: files, methods, alignment, tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from pflrm.core.cameras import Camera, Intrinsics, half_angle_of, load_known_cameras, object_distance
from pflrm.core.errors import InputError, RuntimeMissingError
from pflrm.core.evaluation.baselines import visual_hull
from pflrm.core.evaluation.methods import true_own_depth
from pflrm.core.evaluation.metrics import psnr
from pflrm.core.evaluation.protocol import Outcome, Score, evaluate
from pflrm.core.evaluation.render import load_rgba, on_white, render_mesh
from pflrm.core.evaluation.sets import EvaluationObject, every_choice, load_set
from pflrm.core.evaluation.tables import PEERS, Row, as_json, markdown, rows_by_separation, rows_of
from pflrm.core.mesh import Mesh
from pflrm.core.photos import load_photos
from pflrm.core.views import canonical_view
from scipy.spatial.transform import Rotation

SIZE = 128
RADII = np.array([0.4, 0.6, 0.9])  # of an ellipsoid


def ellipsoid() -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=4)
    vertices = np.asarray(shape.vertices) * RADII
    normals = vertices / RADII**2
    return Mesh(
        vertices.astype(np.float32), np.asarray(shape.faces, dtype=np.int32),
        (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
        (0.5 + 0.4 * vertices / RADII).astype(np.float32),
    )


def write_object(folder: Path, symmetric: bool = False) -> None:
    """Photos by ray casting an ellipsoid: nothing of the code under test makes them."""
    folder.mkdir(parents=True)
    intrinsics = Intrinsics(SIZE, SIZE, 150.0, 150.0, SIZE / 2, SIZE / 2)
    views = []
    for k, rotation in enumerate(Rotation.random(5, random_state=3)):
        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = rotation.as_matrix()
        world_to_camera[:3, 3] = [0.02, -0.03, 3.0 + 0.1 * k]
        cv2.imwrite(str(folder / f"{k}.png"), photograph(world_to_camera, intrinsics))
        views.append({"file": f"{k}.png", "width": SIZE, "height": SIZE, "fx": 150.0, "fy": 150.0, "cx": SIZE / 2,
                      "cy": SIZE / 2, "world_to_camera": world_to_camera.tolist()})
    (folder / "cameras.json").write_text(json.dumps({"symmetric": symmetric, "views": views}))
    points = np.random.default_rng(0).normal(size=(20_000, 3))
    np.save(folder / "points.npy", (points / np.linalg.norm(points, axis=1, keepdims=True) * RADII).astype(np.float16))


def photograph(world_to_camera: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """BGRA (H, W, 4) uint8 of the ellipsoid x²/a² + y²/b² + z²/c² = 1, four rays a pixel."""
    fine = intrinsics.resized(2 * SIZE, 2 * SIZE)
    column, row = np.meshgrid(np.arange(2 * SIZE) + 0.5, np.arange(2 * SIZE) + 0.5)
    rays = np.stack([(column - fine.cx) / fine.fx, (row - fine.cy) / fine.fy, np.ones_like(row)], -1)
    direction = rays @ world_to_camera[:3, :3] / RADII
    origin = -world_to_camera[:3, 3] @ world_to_camera[:3, :3] / RADII
    a, b, c = (direction**2).sum(-1), direction @ origin, origin @ origin - 1
    hit = b * b - a * c > 0
    t = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
    colour = 0.5 + 0.4 * (origin + t[..., None] * direction)
    rgba = np.where(hit[..., None], np.concatenate([colour, np.ones_like(t)[..., None]], -1), 0)
    rgba = rgba.reshape(SIZE, 2, SIZE, 2, 4).mean(axis=(1, 3))  # premultiplied
    rgba[..., :3] /= np.maximum(rgba[..., 3:], 1e-6)
    return np.rint(255 * rgba[..., [2, 1, 0, 3]]).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sets") / "made_up"
    write_object(path / "ball")
    write_object(path / "vase", symmetric=True)
    return path


def elsewhere(item: EvaluationObject, views: int, scale: float = 0.2) -> Outcome:
    """The truth in another world, as a perfect method would give it."""
    world = np.eye(4)
    world[:3, :3] = Rotation.random(random_state=5).as_matrix()
    world[:3, 3] = [1.0, 2.0, 3.0]
    cameras = []
    for camera in item.cameras[:views]:
        matrix = camera.world_to_camera @ world
        matrix[:3, 3] *= scale
        cameras.append(replace(camera, world_to_camera=matrix))
    mesh = ellipsoid()
    vertices = scale * ((mesh.vertices - world[:3, 3]) @ world[:3, :3])
    return Outcome(tuple(cameras), replace(mesh, vertices=vertices))


@pytest.mark.parametrize("lens", [True, False])
def test_verticals_are_told_as_phones_feel_them(folder: Path, lens: bool) -> None:
    objects = load_set(folder)
    by_folder = {Path(item.cameras[0].file).parent: item for item in objects}
    told: list[np.ndarray] = []
    errors = []

    def predict(photos: Sequence[Path], known_file: Path | None) -> Outcome:
        assert known_file is not None
        item = by_folder[photos[0].parent]
        for camera, known in zip(item.cameras, load_known_cameras(known_file).values(), strict=False):
            assert (known.intrinsics is not None) == lens
            errors.append(np.degrees(np.arccos(known.up @ camera.world_to_camera[:3, 2])))
            told.append(known.up)
        return elsewhere(item, 4)

    for _ in range(2):
        evaluate(objects, predict, known_intrinsics=lens, known_vertical=True)
    np.testing.assert_array_equal(*np.split(np.array(told), 2))  # the same each time
    assert 0 < min(errors) < max(errors) < 8


@pytest.mark.parametrize("views", [2, 3, 4])
def test_a_perfect_method_gets_perfect_figures(folder: Path, views: int) -> None:
    objects = load_set(folder)
    by_folder = {Path(item.cameras[0].file).parent: item for item in objects}

    def predict(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        assert [photo.name for photo in photos] == [f"{k}.png" for k in range(views)]
        assert intrinsics is not None
        assert load_known_cameras(intrinsics)["0.png"].intrinsics.fx == 150.0
        return elsewhere(by_folder[photos[0].parent], views)

    [all_rows, plain, symmetric] = rows_of("perfect", evaluate(objects, predict, views=views))
    assert (all_rows.objects, plain.objects, symmetric.objects) == ("all (2)", "no symmetry (1)", "symmetric (1)")
    assert all_rows.acc15 == all_rows.acc30 == 1.0
    assert all_rows.failed == 0.0
    for value, limit in ((all_rows.rotation, 1e-4), (all_rows.translation, 1e-6), (all_rows.chamfer, 0.03)):
        assert value is not None
        assert value < limit
    assert all_rows.f_score == 1.0
    assert all_rows.mask_iou is not None
    assert all_rows.mask_iou > 0.98
    assert all_rows.psnr is not None
    assert all_rows.psnr > 35
    assert all_rows.ssim is not None
    assert all_rows.ssim > 0.98


def test_unknown_intrinsics_are_not_told(folder: Path) -> None:
    def predict(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        assert intrinsics is None
        raise InputError("The photos are too dark.")

    scores = evaluate(load_set(folder, limit=1), predict, known_intrinsics=False)
    assert [score.failure for score in scores] == ["The photos are too dark."]
    [row, _] = rows_of("dark", scores)
    assert (row.rotation, row.acc15, row.failed) == (None, 0.0, 1.0)


def test_a_broken_runtime_ends_the_evaluation(folder: Path) -> None:
    def predict(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        raise RuntimeMissingError("There is no torch.")

    with pytest.raises(RuntimeMissingError):
        evaluate(load_set(folder), predict)


def test_failed_objects_count_as_wrong_pairs() -> None:
    good = Score("a", False, 2, rotation=(5.0, 20.0), translation=(0.1, 0.3))
    [row, _] = rows_of("half", [good, Score("b", False, 2, failure="no")])
    assert (row.rotation, row.acc15, row.acc30, row.translation, row.failed) == (12.5, 0.25, 0.5, 0.2, 0.5)


def test_the_rendered_ellipsoid_is_the_photographed_one(folder: Path) -> None:
    for camera in load_set(folder, limit=1)[0].cameras:
        truth = on_white(load_rgba(Path(camera.file)))
        assert psnr(render_mesh(ellipsoid(), camera.world_to_camera, camera.intrinsics), truth) > 35


def test_rendering_hides_what_lies_behind_and_what_is_outside() -> None:
    """A small red square in front of a large green one; a blue one lies behind the camera."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    vertices = np.concatenate([square * 2 + [0, 0, 4], square * 0.5 + [0, 0, 2], square + [0, 0, -2]])
    faces = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(3)])
    colours = np.repeat(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32), 4, axis=0)
    mesh = Mesh(vertices.astype(np.float32), faces, np.zeros_like(vertices), colours)
    image = render_mesh(mesh, np.eye(4), Intrinsics(64, 48, 32.0, 32.0, 32.0, 24.0))
    expected = np.ones((48, 64, 3))
    expected[8:40, 16:48] = [0, 1, 0]
    expected[16:32, 24:40] = [1, 0, 0]
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_the_visual_hull_holds_the_object(folder: Path) -> None:
    item = load_set(folder, limit=1)[0]
    mesh = visual_hull(item.cameras)
    hull = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert hull.is_watertight
    true_volume = 4 / 3 * np.pi * RADII.prod()
    assert true_volume < hull.volume < 1.6 * true_volume
    for camera in item.cameras:
        silhouette = render_mesh(replace(mesh, colours=np.zeros_like(mesh.colours)), camera.world_to_camera,
                                 camera.intrinsics)[..., 0]
        assert np.abs(1 - silhouette - load_rgba(Path(camera.file))[..., 3]).mean() < 0.01


def test_the_object_has_its_own_units(folder: Path) -> None:
    item = load_set(folder, limit=1)[0]
    np.testing.assert_allclose(item.centre, 0, atol=0.01)
    np.testing.assert_allclose(item.radius, 0.9, atol=0.01)
    np.testing.assert_allclose(item.camera_distance, np.mean(np.hypot(np.hypot(0.02, 0.03), 3 + 0.1 * np.arange(5))),
                               atol=0.01)


def test_every_choice_of_photos_is_scored_with_a_view_that_it_leaves_out(folder: Path) -> None:
    choices = every_choice(load_set(folder, limit=1)[0], 4)
    assert [choice.name for choice in choices] == ["ball 0123", "ball 0124", "ball 0134", "ball 0234", "ball 1234"]
    assert [Path(choice.cameras[4].file).stem for choice in choices] == ["4", "3", "2", "1", "0"]
    given = iter(choices)

    def predict(photos: Sequence[Path], intrinsics: Path | None) -> Outcome:
        choice = next(given)
        assert [photo.stem for photo in photos] == list(choice.name.split()[1])
        return elsewhere(choice, 4)

    scores = evaluate(choices, predict)
    assert all(score.psnr is not None and score.psnr > 35 for score in scores)
    assert len({score.psnr for score in scores}) == 5


def test_bad_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no evaluation set"):
        load_set(tmp_path)
    write_object(tmp_path / "broken")
    (tmp_path / "broken" / "points.npy").unlink()
    with pytest.raises(InputError, match="broken is damaged"):
        load_set(tmp_path)


def test_the_table_leaves_out_what_nobody_measured() -> None:
    text = markdown([Row("ours", "all", rotation=6.5, acc15=0.9), Row("theirs", "all", rotation=7.25)])
    assert text.splitlines() == [
        "| method | set | R mean | Acc@15 |", "| --- | --- | --- | --- |",
        "| ours | all | 6.50 | 0.900 |", "| theirs | all | 7.25 | – |",
    ]
    assert all(row.source for row in PEERS)


def test_json_holds_every_object() -> None:
    score = Score("a", False, 1, rotation=(5.0,), translation=(0.1,))
    content = json.loads(json.dumps(as_json(rows_of("ours", [score]), [score])))
    assert content["objects"][0]["rotation"] == [5.0]
    assert content["rows"][0]["acc15"] == 1.0


def test_cameras_are_those_of_the_files(folder: Path) -> None:
    camera: Camera = load_set(folder)[1].cameras[2]
    assert Path(camera.file) == folder / "vase" / "2.png"
    assert camera.world_to_camera.shape == (4, 4)


def test_pairs_are_counted_by_the_angle_between_the_photos() -> None:
    scores = [
        Score("a", False, 3, rotation=(5.0, 50.0, 10.0), translation=(0.1, 0.2, 0.3), separation=(50.0, 100.0, 60.0)),
        Score("round", True, 1, rotation=(90.0,), translation=(1.0,), separation=(50.0,)),
    ]
    near, far = rows_by_separation("m", scores)
    assert (near.objects, near.rotation, near.acc15) == ("45–90° apart (2 pairs)", 7.5, 1.0)
    assert (far.objects, far.rotation, far.acc15) == ("90–135° apart (1 pairs)", 50.0, 0.0)


def test_true_depth_is_that_of_the_nearest_surface(folder: Path) -> None:
    """The ellipsoid's front, by its equation, at the middle of each view."""
    item = load_set(folder, limit=1)[0]
    for camera in item.cameras[:2]:
        [photo] = load_photos([Path(camera.file)])
        photo = replace(photo, intrinsics=camera.intrinsics)
        view = canonical_view(photo, 64)
        depth, log_scale = true_own_depth(view, item, camera)
        middle = slice(14, 18)
        assert (log_scale[middle, middle] < -3).all()
        rotation = view.photo_from_view.T @ camera.world_to_camera[:3, :3]
        centre = view.photo_from_view.T @ camera.world_to_camera[:3, 3]
        ray, origin = rotation[2] / RADII, -centre @ rotation / RADII
        a, b, c = ray @ ray, ray @ origin, origin @ origin - 1
        front = (-b - np.sqrt(b * b - a * c)) / a
        scale = object_distance(half_angle_of(view.intrinsics)) / centre[2]
        np.testing.assert_allclose(depth[middle, middle].mean(), front * scale, atol=0.04)
