"""Photos: formats, orientation, focal lengths, masks, refusals, and the geometry of the canonical view."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from pflrm.core import image_files
from pflrm.core.cameras import CANONICAL_FILL, Intrinsics, half_angle_of
from pflrm.core.errors import InputError
from pflrm.core.image_files import read_image
from pflrm.core.photos import Photo, canonical_view, load_photo, load_photos
from PIL import Image

BACKGROUND, OBJECT = (70, 120, 90), (200, 30, 40)
ORIENTATION, EXIF_BLOCK = 0x0112, 0x8769


def picture(width: int = 96, height: int = 64) -> np.ndarray:
    """An object left of the middle, with a mark in its upper left corner: no two orientations look the same."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = BACKGROUND
    pixels[height // 4:height * 3 // 4, width // 8:width // 2] = OBJECT
    pixels[height // 4:height * 3 // 8, width // 8:width // 4] = (250, 240, 60)
    return pixels


def object_alpha(width: int = 96, height: int = 64) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    alpha[height // 4:height * 3 // 4, width // 8:width // 2] = 255
    return alpha


def save_cutout(path, width: int = 96, height: int = 64, **options):
    """A photo whose background is transparent."""
    Image.fromarray(np.dstack([picture(width, height), object_alpha(width, height)])).save(path, **options)
    return path


def exif_with(**values) -> Image.Exif:
    tags = {"focal_35mm": 0xA405, "focal": 0x920A, "width": 0xA002, "height": 0xA003, "resolution": 0xA20E,
            "unit": 0xA210}
    exif = Image.Exif()
    exif[ORIENTATION] = values.pop("orientation", 1)  # Pillow writes no EXIF block into an otherwise empty EXIF
    exif.get_ifd(EXIF_BLOCK).update({tags[name]: value for name, value in values.items()})
    return exif


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


# --- focal length ---------------------------------------------------------------------------------------------


def test_focal_length_is_assumed_without_exif(tmp_path):
    photo = load_photo(save_cutout(tmp_path / "a.png"))
    assert photo.focal_source == "assumed"
    assert photo.intrinsics == Intrinsics.from_fov(96, 64, 50.0)


def test_focal_length_by_35_mm_equivalent(tmp_path):
    exif = exif_with(focal_35mm=27, focal=4.38, orientation=6)
    photo = load_photo(save_cutout(tmp_path / "a.png", exif=exif))
    assert photo.focal_source == "exif"
    assert photo.size == (64, 96)
    assert photo.intrinsics.fx == pytest.approx(27 / 36 * 96)
    assert (photo.intrinsics.cx, photo.intrinsics.cy) == (32, 48)


@pytest.mark.parametrize(("unit", "a_millimetre"), [(2, 1 / 25.4), (3, 0.1)])
def test_focal_length_by_the_size_of_the_sensor(tmp_path, unit, a_millimetre):
    # A 36 mm wide sensor of 6000 pixels behind 85 mm; the photo was reduced to 96 pixels afterwards.
    exif = exif_with(focal=85.0, resolution=6000 / (36 * a_millimetre), unit=unit, width=6000, height=4000)
    photo = load_photo(save_cutout(tmp_path / "a.png", exif=exif))
    assert photo.focal_source == "exif"
    assert photo.intrinsics.fx == pytest.approx(85 / 36 * 96, rel=1e-4)


@pytest.mark.parametrize("values", [{"focal_35mm": 0}, {"focal": 4.4}, {"focal_35mm": 1}, {"focal": 0.0},
                                    {"focal": 50.0, "resolution": 0.0, "width": 6000}])
def test_useless_exif_is_as_none(tmp_path, values):
    assert load_photo(save_cutout(tmp_path / "a.png", exif=exif_with(**values))).focal_source == "assumed"


def test_what_is_given_goes_before_exif(tmp_path):
    path = save_cutout(tmp_path / "a.png", exif=exif_with(focal_35mm=27))
    by_focal, by_fov = load_photo(path, focal_35mm=50.0), load_photo(path, fov=90.0)
    assert by_focal.intrinsics.fx == pytest.approx(50 / 36 * 96)
    assert by_fov.intrinsics.fx == pytest.approx(48)
    assert by_focal.focal_source == by_fov.focal_source == "given"


def test_given_intrinsics_go_first_and_are_rescaled(tmp_path):
    path = save_cutout(tmp_path / "a.png", exif=exif_with(focal_35mm=27))
    photo = load_photo(path, intrinsics=Intrinsics(960, 640, 800.0, 810.0, 470.0, 330.0), focal_35mm=50.0)
    assert photo.intrinsics == Intrinsics(96, 64, 80.0, 81.0, 47.0, 33.0)
    assert photo.focal_source == "given"


def test_intrinsics_of_another_shape_are_refused(tmp_path):
    path = save_cutout(tmp_path / "a.png", 960, 640)
    load_photo(path, intrinsics=Intrinsics.from_fov(1930, 1280, 50))
    for width, height in ((1000, 640), (640, 960)):
        with pytest.raises(InputError, match=r"a\.png"):
            load_photo(path, intrinsics=Intrinsics.from_fov(width, height, 50))


@pytest.mark.parametrize("options", [
    {"focal_35mm": 35.0, "fov": 50.0}, {"focal_35mm": 0.0}, {"focal_35mm": -5.0}, {"focal_35mm": math.nan},
    {"focal_35mm": 0.5}, {"fov": 0.0}, {"fov": -10.0}, {"fov": 170.0}, {"fov": math.nan}, {"background": "green"},
])
def test_nonsense_options_are_refused(tmp_path, options):
    with pytest.raises(InputError) as refusal:
        load_photo(save_cutout(tmp_path / "a.png"), **options)
    assert refusal.value.remedy


# --- masks ----------------------------------------------------------------------------------------------------


def test_alpha_of_the_photo_is_the_mask(tmp_path):
    photo = load_photo(save_cutout(tmp_path / "a.png"), background="alpha")
    np.testing.assert_array_equal(photo.rgba[..., 3] * 255, object_alpha())
    assert photo.warnings == ()


def test_opaque_photo_is_refused_where_only_alpha_counts(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="not transparent"):
        load_photo(tmp_path / "a.png", background="alpha")


@pytest.mark.parametrize("kind", ["grey", "colour", "alpha", "16 bit", "twice as large"])
def test_mask_files(tmp_path, kind):
    Image.fromarray(picture()).save(tmp_path / "a.jpg")
    alpha, path = object_alpha(), tmp_path / "mask.png"
    if kind == "16 bit":
        cv2.imwrite(str(path), alpha.astype(np.uint16) * 257)
    else:
        Image.fromarray({
            "grey": alpha, "colour": np.dstack([alpha] * 3), "alpha": np.dstack([picture(), alpha]),
            "twice as large": object_alpha(192, 128),
        }[kind]).save(path)
    np.testing.assert_allclose(load_photo(tmp_path / "a.jpg", mask=path).rgba[..., 3] * 255, alpha, atol=0.01)


def test_mask_file_goes_before_alpha(tmp_path):
    other = np.roll(object_alpha(), 20, axis=1)
    Image.fromarray(other).save(tmp_path / "mask.png")
    photo = load_photo(save_cutout(tmp_path / "a.png"), mask=tmp_path / "mask.png")
    np.testing.assert_array_equal(photo.rgba[..., 3] * 255, other)


@pytest.mark.parametrize("upright", [True, False])
def test_mask_of_a_turned_photo_may_be_turned_or_not(tmp_path, upright):
    stored, alpha = np.rot90(picture(), 1), object_alpha()
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", exif=exif_with(orientation=6))
    Image.fromarray(np.ascontiguousarray(alpha if upright else np.rot90(alpha, 1))).save(tmp_path / "mask.png")
    photo = load_photo(tmp_path / "a.jpg", mask=tmp_path / "mask.png")
    np.testing.assert_allclose(photo.rgba[..., 3] * 255, alpha, atol=0.01)


def test_mask_of_another_shape_is_refused(tmp_path):
    Image.fromarray(object_alpha(96, 96)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=r"mask\.png has 96 × 96 pixels"):
        load_photo(save_cutout(tmp_path / "a.png"), mask=tmp_path / "mask.png")


@pytest.mark.parametrize(("value", "words"), [(0, r"No object was found in .*a\.jpg"), (255, r"fills .*a\.jpg")])
def test_empty_and_full_masks_are_refused(tmp_path, value, words):
    Image.fromarray(picture()).save(tmp_path / "a.jpg")
    Image.new("L", (96, 64), value).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=words) as refusal:
        load_photo(tmp_path / "a.jpg", mask=tmp_path / "mask.png")
    assert "mask.png" in refusal.value.remedy


def test_object_at_the_edge_is_a_warning(tmp_path):
    rgba = np.roll(np.dstack([picture(), object_alpha()]), -20, axis=1)
    Image.fromarray(rgba).save(tmp_path / "edge.png")
    (warning,) = load_photo(tmp_path / "edge.png").warnings
    assert "edge.png" in warning
    assert "pose will be less sure" in warning


def test_background_of_an_opaque_photo_is_removed(tmp_path):
    Image.fromarray(picture(480, 320)).save(tmp_path / "a.jpg")
    found, true = load_photo(tmp_path / "a.jpg").rgba[..., 3] > 0.5, object_alpha(480, 320) > 0
    assert (found & true).sum() / (found | true).sum() > 0.9


# --- sets -----------------------------------------------------------------------------------------------------


def photo_set(folder, count):
    paths = []
    for k in range(count):
        rgba = np.dstack([picture(), object_alpha()])
        rgba[20 + 5 * k:24 + 5 * k, 20:40, :3] = 255
        Image.fromarray(rgba).save(folder / f"{k}.png")
        paths.append(folder / f"{k}.png")
    return paths


def test_one_to_four_photos(tmp_path):
    paths = photo_set(tmp_path, 5)
    for count in (1, 2, 4):
        assert [photo.path for photo in load_photos(paths[:count])] == paths[:count]
    with pytest.raises(InputError, match="There are 5 photos, and at most four"):
        load_photos(paths)
    with pytest.raises(InputError, match="no photos"):
        load_photos([])


def test_identical_photos_are_refused(tmp_path):
    paths = photo_set(tmp_path, 2)
    copy = tmp_path / "copy.png"
    copy.write_bytes(paths[0].read_bytes())
    with pytest.raises(InputError, match=r"0\.png and .*copy\.png are the same photo"):
        load_photos([*paths, copy])


def test_masks_belong_to_photos_in_order(tmp_path):
    paths = photo_set(tmp_path, 2)
    masks = [tmp_path / "m0.png", tmp_path / "m1.png"]
    alphas = [object_alpha(), np.roll(object_alpha(), 10, axis=1)]
    for path, alpha in zip(masks, alphas, strict=True):
        Image.fromarray(alpha).save(path)
    for photo, alpha in zip(load_photos(paths, masks=masks), alphas, strict=True):
        np.testing.assert_array_equal(photo.rgba[..., 3] * 255, alpha)
    with pytest.raises(InputError, match="1 masks for 2 photos"):
        load_photos(paths, masks=masks[:1])


def test_intrinsics_file(tmp_path):
    paths = photo_set(tmp_path, 2)
    entry = '{"file": "some/where/%s", "width": 96, "height": 64, "fx": 80, "fy": 80, "cx": 47, "cy": 33}'
    file = tmp_path / "intrinsics.json"
    file.write_text('{"photos": [' + ", ".join(entry % path.name for path in paths) + "]}")
    for photo in load_photos(paths, intrinsics_file=file):
        assert photo.intrinsics == Intrinsics(96, 64, 80.0, 80.0, 47.0, 33.0)
    file.write_text('{"photos": [' + entry % "0.png" + "]}")
    with pytest.raises(InputError, match=r"no entry for 1\.png"):
        load_photos(paths, intrinsics_file=file)


# --- canonical view -------------------------------------------------------------------------------------------


def photo_of(rgba: np.ndarray, camera: Intrinsics) -> Photo:
    return Photo(path=Path("a.png"), rgba=rgba.astype(np.float32),
                 size=(camera.width, camera.height), intrinsics=camera, focal_source="given", warnings=())


def dotted_photo(camera: Intrinsics, centre: tuple[float, float], radius: float, spread: float):
    """A disc with Gaussian dots at known places (N, 2), in continuous pixels: pixel centres at +0.5."""
    y, x = np.mgrid[0:camera.height, 0:camera.width] + 0.5
    rgba = np.zeros((camera.height, camera.width, 4))
    rgba[..., 3] = np.hypot(x - centre[0], y - centre[1]) < radius
    turns = np.arange(5) * 2 * np.pi / 5
    dots = np.array(centre) + 0.6 * radius * np.column_stack([np.cos(turns), np.sin(turns)]) + 0.37
    for column, row in dots:
        rgba[..., 0] += np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * spread**2))
    return photo_of(rgba, camera), dots


