"""The worker's environment is really built here, by the real venv and pip, from tiny wheels and without a network."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from pflrm.pflrm_blender import bases, install, plan, runtime, variants
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.tests.pflrm_blender import wheels

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _plain_pip(monkeypatch):
    """No settings of this machine: what is not in the test's folder or index is not there."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of wheels, and the lock file for them: torch as on PyPI and everything else in one."""
    folder = tmp_path / "wheels"
    torch, others = wheels.make_torch(folder, variants.TORCH), wheels.make_others(folder)
    lock = tmp_path / "lock.txt"
    elsewhere = f"only-elsewhere==1.0 ; sys_platform == 'plan9' \\\n    --hash=sha256:{'0' * 64}\n"
    lock.write_text(wheels.lock(torch, others) + elsewhere)
    monkeypatch.setattr(install, "LOCK", lock)
    return folder


BASE = bases.Base(Path(sys.executable), sys.version_info[:2], False)


def offline(tmp_path, folder, local=""):
    build = variants.Build("wheels", "its wheels", local, 0.0, 0.0)
    return plan.Plan(tmp_path / "made" / "runtime", BASE, build, folder, "")


def online(tmp_path, index="", local=""):
    return plan.Plan(tmp_path / "made" / "runtime", BASE, variants.Build("cpu", "CPUs", local, 1e-5, 0.0), None, index)


def build(planned):
    installation = install.Installation(planned, "9.9.9")
    installation.build()
    installation.take_effect()
    install.clean(planned.goal)
    return installation


def neighbours(goal):
    return sorted(path.name for path in goal.parent.iterdir())


@pytest.fixture
def old(tmp_path):
    """An environment that this extension has made before."""
    goal = tmp_path / "made" / "runtime"
    goal.mkdir(parents=True)
    (goal / plan.RECORD).write_text('{"variant": "old"}')
    return goal


def variant_in(goal):
    return json.loads((goal / plan.RECORD).read_text())["variant"]


class TestBuild:
    def test_from_a_folder_of_wheels(self, tmp_path, shelf):
        done = build(offline(tmp_path, shelf))
        goal = done.plan.goal
        assert runtime.find_interpreter("", goal).is_relative_to(goal)
        report = runtime.check(runtime.interpreter_in(goal))
        assert report.usable
        assert report.packages["torch"] == variants.TORCH
        record = json.loads((goal / plan.RECORD).read_text())
        assert (record["extension"], record["variant"], record["packages"]["cv2"]) == ("9.9.9", "wheels", "1.0")
        assert neighbours(goal) == ["runtime", "runtime.lock", "runtime.log"]
        assert "Successfully installed" in done.log_file.read_text()
        assert done.fraction >= 0.95
        assert "The first run will take longer" in done.log_file.read_text()  # these packages compile nothing

    def test_a_torch_that_is_not_in_the_lock_file(self, tmp_path, shelf):
        next(shelf.glob("torch-*")).unlink()
        wheels.make_torch(shelf, f"{variants.TORCH}+cpu")
        done = build(offline(tmp_path, shelf, "cpu"))
        assert runtime.check(runtime.interpreter_in(done.plan.goal)).packages["torch"] == f"{variants.TORCH}+cpu"

    def test_from_two_indexes(self, tmp_path, shelf, monkeypatch):
        """PyPI's has a torch as well, and must not be asked for it."""
        own = tmp_path / "own"
        wheels.make_torch(own, f"{variants.TORCH}+cpu")
        with wheels.serving(own, monkeypatch.setenv) as special, wheels.serving(shelf, monkeypatch.setenv) as general:
            done = build(online(tmp_path, special.url, "cpu"))
            assert variant_in(done.plan.goal) == "cpu"
        assert runtime.check(runtime.interpreter_in(done.plan.goal)).packages["torch"] == f"{variants.TORCH}+cpu"
        assert [name.split("-")[0] for name in special.fetched] == ["torch"]
        assert [name.split("-")[0] for name in general.fetched] == ["others"]

    def test_with_ensurepip(self, tmp_path, shelf):
        base = bases.find(sys.executable)
        if not base.ensurepip:
            pytest.skip("this Python has no ensurepip")
        planned = offline(tmp_path, shelf)
        build(plan.Plan(planned.goal, base, planned.build, shelf, ""))
        assert (planned.goal / plan.RECORD).is_file()

    def test_settings_of_pip_that_lead_elsewhere_do_not(self, tmp_path, shelf, monkeypatch):
        monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("PIP_USER", "1")
        monkeypatch.setenv("PYTHONPATH", "/nowhere")
        build(offline(tmp_path, shelf))
        assert not (tmp_path / "elsewhere").exists()


