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
from pflrm.tests.pflrm_blender.environments import BASE, build, neighbours, offline, online, variant_in

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("plain_pip")


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
