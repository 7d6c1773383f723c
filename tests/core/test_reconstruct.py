"""The pipeline from files to a result, with a tiny random network: what comes out must hold whatever it has learned."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from pflrm.core import reconstruct as pipeline
from pflrm.core.checkpoint import save_checkpoint
from pflrm.core.errors import CancelledError, InputError, RuntimeMissingError
from pflrm.core.model import CONFIGS, PFLRM
from pflrm.core.photos import load_photos
from pflrm.core.reconstruct import (
    ModelCache,
    Options,
    Reconstruction,
    choose_device,
    promised,
    reconstruct,
    save_result,
    vertical,
)
from pflrm.core.search import Hypothesis
from pflrm.core.views import canonical_view
from PIL import Image
from scipy.spatial.transform import Rotation

SIZE = 96


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(path, PFLRM(CONFIGS["tiny"]), {"purpose": "test"})
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A standing box with differently coloured sides, drawn with OpenCV from around it, on transparent ground."""
    folder = tmp_path_factory.mktemp("photos")
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.3, 0.3) for z in (-0.9, 0.9)])
    sides = [((0, 1, 3, 2), (40, 40, 220)), ((4, 5, 7, 6), (220, 60, 40)), ((0, 1, 5, 4), (60, 200, 60)),
             ((2, 3, 7, 6), (30, 200, 220)), ((0, 2, 6, 4), (90, 90, 90)), ((1, 3, 7, 5), (230, 230, 230))]
    paths = []
    for index, azimuth in enumerate((0.0, 70.0, 170.0)):
        turn = Rotation.from_euler("xz", [20, azimuth], degrees=True).as_matrix()
        rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ turn
        camera = corners @ rotation.T + [0.1, 0.0, 4.0]
        pixels = (camera[:, :2] / camera[:, 2:] * 1.2 * SIZE + SIZE / 2).astype(np.int32)
        image = np.zeros((SIZE, SIZE, 4), np.uint8)
        for face, colour in sorted(sides, key=lambda side: -camera[list(side[0]), 2].mean()):
            cv2.fillConvexPoly(image, pixels[list(face)], (*colour, 255))
        paths.append(folder / f"side {index}.png")
        cv2.imwrite(str(paths[-1]), image)
    return paths


@pytest.fixture(scope="module")
def run(weights: Path) -> Callable[..., Reconstruction]:
    models = ModelCache()

    def call(photos: list[Path], **options: object) -> Reconstruction:
        chosen = Options(quality="draft", weights=weights, device="cpu", mesh_resolution=32)
        return reconstruct(photos, replace(chosen, **options), models=models, progress=lambda stage, share: None)

    return call


@pytest.fixture(scope="module")
def result(run: Callable[..., Reconstruction], photos: list[Path]) -> Reconstruction:
    return run(photos)


def test_cameras_are_rigid_and_look_at_the_object(result: Reconstruction, photos: list[Path]) -> None:
    assert [camera.file for camera in result.cameras] == [str(path) for path in photos]
    for camera in result.cameras:
        rotation = camera.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
        assert np.linalg.det(rotation) > 0
        origin = camera.intrinsics.matrix() @ camera.world_to_camera[:3, 3]
        assert origin[2] > 0
        pixel = origin[:2] / origin[2]
        assert ((pixel > 0) & (pixel < SIZE)).all()
        assert 0 <= camera.confidence <= 1


def test_the_reference_defines_the_world(result: Reconstruction) -> None:
    """The first camera stands in front of the object (−y); canonical rotation undone, it still sees up as up."""
    matrix = result.cameras[0].world_to_camera
    position = -matrix[:3, :3].T @ matrix[:3, 3]
    assert position[0] == pytest.approx(0, abs=1e-6)
    assert position[2] == pytest.approx(0, abs=1e-6)
    assert position[1] < -1
    assert matrix[1, 2] < -0.9


