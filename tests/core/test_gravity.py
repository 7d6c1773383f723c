"""Which way is up, by an iPhone's maker note."""

import numpy as np
import pytest
from pflrm.core import gravity
from pflrm.core.gravity import up_of
from pflrm.core.image_files import read_image
from pflrm.tests.core.photo_files import apple_note, exif_with, picture
from PIL import Image

BACK = "iPhone 13 Pro back dual wide camera 5.7mm f/1.5"


# Gravity and orientation of three real photos by an iPhone 8 Plus, 13 Pro and XS, and what the photos show.
@pytest.mark.parametrize(("felt", "orientation", "roll", "elevation"), [
    ((0.0148, -0.9974, -0.0422), 6, 0, 2),  # a drawing on a wall, in portrait
    ((-0.9270, -0.0782, 0.3717), 1, -5, -22),  # a dog from below, in landscape: the walls lean together
    ((-0.9807, 0.0093, -0.1169), 1, 0, 7),  # a dog's face from slightly above
])
def test_real_photos(felt, orientation, roll, elevation):
    up = up_of(apple_note(*felt), BACK, orientation)
    assert np.linalg.norm(up) == pytest.approx(1)
    assert np.degrees(np.arctan2(up[0], -up[1])) == pytest.approx(roll, abs=1)
    assert np.degrees(np.arcsin(-up[2])) == pytest.approx(elevation, abs=1)


@pytest.mark.parametrize(("felt", "orientation"), [
    ((0, -1, 0), 6), ((0, 1, 0), 8), ((-1, 0, 0), 1), ((1, 0, 0), 3),  # the phone in its four positions
    ((-1, 0, 0), 2), ((1, 0, 0), 4), ((0, 1, 0), 7), ((0, -1, 0), 5),  # the same, mirrored later
])
def test_a_level_photo_is_level_however_the_phone_was_held(felt, orientation):
    np.testing.assert_allclose(up_of(apple_note(*felt), BACK, orientation), (0, -1, 0), atol=1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_vector_turns_as_the_pixels_do(tmp_path, monkeypatch, orientation):
    """The sky's side of the stored pixels is painted: it must be the side that ``up`` points to."""
    monkeypatch.setattr(gravity, "MOST_ROLL", np.pi)  # whichever side that is
    stored = np.zeros((64, 96, 3), np.uint8)
    stored[:, 48:] = 255  # gravity to the left: up is right
    exif = exif_with(orientation=orientation, maker_note=apple_note(0, 1, 0))
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    content = read_image(tmp_path / "a.png")
    height, width = content.rgba.shape[:2]
    x, y = (0.5 + 0.4 * content.up[0]) * width, (0.5 + 0.4 * content.up[1]) * height
    assert content.rgba[int(y), int(x), 0] == 1


def test_straight_down_has_no_upper_side():
    np.testing.assert_allclose(up_of(apple_note(0, 0, -1), BACK, 6), (0, 0, -1), atol=1e-9)


@pytest.mark.parametrize("note", [
    None, "text", b"", b"Apple iOS\0", b"Apple iOS\0\0\x01MM\xff\xff", apple_note(0, -1, 0)[:-1], b"Canon" + bytes(90),
    b"Nikon\0" + apple_note(0, -1, 0)[6:],
])
def test_other_and_broken_notes_tell_nothing(note):
    assert up_of(note, BACK, 6) is None


def test_no_fraction_with_a_zero_below():
    note = bytearray(apple_note(0, -1, 0))
    note[-4:] = bytes(4)
    assert up_of(bytes(note), BACK, 6) is None


def test_a_shaken_phone_tells_nothing():
    assert up_of(apple_note(0.5, -1.2, 0), BACK, 6) is None
    assert up_of(apple_note(0, -0.5, 0), BACK, 6) is None


def test_a_photo_that_was_turned_later_tells_nothing():
    assert up_of(apple_note(0, -1, 0), BACK, 1) is None


def test_the_front_camera_tells_nothing():
    assert up_of(apple_note(0, -1, 0), "iPhone 13 Pro front camera 2.71mm f/2.2", 6) is None


def test_a_jpeg_carries_it(tmp_path):
    exif = exif_with(orientation=6, maker_note=apple_note(0, -0.8, -0.6), lens=BACK)
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg").up, (0, -0.8, -0.6), atol=1e-6)


def test_heic_is_turned_by_its_reader(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = exif_with(orientation=6, maker_note=apple_note(0, -0.8, -0.6), lens=BACK)
    file = pillow_heif.from_pillow(Image.fromarray(picture()))
    file.save(tmp_path / "a.heic", exif=exif.tobytes())
    np.testing.assert_allclose(read_image(tmp_path / "a.heic").up, (0, -0.8, -0.6), atol=1e-6)
