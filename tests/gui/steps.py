"""What a new user does, one function a step, with the real mouse and keyboard."""

from __future__ import annotations

import ensurepip
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pflrm.tests.gui.window import VIEWPORT, Window

MODULE = "bl_ext.user_default.pflrm"
STATE = f"__import__('{MODULE}.pflrm_blender.session', fromlist=['state']).state"
LOOKED_AT = (
    f"all(__import__('{MODULE}.pflrm_blender.inspection', fromlist=['state_of']).state_of(photo) "
    "for photo in bpy.context.scene.pflrm.photos)"
)
PHOTOS = [
    Path(__file__).resolve().parents[2] / "demo" / "photos" / f"robot_{side}.jpg"
    for side in ("front", "left", "back", "right")
]
TAB = "PF-LRM"
RUN_SECONDS = 600.0
_SIDEBAR = """
area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "UI")
"""
_NO_TORCH = f"""
        os.environ.pop("PFLRM_PYTHON", None)
        parts = __import__("{MODULE}.pflrm_blender", fromlist=["runtime"])
        parts.runtime._has_torch = lambda interpreter: False
        parts.environment.forget()
"""
SLIDE_SECONDS = 0.8  # in which the sidebar slides in
_ADD_PHOTOS = "p"  # the underlined letter of the menu's entry
_TAB_STEP = 20  # pixels, less than the height of a tab
_TAB_INSET = 10  # pixels from the sidebar's right edge to the middle of a tab


def install_by_drop(window: Window, archive: Path) -> None:
    """Drop the zip onto Blender and agree to what it asks."""
    window.drop([window.put(archive)])
    agree_to_install(window)


def agree_to_install(window: Window) -> None:
    """Press Enter in the dialogue that a dropped zip opens."""
    until(window, f"__import__('addon_utils').check('{MODULE}') == (True, True)", partial(window.key, "Return"))


def take_runtime_away(window: Window) -> None:
    """A Blender without torch, as most are, and with a Python that can make environments, as Debian's cannot."""
    pip = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    with zipfile.ZipFile(pip) as archive:
        archive.extractall(window.folder / "pip")
    window.run(f"""
        import os, pathlib, subprocess, sys
        base = pathlib.Path("{window.inside}/base")
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", str(base)], check=True)
        (next(base.glob("lib/python3*/site-packages")) / "pip.pth").write_text("{window.inside}/pip")
        sys.executable = str(base / "bin" / "python")
        {_NO_TORCH}
    """)


def lend_python(window: Window) -> tuple[int, int]:
    """Put the Python of the tests onto Blender's search path, as a user installs one; returns its version.

    Its libraries are named to the system by a variable, as it lies elsewhere than where it was made for.
    """
    version = sys.version_info[:2]
    name, source, target = "python{}.{}".format(*version), Path(sys.base_prefix), window.folder / "python"
    skipped = shutil.ignore_patterns("site-packages", "dist-packages", "test", "config-*", "__pycache__")
    (target / "bin").mkdir(parents=True)
    shutil.copy(source / "bin" / name, target / "bin" / name)
    shutil.copytree(source / "lib" / name, target / "lib" / name, ignore=skipped)
    for library in (source / "lib").glob(f"lib{name}.so*"):
        shutil.copy(library, target / "lib")
    window.run(f"""
        import os
        os.environ["PATH"] = "{window.inside}/python/bin:" + os.environ["PATH"]
        os.environ["LD_LIBRARY_PATH"] = "{window.inside}/python/lib"
        {_NO_TORCH}
    """)
    return version


def open_tab(window: Window) -> None:
    """Open the viewport's sidebar by N, and its tab by a click."""
    if window.run(f"{_SIDEBAR}print(area.spaces.active.show_region_ui)") != "True":
        window.key("n")
        time.sleep(SLIDE_SECONDS)
    left, top, width, height = window.sidebar()
    for y in range(top + _TAB_STEP, top + height, _TAB_STEP):
        window.click(left + width - _TAB_INSET, y)
        time.sleep(0.3)
        if window.run(f"{_SIDEBAR}print(region.active_panel_category)") == TAB:
            return
    raise AssertionError(f"The sidebar has no tab {TAB}")


def drop_photos(
    window: Window, photos: Sequence[Path] = PHOTOS, *, place: tuple[int, int] = VIEWPORT, folder: str = "Robot"
) -> None:
    """Drop photos from one folder, and say that they are photos of an object: Blender asks, as it knows other uses."""
    there = int(window.run("print(len(bpy.context.scene.pflrm.photos))"))
    window.drop([window.put(photo, folder) for photo in photos], *place)
    choose_photos(window, there + len(photos))


def choose_photos(window: Window, count: int) -> None:
    """Choose the entry for photos of an object in the menu that dropped images open, so that the list has ``count``."""
    arrived = f"len(bpy.context.scene.pflrm.photos) == {count}"
    until(window, arrived, partial(window.pointer, "key", _ADD_PHOTOS))


def reconstruct(window: Window) -> None:
    """Click Reconstruct and wait for the result."""
    window.press("pflrm.reconstruct(")
    window.wait_for(f"{STATE}.run is not None")
    window.wait_for(f"{STATE}.run is None", RUN_SECONDS)


def until(window: Window, expression: str, act: Callable[[], None], seconds: float = 60.0) -> None:
    """Act again and again until an expression is true in Blender."""
    limit = time.monotonic() + seconds
    while window.run(f"print(bool({expression}))") != "True":
        assert time.monotonic() < limit, f"{expression} did not become true"
        act()
        time.sleep(1.0)