class TestFailure:
    def test_a_changed_package_is_refused(self, tmp_path, shelf, old):
        wheels.make(shelf, "others", "1.0", {"evil.py": "raise SystemExit"})
        with pytest.raises(PflrmError, match="not the one that this version was made with") as caught:
            build(offline(tmp_path, shelf))
        assert "others" in caught.value.message
        assert variant_in(old) == "old"
        assert not install.beside(old, "partial").exists()

    def test_an_environment_that_does_not_work_leaves_the_old_one(self, tmp_path, shelf, old):
        torch = wheels.make_torch(shelf, variants.TORCH, "raise OSError('libc10.so: wrong ELF class')")
        install.LOCK.write_text(wheels.lock(torch, next(shelf.glob("others-*"))))
        with pytest.raises(PflrmError, match="libc10.so: wrong ELF class"):
            build(offline(tmp_path, shelf))
        assert variant_in(old) == "old"
        assert neighbours(old) == ["runtime", "runtime.downloads", "runtime.lock", "runtime.log"]

    def test_a_device_that_does_not_compute_is_told(self, tmp_path, shelf):
        source = wheels.TORCH.replace("return 2.0", "raise RuntimeError('no kernel image is available')")
        torch = wheels.make_torch(shelf, variants.TORCH, source)
        install.LOCK.write_text(wheels.lock(torch, next(shelf.glob("others-*"))))
        with pytest.raises(PflrmError, match="The device cpu does not compute: RuntimeError: no kernel image"):
            build(offline(tmp_path, shelf))

    def test_a_missing_wheel_is_named(self, tmp_path, shelf):
        next(shelf.glob("others-*")).unlink()
        with pytest.raises(PflrmError, match="others==1.0 is missing in the folder of wheels") as caught:
            build(offline(tmp_path, shelf))
        assert "ERROR" in caught.value.details

    def test_no_network(self, tmp_path, shelf, monkeypatch):
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        with pytest.raises(PflrmError, match="could not be downloaded"):
            build(online(tmp_path))

    def test_a_full_disk_is_told_before_anything_is_done(self, tmp_path, shelf, monkeypatch):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2_400_000_000))
        planned = plan.Plan(tmp_path / "made" / "runtime", BASE, variants.BUILDS["Linux"][1], None, "")
        with pytest.raises(PflrmError, match=r"needs 11\.7 GB on the disk of .*, where 2\.4 GB are free"):
            build(planned)
        assert not install.beside(planned.goal, "partial").exists()

    def test_only_one_at_a_time(self, tmp_path, shelf):
        planned = offline(tmp_path, shelf)
        planned.goal.parent.mkdir()
        code = f"""
import sys, time
from pathlib import Path
from pflrm.pflrm_blender import install
held = install._lock(Path({str(install.beside(planned.goal, "lock"))!r}))
print("held", flush=True)
time.sleep(60)
"""
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(PflrmError, match="Another Blender is setting up"):
                build(planned)
        finally:
            other.kill()
            other.wait()
        build(planned)  # a dead process holds nothing


