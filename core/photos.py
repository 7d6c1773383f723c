"""Photos: a file → the object's pixels and the camera that saw it → the canonical view the network sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from .cameras import (
    DEFAULT_FOV,
    Intrinsics,
    KnownCamera,
    bounding_cone,
    canonical_intrinsics,
    load_known_cameras,
    minimal_rotation,
    upright_rotation,
)
from .errors import InputError
from .image_files import UPRIGHT, ImageContent, read_image
from .masks import remove_background, without_specks

MOST_PHOTOS = 8  # that a run works with
MOST_OFFERED = 12  # to choose them from
WIDEST_FOV = 170.0  # degrees; beyond, no flat photo is possible
ASPECT_TOLERANCE = 0.01
LOOK_SIZE, LOOK_BLUR = 64, 3.0  # pixels in which photos are compared, and within which a shift counts for little
LEAST_CUT = 0.3  # of the object's extent along an edge of the photo; a shorter cut takes nearly nothing away
LEAST_OBJECT, LARGEST_OBJECT = 0.001, 0.95  # share of the photo that an object may take
BACKGROUNDS = ("automatic", "alpha")
MASK_REMEDY = "Give a mask image for it (white where the object is), or a photo whose background is transparent."


@dataclass(frozen=True)
class Photo:
    """A photo with its background removed.

    ``rgba`` (H, W, 4) float32 in [0, 1], straight alpha, upright, at most 1600 pixels long; ``size`` (width, height)
    and ``intrinsics`` belong to the upright original; ``focal_source`` is "given", "exif" or "assumed"; ``up`` (3,) is
    the direction of the sky in the photo's camera, if it is known; ``tilt`` how far from above somebody says it was
    taken, in degrees; ``exposure`` that of ``image_files.ImageContent``.
    """

    path: Path
    rgba: np.ndarray
    size: tuple[int, int]
    intrinsics: Intrinsics
    focal_source: str
    warnings: tuple[str, ...]
    up: np.ndarray | None = None
    tilt: float | None = None
    exposure: float | None = None


@dataclass(frozen=True)
class Cutout:
    """The object in a photo: ``alpha`` (H, W) float32 in [0, 1]; ``origin`` tells how it was found: "file" (a mask),
    "alpha" (the photo's own transparency) or "automatic"; ``sure`` whether that is beyond doubt; ``remedy`` what a user
    can do if it is not right.
    """

    alpha: np.ndarray
    origin: str
    sure: bool
    remedy: str

    @property
    def share(self) -> float:
        """Of the photo that the object takes."""
        return float((self.alpha > 0.5).mean())

    @property
    def touches_border(self) -> bool:
        """Whether the object is cut off at the edge of the photo."""
        return any(cut is not None for cut in cuts(self.alpha))

    def check(self, path: Path) -> None:
        """
        :raises InputError: it shows no object, or nothing but the object.
        """
        if self.share < LEAST_OBJECT:
            raise InputError(f"No object was found in {path}.", self.remedy)
        if self.share > LARGEST_OBJECT:
            raise InputError(f"The object fills {path}, no background is left around it.", self.remedy)


@dataclass(frozen=True)
class View:
    """The canonical view of a photo: ``image`` (S, S, 4) float32 straight alpha, seen by ``intrinsics``.

    ``photo_from_view`` (3, 3) turns directions of the view's camera into directions of the photo's camera. Where the
    photo knows its ``up`` (3,), the view stands upright, and knows it too.
    ``unseen`` (2S, 2S) bool, over twice the view's extent: where an object that the photo cuts off may go on.
    """

    image: np.ndarray
    intrinsics: Intrinsics
    photo_from_view: np.ndarray
    photo: Photo
    unseen: np.ndarray

    @property
    def up(self) -> np.ndarray | None:
        """The direction of the sky (3,) in the view's camera, if it is known."""
        return None if self.photo.up is None else self.photo_from_view.T @ self.photo.up


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


def canonical_view(photo: Photo, size: int) -> View:
    """Resample a photo into the square virtual camera that looks straight at the object (design, Canonical view).

    :param size: pixels on a side of the view.
    """
    height, width = photo.rgba.shape[:2]
    camera = photo.intrinsics.resized(width, height)
    axis, half_angle = bounding_cone(photo.rgba[..., 3] > 0.5, camera)
    photo_from_view = minimal_rotation(axis) if photo.up is None else upright_rotation(axis, photo.up)
    view_camera = canonical_intrinsics(half_angle, size)
    # Where the photo is finer than the view, take several samples a pixel and average them: no aliasing.
    samples = _samples_a_pixel(view_camera, camera, photo_from_view)
    fine = view_camera.resized(size * samples, size * samples)
    x, y = _project_grid(fine, camera, photo_from_view)
    premultiplied = photo.rgba.copy()
    premultiplied[..., :3] *= photo.rgba[..., 3:]
    finest = cv2.remap(premultiplied, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0.0,) * 4)
    image = np.asarray(cv2.resize(finest, (size, size), interpolation=cv2.INTER_AREA), dtype=np.float32)
    image[..., :3] /= np.maximum(image[..., 3:], 1e-3)
    unseen = _beyond_cuts(photo.rgba[..., 3], view_camera, camera, photo_from_view)
    return View(np.clip(image, 0, 1), view_camera, photo_from_view, photo, unseen)


