"""The extension in other languages. Words that Blender itself translates stay Blender's: it asks its own first."""

from __future__ import annotations

import bpy

from ...pflrm_blender import sentences
from ...pflrm_blender.properties import ROOT_PACKAGE
from . import de


def register() -> None:
    bpy.app.translations.register(ROOT_PACKAGE, {"de": de.MESSAGES})
    sentences.learn(message for context, message in de.MESSAGES if context == "*")


def unregister() -> None:
    bpy.app.translations.unregister(ROOT_PACKAGE)
    sentences.forget()
