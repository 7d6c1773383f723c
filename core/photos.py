"""Photos: a file → the object's pixels and the camera that saw it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .cameras import Intrinsics, KnownCamera, load_known_cameras
from .cutouts import BACKGROUNDS, cut_out
from .errors import InputError
from .image_files import ImageContent, read_image, same_shape
from .lenses import DEFAULT_FOV, NARROWEST_FOV, WIDEST_FOV, fov_of, is_possible
from .views import Photo, canonical_view

MOST_PHOTOS = 8  # that a run works with
MOST_OFFERED = 12  # to choose them from
LOOK_SIZE, LOOK_BLUR = 64, 3.0  # pixels in which photos are compared, and within which a shift counts for little


def load_photo(
    path: Path,
    *,
    mask: Path | None = None,
    intrinsics: Intrinsics | None = None,
    up: np.ndarray | None = None,
    tilt: float | None = None,
    focal_35mm: float | None = None,
    fov: float | None = None,
    background: str = "automatic",
) -> Photo:
    """Read a photo and find the object in it.

    The object is what ``mask`` shows in white, else what the photo's own alpha shows, else what stands out from the
    background; with ``background="alpha"`` the last is not tried.

    :param intrinsics: of the upright photo, in any pixel size of the same shape; goes before ``focal_35mm`` (35 mm
        equivalent), ``fov`` (degrees across the longer side), EXIF, and DEFAULT_FOV, in this order.
    :param up: (3,) direction of the sky in the upright photo's camera; goes before what the phone has felt.
    :param tilt: from how far above it was taken: degrees between the line to the object and the horizon, by eye; goes
        before ``up`` and what the phone has felt.
    :raises InputError: the photo or the mask cannot be used, shows no object, or an option makes no sense.
    """
    path = Path(path)
    if background not in BACKGROUNDS:
        raise InputError(f"There is no background mode {background!r}.", f"Choose one of {', '.join(BACKGROUNDS)}.")
    given = _given_camera(focal_35mm, fov)
    content = read_image(path)
    camera, source = _camera_of(path, content, intrinsics, given)
    found = cut_out(path, content, mask, background)
    found.check(path)
    warnings = []
    if not found.sure:
        warnings.append(f"The object in {path.name} is hard to tell from its background: a mask image would help.")
    if found.touches_border:
        warnings.append(f"The object in {path.name} is cut off at the edge of the photo: its pose will be less sure.")
    rgba = np.dstack([content.rgba[..., :3], found.alpha])
    if up is None:
        up = content.up
    return Photo(
        path, rgba, content.size, camera, source, tuple(warnings), up if tilt is None else None, tilt, content.exposure
    )


def load_photos(
    paths: Sequence[Path],
    *,
    masks: Sequence[Path | None] = (),
    tilts: Sequence[float | None] = (),
    intrinsics_file: Path | None = None,
    focal_35mm: float | None = None,
    fov: float | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> list[Photo]:
    """Read photos of one object; options as in ``load_photo``, which they share. Of more than ``MOST_PHOTOS``
    those come back that differ most, the first one among them, which says so in its warnings.

    :param masks: none, or one for each photo in the same order, None where the object is found without.
    :param tilts: none, or one for each photo in the same order, None where nobody knows; see ``load_photo``.
    :param intrinsics_file: see ``cameras.load_known_cameras``; it must name each photo.
    :param progress: called with the fraction done before each photo; it may raise to stop.
    :raises InputError: as ``load_photo``; or there are no photos, too many, or two that are the same.
    """
    if not paths:
        raise InputError("There are no photos.", "Give two to eight photos of one object.")
    if len(paths) > MOST_OFFERED:
        raise InputError(f"There are {len(paths)} photos, more than {MOST_OFFERED}.",
                         "Choose those that show the object from the most different sides.")
    check_masks(paths, masks)
    if tilts and len(tilts) != len(paths):
        raise InputError(f"There are {len(tilts)} tilts for {len(paths)} photos.",
                         "Give one for each photo, in the same order, or none.")
    known = load_known_cameras(Path(intrinsics_file)) if intrinsics_file is not None else {}
    missing = [path for path in paths if Path(path).name not in known]
    if intrinsics_file is not None and missing:
        raise InputError(f"The intrinsics file {intrinsics_file} has no entry for {Path(missing[0]).name}.",
                         "Add one whose \"file\" is this name.")
    photos: list[Photo] = []
    for index, path in enumerate(paths):
        progress(index / len(paths))
        camera = known.get(Path(path).name, KnownCamera(None, None))
        photo = load_photo(
            path, mask=masks[index] if masks else None, tilt=tilts[index] if tilts else None,
            intrinsics=camera.intrinsics, up=camera.up, focal_35mm=focal_35mm, fov=fov,
        )
        for other in photos:
            if np.array_equal(photo.rgba[..., :3], other.rgba[..., :3]):
                raise InputError(f"{other.path} and {photo.path} are the same photo.",
                                 "Remove one of them: each photo must show the object from another side.")
        photos.append(photo)
    return photos if len(photos) <= MOST_PHOTOS else _most_different(photos)


def _most_different(photos: Sequence[Photo]) -> list[Photo]:
    """As many as a run works with, in their order: the first, and each time the one least like those chosen before."""
    looks = np.stack([_look(photo) for photo in photos])
    distances = np.abs(looks[:, None] - looks[None]).mean(axis=(2, 3, 4))  # (N, N)
    chosen = [0]
    while len(chosen) < MOST_PHOTOS:
        chosen.append(int(distances[:, chosen].min(axis=1).argmax()))
    first, *others = (photos[index] for index in sorted(chosen))
    names = ", ".join(photo.path.name for photo in (first, *others))
    word = f"Of {len(photos)} photos the {MOST_PHOTOS} that differ most were used: {names}."
    return [replace(first, warnings=(word, *first.warnings)), *others]


def _look(photo: Photo) -> np.ndarray:
    """(S, S, 4) what a photo shows of the object, small and soft: colours over black, and the outline."""
    image = canonical_view(photo, LOOK_SIZE).image
    return cv2.GaussianBlur(np.dstack([image[..., :3] * image[..., 3:], image[..., 3]]), (0, 0), LOOK_BLUR)


def check_masks(paths: Sequence[Path], masks: Sequence[Path | None]) -> None:
    """
    :raises InputError: there are masks, but not one for each photo.
    """
    if masks and len(masks) != len(paths):
        raise InputError(f"There are {len(masks)} masks for {len(paths)} photos.",
                         "Give one mask for each photo, in the same order, or none.")


def focal_is_known(photos: Sequence[Photo]) -> bool:
    """Whether any photo tells its focal length, or the user did. Otherwise it is sought, as if one camera took all."""
    return any(photo.focal_source != "assumed" for photo in photos)


def _given_camera(focal_35mm: float | None, fov: float | None) -> float | None:
    """The field of view in degrees across the longer side that the user gave, or None."""
    if focal_35mm is not None and fov is not None:
        raise InputError("Both a focal length and a field of view are given.", "Give one of them.")
    if focal_35mm is not None:
        if not (math.isfinite(focal_35mm) and focal_35mm > 0):
            raise InputError(f"A focal length of {focal_35mm} mm is not possible.",
                             "Give the 35 mm equivalent, for example 26 for a phone's main camera.")
        fov = fov_of(focal_35mm)
    if fov is not None and not is_possible(fov):
        raise InputError(f"A field of view of {fov:g} degrees is not possible.",
                         f"Give an angle between {NARROWEST_FOV:g} and {WIDEST_FOV:g} degrees; "
                         f"{DEFAULT_FOV:g} is usual.")
    return fov


def _camera_of(
    path: Path, content: ImageContent, intrinsics: Intrinsics | None, given: float | None
) -> tuple[Intrinsics, str]:
    """The intrinsics of the upright original and where they come from."""
    width, height = content.size
    if intrinsics is not None:
        if not same_shape((intrinsics.width, intrinsics.height), content.size):
            raise InputError(
                f"The intrinsics of {path.name} are for {intrinsics.width} × {intrinsics.height} pixels, "
                f"but the upright photo has {width} × {height}.",
                "Give the intrinsics of this photo, turned as it is shown.",
            )
        return intrinsics.resized(width, height), "given"
    if given is not None:
        return Intrinsics.from_fov(width, height, given), "given"
    if content.fov is not None:
        return Intrinsics.from_fov(width, height, content.fov), "exif"
    return Intrinsics.from_fov(width, height, DEFAULT_FOV), "assumed"
