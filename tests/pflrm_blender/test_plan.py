"""What Set Up would do, and that an environment of an earlier version of the extension is known as such."""

import sys
from pathlib import Path

import pytest
from pflrm.pflrm_blender import environment, plan, variants
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.pflrm_blender.properties import Machine
from pflrm.tests.pflrm_blender import wheels
from pflrm.tests.pflrm_blender.environments import BASE


@pytest.fixture(autouse=True)
def wanted(monkeypatch):
    monkeypatch.setattr(variants, "TORCH", "2.13.0")
    monkeypatch.delenv("PFLRM_PYTHON", raising=False)


@pytest.mark.parametrize(("there", "older"), [
    ("2.12.1+cu126", "2.12.1"), ("2.9.0", "2.9.0"), ("2.13.0", ""), ("2.13.0+cpu", ""), ("2.14.0", ""),
])  # fmt: skip
def test_an_older_torch(tmp_path, there, older):
    goal = tmp_path / "runtime"
    python = wheels.make_environment(goal, there)
    assert plan.older_torch(python, goal) == older


def test_another_python_is_the_users_own_affair(tmp_path):
    goal = tmp_path / "runtime"
    wheels.make_environment(goal, "2.12.1")
    assert plan.older_torch(Path("/usr/bin/python3"), goal) == ""


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"packages": {"torch": null}}', '{"packages": []}'])
def test_a_record_in_another_form(tmp_path, record):
    goal = tmp_path / "runtime"
    python = wheels.make_environment(goal, "2.12.1")
    (goal / plan.RECORD).write_text(record)
    assert plan.older_torch(python, goal) == ""


def test_a_check_looks_again_for_a_python_to_set_up_with(tmp_path, monkeypatch):
    """One may have been installed because the panel has asked for it."""
    answers = ["none", "one"]
    monkeypatch.setattr(plan, "make", lambda wishes: answers.pop(0))
    wishes = plan.Wishes(tmp_path / "runtime")
    environment.forget()
    for expected in ("none", "one"):
        environment.planned(wishes)
        for thread in environment._threads:
            thread.join(10)
        assert environment.planned(wishes) == expected
        environment.check(Machine(tmp_path / "runtime"))


def test_the_panels_come_to_know_it(tmp_path):
    here = Machine(tmp_path / "runtime")
    wheels.make_environment(here.managed, "2.12.1")
    environment.forget()
    environment.find(here)
    for thread in environment._threads:
        thread.join(10)
    assert environment.older_torch(here) == "2.12.1"
    environment.forget()
    assert environment.older_torch(here) == ""


def test_a_folder_of_wheels_decides_on_torch_and_python(tmp_path):
    (tmp_path / "torch-2.13.0+cpu-cp313-cp313-linux_x86_64.whl").write_bytes(b"0" * 1000)
    build_of_torch, versions = plan._of_wheels(tmp_path)
    assert build_of_torch.requirement == "torch==2.13.0+cpu"
    assert versions == {(3, 13)}


@pytest.mark.parametrize(("names", "words"), [
    ([], "no wheel of torch"), (["torch-2.4.0-cp311-cp311-win_amd64.whl"], "no wheel of torch 2.13.0"),
])  # fmt: skip
def test_a_folder_without_the_right_torch(tmp_path, names, words):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(PflrmError, match=words):
        plan.make(plan.Wishes(tmp_path / "goal", wheels=str(tmp_path)))


def test_the_wheels_that_came_along_are_used(tmp_path, monkeypatch):
    version = "".join(map(str, sys.version_info[:2]))
    (tmp_path / f"torch-2.13.0+cpu-cp{version}-cp{version}-linux_x86_64.whl").write_bytes(b"")
    monkeypatch.setattr(plan, "CARRIED_WHEELS", tmp_path)
    assert {plan.make(plan.Wishes(tmp_path / "a", variant=v)).wheels for v in ("auto", "cpu")} == {tmp_path}
    monkeypatch.setattr(variants, "look", lambda renderer: variants.Hardware("Linux", "x86_64"))
    assert plan.make(plan.Wishes(tmp_path / "goal", variant="cuda")).online  # which they are not


def test_it_says_what_from_where_how_large_and_where_to(tmp_path):
    chosen = variants.BUILDS["Linux"][2]
    said = "\n".join(plan.Plan(tmp_path, BASE, chosen, None, chosen.index).lines())
    source = "3.0 GB from PyPI and https://download.pytorch.org/whl/cu126"
    assert [words for words in ("CUDA 12.6", source, str(tmp_path), "5.7 GB") if words not in said] == []
