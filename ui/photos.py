"""The photos in the panel: a thumbnail each, with what was found in it; smaller ones where a run has to choose."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_

from ..pflrm_blender import inspection, masks, paths
from ..pflrm_blender.properties import ENOUGH, MOST_OFFERED, MOST_PHOTOS, TILTS, path_of, photos_in_use
from ..pflrm_blender.sentences import joined
from . import thumbnails
from .text import CHARACTER, paragraph

# Pixels at a scale of 1.
_CELL, _SMALL_CELL = 110, 72  # the least width of a photo; the sidebar's decides how many stand side by side
_MOST_LARGE = 4  # photos
_BORDERS = 44  # of the panel, with its tabs
_BESIDE_NAME = 36  # of a photo's box, with the button of its menu
_THUMBNAIL, _SMALL_THUMBNAIL = 4.0, 2.8  # in units of an icon
_HEIC = (".heic", ".heif")
_DOUBT = "QUESTION"  # the icon of a photo whose mask deserves a look


class _Look(NamedTuple):
    """What the panel shows of a photo: its picture, why a run would fail for it or "", the icon of its mask, and what
    it notes of its camera in a few characters."""

    photo: bpy.types.PropertyGroup
    picture: Path
    problem: str
    icon: str
    camera: str


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The list, and what is to be said about the number of its photos."""
    photos = context.scene.pflrm.photos
    if not photos:
        _draw_invitation(layout, context)
        return
    header, body = layout.panel("PFLRM_PT_photos")
    header.label(text=iface_("Photos ({count})").format(count=len(photos)), translate=False)
    looks = [_look_at(photo) for photo in photos]
    if body is not None:
        _draw_grid(body, context, looks)
        row = body.row(align=True)
        row.operator("pflrm.photos_add", text="Add Photos…", icon="ADD")
        row.menu("PFLRM_MT_photos", text="", icon="DOWNARROW_HLT")
    _draw_number(layout, context, sum(look.photo.enabled for look in looks))


def draw_findings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What was found wrong with the photos. It comes late, and must not move a button that the mouse is on its way to:
    so its place is below the buttons."""
    looks = [_look_at(photo) for photo in context.scene.pflrm.photos]
    problems = [look.problem for look in looks if look.problem]
    for problem in joined(problems, [path_of(look.photo).name for look in looks]):
        paragraph(layout, context, problem, "ERROR")
    if any(look.photo.enabled and look.icon == _DOUBT for look in looks):
        words = n_("The object is hard to tell from its background, or cut off at the edge: click the question mark.")
        paragraph(layout, context, words, _DOUBT)


def _draw_invitation(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    box = layout.box()
    words = iface_("Drop 2–{most} photos of one object here.").format(most=MOST_PHOTOS)
    paragraph(box, context, words, "IMAGE_DATA")
    row = box.row()
    row.scale_y = 1.3
    row.operator("pflrm.photos_add", text="Add Photos…", icon="ADD")


def _draw_grid(layout: bpy.types.UILayout, context: bpy.types.Context, looks: list[_Look]) -> None:
    small = len(looks) > _MOST_LARGE  # so that the button below stays in sight
    width = context.region.width / context.preferences.system.ui_scale - _BORDERS
    columns = max(1, int(width / (_SMALL_CELL if small else _CELL)))
    characters = int((width / columns - _BESIDE_NAME) / CHARACTER)
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=True)
    reference = next((index for index, look in enumerate(looks) if look.photo.enabled), -1)
    for index, look in enumerate(looks):
        cell = grid.box().column(align=True)
        cell.active = look.photo.enabled
        _draw_thumbnail(cell, look.picture, _SMALL_THUMBNAIL if small else _THUMBNAIL)
        row = cell.row(align=True)
        if not small:
            row.label(text=_ending(look.photo.name, characters), translate=False)
            _draw_menu(row, look.photo)
            row = cell.row(align=True)
        _draw_mask(row, look, index, in_words=not small)
        _draw_use(row, look.photo, is_reference=index == reference)
        if small:
            _draw_menu(row, look.photo)


def _draw_thumbnail(layout: bpy.types.UILayout, picture: Path, scale: float) -> None:
    icon = thumbnails.icon_of(picture)
    if icon:
        layout.template_icon(icon_value=icon, scale=scale)
    else:
        layout.label(text="", icon="FILE_IMAGE")


def _ending(name: str, characters: int) -> str:
    """A camera's names differ at their end, which must not be what is cut off."""
    return name if len(name) <= characters else f"…{name[1 - characters:]}"


