"""What Set Up installs: versions and hashes, and from where."""

import re
import tomllib
from pathlib import Path

from pflrm.pflrm_blender import install, plan, variants

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = plan.LOCK.read_text(encoding="utf-8")


def test_it_holds_what_the_project_asks_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["heic"]]
    pins = [requirement.partition(";")[0] for requirement in wanted if "==" in requirement]
    assert [pin for pin in pins if f"\n{pin} " not in TEXT] == []
    assert f"torch=={variants.TORCH}" in pins


def test_every_entry_has_a_hash():
    hashed = re.findall(r"^([a-z]\S+)[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}\b", TEXT, re.M)
    assert hashed == re.findall(r"^[a-z]\S+", TEXT, re.M)


def test_without_torch_it_has_none_of_its_libraries():
    names = {entry.partition("==")[0] for entry in install.locked(TEXT, torch=False)}
    assert {"numpy", "scipy", "sympy", "filelock", "pillow-heif"} <= names
    assert not [name for name in names if re.match("torch|nvidia|cuda|triton", name)]
    header = TEXT.index("\ncuda")
    assert "\n".join(install.locked(TEXT, torch=True)) == TEXT[header:].strip()


def test_no_other_index_is_named():
    """People's own settings of pip are honoured; the code knows PyTorch's index alone."""
    hosts = {
        host for room in ("core", "pflrm_blender", "operators", "ui") for path in (REPOSITORY / room).rglob("*.py")
        for host in re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8"))
    }  # fmt: skip
    assert "download.pytorch.org" in hosts
    assert not [host for host in hosts if "pypi" in host or "mirror" in host]
