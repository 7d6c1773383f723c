"""Held against Pillow, which knows the tag in all these formats."""

from __future__ import annotations

import numpy as np
import pytest
from pflrm.pflrm_blender.orientation import read_orientation, turn_upright
from PIL import Image, ImageOps


def save(path, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (7, 11, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0110] = "A camera with a long name"  # another tag before it, whose value stands elsewhere
    exif[0x0112] = orientation
    image.save(path, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_the_tag_is_found(tmp_path, kind, orientation):
    path = tmp_path / f"photo.{kind}"
    save(path, orientation)
    assert read_orientation(path) == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_turn_as_pillow_turns_them(tmp_path, orientation):
    path = tmp_path / "photo.png"
    save(path, orientation)
    stored, upright = np.asarray(Image.open(path)), np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert np.array_equal(turn_upright(stored, orientation), upright)


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0", b"RIFF\0\0\0\0WEBPVP8 "]
)
def test_a_damaged_file_counts_as_upright(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert read_orientation(path) == 1


def test_without_a_tag_a_photo_is_upright(tmp_path):
    for kind in ("jpg", "png", "webp", "tif"):
        Image.new("RGB", (4, 3)).save(tmp_path / f"photo.{kind}")
        assert read_orientation(tmp_path / f"photo.{kind}") == 1


def test_tags_cut_off_in_the_middle(tmp_path):
    path = tmp_path / "photo.jpg"
    save(path, 6)
    content = path.read_bytes()
    for length in range(2, 160, 7):
        path.write_bytes(content[:length])
        assert read_orientation(path) in (1, 6)
