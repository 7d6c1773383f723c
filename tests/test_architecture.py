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


def files_of_the_extension() -> list[Path]:
    return [path for room in ("", "operators", "pflrm_blender", "ui") for path in files_of(room)]


# What has no counterpart among Blender's data, and depends on no editor, selection or mode that an artist may change.
ASKED_OF_BLENDER = {
    "brush.asset_activate", "ed.undo_push", "export_scene.gltf", "preferences.addon_show", "wm.call_panel",
    "wm.path_open", "wm.read_homefile", "wm.save_as_mainfile",
}  # fmt: skip


def test_nothing_is_made_by_operators_that_need_a_context():
    asked = set()
    for path in files_of_the_extension():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.startswith("bpy.ops."):
                asked.add(name.removeprefix("bpy.ops.").removesuffix(".poll"))
    assert asked <= ASKED_OF_BLENDER


def test_threads_do_not_know_blender():
    """A module that starts a thread imports no bpy, by whatever way."""
    for path in files_of_the_extension():
        starts = "threading.Thread(" in path.read_text(encoding="utf-8")
        assert not (starts and "bpy" in reached_from(path, set())), path


def reached_from(path: Path, seen: set[Path]) -> set[str]:
    """The names that a module of the extension and those it imports relatively import.

    Relative imports for the type checker alone, which never run, are not followed.
    """
    seen.add(path)
    found = {name for _, name, relative in imports_of(path) if not relative}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    never_run = {inner for check in checks for statement in check.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level and node not in never_run:
            folder = path.parents[node.level - 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                other = folder.joinpath(*name.split(".")).with_suffix(".py")
                if other.exists() and other not in seen:
                    found |= reached_from(other, seen)
    return found


def test_the_texture_is_projected_without_blender():
    """It runs on a thread; its module knows Blender for the steps before and after."""
    module = ast.parse((ROOT / "pflrm_blender" / "texture.py").read_text(encoding="utf-8"))
    project = next(node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "project")
    assert "bpy" not in ast.unparse(project)
    for name in ("texture_atlas", "texture_photos", "texture_projection", "texture_raster"):
        assert "bpy" not in reached_from(ROOT / "pflrm_blender" / f"{name}.py", set())


def test_nothing_listens_on_a_port():
    """Blender and the worker speak through a pipe."""
    servers = {"socket", "socketserver", "http.server", "asyncio", "xmlrpc", "multiprocessing"}
    found = {name for path in [*files_of_the_extension(), *files_of("core")] for name in modules_of(path)}
    assert found & servers == set()


def modules_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
