"""What Copy Report puts into the clipboard: all that helps, and nothing that is personal."""

import hashlib
from pathlib import Path, PureWindowsPath

import bpy
import pytest
from pflrm.pflrm_blender import environment, plan, properties, report, runtime, session, weights
from pflrm.pflrm_blender.errors import PflrmError


@pytest.fixture
def machine(extension, monkeypatch, tmp_path):
    managed = tmp_path / "runtime"
    managed.mkdir()
    (managed / plan.RECORD).write_text('{"variant": "cuda126"}')
    monkeypatch.setattr(properties, "managed_folder", lambda chosen="": managed)
    device = {"kind": "cuda", "name": "RTX 3060", "memory": 12 * 2**30}
    found = runtime.RuntimeReport(managed / "bin" / "python", "3.12.4", {"torch": "2.13.0+cu126"}, (device,))
    monkeypatch.setattr(environment, "report", lambda here: found)
    monkeypatch.setattr(environment, "find", lambda here: found.interpreter)
    monkeypatch.setattr(environment, "weights_state", lambda here: weights.WeightsState("pflrm-small, 36.8 MB"))
    monkeypatch.setattr(session.state, "notice", None)
    return extension


def test_it_holds_versions_hardware_and_the_last_failure(machine, monkeypatch):
    traceback = 'Traceback (most recent call last):\n  File "worker.py", line 1\nValueError: odd'
    notice = session.Notice("ERROR", "The worker crashed.", "Try again.", f"{traceback}\nlast words on stderr")
    monkeypatch.setattr(session.state, "notice", notice)
    text = report.text()
    wanted = (
        "PF-LRM: 0.1.0", f"Blender: {bpy.app.version_string}", "System: ", " processors", "Graphics: ",
        "pflrm-small, 36.8 MB", "torch: 2.13.0+cu126", "Device: cuda (RTX 3060, 12.0 GiB)", '{"variant": "cuda126"}',
        "Last message (ERROR): The worker crashed.", "Try again.", "ValueError: odd", "last words on stderr",
    )  # fmt: skip
    assert [words for words in wanted if words not in text] == []


def test_it_names_no_folder_of_the_users(machine, monkeypatch, tmp_path):
    photo = machine.pflrm.photos.add()
    photo.filepath = "/mnt/clients/Secret Ltd/robot/front.png"
    said = (
        f"{Path.home()}/pictures/a.png, /home/anna lee/b.png, /Users/bob/c.png, C:\\Users\\Eve\\d.png and "
        f"{report.runtime.EXTENSION}/core/worker.py: no object in /mnt/clients/Secret Ltd/robot/front.png"
    )
    monkeypatch.setattr(session.state, "notice", session.Notice("ERROR", said))
    text = report.text()
    for private in ("anna", "bob", "Eve", "Secret", str(Path.home()) + "/"):
        assert private not in text
    for kept in ("~/pictures/a.png", "b.png", "c.png", "d.png", "<pflrm>/core/worker.py", "<photos>/front.png"):
        assert kept in text


def test_paths_of_windows():
    folder = PureWindowsPath(r"D:\Work\Secret")
    words = r"D:\Work\Secret\a.png and 'D:\\Work\\Secret\\b.png' and D:/Work/Secret/c.png"
    assert report.impersonal(words, {folder: "<file>"}) == r"<file>\a.png and '<file>\\b.png' and <file>/c.png"


def test_without_a_runtime(machine, monkeypatch):
    monkeypatch.setattr(environment, "report", lambda here: None)
    monkeypatch.setattr(environment, "find", lambda here: PflrmError("runtime", "No Python was found.", "Set up."))
    assert "Interpreter: No Python was found. Set up." in report.text()


class TestWeights:
    def test_those_that_came_along_are_whole(self):
        assert weights.check().problem == ""

    def test_a_file_of_the_users(self, tmp_path):
        assert "do not exist" in weights.check(str(tmp_path / "mine.safetensors")).problem
        (tmp_path / "mine.safetensors").write_bytes(b"0" * 2_000_000)
        assert weights.check(str(tmp_path / "mine.safetensors")).words == "mine.safetensors, 2.0 MB"

    def test_a_download_that_broke_off(self, tmp_path, monkeypatch):
        (tmp_path / "small.safetensors").write_bytes(b"half")
        (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  small.safetensors\n")
        monkeypatch.setattr(weights, "FOLDER", tmp_path)
        assert "broken; install the extension again" in weights.check().problem

    def test_a_network_that_is_gone(self, tmp_path, monkeypatch):
        (tmp_path / "small.safetensors").write_bytes(b"1")
        sums = f"{hashlib.sha256(b'1').hexdigest()}  small.safetensors\n{'0' * 64}  u2netp.onnx\n"
        (tmp_path / "SHA256SUMS").write_text(sums)
        monkeypatch.setattr(weights, "FOLDER", tmp_path)
        assert "u2netp.onnx are broken" in weights.check().problem