def in_view(view, points: np.ndarray) -> np.ndarray:
    """Photo pixels (N, 2) → pixels of the view, by the matrices alone."""
    rays = np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(view.photo.intrinsics.matrix()).T
    seen = rays @ view.photo_from_view @ view.intrinsics.matrix().T
    return seen[:, :2] / seen[:, 2:]


@pytest.mark.parametrize(("centre", "radius", "size"), [
    ((400, 300), 200, 256), ((250, 380), 180, 64), ((600.5, 200.25), 150, 256), ((300, 300), 90, 512),
])
def test_dots_reproject_where_they_are_seen(centre, radius, size):
    camera = Intrinsics(800, 600, 900.0, 880.0, 390.0, 310.0)
    photo, dots = dotted_photo(camera, centre, radius, spread=max(5.0, 800 / size))
    view = canonical_view(photo, size)
    assert view.image.shape == (size, size, 4)
    assert view.image.dtype == np.float32
    y, x = np.mgrid[0:size, 0:size] + 0.5
    for column, row in in_view(view, dots):
        near = np.hypot(x - column, y - row) < 3.5 * max(5.0, 800 / size) * size / (2.2 * radius)
        weight = view.image[..., 0] * near
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        np.testing.assert_allclose(found, [column, row], atol=0.1)


