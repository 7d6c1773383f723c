"""The object in a photo: a mask from a file, from the photo's own transparency, or found in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from .errors import InputError
from .found_masks import find_object
from .image_files import UPRIGHT, ImageContent, read_image, same_shape
from .masks import without_specks

LEAST_CUT = 0.3  # of the object's extent along an edge of the photo; a shorter cut takes nearly nothing away
LEAST_OBJECT, LARGEST_OBJECT = 0.001, 0.95  # share of the photo that an object may take
BACKGROUNDS = ("automatic", "alpha")
MASK_REMEDY = "Give a mask image for it (white where the object is), or a photo whose background is transparent."


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
    alpha, sure = find_object(content.rgba[..., :3])
    return Cutout(np.minimum(alpha, own), "automatic", sure, MASK_REMEDY)


def _read_mask(path: Path, content: ImageContent) -> np.ndarray:
    """A mask file as alpha (H, W) in the pixels of its photo."""
    mask = read_image(path)
    alpha, size = mask.rgba[..., 3], mask.size
    if float(alpha.min()) > 0.99:
        alpha = cv2.cvtColor(mask.rgba[..., :3], cv2.COLOR_RGB2GRAY)
    # Masks are often made from the stored pixels and do not repeat the photo's orientation. A square one tells nothing:
    # it is taken as upright, as Edit Mask writes them.
    stored = content.orientation >= 5 and same_shape(size[::-1], content.size) and not same_shape(size, content.size)
    if mask.orientation == 1 and stored:
        alpha, size = UPRIGHT[content.orientation](alpha), size[::-1]
    if not same_shape(size, content.size):
        raise InputError(
            f"The mask {path} has {size[0]} × {size[1]} pixels, its photo {content.size[0]} × {content.size[1]}.",
            "Make the mask in the shape of the photo.",
        )
    height, width = content.rgba.shape[:2]
    shrinks = alpha.shape[0] > height
    return cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