def cuts(alpha: np.ndarray) -> list[tuple[int, int] | None]:
    """Where the edges of a photo (H, W) cut its object: the first and the last pixel along the left, right, upper, and
    lower edge, None where an edge does not, or only grazes it."""
    mask = alpha > 0.5
    down, across = mask.any(axis=1).sum(), mask.any(axis=0).sum()
    found: list[tuple[int, int] | None] = []
    for edge, extent in ((mask[:, 0], down), (mask[:, -1], down), (mask[0], across), (mask[-1], across)):
        touched = np.flatnonzero(edge)
        is_cut = len(touched) > 0 and touched[-1] - touched[0] >= LEAST_CUT * extent
        found.append((int(touched[0]), int(touched[-1])) if is_cut else None)
    return found


def _beyond_cuts(alpha: np.ndarray, view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> np.ndarray:
    """(2S, 2S) bool, over twice a view's extent: where the object may go on beyond the edges that cut it, by no more
    than half the length of the cut: a round object that is cut in half goes on as far."""
    size = view.width
    wide = Intrinsics(2 * size, 2 * size, view.fx, view.fy, view.cx + size / 2, view.cy + size / 2)
    x, y = _project_grid(wide, camera, photo_from_view)
    beyond = (-0.5 - x, x - camera.width + 0.5, -0.5 - y, y - camera.height + 0.5)
    unseen = np.zeros(x.shape, dtype=bool)
    for cut, outward, along in zip(cuts(alpha), beyond, (y, y, x, x), strict=True):
        if cut is not None:
            first, last = cut
            aside = np.maximum(first - along, along - last).clip(min=0)
            unseen |= (outward > 0) & (np.hypot(outward, aside) <= (last - first + 1) / 2)
    return unseen


def zoomed(views: Sequence[View], factor: float) -> list[View]:
    """The views of cameras whose focal lengths are ``factor`` times as long, in as many pixels."""
    photos = [replace(view.photo, intrinsics=view.photo.intrinsics.with_focal_scaled(factor)) for view in views]
    return [canonical_view(photo, view.intrinsics.width) for photo, view in zip(photos, views, strict=True)]


def closeups(views: Sequence[View]) -> list[View]:
    """The same views in twice as many pixels on a side."""
    return [canonical_view(view.photo, 2 * view.intrinsics.width) for view in views]


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
        fov = math.degrees(2 * math.atan(18.0 / focal_35mm))
    if fov is not None and not 0 < fov < WIDEST_FOV:
        raise InputError(f"A field of view of {fov:g} degrees is not possible.",
                         f"Give an angle between 0 and {WIDEST_FOV:g} degrees; 50 is usual.")
    return fov


def _camera_of(
    path: Path, content: ImageContent, intrinsics: Intrinsics | None, given: float | None
) -> tuple[Intrinsics, str]:
    """The intrinsics of the upright original and where they come from."""
    width, height = content.size
    if intrinsics is not None:
        if not _same_shape((intrinsics.width, intrinsics.height), content.size):
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


def _same_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether two (width, height) have the same aspect ratio, but for the rounding to whole pixels."""
    ratio = first[0] * second[1] / (first[1] * second[0])
    rounding = 0.5 / min(*first, *second)
    return abs(math.log(ratio)) <= ASPECT_TOLERANCE + rounding


def cut_out(path: Path, content: ImageContent, mask: Path | None, background: str = "automatic") -> Cutout:
    """Find the object in a photo; arguments and failures as in ``load_photo``. ``check`` tells whether it is usable."""
    if mask is not None:
        alpha = _read_mask(Path(mask), content)
        remedy = f"Paint the object white and the rest black in its mask {mask}."
        return Cutout(without_specks(alpha), "file", True, remedy)
    own = content.rgba[..., 3]
    if float((own < 0.5).mean()) >= 1 - LARGEST_OBJECT:
        remedy = "Check its transparency: only the background may be transparent."
        return Cutout(without_specks(own), "alpha", True, remedy)
    if background == "alpha":
        raise InputError(f"The background of {path} is not transparent.", MASK_REMEDY)
    alpha, sure = remove_background(content.rgba[..., :3])
    return Cutout(np.minimum(alpha, own), "automatic", sure, MASK_REMEDY)


def _read_mask(path: Path, content: ImageContent) -> np.ndarray:
    """A mask file as alpha (H, W) in the pixels of its photo."""
    mask = read_image(path)
    alpha, size = mask.rgba[..., 3], mask.size
    if float(alpha.min()) > 0.99:
        alpha = cv2.cvtColor(mask.rgba[..., :3], cv2.COLOR_RGB2GRAY)
    # Masks are often made from the stored pixels and do not repeat the photo's orientation.
    if mask.orientation == 1 and content.orientation >= 5 and _same_shape(size[::-1], content.size):
        alpha, size = UPRIGHT[content.orientation](alpha), size[::-1]
    if not _same_shape(size, content.size):
        raise InputError(
            f"The mask {path} has {size[0]} × {size[1]} pixels, its photo {content.size[0]} × {content.size[1]}.",
            "Make the mask in the shape of the photo.",
        )
    height, width = content.rgba.shape[:2]
    shrinks = alpha.shape[0] > height
    return cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _project_grid(view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a view lie in the photo: x and y (S, S) float32 as OpenCV counts, pixel centres at +0."""
    x = (np.arange(view.width, dtype=np.float32) + 0.5 - view.cx) / view.fx
    y = (np.arange(view.height, dtype=np.float32)[:, None] + 0.5 - view.cy) / view.fy
    right, down, forward = (np.float32(row[0]) * x + np.float32(row[1]) * y + np.float32(row[2])
                            for row in photo_from_view)
    # What lies behind the photo's camera is on no photo.
    seen = forward > 1e-3
    depth = np.where(seen, forward, 1)
    in_photo = [np.where(seen, focal * side / depth + centre - 0.5, -1e4).astype(np.float32)
                for side, focal, centre in ((right, camera.fx, camera.cx), (down, camera.fy, camera.cy))]
    return in_photo[0], in_photo[1]


def _samples_a_pixel(view: Intrinsics, camera: Intrinsics, photo_from_view: np.ndarray) -> int:
    """How many photo pixels lie along a view pixel, at most, where the object is."""
    # The object's circle is sampled, not the corners: they may look past the photo's image plane.
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    radius = view.width / 2 / view.fx
    points = np.column_stack([radius * np.cos(turns), radius * np.sin(turns), np.ones(16)])
    step = 1 / view.fx
    largest = 1.0
    for offset in ((step, 0, 0), (0, step, 0)):
        here, there = points @ photo_from_view.T, (points + offset) @ photo_from_view.T
        front = (here[:, 2] > 0.1) & (there[:, 2] > 0.1)
        moved = (there[:, :2] / there[:, 2:] - here[:, :2] / here[:, 2:]) * (camera.fx, camera.fy)
        if front.any():
            largest = max(largest, float(np.linalg.norm(moved[front], axis=1).max()))
    return min(math.ceil(largest - 0.1), max(1, 4096 // view.width))
