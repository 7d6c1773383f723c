"""An environment of an earlier version of the extension is known as such."""

from pathlib import Path

import pytest
from pflrm.pflrm_blender import environment, plan, variants
from pflrm.pflrm_blender.properties import Machine
from pflrm.tests.pflrm_blender import wheels


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
