"""Image files: formats, orientation, sizes, and what is refused."""

import io

import cv2
import numpy as np
import pytest
from pflrm.core import image_files
from pflrm.core.errors import InputError
from pflrm.core.image_files import copy_for_blender, read_image
from pflrm.core.photos import load_photo
from pflrm.tests.core.photo_files import OBJECT, exif_with, object_alpha, picture
from PIL import Image

# --- formats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options", "tolerance"), [
    ("a.jpg", {"quality": 98, "subsampling": 0}, 4), ("a.png", {}, 0), ("a.webp", {"lossless": True}, 0),
    ("a.tif", {}, 0), ("a.tiff", {"compression": "tiff_lzw"}, 0),
])
def test_formats(tmp_path, name, options, tolerance):
    Image.fromarray(picture()).save(tmp_path / name, **options)
    content = read_image(tmp_path / name)
    assert content.rgba.dtype == np.float32
    assert content.size == (96, 64)
    np.testing.assert_allclose(content.rgba[..., :3] * 255, picture(), atol=tolerance + 0.01)
    assert (content.rgba[..., 3] == 1).all()


def test_heic(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = pillow_heif.from_pillow(Image.fromarray(picture()))
    file.save(tmp_path / "a.heic", quality=95)
    np.testing.assert_allclose(read_image(tmp_path / "a.heic").rgba[..., :3].mean((0, 1)) * 255,
                               picture().mean((0, 1)), atol=3)


def test_blender_gets_a_copy_of_what_it_does_not_read(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = exif_with(orientation=6)
    pillow_heif.from_pillow(Image.fromarray(picture(3000, 2000))).save(tmp_path / "a.heic", exif=exif.tobytes())
    copy = Image.open(io.BytesIO(copy_for_blender(tmp_path / "a.heic")))
    assert (copy.format, copy.size) == ("JPEG", (1365, 2048))
    shown = read_image(tmp_path / "a.heic").rgba[..., :3]
    np.testing.assert_allclose(cv2.resize(np.asarray(copy) / 255, shown.shape[1::-1]).mean((0, 1)), shown.mean((0, 1)),
                               atol=0.02)
    assert copy.getpixel((940, 385)) == pytest.approx((250, 240, 60), abs=12)  # the mark, turned along
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    assert copy_for_blender(tmp_path / "a.jpg") is None


def test_heic_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setattr(image_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pillow-heif"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit(tmp_path, suffix, channels):
    pixels = np.dstack([picture(), object_alpha()]).astype(np.uint16) * 257
    stored = {1: pixels[..., 0], 3: pixels[..., 2::-1], 4: pixels[..., [2, 1, 0, 3]]}[channels]
    path = tmp_path / f"deep.{suffix}"
    assert cv2.imwrite(str(path), stored)
    rgba = read_image(path).rgba
    expected = picture() if channels > 1 else np.repeat(picture()[..., :1], 3, axis=2)
    seen = object_alpha() > 0 if channels == 4 else slice(None)
    np.testing.assert_allclose(rgba[..., :3][seen] * 255, expected[seen], atol=1)
    np.testing.assert_array_equal(rgba[..., 3] * 255, object_alpha() if channels == 4 else np.full((64, 96), 255))


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_modes_are_converted(tmp_path, mode):
    image = Image.fromarray(picture()).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_allclose(read_image(path).rgba[..., :3] * 255, expected, atol=0.01)


def test_cmyk_jpeg_is_not_inverted(tmp_path):
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").rgba[..., :3] * 255 - picture()).mean() < 4


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.fromarray(picture()).quantize(8)
    image.save(tmp_path / "a.png", transparency=image.getpixel((0, 0)))
    photo = load_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.rgba[..., 3] * 255, object_alpha())


def test_single_frame_gif_and_multi_picture_jpeg_are_photos(tmp_path):
    image = Image.fromarray(picture())
    image.save(tmp_path / "still.gif")
    image.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[image.resize((48, 32))])
    assert read_image(tmp_path / "still.gif").size == (96, 64)
    assert read_image(tmp_path / "phone.jpg").size == (96, 64)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, suffix, orientation):
    # Store the pixels so that undoing the orientation gives the picture back; numpy is the oracle.
    stored = {
        1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud,
        5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p, 2).transpose(1, 0, 2), 8: lambda p: np.rot90(p, -1),
    }[orientation](picture())
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif_with(orientation=orientation))
    content = read_image(path)
    assert content.size == (96, 64)
    assert np.abs(content.rgba[..., :3] * 255 - picture()).mean() < 4