def test_what_the_phones_felt_is_upright(
    run: Callable[..., Reconstruction], photos: list[Path], tmp_path: Path
) -> None:
    felt = [0.0, -np.cos(np.radians(20)), -np.sin(np.radians(20))]
    known = {"photos": [{"file": path.name, "up": felt} for path in photos]}
    (tmp_path / "known.json").write_text(json.dumps(known))
    result = run(photos, intrinsics=tmp_path / "known.json", poses_only=True)
    for camera in result.cameras:
        np.testing.assert_allclose(camera.world_to_camera[:3, :3] @ result.up, felt, atol=0.12)
    save_result(tmp_path / "result.npz", result)
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["up"], result.up)


def test_cameras_that_are_unsure_tell_no_vertical(photos: list[Path]) -> None:
    views = [canonical_view(photo, 64) for photo in load_photos(photos)]
    up = np.array([0.0, -0.6, 0.8])
    for sure, expected in ((0.8, up), (0.2, [0, 0, 1])):
        best = Hypothesis(np.eye(4)[None].repeat(3, 0), 0.0, np.array([1.0, sure, sure]), up)
        np.testing.assert_array_equal(vertical(views, best), expected)
    felt = [replace(view, photo=replace(view.photo, up=np.array([0.0, -1, 0]))) for view in views]
    np.testing.assert_array_equal(vertical(felt, best), up)


def test_of_two_photos_only_upright_planes_are_believed(photos: list[Path]) -> None:
    views = [canonical_view(photo, 64) for photo in load_photos(photos)]
    up, leaning = np.array([0.0, -0.6, 0.8]), np.array([0.0, 0.8, 0.6])
    for count in (2, 3):
        poses = np.eye(4)[None].repeat(count, 0)
        for normal, believed in ((np.eye(3)[0], True), (0.4 * up + 0.9 * leaning, True), (up, count > 2)):
            best = Hypothesis(poses, 0.0, np.ones(count), up, plane=np.append(normal / np.linalg.norm(normal), 0.1))
            assert (promised(views[:count], best) is not None) == believed
    assert promised(views, replace(best, plane=None)) is None


def test_mesh_lies_in_the_box_with_colours(result: Reconstruction) -> None:
    assert result.mesh is not None
    assert np.abs(result.mesh.vertices).max() <= 1.7
    assert result.mesh.colours.min() >= 0
    assert result.mesh.colours.max() <= 1


def test_the_same_seed_gives_the_same_result(
    run: Callable[..., Reconstruction], photos: list[Path], result: Reconstruction
) -> None:
    again = run(photos)
    for one, other in zip(result.cameras, again.cameras, strict=True):
        np.testing.assert_allclose(one.world_to_camera, other.world_to_camera, atol=1e-6)


def test_poses_only_leaves_the_mesh_out(run: Callable[..., Reconstruction], photos: list[Path]) -> None:
    result = run(photos[:2], poses_only=True)
    assert result.mesh is None
    assert len(result.cameras) == 2


def test_one_photo_is_allowed_and_says_what_is_lost(run: Callable[..., Reconstruction], photos: list[Path]) -> None:
    result = run(photos[:1])
    assert len(result.cameras) == 1
    assert result.mesh is not None
    assert any("One photo" in warning for warning in result.warnings)


def test_result_file_has_the_promised_arrays_and_no_pickle(result: Reconstruction, tmp_path: Path) -> None:
    save_result(tmp_path / "result.npz", result)
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        assert arrays["world_to_camera"].shape == (3, 4, 4)
        np.testing.assert_array_equal(arrays["alternatives"][0], arrays["world_to_camera"])
        assert arrays["alternatives"].shape == (1 + len(result.alternatives), 3, 4, 4)
        assert arrays["alternative_confidence"].shape == arrays["alternatives"].shape[:2]
        assert str(arrays["symmetry"]) == result.symmetry
        assert arrays["intrinsics"].shape == (3, 4)
        assert arrays["size"].tolist() == [[SIZE, SIZE]] * 3
        assert str(arrays["files"][1]).endswith("side 1.png")
        assert arrays["faces"].max() < len(arrays["vertices"])
        assert len(arrays["colours"]) == len(arrays["normals"]) == len(arrays["vertices"])
        share = arrays["mask_1"].mean() / 255
        assert arrays["mask_1"].dtype == np.uint8
        assert share == pytest.approx(result.masks[1].mean(), abs=0.01)
        assert 0.01 < share < 0.95