def test_the_object_fills_nine_tenths_of_the_view():
    camera = Intrinsics.from_fov(800, 600, 60.0)
    photo, _ = dotted_photo(camera, (250, 350), 120, 5.0)
    view = canonical_view(photo, 200)
    rows, columns = np.nonzero(view.image[..., 3] > 0.5)
    # A disc on the photo is an ellipse in the turned camera; its bounding circle is what fills the view.
    reach = np.hypot(columns + 0.5 - 100, rows + 0.5 - 100).max()
    assert reach == pytest.approx(CANONICAL_FILL * 100, abs=1.5)


def test_working_size_does_not_change_the_view():
    camera = Intrinsics(1600, 1200, 1800.0, 1760.0, 780.0, 620.0)
    photo, _ = dotted_photo(camera.resized(800, 600), (250, 380), 180, 8.0)
    view = canonical_view(photo, 128)
    original = canonical_view(Photo(photo.path, photo.rgba, (1600, 1200), camera, "given", ()), 128)
    np.testing.assert_allclose(view.image, original.image, atol=1e-5)
    np.testing.assert_allclose(view.photo_from_view, original.photo_from_view, atol=1e-12)


def test_fine_patterns_are_averaged_not_aliased():
    camera = Intrinsics.from_fov(1600, 1200, 50.0)
    rgba = np.zeros((1200, 1600, 4))
    rgba[200:1000, 400:1200, 3] = 1
    rgba[..., :3] = (np.indices((1200, 1600)).sum(axis=0) % 2)[..., None]
    view = canonical_view(photo_of(rgba, camera), 64)
    inside = view.image[view.image[..., 3] > 0.99]
    np.testing.assert_allclose(inside[:, :3], 0.5, atol=0.05)


