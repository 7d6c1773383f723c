"""What the preferences tell of the Python that computes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pflrm.pflrm_blender import environment, runtime
from pflrm.tests.ui.recorder import doctor


@pytest.mark.parametrize(("problems", "words"), [
    ((), "Ready: this Python has all that is needed."), (("scipy is missing.",), "scipy is missing. Choose another"),
], ids=["usable", "lacking"])  # fmt: skip
def test_the_preferences_tell_the_verdict_before_the_facts(found, monkeypatch, problems, words):
    report = runtime.RuntimeReport(Path("/usr/bin/python3"), "3.13.5", {"torch": "2.6.0"}, (), problems)
    monkeypatch.setattr(environment, "report", lambda preference: report)
    layout = doctor()
    assert layout.words().startswith(words)
    assert "Python 3.13.5, torch 2.6.0" in layout.words()
    assert "pflrm.check_runtime" in layout.record["operators"]
