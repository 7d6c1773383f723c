"""An environment that is built takes the place of the old one, or leaves it at work; built as in test_install.py."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from pflrm.pflrm_blender import install, plan, runtime, variants
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.tests.pflrm_blender import wheels
from pflrm.tests.pflrm_blender.environments import build, neighbours, offline, variant_in

pytestmark = pytest.mark.usefixtures("plain_pip")


class TestPlace:
    def test_the_new_one_replaces_the_old(self, tmp_path, shelf, old):
        installation = install.Installation(offline(tmp_path, shelf), "9.9.9")
        installation.build()
        assert variant_in(old) == "old"
        installation.take_effect()
        assert variant_in(old) == "wheels"
        install.clean(old)
        assert neighbours(old) == ["runtime", "runtime.lock", "runtime.log"]

    def test_one_that_is_in_use_stays(self, tmp_path, shelf, old, monkeypatch):
        """As on Windows, where a folder with an open file cannot be renamed."""
        installation = install.Installation(offline(tmp_path, shelf), "9.9.9")
        installation.build()
        rename = Path.rename

        def locked(path, target):
            if path.name == "runtime.partial":
                raise PermissionError(13, "Permission denied")
            return rename(path, target)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(install, "_PATIENCE", 0.3)
            meanwhile.setattr(Path, "rename", locked)
            with pytest.raises(PflrmError, match="could not be put in its place") as caught:
                installation.take_effect()
        assert "Close other windows" in caught.value.remedy
        assert variant_in(old) == "old"
        for wheel in shelf.iterdir():  # nothing is installed again
            wheel.unlink()
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
        build(offline(tmp_path, shelf))
        assert variant_in(old) == "wheels"
        assert neighbours(old) == ["runtime", "runtime.lock", "runtime.log"]

    def test_a_file_that_is_open_for_a_moment_is_waited_for(self, tmp_path, shelf, old, monkeypatch):
        installation = install.Installation(offline(tmp_path, shelf), "9.9.9")
        installation.build()
        rename, refusals = Path.rename, iter(range(3))

        def scanned(path, target):
            if next(refusals, None) is not None:
                raise PermissionError(13, "Permission denied")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", scanned)
        installation.take_effect()
        assert variant_in(old) == "wheels"

    @pytest.mark.parametrize("change", ["another version", "damaged"])
    def test_one_that_was_built_for_something_else_is_not_put_in_place(self, tmp_path, shelf, change):
        planned = offline(tmp_path, shelf)
        first = install.Installation(planned, "9.9.8" if change == "another version" else "9.9.9")
        first.build()
        first.close()
        partial = install.beside(planned.goal, "partial")
        if change == "damaged":
            next(partial.rglob("torch.py")).unlink()
            with pytest.raises(PflrmError):
                build(planned)
            assert not partial.exists()
        build(planned)
        assert json.loads((planned.goal / plan.RECORD).read_text())["extension"] == "9.9.9"

    def test_a_swap_that_was_broken_off_is_undone(self, old):
        old.rename(install.beside(old, "old"))
        install.recover(old)
        assert variant_in(old) == "old"

    def test_remove(self, old):
        install.remove(old)
        assert not old.exists()
        install.clean(old)
        assert neighbours(old) == []

    def test_what_others_have_made_is_neither_removed_nor_replaced(self, tmp_path):
        goal = tmp_path / "mine"
        goal.mkdir()
        (goal / "thesis.txt").write_text("years of work")
        with pytest.raises(PflrmError, match="no environment by PF-LRM"):
            install.remove(goal)
        with pytest.raises(PflrmError, match="was not made by PF-LRM"):
            plan.make(plan.Wishes(goal))
        assert (goal / "thesis.txt").read_text() == "years of work"


class TestUpgrade:
    """An environment that an earlier version of this extension has really built, when a newer one comes."""

    OLDER = "2.0.1"

    @pytest.fixture
    def older(self, tmp_path, monkeypatch):
        shelf = tmp_path / "older"
        (tmp_path / "older.txt").write_text(
            wheels.lock(wheels.make_torch(shelf, self.OLDER), wheels.make_others(shelf))
        )
        with monkeypatch.context() as then:
            then.setattr(install, "LOCK", tmp_path / "older.txt")
            return build(offline(tmp_path, shelf)).plan.goal

    def torch_in(self, goal):
        """The version of torch that a run would get, which has to compute."""
        report = runtime.check(runtime.find_interpreter("", goal))
        assert report.usable
        return report.packages["torch"]

    @pytest.mark.parametrize("fault", ["a torch that does not load", "a missing wheel", "cancelled"])
    def test_one_that_fails_leaves_the_older_one_at_work(self, tmp_path, shelf, older, fault):
        installation = install.Installation(offline(tmp_path, shelf), "9.9.9")
        if fault == "cancelled":
            installation.end(keep_downloads=False)
        elif fault == "a missing wheel":
            next(shelf.glob("torch-*")).unlink()
        else:
            torch = wheels.make_torch(shelf, variants.TORCH, "raise OSError('libc10.so: wrong ELF class')")
            install.LOCK.write_text(wheels.lock(torch, next(shelf.glob("others-*"))))
        with pytest.raises(PflrmError):
            installation.build()
        assert self.torch_in(older) == self.OLDER
        assert plan.older_torch(runtime.interpreter_in(older), older) == self.OLDER  # and is offered again
        assert not install.beside(older, "partial").exists()

    def test_one_that_works_takes_its_place(self, tmp_path, shelf, older):
        installation = install.Installation(offline(tmp_path, shelf), "9.9.9")
        installation.build()
        assert self.torch_in(older) == self.OLDER  # up to the last moment
        installation.take_effect()
        assert self.torch_in(older) == variants.TORCH
        assert plan.older_torch(runtime.interpreter_in(older), older) == ""
        install.clean(older)
        assert neighbours(older) == ["runtime", "runtime.lock", "runtime.log"]
