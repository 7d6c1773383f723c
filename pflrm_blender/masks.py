"""Masks that are painted in Blender: the photo as an image whose transparency is the mask, and back to a file.

The image is packed into the .blend, and again whenever that is saved, so that no stroke is lost half way. Files are
new each time: neither a mask of the artist's nor one that an earlier result was made with is ever written over.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_rpt as rpt_

from . import paths
from .errors import PflrmError
from .properties import PFLRM_PG_photo, path_of

if TYPE_CHECKING:
    import numpy as np

FOLDER = "PF-LRM Masks"
OF_PHOTO = "pflrm_mask_of"  # on the image: the photo's file, as a .blend names it


def photo_of(image: bpy.types.Image | None) -> str:
    """The file of the photo whose mask is painted in this image, or ""."""
    return paths.absolute(image.get(OF_PHOTO, "")) if image is not None else ""


def painted(photo: PFLRM_PG_photo) -> bpy.types.Image | None:
    """The image in which a photo's mask is being painted."""
    path = str(path_of(photo))
    return next((image for image in bpy.data.images if photo_of(image) == path), None)


def is_own(photo: PFLRM_PG_photo) -> bool:
    """Whether the photo's mask was painted here rather than given by the artist."""
    return bool(photo.mask) and Path(paths.absolute(photo.mask)).parent.name == FOLDER


def begin(photo: PFLRM_PG_photo, cutout: Path) -> bpy.types.Image:
    """The image to paint a photo's mask in; one that was begun earlier goes on.

    :param cutout: a PNG file of the photo whose alpha is the mask that was found.
    """
    image = painted(photo)
    if image is None:
        image = bpy.data.images.load(str(cutout), check_existing=False)
        image.name = f"{photo.name} Mask"
        image.pack()
        image.use_fake_user = True  # it is saved although no object uses it
        image[OF_PHOTO] = paths.for_file(path_of(photo))
    return image


def take(photo: PFLRM_PG_photo) -> Path:
    """Write the painted mask to a new file, white where the object is, and make it the photo's mask.

    :raises PflrmError: of kind input; nothing is left in the mask. Of kind failure: the file cannot be written.
    """
    import numpy as np  # Blender's start does without it

    image = painted(photo)
    assert image is not None
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    alpha = pixels[3::4]
    if not (alpha > 0.5).any():
        message = rpt_("The mask of {name} is empty.").format(name=photo.name)
        raise PflrmError("input", message, rpt_("Paint the object back with Keep."))
    path = _new_file(photo.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, alpha, (width, height))
    except (OSError, RuntimeError) as error:  # Blender's own saving raises the latter
        message = rpt_("The mask {file} cannot be written: {reason}").format(file=path, reason=error)
        raise PflrmError("failure", message, rpt_("Save the .blend file in a folder that you may write to.")) from error
    photo.mask, photo.problem = paths.for_file(path), ""
    bpy.data.images.remove(image)
    return path


def discard(photo: PFLRM_PG_photo) -> None:
    """Give up the mask that is being painted, or else no longer use the one that was painted here. No file goes."""
    image = painted(photo)
    if image is not None:
        bpy.data.images.remove(image)
    elif is_own(photo):
        photo.mask, photo.problem = "", ""


@persistent
def _before_save(*_: object) -> None:
    """Blender itself does not save what was painted on a packed image."""
    for image in bpy.data.images:
        if photo_of(image) and image.is_dirty:
            image.pack()


def register() -> None:
    bpy.app.handlers.save_pre.append(_before_save)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_before_save)


def _new_file(name: str) -> Path:
    """Beside the .blend, or in the user's own folder while there is none."""
    if bpy.data.is_saved:
        folder = Path(bpy.path.abspath("//")) / FOLDER
    else:
        folder = Path(bpy.utils.user_resource("DATAFILES")) / "pflrm" / FOLDER
    path, number = folder / f"{name} mask.png", 1
    while path.exists():
        number += 1
        path = folder / f"{name} mask {number}.png"
    return path


def _write(path: Path, alpha: np.ndarray, size: tuple[int, int]) -> None:
    """A grey picture of an alpha (H·W,), rows upwards as Blender's."""
    import numpy as np

    picture = bpy.data.images.new(path.stem, *size, alpha=False)
    try:
        picture.colorspace_settings.name = "Non-Color"  # the values as they are
        pixels = np.repeat(alpha, 4)
        pixels[3::4] = 1.0
        picture.pixels.foreach_set(pixels)
        picture.filepath_raw = str(path)
        picture.file_format = "PNG"
        picture.save()
    finally:
        bpy.data.images.remove(picture)