def _draw_menu(layout: bpy.types.UILayout, photo: bpy.types.PropertyGroup) -> None:
    layout.context_pointer_set("pflrm_photo", photo)
    layout.menu("PFLRM_MT_photo", text="", icon="DOWNARROW_HLT")


def _draw_mask(layout: bpy.types.UILayout, look: _Look, index: int, *, in_words: bool) -> None:
    left = layout.row(align=True)
    left.alignment = "LEFT"
    words = (look.camera or iface_("Mask")) if in_words else ""
    left.operator("pflrm.mask_preview", text=words, icon=look.icon, emboss=False, translate=False).index = index


def _draw_use(layout: bpy.types.UILayout, photo: bpy.types.PropertyGroup, *, is_reference: bool) -> None:
    right = layout.row(align=True)
    right.alignment = "RIGHT"
    checked = "CHECKBOX_HLT" if photo.enabled else "CHECKBOX_DEHLT"
    right.prop(photo, "enabled", text="", icon="SOLO_ON" if is_reference else checked, emboss=False)


def _draw_number(layout: bpy.types.UILayout, context: bpy.types.Context, used: int) -> None:
    if used == 1:
        paragraph(layout, context, "One photo gives a shape, but no other cameras.", "INFO")
    elif 1 < used < ENOUGH:
        paragraph(layout, context, "More photos make better cameras: five to eight are best.", "INFO")
    elif used > MOST_OFFERED:
        words = iface_("{count} photos are in use, but {most} are the most: switch some off.")
        paragraph(layout, context, words.format(count=used, most=MOST_OFFERED), "ERROR")
    elif used > MOST_PHOTOS:
        words = iface_("Of {count} photos the run uses the reference and the {others} that differ most.")
        paragraph(layout, context, words.format(count=used, others=MOST_PHOTOS - 1), "INFO")


def _look_at(photo: bpy.types.PropertyGroup) -> _Look:
    path, state = path_of(photo), inspection.state_of(photo)
    problem = photo.problem or (state.problem if state is not None else "")
    problem = problem.replace(str(path), path.name) if paths.written(str(path)) else _gone(path)
    if masks.painted(photo) is not None:
        icon = "BRUSH_DATA"
    elif problem:
        icon = "ERROR"
    elif state is None:
        icon = "TIME"
    else:
        icon = "MOD_MASK" if state.sure and not state.touches_border else _DOUBT
    # Blender does not read HEIC; what was found in it is a PNG.
    picture = Path(state.preview) if state is not None and state.preview and path.suffix.lower() in _HEIC else path
    return _Look(photo, picture, problem, icon, _camera_of(photo, state))


def _camera_of(photo: bpy.types.PropertyGroup, state: inspection.PhotoState | None) -> str:
    """The focal length, and from how high a photo was taken, as far as they are known; in eight characters."""
    lens = state.focal_35mm if state is not None else None
    said = TILTS[photo.height]
    tilt = state.tilt if said is None and state is not None else said
    if tilt is None:
        return f"ƒ {lens:.0f} mm" if lens else ""
    return f"ƒ{lens:.0f} ∠{tilt:.0f}°" if lens else f"∠ {tilt:.0f}°"


def heights_are_open(context: bpy.types.Context) -> bool:
    """Whether nobody, neither a phone nor the artist, has said of some photo in use from how high it was taken."""
    used = photos_in_use(context.scene.pflrm)
    states = [inspection.state_of(photo) for photo in used if TILTS[photo.height] is None]
    return any(state is None or state.tilt is None for state in states)


def _gone(path: Path) -> str:
    return iface_("{file} is not there any more.").format(file=path.name)
