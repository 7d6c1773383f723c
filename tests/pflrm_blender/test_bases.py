"""Which Python an environment is made from."""

import json
import sys
from pathlib import Path

import pytest
from pflrm.pflrm_blender import bases
from pflrm.pflrm_blender.errors import PflrmError


def python(folder, name="python3", **answer):
    """A program that answers like a Python."""
    folder.mkdir(exist_ok=True)
    full = {"version": [3, 12], "pip": "25.0", "venv": True, "ensurepip": True, **answer}
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{json.dumps(full)}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A search path of one folder, and a Blender whose own Python is too new."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(python(tmp_path / "blender", version=[3, 14])))
    return tmp_path / "bin"


def test_blenders_own_comes_first():
    found = bases.find()
    assert found.python == Path(sys.executable)
    assert found.version == sys.version_info[:2]
    assert found.words.startswith("Blender's own Python 3.")


def test_one_on_the_search_path_where_blenders_will_not_do(elsewhere):
    python(elsewhere, "python3", version=[3, 10])
    wanted = python(elsewhere, "python3.13", version=[3, 13])
    assert bases.find().python == wanted


def test_where_none_will_do_it_says_why_of_each(elsewhere):
    python(elsewhere, "python3.13", version=[3, 13], venv=False)
    (elsewhere / "python3").symlink_to(sys.executable)
    with pytest.raises(PflrmError, match=r"No Python 3\.11/3\.12/3\.13 was found") as caught:
        bases.find()
    assert f"{sys.executable} cannot be used to set up: it is Python 3.14." in caught.value.message
    assert f"{elsewhere / 'python3.13'} cannot be used to set up: it has no module venv." in caught.value.message
    assert caught.value.message.count("it is Python 3.14") == 1
    assert "Set Up With" in caught.value.remedy


def test_a_blender_that_is_its_own_python_is_not_started(elsewhere, monkeypatch, tmp_path):
    blender = tmp_path / "blender-5"
    blender.write_text(f"#!/bin/sh\ntouch {tmp_path / 'window'}\n")
    blender.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(blender))
    with pytest.raises(PflrmError, match=r"No Python 3\.11/3\.12/3\.13 was found"):
        bases.find()
    assert not (tmp_path / "window").exists()


def test_only_versions_that_will_do(elsewhere):
    python(elsewhere, "python3.12")
    with pytest.raises(PflrmError, match=r"No Python 3\.11 was found"):
        bases.find(versions={(3, 11)})


@pytest.mark.parametrize(("answer", "words"), [
    ({"version": [3, 14]}, "it is Python 3.14"), ({"venv": False}, "no module venv"),
    ({"ensurepip": False, "pip": "22.0.2"}, "neither the module ensurepip nor a recent pip"),
    ({"ensurepip": False, "pip": ""}, "neither the module ensurepip nor a recent pip"),
])  # fmt: skip
def test_a_named_one_that_will_not_do(tmp_path, answer, words):
    named = python(tmp_path, **answer)
    with pytest.raises(PflrmError, match=words) as caught:
        bases.find(str(named))
    assert str(named) in caught.value.message


def test_a_named_one_is_used_or_is_an_error(tmp_path):
    assert bases.find(str(python(tmp_path, ensurepip=False, pip="23.0.1+dfsg"))).ensurepip is False
    with pytest.raises(PflrmError, match="does not exist"):
        bases.find(str(tmp_path / "missing"))
    silent = tmp_path / "python3.12"
    silent.write_text("#!/bin/sh\nexit 9\n")
    silent.chmod(0o755)
    with pytest.raises(PflrmError, match="does not answer"):
        bases.find(str(silent))
