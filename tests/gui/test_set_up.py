"""An artist without a runtime clicks Set Up in the panel, agrees, sees it go, and can take it away again.

The packages are tiny stand-ins from a folder of wheels, so no network is needed.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest
from pflrm.pflrm_blender import bases, variants
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import Window
from pflrm.tests.pflrm_blender import wheels

MODULES = f"__import__('{steps.MODULE}.pflrm_blender', fromlist=['setting_up'])"
MANAGED = f"{MODULES}.properties.machine().managed"
BEGUN = f"{MODULES}.setting_up.current() is not None or {MANAGED}.exists()"


def prepare(window: Window, folder: Path) -> str:
    """Take the runtime away from Blender, and give it wheels to make one from; returns the words for its Python."""
    version = tuple(map(int, window.run("import sys; print(*sys.version_info[:2])").split()))
    if version in bases.VERSIONS:
        steps.take_runtime_away(window)
        words = "Blender's own Python {}.{}"
    else:
        version = steps.lend_python(window)
        words = "Python {}.{} at " + f"{window.inside}/python/bin"
    torch = wheels.make_torch(folder, variants.TORCH, python="cp{}{}".format(*version))
    others = wheels.make_others(folder)
    (folder / "lock.txt").write_text(wheels.lock(torch, others), encoding="utf-8")
    shelf = window.put(torch, "shelf").parent
    for file in (others, folder / "lock.txt"):
        window.put(file, "shelf")
    window.run(f"""
        import pathlib
        {MODULES}.install.LOCK = pathlib.Path("{shelf}/lock.txt")
        bpy.context.preferences.addons["{steps.MODULE}"].preferences.wheels = "{shelf}"
    """)
    return words.format(*version)


@pytest.mark.timeout(300)
def test_set_up_from_the_panel(window: Window, tmp_path):
    words = prepare(window, tmp_path / "shelf")
    window.press("pflrm.set_up(")
    time.sleep(1)
    assert words in window.run(f"print({MODULES}.environment.planned({MODULES}.setting_up.wishes()).base.words)")
    window.screenshot(tmp_path / "question.png")  # to look at
    steps.until(window, BEGUN, partial(window.key, "Return"))
    window.screenshot(tmp_path / "under_way.png")
    window.wait_for(f"{MODULES}.setting_up.current() is None", 120)
    assert "PF-LRM is set up." in window.run(f"print({steps.STATE}.notice)")
    managed = window.run(f"print({MANAGED})")
    assert managed.endswith("/.user/user_default/pflrm/runtime")
    found = f"{MODULES}.environment.find({MODULES}.properties.machine())"
    window.wait_for(f"str({found}).startswith('{managed}')")
    window.run("bpy.ops.pflrm.open_preferences()")
    time.sleep(2)
    window.screenshot(tmp_path / "preferences.png")
    window.run("bpy.ops.pflrm.set_up_remove()")
    window.wait_for(f"not {MANAGED}.exists()")
    assert "Traceback" not in window.log()
