"""docs/complaints.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    line for line in (ROOT / "docs" / "complaints.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")
][1:]


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_of_the_fifteen_is_held_by_tests_that_exist():
    assert [row.split("|")[1].strip() for row in ROWS] == [str(number) for number in range(1, 16)]
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        assert [f"{file}::{name}" for file, name in named if name not in names_in(file)] == []
