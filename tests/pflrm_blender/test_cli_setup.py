"""Blender's commands doctor and setup; nothing is really installed."""

import hashlib
import sys
from pathlib import Path

import bpy
import pytest
from pflrm.pflrm_blender import install, plan, properties, runtime, variants, weights
from pflrm.tests.pflrm_blender import wheels
from pflrm.tests.pflrm_blender.commands import execute

pytestmark = pytest.mark.usefixtures("stub_python", "scene")

HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"  # in the names of wheels for this Python


def test_doctor_and_setup_of_a_runtime(monkeypatch, tmp_path, capsys, stub_python):
    device = {"kind": "cuda", "name": "Card", "memory": 8 * 2**30}

    def check(interpreter):
        return runtime.RuntimeReport(interpreter, "3.11.7", {"torch": "2.13.0", "mcubes": "0.1.6"}, (device,))

    monkeypatch.setattr(runtime, "check", check)
    (tmp_path / "small.safetensors").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'1').hexdigest()}  small.safetensors\n")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    assert execute("doctor") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("PF-LRM: ")
    assert said[1].startswith("Blender: ")
    for line in (f"Interpreter: {stub_python}", "torch: 2.13.0", "Marching cubes: mcubes 0.1.6", "All is well."):
        assert line in said
    assert "Device: cuda (Card, 8.0 GiB)" in said
    assert "Weights: small.safetensors, 0.0 MB" in said
    assert execute("setup") == 0
    assert "ready" in capsys.readouterr().out
    (tmp_path / "small.safetensors").write_bytes(b"2")
    assert execute("doctor") == 3
    assert "small.safetensors are broken" in capsys.readouterr().out


def test_doctor_without_a_runtime(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere/python")
    assert execute("doctor") == 3
    said = capsys.readouterr()
    assert "There are no weights" in said.out
    assert "/nowhere/python" in said.err


class TestSetup:
    """Without a runtime, on a machine without a graphics card."""

    @pytest.fixture(autouse=True)
    def done(self, stub_python, monkeypatch, tmp_path):
        """The plans that were carried out; nothing is really installed."""
        monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
        monkeypatch.setattr(runtime, "_has_torch", lambda interpreter: False)
        monkeypatch.setattr(variants, "look", lambda renderer: variants.Hardware("Linux", "x86_64"))
        monkeypatch.setattr(properties, "managed_folder", lambda chosen="": tmp_path / "managed")
        carried_out = []

        def build(installation):
            installation._say("pip says something")
            carried_out.append(installation.plan)

        monkeypatch.setattr(install.Installation, "build", build)
        monkeypatch.setattr(install.Installation, "_say", lambda self, line: self._listener(line))
        monkeypatch.setattr(install.Installation, "take_effect", lambda self: None)
        return carried_out

    def test_without_yes_it_says_what_it_would_do(self, capsys, done, tmp_path):
        assert execute("setup") == 3
        said = capsys.readouterr().out
        words = ("No Python with torch", "420 MB from PyPI and https://", str(tmp_path), "--yes", "pip install")
        assert [word for word in words if word not in said] == []
        assert done == []

    def test_without_online_access_it_refuses(self, capsys, done):
        assert not bpy.app.online_access
        assert execute("setup", "--yes") == 2
        assert "Allow Online Access" in capsys.readouterr().err
        assert done == []

    def test_yes(self, monkeypatch, capsys, done, tmp_path):
        (tmp_path / f"torch-2.13.0+cpu-{HERE}-{HERE}-linux_x86_64.whl").write_bytes(b"wheel")
        assert execute("setup", "--yes", "--wheels", tmp_path, "--python", sys.executable) == 0
        assert "pip says something" in capsys.readouterr().out
        assert [(plan.wheels, plan.build.requirement) for plan in done] == [(tmp_path, "torch==2.13.0+cpu")]

    @pytest.mark.parametrize(("more", "count"), [((), 0), (("--python", sys.executable), 1)])
    def test_one_that_is_ready_is_made_anew_on_request_alone(self, monkeypatch, done, tmp_path, more, count):
        (tmp_path / f"torch-2.13.0+cpu-{HERE}-{HERE}-linux_x86_64.whl").write_bytes(b"wheel")
        monkeypatch.setattr(plan, "CARRIED_WHEELS", tmp_path)
        monkeypatch.setattr(runtime, "_has_torch", lambda interpreter: True)
        ready = runtime.RuntimeReport(Path(sys.executable), packages={"torch": "2.13.0"})
        monkeypatch.setattr(runtime, "check", lambda python: ready)
        assert execute("setup", "--yes", *more) == 0
        assert len(done) == count

    def test_one_of_an_earlier_version_says_so_and_is_renewed_by_yes(self, monkeypatch, capsys, done, tmp_path):
        (tmp_path / f"torch-2.13.0+cpu-{HERE}-{HERE}-linux_x86_64.whl").write_bytes(b"wheel")
        monkeypatch.setattr(plan, "CARRIED_WHEELS", tmp_path)
        python = wheels.make_environment(tmp_path / "managed", torch="2.12.1+cpu")
        ready = runtime.RuntimeReport(python, packages={"torch": "2.12.1+cpu"})
        monkeypatch.setattr(runtime, "check", lambda python: ready)
        assert execute("setup") == 0
        assert "PyTorch 2.12.1 is set up; this version of PF-LRM was made for 2.13.0." in capsys.readouterr().out
        assert execute("setup", "--yes", "--python", sys.executable) == 0
        assert len(done) == 1

    def test_a_named_python_would_be_used_all_the_same(self, monkeypatch, capsys, done):
        monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere/python")
        assert execute("setup", "--yes") == 2
        assert "/nowhere/python" in capsys.readouterr().err
        assert done == []

    @pytest.mark.parametrize("arguments", [("--variant", "rocm9"), ("--wheels", "/nowhere"), ("--python", "/nowhere")])
    def test_what_cannot_be_used_is_named(self, capsys, done, arguments):
        assert execute("setup", "--yes", *arguments) in (2, 3)
        assert arguments[1] in capsys.readouterr().err
        assert done == []
