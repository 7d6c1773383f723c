"""Words in panels. Blender's labels do not wrap, so longer sentences are broken to the panel's width here."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..pflrm_blender.sentences import localized

CHARACTER = 7.0  # pixels a character takes on average at a scale of 1
_MARGIN = 60  # pixels of the box, the icon and the panel's border


def paragraph(
    layout: bpy.types.UILayout, context: bpy.types.Context, words: str, icon: str = "NONE", *, pixels: float = 0.0
) -> None:
    """Draw a text as lines of labels, the first with an icon; what it has of known sentences, in the user's language.

    :param pixels: the width there is at a scale of 1; that of the region if 0.
    """
    import textwrap  # Blender's start does without it

    width = ((pixels or context.region.width / context.preferences.system.ui_scale) - _MARGIN) / CHARACTER
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, sentence in enumerate(words.splitlines()):
        if number:
            column.separator(factor=0.5)  # several sentences are read as several
        for line in textwrap.wrap(localized(sentence, iface_), max(20, int(width))):
            column.label(text=line, icon=icon, translate=False)
            icon = "BLANK1" if icon != "NONE" else "NONE"
