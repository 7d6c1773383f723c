"""Photos: focal lengths, masks, sets, and the geometry of the canonical view."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from pflrm.core import photos
from pflrm.core.cameras import CANONICAL_FILL, Intrinsics, half_angle_of
from pflrm.core.errors import InputError
from pflrm.core.photos import load_photo, load_photos
from pflrm.core.views import Photo, canonical_view
from pflrm.tests.core.photo_files import exif_with, object_alpha, picture, save_cutout
from PIL import Image

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


def test_mask_of_a_turned_square_photo_is_upright(tmp_path):
    stored, alpha = np.rot90(picture(96, 96), 1), object_alpha(96, 96)
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", exif=exif_with(orientation=6))
    Image.fromarray(alpha).save(tmp_path / "mask.png")
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
        rgba[20 + 3 * k:24 + 3 * k, 20:40, :3] = 255
        Image.fromarray(rgba).save(folder / f"{k}.png")
        paths.append(folder / f"{k}.png")
    return paths


def test_one_to_eight_photos(tmp_path):
    paths = photo_set(tmp_path, 8)
    for count in (1, 2, 8):
        assert [photo.path for photo in load_photos(paths[:count])] == paths[:count]
    with pytest.raises(InputError, match="There are 13 photos, more than 12"):
        load_photos((paths * 4)[:13])
    with pytest.raises(InputError, match="no photos"):
        load_photos([])


def test_of_many_photos_those_that_differ_most_are_used_and_named(tmp_path, monkeypatch):
    """Three looks of an object, one of them from nearly the same place four times; a run may use four photos."""
    monkeypatch.setattr(photos, "MOST_PHOTOS", 4)
    paths = []
    red, green, blue = (220, 0, 0), (0, 220, 0), (0, 0, 220)
    for index, (colour, shift) in enumerate([(red, 0), (red, 1), (blue, 0), (red, 2), (green, 0), (red, 9)]):
        rgba = np.dstack([picture(), object_alpha()])
        rgba[20 + shift:40, 20:40, :3] = colour
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(rgba).save(paths[-1])
    chosen = load_photos(paths)
    assert [photo.path.stem for photo in chosen] == ["0", "2", "4", "5"]
    assert chosen[0].warnings == ("Of 6 photos the 4 that differ most were used: 0.png, 2.png, 4.png, 5.png.",)
    assert not chosen[1].warnings


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
    assert load_photos(paths, masks=[None, masks[1]])[0].rgba[..., 3].sum() == (object_alpha() > 0).sum()
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


# --- objects that the photo cuts off -----------------------------------------------------------------------------


def test_beyond_an_edge_that_cuts_the_object_it_may_go_on(tmp_path):
    """By no more than half the length of the cut."""
    whole = canonical_view(load_photo(save_cutout(tmp_path / "whole.png")), 32)
    assert not whole.unseen.any()
    half = np.dstack([picture(), object_alpha()])[:, :36]  # the object's right side is not in the photo
    Image.fromarray(half).save(tmp_path / "cut.png")
    photo = load_photo(tmp_path / "cut.png")
    assert "cut off at the edge" in photo.warnings[0]
    view = canonical_view(photo, 32)
    mask = np.pad(view.image[..., 3] > 0.5, 16)
    assert not (mask & view.unseen).any()
    edge = np.flatnonzero(mask[32]).max()
    height = mask.sum(axis=0).max()  # the length of the cut
    assert not view.unseen[:, :edge].any()
    assert view.unseen[32, edge + 2 : edge + height // 2 - 1].all()
    assert not view.unseen[32, edge + height // 2 + 3 :].any()
