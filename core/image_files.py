"""An image file → upright pixels of a working size, and what the file says about its lens and about up and down."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InputError
from .gravity import up_of
from .lenses import fov_of, is_possible

WORKING_SIZE = 1600  # pixels on the longer side that are kept
LEAST_SIZE = 32  # pixels on the shorter side that a photo must have
MOST_PIXELS = 200_000_000
ASPECT_TOLERANCE = 0.01  # logarithm of the ratio
ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")  # in JPEG, HEIC and TIFF further frames are previews and depth maps
UNKNOWN_TO_BLENDER = ("HEIF", "AVIF")
COPY_SIZE = 2048  # pixels on the longer side of a copy, which travels inside the .blend
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # EXIF FocalPlaneResolutionUnit
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF Orientation → how stored pixels become upright
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
ORIENTATION, EXIF_BLOCK, FOCAL_LENGTH, FOCAL_35MM = 0x0112, 0x8769, 0x920A, 0xA405
MAKER_NOTE, LENS_MODEL = 0x927C, 0xA434
EXPOSURE_TIME, F_NUMBER, SENSITIVITY = 0x829A, 0x829D, 0x8827
PIXEL_WIDTH, PIXEL_HEIGHT, PLANE_X_RESOLUTION, PLANE_UNIT = 0xA002, 0xA003, 0xA20E, 0xA210
FORMATS_REMEDY = "Save it again as JPEG or PNG (WebP, TIFF and HEIC are read too), or choose another file."


@dataclass(frozen=True)
class ImageContent:
    """An image as it is meant to be seen.

    ``rgba`` (H, W, 4) float32 in [0, 1], straight alpha, at most WORKING_SIZE pixels long; ``size`` (width, height)
    of the upright original; ``orientation`` the EXIF value that was undone; ``fov`` in degrees across the longer
    side, ``up`` (3,) towards the sky in the upright photo's camera (``gravity.up_of``), and ``exposure``, by how many
    stops it shows things brighter than a photo of 1 s at f/1 and ISO 1, if EXIF tells.
    """

    rgba: np.ndarray
    size: tuple[int, int]
    orientation: int
    fov: float | None
    up: np.ndarray | None
    exposure: float | None


def read_image(path: Path) -> ImageContent:
    """Read an image file, upright and at working size. 16-bit channels keep their upper 8 bits.

    :raises InputError: there is no such file, it is no still image, it is damaged, or it is too small or too large.
    """
    with _opened(path) as image:
        width, height = image.size
        if min(width, height) < LEAST_SIZE:
            raise InputError(f"{path} has only {width} × {height} pixels.",
                             f"Use an image of at least {LEAST_SIZE} pixels on each side.")
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format in ANIMATED_FORMATS:
            raise InputError(f"{path} has {frames} frames, an animation is not a photo.",
                             "Save the frame you want as JPEG or PNG.")
        exif = image.getexif()
        block = exif.get_ifd(EXIF_BLOCK)
        fov = _fov_of(block)
        # Of HEIC the pixels are upright by now, and the tag says so.
        stored = image.info.get("original_orientation") or exif.get(ORIENTATION, 1)
        up = up_of(block.get(MAKER_NOTE), block.get(LENS_MODEL), stored)
        exposure = _exposure_of(block)
        scale = min(1.0, WORKING_SIZE / max(width, height))
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        image.draft(None, target)  # a JPEG is decoded at the smallest sufficient of 1, 1/2, 1/4, 1/8
        image.load()
        orientation = image.getexif().get(ORIENTATION, 1)  # asked now, because Pillow turns TIFF and HEIC itself
        pixels = _resized(_as_rgba(image, path), target)
    if orientation in UPRIGHT:
        pixels = UPRIGHT[orientation](pixels)
        width, height = (height, width) if orientation >= 5 else (width, height)
    return ImageContent(np.ascontiguousarray(pixels), (width, height), orientation, fov, up, exposure)


def copy_for_blender(path: Path) -> bytes | None:
    """A photo that Blender does not read as a JPEG file: upright, at most COPY_SIZE pixels long. None for all others.

    :raises InputError: as ``read_image``.
    """
    with _opened(path) as image:
        if image.format not in UNKNOWN_TO_BLENDER:
            return None
        upright = ImageOps.exif_transpose(image).convert("RGB")
        upright.thumbnail((COPY_SIZE, COPY_SIZE))
        file = io.BytesIO()
        upright.save(file, "JPEG", quality=92)
        return file.getvalue()


def same_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two (width, height) have the same aspect ratio, but for the rounding to whole pixels."""
    ratio = first[0] * second[1] / (first[1] * second[0])
    rounding = 0.5 / min(*first, *second)
    return abs(math.log(ratio)) <= ASPECT_TOLERANCE + rounding


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An open Pillow image; what goes wrong while it is read is said in words."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not an image.", "Choose the image files in it.")
    if path.suffix.lower() in RAW_SUFFIXES:
        raise InputError(f"{path} is a raw camera file.", "Export it as JPEG or PNG from your photo program.")
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError as error:
        raise InputError(f"The image {path} does not exist.", "Check the path, or choose the file again.") from error
    except OSError as error:
        raise InputError(f"The image {path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if not head:
        raise InputError(f"{path} is empty (0 bytes).", "Copy it again from the camera or choose another file.")
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        _register_heif(path)
    try:
        with _large_images_allowed(), Image.open(path) as image:
            yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not an image in a known format.", FORMATS_REMEDY) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} has more than {MOST_PIXELS // 10**6} million pixels.",
                         "Save a smaller version of it.") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        cause = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{path} is damaged or incomplete ({cause}).",
                         "Copy it again from the camera, or save it again as JPEG or PNG.") from error