# --- sizes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["large.jpg", "large.png"])
def test_large_photos_are_kept_at_working_size(tmp_path, name):
    Image.fromarray(picture(4000, 2668)).save(tmp_path / name, compress_level=1)
    content = read_image(tmp_path / name)
    assert content.size == (4000, 2668)
    assert content.rgba.shape == (1067, 1600, 4)
    small = cv2.resize(picture(4000, 2668), (1600, 1067), interpolation=cv2.INTER_AREA)
    assert np.abs(content.rgba[..., :3] * 255 - small).mean() < 2


def test_a_photo_of_100_megapixels(tmp_path):
    Image.new("L", (12000, 8400), 80).save(tmp_path / "huge.jpg")
    content = read_image(tmp_path / "huge.jpg")
    assert content.size == (12000, 8400)
    assert content.rgba.shape == (1120, 1600, 4)


def test_decompression_bombs_are_refused(tmp_path):
    Image.new("1", (20000, 11000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match=r"bomb\.png has more than 200 million pixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("size", [(1, 1), (31, 500), (500, 31)])
def test_tiny_photos_are_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "tiny.png")
    with pytest.raises(InputError, match=rf"tiny\.png has only {size[0]} × {size[1]} pixels"):
        load_photo(tmp_path / "tiny.png")


def test_transparent_colours_do_not_bleed_when_a_photo_is_reduced(tmp_path):
    alpha = object_alpha(4000, 2668)
    colours = np.zeros((2668, 4000, 3), np.uint8)
    colours[alpha > 0] = OBJECT
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / "a.png", compress_level=1)
    rgba = load_photo(tmp_path / "a.png").rgba
    assert np.abs(rgba[rgba[..., 3] > 0.3][:, :3] * 255 - OBJECT).max() < 3


# --- what is no photo -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "content", "words"), [
    ("empty.jpg", b"", "is empty"),
    ("text.jpg", b"dear diary", "not an image"),
    ("raw.nef", b"MM\0*", "raw camera file"),
    ("broken.heic", b"\0\0\0\x18ftypheic" + bytes(100), r"broken\.heic"),
])
def test_foreign_files_are_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words) as refusal:
        load_photo(tmp_path / name)
    assert name in refusal.value.message
    assert refusal.value.remedy


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:path.stat().st_size * 6 // 10])
    with pytest.raises(InputError, match=rf"cut\.{suffix}") as refusal:
        load_photo(path)
    assert "\n" not in refusal.value.message


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.jpg does not exist"):
        load_photo(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="is a folder"):
        load_photo(tmp_path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_are_refused(tmp_path, suffix):
    frames = [Image.fromarray(np.roll(picture(), 5 * k, axis=1)) for k in range(3)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match="has 3 frames"):
        load_photo(tmp_path / f"a.{suffix}")


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(picture()[..., 0].astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match="floating-point"):
        load_photo(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("values", "stops"),
    [
        ({"time": 1 / 60, "aperture": 2.0, "iso": 240}, 0.0),
        ({"time": 1 / 30, "aperture": 2.0, "iso": 240}, 1.0),
        ({"time": 1 / 60, "aperture": 4.0, "iso": 240}, -2.0),
        ({"time": 1 / 60, "aperture": 2.0}, None),
        ({"time": 0.0, "aperture": 2.0, "iso": 240}, None),
        ({"time": -1.0, "aperture": 2.0, "iso": 240}, None),
        ({"time": 1.0, "aperture": "1e200", "iso": 1}, -400 * np.log2(10)),
        ({"time": 1.0, "aperture": "inf", "iso": 1}, None),
        ({}, None),
    ],
)
def test_a_photo_tells_how_it_was_exposed(tmp_path, values, stops):
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif_with(**values))
    exposure = read_image(tmp_path / "a.jpg").exposure
    assert exposure is None if stops is None else exposure == pytest.approx(stops, abs=1e-4)
