"""Background removal: objects on plain ground and in rooms, edges, empty photos, networks."""

import shutil
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from pflrm.core import bundled, masks
from pflrm.core.errors import RuntimeMissingError
from pflrm.core.masks import remove_background, without_specks

PHOTOS = Path(__file__).parents[2] / "demo" / "photos"
TRUE_MASKS = Path(__file__).parent / "masks"


def scene(kind: str, seed: int = 0, width: int = 240, height: int = 180) -> tuple[np.ndarray, np.ndarray]:
    """A photo (H, W, 3) of an object of two colours with a handle, and the object's true mask (H, W) bool."""
    generator = np.random.default_rng(seed)
    background = np.empty((height, width, 3), np.float32)
    background[:] = (0.72, 0.68, 0.60)
    if kind != "plain":
        background[height // 2:] = (0.35, 0.30, 0.28)
    if kind == "patterned":
        checks = np.indices((height - height // 2, width)).sum(axis=0) // 12 % 2
        background[height // 2:] += 0.12 * checks[..., None]
    background *= np.linspace(0.85, 1.1, width, dtype=np.float32)[None, :, None]
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 5, height // 4), 20, 0, 360, (1,), -1)
    cv2.rectangle(mask, (width // 2, height // 2 - 6), (width * 3 // 4, height // 2 + 6), 1, -1)
    body = np.empty_like(background)
    body[:] = (0.15, 0.35, 0.75)
    body[:, width // 2:] = (0.80, 0.25, 0.15)
    photo = np.where(mask[..., None] > 0, body, background)
    photo = cv2.GaussianBlur(photo, (0, 0), 0.7) + generator.normal(0, 0.012, photo.shape)
    return np.clip(photo, 0, 1).astype(np.float32), mask > 0


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return (first & second).sum() / (first | second).sum()


@pytest.fixture(autouse=True)
def _no_larger_network(monkeypatch):
    monkeypatch.setattr(masks, "installed_model", lambda: None)


@pytest.mark.parametrize("kind", ["plain", "horizon", "patterned"])
def test_the_object_is_found(kind):
    photo, true = scene(kind)
    alpha, _ = remove_background(photo)
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert overlap(alpha > 0.5, true) > 0.95


def test_edges_are_sharp_in_the_resolution_of_the_photo():
    photo, true = scene("horizon", width=1200, height=900)
    alpha, _ = remove_background(photo)
    assert overlap(alpha > 0.5, true) > 0.96
    wrong = cv2.distanceTransform(((alpha > 0.5) == true).astype(np.uint8), cv2.DIST_L2, 3) == 0
    depth = np.where(true, cv2.distanceTransform(true.astype(np.uint8), cv2.DIST_L2, 3),
                     cv2.distanceTransform((~true).astype(np.uint8), cv2.DIST_L2, 3))
    assert np.median(depth[wrong]) < 4


@pytest.mark.parametrize("name", ["robot_front", "robot_left", "robot_back_right"])
def test_a_real_object_is_found_in_a_room(name):
    photo = cv2.imread(str(PHOTOS / f"{name}.jpg"))[..., ::-1].astype(np.float32) / 255
    true = cv2.imread(str(TRUE_MASKS / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert overlap(remove_background(photo)[0] > 0.5, true) > 0.89


def test_a_small_object_is_looked_at_again(monkeypatch):
    photo, true = scene("patterned", width=1000, height=700)
    wide = np.full((1500, 2000, 3), 0.7, np.float32)
    wide[600:1300, 200:1200] = photo
    whole = np.zeros((1500, 2000), bool)
    whole[600:1300, 200:1200] = true
    closely = overlap(remove_background(wide)[0] > 0.5, whole)
    assert closely > 0.95
    monkeypatch.setattr(masks, "LOOKS", 1)
    assert overlap(remove_background(wide)[0] > 0.5, whole) < closely


def test_an_object_away_from_the_middle_is_found():
    photo, true = scene("plain")
    moved = np.roll(true, (18, 30), axis=(0, 1))
    photo = np.where(moved[..., None], np.roll(photo, (18, 30), axis=(0, 1)), photo[:1, :1])
    assert overlap(remove_background(photo)[0] > 0.5, moved) > 0.9


def test_doubt_is_said():
    plain, _ = scene("plain")
    assert remove_background(plain)[1] is True
    # A room of blocks in which nothing is the object.
    blocks = np.random.default_rng(3).uniform(0, 1, (7, 9, 3)).astype(np.float32)
    assert not remove_background(np.kron(blocks, np.ones((44, 44, 1), np.float32)))[1]


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_nothing_is_found_in_a_blank_photo(level):
    generator = np.random.default_rng(0)
    blank = np.clip(level + generator.normal(0, 0.01, (180, 240, 3)), 0, 1).astype(np.float32)
    assert not remove_background(blank)[0].any()
    assert not remove_background(np.full((180, 240, 3), level, np.float32))[0].any()


def test_nothing_is_found_in_a_gradient():
    gradient = np.linspace(0.3, 0.8, 240, dtype=np.float32)[None, :, None].repeat(180, 0).repeat(3, 2)
    assert not remove_background(gradient)[0].any()


@pytest.mark.parametrize("shape", [(32, 32), (40, 700)])
def test_small_and_narrow_photos(shape):
    photo = np.full((*shape, 3), 0.8, np.float32)
    height, width = shape
    photo[height // 4:height * 3 // 4, width // 3:width * 2 // 3] = (0.7, 0.1, 0.1)
    alpha, _ = remove_background(photo)
    assert alpha.shape == shape
    assert np.isfinite(alpha).all()


def test_the_same_photo_has_the_same_mask():
    photo, _ = scene("patterned")
    np.testing.assert_array_equal(remove_background(photo)[0], remove_background(photo)[0])


def test_specks_are_cleared_and_parts_are_kept():
    alpha = np.zeros((100, 100), np.float32)
    alpha[20:60, 20:60] = 1
    alpha[70:80, 70:80] = 0.8
    alpha[5, 90] = 1
    clean = without_specks(alpha)
    assert clean[5, 90] == 0
    clean[5, 90] = 1
    np.testing.assert_array_equal(clean, alpha)


def test_an_empty_alpha_stays_empty():
    assert not without_specks(np.zeros((10, 10), np.float32)).any()


def test_a_damaged_network_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "FOLDER", tmp_path)
    masks._network.cache_clear()
    with pytest.raises(RuntimeMissingError, match="u2netp.onnx are missing"):
        remove_background(scene("plain")[0])
    (tmp_path / "u2netp.onnx").write_bytes(b"no network")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  u2netp.onnx\n")
    with pytest.raises(RuntimeMissingError, match="u2netp.onnx are damaged"):
        remove_background(scene("plain")[0])


def test_the_network_is_opened_whatever_its_folder_is_called(tmp_path, monkeypatch):
    """As on Windows, where OpenCV opens no path with letters beyond the system's code page."""
    folder = tmp_path / "Grüße 模型"
    shutil.copytree(bundled.FOLDER, folder)
    monkeypatch.setattr(bundled, "FOLDER", folder)
    open_network = cv2.dnn.readNetFromONNX

    def on_windows(source):
        assert not isinstance(source, str) or source.isascii(), "the file cannot be opened"
        return open_network(source)

    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", on_windows)
    masks._network.cache_clear()
    photo, true = scene("plain")
    assert overlap(remove_background(photo)[0] > 0.5, true) > 0.95


# --- networks -------------------------------------------------------------------------------------------------


@pytest.fixture
def rembg(monkeypatch, tmp_path):
    """A stand-in for rembg that finds the left half; its weights lie in ``tmp_path``."""
    package = types.SimpleNamespace(__spec__=types.SimpleNamespace(name="rembg"), new_session=lambda name: name)

    def remove(image, session, only_mask):
        assert image.dtype == np.uint8
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[:, :image.shape[1] // 2] = 255
        return mask

    package.remove = remove
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "rembg", package)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    return package


def test_an_installed_network_decides(rembg, tmp_path):
    (tmp_path / "u2net.onnx").write_bytes(b"weights")
    alpha = remove_background(scene("plain")[0])[0]
    assert alpha[:, :120].min() == 1
    assert alpha[:, 120:].max() == 0


def test_a_network_without_weights_is_not_asked(rembg):
    rembg.new_session = lambda name: pytest.fail("rembg would fetch its weights")
    photo, true = scene("plain")
    assert overlap(remove_background(photo)[0] > 0.5, true) > 0.95


@pytest.mark.parametrize("failure", [RuntimeError("no runtime"), SystemExit(1)])
def test_the_bundled_network_decides_where_the_larger_one_fails(rembg, tmp_path, failure):
    (tmp_path / "u2net.onnx").write_bytes(b"weights")

    def fail(name):
        raise failure

    rembg.new_session = fail
    photo, true = scene("plain")
    assert overlap(remove_background(photo)[0] > 0.5, true) > 0.95
