"""The sentences that are finished in English where no Blender is near, as templates: collected from the code.

``f"The mask {path} is empty."`` there is ``"The mask {0} is empty."`` here, as in the locale.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where the worker, the threads, and the writer of results make them.
_ROOMS = ("core", "core/model", "pflrm_blender")
# Commands, scripts, reports and logs speak English.
_ENGLISH = {
    "__main__.py", "api.py", "batch.py", "cli.py", "command.py", "mesh_files.py", "output.py", "process.py", "report.py"
}
# What is shown though it is no sentence: the functions whose words it is, or the constants that hold it.
_FACTS = {
    "checkpoint.py": {"_check_tensors"},
    "failures.py": {"explain", "explain_os_error"},
    "bases.py": {"words", "_examine"},
    "plan.py": {"lines"},
    "runtime.py": {"summary", "_device_lines", "find_interpreter"},
    "variants.py": {"_CPU", "_CUDA", "_CUDA126", "_XPU", "BUILDS"},
    "weights.py": {"check"},
}
_SENTENCE = re.compile(r"(?:[A-Z{].* .*|.* )(?:\.|: \{\d\})", re.DOTALL)
_FACT = re.compile(r".*[A-Za-z]{3}.* .*|.* .*[A-Za-z]{3}.*|missing|unknown")
_SAME_IN_ALL = {", {0} GiB"}
_TERMINAL = {"main", "setup_instructions", "facts"}


def collect() -> set[str]:
    """All templates."""
    found: set[str] = set()
    for room in _ROOMS:
        for path in sorted((ROOT / room).glob("*.py")):
            if path.name not in _ENGLISH:
                found |= set(_of_file(path))
    return found


def _of_file(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for words in _literals(tree):
        if _SENTENCE.fullmatch(words):
            yield words
    for node in ast.walk(tree):
        if _name_of(node) in _FACTS.get(path.name, ()):
            yield from (words for words in _literals(node) if _FACT.fullmatch(words) and words not in _SAME_IN_ALL)


def _name_of(node: ast.AST) -> str:
    """Of a function, or of the constant that is assigned."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return node.name if isinstance(node, ast.FunctionDef) else ""


def _literals(tree: ast.AST) -> Iterator[str]:
    """The strings of the code that are no docstrings, and not for a terminal."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.FunctionDef) and node.name in _TERMINAL:
            continue
        if isinstance(node, ast.JoinedStr):
            yield _template(node)
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _literals(part.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        else:
            yield from _literals(node)


def _template(node: ast.JoinedStr) -> str:
    words, count = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            words += str(part.value)
        else:
            words += f"{{{count}}}"
            count += 1
    return words
