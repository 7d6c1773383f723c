"""The rooms of the house and the doors between them, read from the imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOORS = {  # which rooms a room may import from
    "core": {"core"},
    "pflrm_blender": {"pflrm_blender"},
    "operators": {"operators", "pflrm_blender"},
    "ui": {"ui", "operators", "pflrm_blender"},
    "": {"operators", "pflrm_blender", "ui"},  # the extension's root
}
OF_BLENDER = {"addon_utils", "bl_math", "blf", "bmesh", "bpy", "bpy_extras", "gpu", "gpu_extras", "mathutils"}
IN_BLENDER = sys.stdlib_module_names | OF_BLENDER | {"numpy"}  # what Blender's own Python brings


def files_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py") if room else ROOT.glob("*.py"))


def imports_of(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, first name, and whether it is relative, of each import; a relative one is named by its room."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0], False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").split(".")[0], False
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1].relative_to(ROOT).parts
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                yield node.lineno, (*folder, *name.split("."))[0], True


def offences(room: str, allowed: Collection[str] | None, relative: bool) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files_of(room)
        for line, name, is_relative in imports_of(path)
        if is_relative == relative and (allowed is None or name not in allowed)
    ]


@pytest.mark.parametrize("room", DOORS)
def test_rooms_import_only_through_their_doors(room):
    assert offences(room, DOORS[room], relative=True) == []


def test_core_knows_nothing_of_blender():
    found = [name for path in files_of("core") for _, name, _ in imports_of(path)]
    assert set(found) & OF_BLENDER == set()


@pytest.mark.parametrize("room", [room for room in DOORS if room != "core"])
def test_blenders_process_needs_only_what_blender_brings(room):
    """No torch, no Pillow, and no import of the extension by a name that it has only outside Blender."""
    assert offences(room, IN_BLENDER, relative=False) == []


def test_core_is_imported_by_relative_names_inside():
    found = [name for path in files_of("core") for _, name, relative in imports_of(path) if not relative]
    assert set(found) & {"pflrm", "core", "operators", "ui", "pflrm_blender", "bl_ext"} == set()


@pytest.mark.parametrize("room", [room for room in DOORS if room != "core"])
def test_the_search_path_of_blender_is_left_alone(room):
    touched = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files_of(room)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "sys")
        or (isinstance(node, ast.ImportFrom) and node.module == "sys" and any(a.name == "path" for a in node.names))
    ]
    assert touched == []


def test_starting_blender_costs_nothing():
    """The root imports inside its functions alone."""
    module = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    assert [node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom))] == []