def test_a_photo_that_blender_does_not_read_comes_along_as_a_copy(
    result: Reconstruction, photos: list[Path], tmp_path: Path
) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heic = tmp_path / "side 0.heic"
    pillow_heif.from_pillow(Image.open(photos[0]).convert("RGB")).save(heic)
    gone = tmp_path / "gone.heic"
    files = (str(heic), str(gone), result.cameras[2].file)
    cameras = tuple(replace(camera, file=file) for camera, file in zip(result.cameras, files, strict=True))
    save_result(tmp_path / "result.npz", replace(result, cameras=cameras))
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        assert Image.open(io.BytesIO(arrays["copy_0"].tobytes())).size == (SIZE, SIZE)
        assert "copy_1" not in arrays
        assert "copy_2" not in arrays


def test_the_networks_points_fall_on_the_object_in_each_photo(result: Reconstruction, tmp_path: Path) -> None:
    save_result(tmp_path / "result.npz", result)
    with np.load(tmp_path / "result.npz", allow_pickle=False) as arrays:
        for index, camera in enumerate(result.cameras):
            points, mask, own = arrays[f"points_{index}"], result.masks[index], camera.intrinsics
            assert len(points) > 4  # of the few cells that this network has
            x = points[:, 0] / points[:, 2] * own.fx + own.cx
            y = points[:, 1] / points[:, 2] * own.fy + own.cy
            row, column = (y / own.height * mask.shape[0]).astype(int), (x / own.width * mask.shape[1]).astype(int)
            near = cv2.dilate(mask, np.ones((5, 5)))  # a pixel of the network's view is as large as some of the photo's
            assert (near[row, column] > 0.5).all()
            assert ((points[:, 3] > 0) & (points[:, 3] < 1)).all()


def test_progress_rises_and_can_cancel(weights: Path, photos: list[Path]) -> None:
    options = Options(quality="draft", weights=weights, device="cpu", mesh_resolution=32)
    shares: list[float] = []

    def watch(stage: str, share: float) -> None:
        shares.append(share)

    reconstruct(photos[:2], options, models=ModelCache(), progress=watch)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    for limit in (0.04, 0.4):  # between two photos, and while poses are sought

        def stop(stage: str, share: float, limit: float = limit) -> None:
            if share > limit:
                raise CancelledError(stage)

        with pytest.raises(CancelledError, match="Reading Photos" if limit < 0.1 else "Finding Poses"):
            reconstruct(photos[:2], options, models=ModelCache(), progress=stop)


@pytest.mark.parametrize(("quality", "made"), [("draft", False), ("standard", True)])
def test_close_ups_are_made_for_those_who_look_at_them(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch, quality: str, made: bool
) -> None:
    def refine(views: object, hypotheses: object, *, closeups: object, **options: object) -> None:
        assert (closeups is not None) == made
        raise CancelledError("enough")

    model = SimpleNamespace(config=CONFIGS["tiny"])
    monkeypatch.setattr(pipeline, "predict", lambda *arguments: None)
    monkeypatch.setattr(pipeline, "find_poses", lambda *arguments: [])
    monkeypatch.setattr(pipeline, "refine_poses", refine)
    with pytest.raises(CancelledError):
        reconstruct(
            photos[:2], Options(quality=quality, device="cpu"), models=SimpleNamespace(get=lambda *arguments: model),
            progress=lambda stage, share: None,
        )


def test_changed_weights_are_loaded_again(tmp_path: Path) -> None:
    path, models = tmp_path / "weights.safetensors", ModelCache()
    save_checkpoint(path, PFLRM(CONFIGS["tiny"]), {})
    first = models.get(path, "cpu")
    assert models.get(path, "cpu") is first
    path.unlink()
    with pytest.raises(InputError):
        models.get(path, "cpu")


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match="quality"):
        Options(quality="splendid")
    with pytest.raises(RuntimeMissingError, match="abacus"):
        choose_device("abacus")