def _register_heif(path: Path) -> None:
    if importlib.util.find_spec("pillow_heif") is None:
        raise InputError(f"{path} is a HEIC photo, and the package pillow-heif is not installed.",
                         "Save it as JPEG, or install pillow-heif.")
    import pillow_heif

    pillow_heif.register_heif_opener()


@contextlib.contextmanager
def _large_images_allowed() -> Iterator[None]:
    """Let Pillow open images of up to MOST_PIXELS; above twice its own limit it refuses."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _as_rgba(image: Image.Image, path: Path) -> Image.Image:
    """Any mode of Pillow as RGBA or RGB with 8 bits."""
    if image.mode == "F":
        raise InputError(f"{path} has floating-point pixels.", "Save it with 8 or 16 bits a channel.")
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image) >> 8
        return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    transparent = image.has_transparency_data
    return image.convert("RGBA" if transparent else "RGB")


def _resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 4) float32 straight alpha of an RGB or RGBA image, averaged over the area of each new pixel."""
    # Pillow reduces large images in 8 bits and with premultiplied alpha; the exact size follows in floats.
    factor = max(image.size) // max(size)
    if factor > 1:
        image = image.reduce(factor)
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    if image.size != size:
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    pixels[..., :3] /= np.maximum(pixels[..., 3:], 1 / 512)
    return np.clip(pixels, 0, 1)


def _fov_of(exif: dict) -> float | None:
    """The field of view in degrees across the longer side, by the EXIF block, or None."""
    focal_35mm = _number(exif.get(FOCAL_35MM))
    if focal_35mm is not None:
        fov = fov_of(focal_35mm)
    else:
        focal = _number(exif.get(FOCAL_LENGTH))
        resolution = _number(exif.get(PLANE_X_RESOLUTION))
        pixels = max(_number(exif.get(PIXEL_WIDTH)) or 0.0, _number(exif.get(PIXEL_HEIGHT)) or 0.0)
        unit = MILLIMETRES.get(exif.get(PLANE_UNIT, 2))
        if focal is None or resolution is None or unit is None or not pixels:
            return None
        fov = fov_of(focal, pixels / resolution * unit)
    return fov if is_possible(fov) else None


def _exposure_of(exif: dict) -> float | None:
    """Stops by the EXIF block, or None."""
    sensitivity = exif.get(SENSITIVITY)
    sensitivity = sensitivity[0] if isinstance(sensitivity, tuple) and sensitivity else sensitivity
    time, aperture, iso = _number(exif.get(EXPOSURE_TIME)), _number(exif.get(F_NUMBER)), _number(sensitivity)
    if time is None or aperture is None or iso is None:
        return None
    return math.log2(time) + math.log2(iso) - 2 * math.log2(aperture)  # a square may be too large for a number


def _number(value: object) -> float | None:
    """A positive EXIF number, or None: cameras write 0 and 0/0 for what they do not know."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if math.isfinite(number) and number > 0 else None