def test_background_colours_do_not_bleed_into_the_view():
    camera = Intrinsics.from_fov(400, 300, 50.0)
    rgba = np.zeros((300, 400, 4))
    rgba[..., :3] = (0, 1, 0)
    rgba[80:220, 120:260] = (1, 0, 0, 1)
    view = canonical_view(photo_of(rgba, camera), 96)
    edge = view.image[(view.image[..., 3] > 0.05) & (view.image[..., 3] < 0.95)]
    assert len(edge)
    np.testing.assert_allclose(edge[:, :3], np.broadcast_to([1, 0, 0], (len(edge), 3)), atol=0.01)


@pytest.mark.parametrize("shift", [0, 120])
def test_wide_objects_are_seen_once(shift):
    # The corners of such a view look past what any flat photo can hold.
    camera = Intrinsics.from_fov(900, 900, 136.0)
    photo, _ = dotted_photo(camera, (450 + shift, 450), 310, 9.0)
    view = canonical_view(photo, 128)
    assert 50 < math.degrees(half_angle_of(view.intrinsics)) < 62
    count, _ = cv2.connectedComponents((view.image[..., 3] > 0.5).astype(np.uint8))
    assert count == 2
    assert np.isfinite(view.image).all()
    y, x = np.mgrid[0:128, 0:128] + 0.5
    outside = np.hypot(x - 64, y - 64) > CANONICAL_FILL * 64 + 2
    assert view.image[..., 3][outside].max() < 0.05
