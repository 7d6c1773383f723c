"""What is told about a photo before a run."""

import numpy as np
import pytest
from pflrm.core.inspection import inspect_photo
from pflrm.tests.core.photo_files import apple_note, exif_with, object_alpha, picture, save_cutout
from PIL import Image


def test_size_lens_and_object(tmp_path):
    found = inspect_photo(save_cutout(tmp_path / "a.png", exif=exif_with(focal_35mm=27, orientation=6)), None, tmp_path)
    assert (found["width"], found["height"]) == (64, 96)
    assert found["focal_35mm"] == 27.0
    assert found["tilt"] is None
    assert found["origin"] == "alpha"
    assert found["share"] == pytest.approx((object_alpha() > 0).mean())
    assert not found["touches_border"]
    assert found["problem"] == ""


def test_how_far_a_phone_looked_down(tmp_path):
    exif = exif_with(maker_note=apple_note(-0.8, 0, -0.6))
    assert inspect_photo(save_cutout(tmp_path / "a.png", exif=exif), None, tmp_path)["tilt"] == pytest.approx(36.9)


def test_the_cutout_keeps_the_whole_photo_under_its_mask(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    mask = tmp_path / "mask.png"
    Image.fromarray(object_alpha()).save(mask)
    found = inspect_photo(tmp_path / "a.png", mask, tmp_path)
    assert found["origin"] == "file"
    pixels = np.asarray(Image.open(found["cutout"]))
    np.testing.assert_array_equal(pixels[..., 3], object_alpha())
    np.testing.assert_array_equal(pixels[..., :3], picture())


def test_the_preview_dims_the_background_alone(tmp_path):
    found = inspect_photo(save_cutout(tmp_path / "a.png"), None, tmp_path)
    preview, inside = np.asarray(Image.open(found["preview"])), object_alpha() > 0
    np.testing.assert_array_equal(preview[inside], picture()[inside])
    assert preview[~inside].mean() < 0.8 * picture()[~inside].mean()


def test_an_object_at_the_edge_is_told(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    Image.fromarray(np.where(np.arange(96) < 40, 255, 0).astype(np.uint8)[None].repeat(64, 0)).save(tmp_path / "m.png")
    found = inspect_photo(tmp_path / "a.png", tmp_path / "m.png", tmp_path)
    assert found["touches_border"]
    assert found["focal_35mm"] is None


def test_where_nothing_stands_out_there_are_still_pictures_to_paint_on(tmp_path):
    Image.fromarray(np.full((64, 96, 3), 128, np.uint8)).save(tmp_path / "a.png")
    found = inspect_photo(tmp_path / "a.png", None, tmp_path)
    assert "No object was found" in found["problem"]
    assert not np.asarray(Image.open(found["cutout"]))[..., 3].any()


def test_a_file_that_is_no_photo_is_told_in_words(tmp_path):
    (tmp_path / "a.png").write_text("notes")
    assert "not an image" in inspect_photo(tmp_path / "a.png", None, tmp_path)["problem"]
