"""Compiled code is kept until any source of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pflrm.core import jit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rays.py").write_text("from .jit import f32, host\nfrom .part.limits import FARTHEST\n")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "limits.py").write_text("FARTHEST = 7\n")
    (tmp_path / "words.py").write_text("TITLE = 'a'\n")
    return tmp_path


@pytest.mark.parametrize("changed", ["rays.py", "part/limits.py"])
def test_a_change_of_what_is_compiled_or_of_its_constants_compiles_anew(folder: Path, changed: str) -> None:
    before = jit.fingerprint(folder)
    with (folder / changed).open("a") as file:
        file.write("MORE = 1\n")
    assert jit.fingerprint(folder) != before


def test_other_changes_do_not(folder: Path) -> None:
    before = jit.fingerprint(folder)
    (folder / "words.py").write_text("TITLE = 'b'\n")
    assert jit.fingerprint(folder) == before
