"""What the panel and the preferences say of the worker's environment: what is missing, how it comes, what it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pflrm.pflrm_blender import environment, install, plan, runtime, setting_up, variants
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.pflrm_blender.properties import machine
from pflrm.tests.ui.recorder import Recorder, doctor, drawn
from pflrm.tests.ui.without_runtime import lacks_a_runtime, planned
from pflrm.ui import panel, setup


def test_a_missing_runtime_is_offered_with_the_size_of_its_download(found, monkeypatch, tmp_path):
    lacks_a_runtime(monkeypatch, planned(tmp_path))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "No Python was found." in layout.words()
    assert "pflrm.set_up" in layout.record["operators"]
    assert "Set Up… (420 MB download)" in layout.record["labels"]
    assert "online access is off" in layout.words()
    lacks_a_runtime(monkeypatch, planned(tmp_path, wheels=tmp_path))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "Set Up… (no download)" in layout.record["labels"]
    assert "online access" not in layout.words()


def test_a_runtime_that_cannot_be_made_says_why(found, monkeypatch):
    lacks_a_runtime(monkeypatch, PflrmError("runtime", "There is no torch for this machine.", "Buy another."))
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "There is no torch for this machine. Buy another." in layout.words()
    assert "pflrm.set_up" not in layout.record["operators"]
    assert "pflrm.open_preferences" in layout.record["operators"]


def test_a_named_python_that_is_missing_leads_to_the_preferences(found, monkeypatch, tmp_path):
    lacks_a_runtime(monkeypatch, planned(tmp_path))
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere")
    operators = drawn(panel.PFLRM_PT_main.draw).record["operators"]
    assert "pflrm.open_preferences" in operators
    assert "pflrm.set_up" not in operators


def test_an_environment_of_an_earlier_version_works_and_can_be_renewed(found, monkeypatch):
    monkeypatch.setattr(plan, "is_ours", lambda folder: True)
    monkeypatch.setattr(environment, "older_torch", lambda here: "2.12.1")
    for layout in (drawn(panel.PFLRM_PT_main.draw), doctor()):
        assert f"PyTorch 2.12.1 is set up; this version of PF-LRM was made for {variants.TORCH}." in layout.words()
        assert "Update…" in layout.record["labels"]
        assert "Set Up Again…" not in layout.record["labels"]
    monkeypatch.setattr(environment, "older_torch", lambda here: "")
    assert "Update…" not in drawn(panel.PFLRM_PT_main.draw).record["labels"]
    assert "Set Up Again…" in doctor().record["labels"]


def test_a_set_up_on_its_way(found, monkeypatch, tmp_path):
    under_way = install.Installation(planned(tmp_path), "0.1.0")
    under_way.stage = "Checking"
    under_way.lines.extend(["Collecting torch", "Installing collected packages: torch"])
    monkeypatch.setattr(setting_up, "_current", under_way)
    for layout in (drawn(panel.PFLRM_PT_main.draw), doctor()):
        assert layout.record["progress"][0][0].startswith("Checking")
        assert "Collecting torch" in layout.words()
        assert "pflrm.set_up_cancel" in layout.record["operators"]
        assert "pflrm.set_up" not in layout.record["operators"]


@pytest.mark.parametrize(("device", "words"), [
    ("auto", "RTX 4090, 24.0 GiB"), ("cpu", "x86_64"), ("mps", "This machine's torch has no device mps."),
])  # fmt: skip
def test_the_options_tell_the_device_and_its_memory(found, monkeypatch, device, words):
    devices = ({"kind": "cuda", "name": "RTX 4090", "memory": 24 * 2**30},
               {"kind": "cpu", "name": "x86_64", "memory": None})  # fmt: skip
    report = runtime.RuntimeReport(Path("/usr/bin/python3"), "3.11", devices=devices)
    monkeypatch.setattr(environment, "report", lambda here: report)
    monkeypatch.setattr(setup, "machine", lambda: replace(machine(), device=device))
    layout = Recorder()
    setup.draw_device(layout)
    assert layout.record["words"] == [words]


def test_the_environment_is_asked_for_its_devices_once(found, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(environment, "report", lambda here: None)
    monkeypatch.setattr(environment, "busy", lambda: bool(asked))
    monkeypatch.setattr(environment, "check", asked.append)
    for _ in range(3):
        setup.draw_device(Recorder())
    assert len(asked) == 1