class TestEnd:
    """A build that ends in the middle of a download."""

    @pytest.fixture
    def halfway(self, tmp_path, shelf, monkeypatch):
        """The first wheel was fetched, and half of the second."""
        with wheels.serving(shelf, monkeypatch.setenv) as index:
            index.broken = {next(shelf.glob("torch-*")).name}
            install.LOCK.write_text(wheels.lock(next(shelf.glob("others-*")), next(shelf.glob("torch-*"))))
            installation = install.Installation(online(tmp_path), "9.9.9")
            outcome = []

            def run():
                try:
                    installation.build()
                except PflrmError as error:
                    outcome.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            assert index.hanging.wait(60)
            yield SimpleNamespace(index=index, installation=installation, thread=thread, outcome=outcome)
            thread.join(60)

    def test_the_next_one_goes_on_with_what_was_downloaded(self, tmp_path, halfway):
        halfway.installation.end(keep_downloads=True)
        halfway.thread.join(60)
        assert [error.kind for error in halfway.outcome] == ["cancelled"]
        goal = halfway.installation.plan.goal
        assert neighbours(goal) == ["runtime.downloads", "runtime.lock", "runtime.log"]
        halfway.index.broken.clear()
        build(online(tmp_path))
        assert [name.split("-")[0] for name in halfway.index.fetched] == ["others", "torch"]
        assert neighbours(goal) == ["runtime", "runtime.lock", "runtime.log"]

    def test_cancel_ends_pip_and_leaves_nothing(self, halfway):
        process = halfway.installation._process
        halfway.installation.end(keep_downloads=False)
        halfway.thread.join(60)
        assert process.poll() is not None
        assert neighbours(halfway.installation.plan.goal) == ["runtime.lock", "runtime.log"]

    def test_progress_counts_what_has_come(self, halfway):
        assert halfway.installation.stage == "Downloading"
        limit = time.monotonic() + 60
        while halfway.installation.fraction <= 0.03 and time.monotonic() < limit:
            time.sleep(0.05)
        assert 0.03 < halfway.installation.fraction < 0.8
        halfway.installation.end(keep_downloads=False)


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


class TestPlan:
    def test_a_folder_of_wheels_decides_on_torch_and_python(self, tmp_path):
        (tmp_path / "torch-2.13.0+cpu-cp313-cp313-linux_x86_64.whl").write_bytes(b"0" * 1000)
        build_of_torch, versions = plan._of_wheels(tmp_path)
        assert build_of_torch.requirement == "torch==2.13.0+cpu"
        assert versions == {(3, 13)}

    @pytest.mark.parametrize(("names", "words"), [
        ([], "no wheel of torch"), (["torch-2.4.0-cp311-cp311-win_amd64.whl"], "no wheel of torch 2.13.0"),
    ])  # fmt: skip
    def test_a_folder_without_the_right_torch(self, tmp_path, names, words):
        for name in names:
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(PflrmError, match=words):
            plan.make(plan.Wishes(tmp_path / "goal", wheels=str(tmp_path)))

    def test_the_wheels_that_came_along_are_used(self, tmp_path, monkeypatch):
        version = "".join(map(str, sys.version_info[:2]))
        (tmp_path / f"torch-2.13.0+cpu-cp{version}-cp{version}-linux_x86_64.whl").write_bytes(b"")
        monkeypatch.setattr(plan, "CARRIED_WHEELS", tmp_path)
        assert {plan.make(plan.Wishes(tmp_path / "a", variant=v)).wheels for v in ("auto", "cpu")} == {tmp_path}
        monkeypatch.setattr(variants, "look", lambda renderer: variants.Hardware("Linux", "x86_64"))
        assert plan.make(plan.Wishes(tmp_path / "goal", variant="cuda")).online  # which they are not

    def test_it_says_what_from_where_how_large_and_where_to(self, tmp_path):
        chosen = variants.BUILDS["Linux"][2]
        said = "\n".join(plan.Plan(tmp_path, BASE, chosen, None, chosen.index).lines())
        source = "3.0 GB from PyPI and https://download.pytorch.org/whl/cu126"
        assert [words for words in ("CUDA 12.6", source, str(tmp_path), "5.7 GB") if words not in said] == []
