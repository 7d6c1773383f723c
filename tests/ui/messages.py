"""All words that an artist can see, as Blender looks them up: pairs of a context and a message.

They are found where Blender itself finds those of its own scripts: in registered classes, in the literals that layouts,
reports and messages of polls are given, and in the functions of ``bpy.app.translations``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from pflrm.tests.ui import sentences

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("ui", "operators", "pflrm_blender")
TERMINAL = ("api.py", "batch.py", "cli.py", "output.py")  # scripts and commands speak English
OPERATOR, DEFAULT = "Operator", "*"
_LOOK_UP = {"iface_", "tip_", "rpt_", "n_"}
_OF_LAYOUT = {"label", "operator", "menu", "prop", "progress", "prop_enum", "operator_menu_enum", "popover"}
_WORD = re.compile("[A-Za-z]{2}")

Message = tuple[str, str]


def of_classes() -> set[Message]:
    """Labels, descriptions and choices of everything that is registered."""
    found = set()
    for kind in ("Operator", "Panel", "Menu", "FileHandler", "PropertyGroup", "AddonPreferences"):
        for cls in _below(getattr(bpy.types, kind)):
            if cls.__name__.startswith("PFLRM_") and cls.is_registered:
                found |= set(_of_class(cls, kind))
    for name in ("pflrm_result", "pflrm_result_size", "pflrm_photo_opacity"):
        found |= set(_of_property(bpy.types.Scene.bl_rna.properties[name]))
    return {message for message in found if _WORD.search(message[1])}


def _below(cls: Any) -> Iterator[Any]:
    for below in cls.__subclasses__():
        yield below
        yield from _below(below)


def _of_class(cls: Any, kind: str) -> Iterator[Message]:
    rna = cls.bl_rna
    if kind == "Operator":
        rna = getattr(bpy.ops.pflrm, cls.bl_idname.split(".")[1]).get_rna_type()
        yield OPERATOR, rna.name
        yield DEFAULT, rna.description
    elif kind in ("Panel", "Menu", "FileHandler"):
        yield DEFAULT, cls.bl_label
        yield DEFAULT, (cls.__doc__ or "") if kind == "Menu" else ""
        return
    for item in rna.properties:
        shown = item.is_runtime and not item.is_hidden and item.type != "COLLECTION"
        if shown and item.identifier not in ("rna_type", "name"):
            yield from _of_property(item)


def _of_property(item: bpy.types.Property) -> Iterator[Message]:
    yield item.translation_context, item.name
    yield DEFAULT, item.description
    for choice in getattr(item, "enum_items", ()):
        yield item.translation_context, choice.name
        yield DEFAULT, choice.description


def of_source() -> set[Message]:
    """The literals of the code, of progress and of notices."""
    found = set()
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found |= set(_of_call(node))
    found |= {(DEFAULT, words) for words in {*_stages(), *_of_set_up(), *sentences.collect()}}
    return {message for message in found if _WORD.search(message[1])}


def files() -> list[Path]:
    return [path for room in SHOWN for path in sorted((ROOT / room).rglob("*.py")) if path.name not in TERMINAL]


def _of_call(node: ast.Call) -> Iterator[Message]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if name in _LOOK_UP:
        context = node.args[1].value if len(node.args) > 1 else DEFAULT  # type: ignore[attr-defined]
        yield from ((context, words) for words in _literals(node.args[0]))
    elif name in _OF_LAYOUT and "text" in keywords:
        yield from ((OPERATOR if name == "operator" else DEFAULT, words) for words in _literals(keywords["text"]))
    elif name == "paragraph" or name == "poll_message_set":
        yield from ((DEFAULT, words) for argument in node.args for words in _sentences(argument))
    elif name in ("report", "Notice", "PflrmError") and len(node.args) > 1:
        yield from ((DEFAULT, words) for argument in node.args[1:] for words in _sentences(argument))


def _literals(node: ast.expr) -> Iterator[str]:
    """The strings that an expression can be, other than those that are put together."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def _sentences(node: ast.expr) -> Iterator[str]:
    yield from (words for words in _literals(node) if " " in words)  # others are icons and kinds


def _stages() -> set[str]:
    """What a run does, and what it leaves open, in the worker's words."""
    source = (ROOT / "core" / "reconstruct.py").read_text(encoding="utf-8")
    symmetry = (ROOT / "core" / "confidence.py").read_text(encoding="utf-8")
    stages = re.findall(r'(?:stage|progress)\("([^"]+)"', source) + re.findall(r'return "([^"]+)"', symmetry)
    return {*stages, "Starting", "Cancelling", "Projecting Photos"}


def _of_set_up() -> Iterator[str]:
    """The stages of a set-up."""
    for name in ("install.py", "setting_up.py"):
        source = (ROOT / "pflrm_blender" / name).read_text(encoding="utf-8")
        yield from re.findall(r'(?:_advance\(|stage = )"([^"]+)"', source)


def put_together() -> list[str]:
    """Places where words are put together before Blender could look them up."""
    found = []
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                shown = list(node.args) if name in ("paragraph", "report", "Notice", *_LOOK_UP) else []
                shown += [keyword.value for keyword in node.keywords if keyword.arg == "text" and name in _OF_LAYOUT]
                found += [f"{path.relative_to(ROOT)}:{node.lineno}" for part in shown if _joins_words(part)]
    return found


def _joins_words(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return any(isinstance(part, ast.Constant) and _WORD.search(part.value.replace(" mm", "")) for part in parts)
