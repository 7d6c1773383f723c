"""Finding an interpreter for the worker and asking what it offers."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pflrm.pflrm_blender import runtime
from pflrm.pflrm_blender.errors import PflrmError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)


@pytest.fixture
def bare(tmp_path):
    """A virtual environment without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    return tmp_path / "bare"


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_the_order_of_search(tmp_path, bare, monkeypatch):
    one, two = script(tmp_path / "one", ""), script(tmp_path / "two", "")
    assert runtime.find_interpreter() == Path(sys.executable)  # it has torch
    in_bare = runtime.find_interpreter("", bare)
    assert in_bare.parent.parent == bare
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, str(two))
    assert runtime.find_interpreter("", bare) == two
    assert runtime.find_interpreter(str(one), bare) == one


def test_blenders_python_without_torch_is_not_taken(bare, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(runtime.interpreter_in(bare)))
    with pytest.raises(PflrmError, match="No Python with torch") as caught:
        runtime.find_interpreter("", bare.parent / "never made")
    assert caught.value.kind == "runtime"
    assert runtime.ENVIRONMENT_VARIABLE in caught.value.remedy
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(PflrmError, match="No Python with torch"):
        runtime.find_interpreter()


@pytest.mark.parametrize("place", ["preferences", "variable"])
def test_what_the_user_names_is_never_passed_over(tmp_path, monkeypatch, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("not executable")
    for name in ("missing", "empty", "text"):
        named = str(tmp_path / name)
        if place == "variable":
            monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, named)
        with pytest.raises(PflrmError, match=re.escape(named)) as caught:
            runtime.find_interpreter(named if place == "preferences" else "")
        assert place in caught.value.message


def test_a_named_folder_is_an_environment(bare, tmp_path):
    assert runtime.find_interpreter(str(bare)).name in ("python", "python.exe")
    conda = tmp_path / "conda"
    conda.mkdir()
    script(conda / "python.exe", "")
    assert runtime.find_interpreter(str(conda)) == conda / "python.exe"


def test_a_virtual_environment_keeps_its_own_path(bare):
    """Its python is a link: the file behind it would be another environment."""
    assert runtime.find_interpreter(str(bare)).is_relative_to(bare)


def test_check_of_a_complete_environment():
    report = runtime.check(Path(sys.executable))
    assert report.problems == ()
    assert report.usable
    assert report.python == ".".join(map(str, sys.version_info[:3]))
    assert report.packages["torch"]
    assert report.marching_cubes in runtime.MARCHING_CUBES
    assert report.devices[-1]["kind"] == "cpu"
    text = "\n".join(report.lines())
    assert f"torch: {report.packages['torch']}" in text
    assert "Device: cpu" in text


def test_check_of_an_empty_environment(bare):
    report = runtime.check(runtime.interpreter_in(bare))
    assert not report.usable
    assert "torch is missing." in report.problems
    assert "Neither pymcubes nor scikit-image can be loaded." in report.problems
    assert len(report.problems) == 9
    assert report.devices == ()


def test_check_of_a_broken_package(bare):
    """As a torch whose libraries do not load: it is there, and its import raises."""
    site = next((bare / "lib").glob("python*")) / "site-packages" if os.name != "nt" else bare / "Lib/site-packages"
    (site / "torch.py").write_text("print('noise')\nraise OSError('libc10.so: wrong ELF class')\n")
    report = runtime.check(runtime.interpreter_in(bare))
    assert "torch cannot be loaded: OSError: libc10.so: wrong ELF class" in report.problems


@pytest.mark.parametrize(
    ("text", "words"),
    [("echo oh no >&2; exit 3", "exit code 3: oh no"), ("echo not json", "exit code 0: no message")],
)
def test_check_of_something_else(tmp_path, text, words):
    report = runtime.check(script(tmp_path / "python", text))
    assert words in report.problems[0]


def test_check_of_an_interpreter_that_does_not_start(tmp_path):
    assert "cannot be started" in runtime.check(tmp_path / "missing").problems[0]


def test_check_of_one_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "PROBE_SECONDS", 0.2)
    report = runtime.check(script(tmp_path / "python", "exec sleep 20"))
    assert "no answer" in report.problems[0]


def test_an_old_python_is_a_problem(tmp_path):
    packages = '"torch": "1", "numpy": "1", "safetensors": "1", "mcubes": null, "skimage": "1"'
    answer = f'{{"python": "3.9.1", "packages": {{{packages}}}, "errors": {{}}, "devices": []}}'
    report = runtime.check(script(tmp_path / "python", f"echo '{answer}'"))
    assert report.problems == ("Python 3.9.1 is older than 3.11.",)
    assert report.marching_cubes == "skimage"


def test_variables_of_blenders_python_are_removed(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PFLRM_PYTHON", "/kept")
    environment = runtime.clean_environment()
    assert "PYTHONHOME" not in environment
    assert environment["PFLRM_PYTHON"] == "/kept"


def test_instructions_name_files_that_exist():
    text = "\n".join(runtime.setup_instructions())
    assert runtime.REQUIREMENTS.is_file()
    assert str(runtime.REQUIREMENTS) in text
    assert "Use Existing Python" in text
    assert runtime.ENVIRONMENT_VARIABLE in text


def test_the_shipped_requirements_are_the_projects():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = runtime.REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["dependencies"]


def test_the_probe_knows_every_requirement():
    from pflrm.core import probe

    names = {re.split(r"[=<>;]", line)[0] for line in runtime.REQUIREMENTS.read_text().splitlines() if line[0] != "#"}
    assert names == set(probe.PACKAGES.values())
