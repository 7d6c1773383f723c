"""The walk of a new user through a fresh Blender, with the worker itself, the real mouse and the real keyboard.

Install by drop, photos by drop, Cancel, Reconstruct, a camera, undo and redo, the file again, uninstall. It is one
test, because each step stands on the one before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import Window

NAMES = "sorted(item.name for item in bpy.data.objects)"
BEFORE = ["Camera", "Cube", "Light"]
CAMERAS = ["robot_back", "robot_front", "robot_left", "robot_right"]
AFTER = [*BEFORE, "PF-LRM Robot", "PF-LRM Robot Root", *CAMERAS]


@pytest.fixture
def fresh(root: Path) -> Iterator[Window]:
    """Blender as it is after its own installation."""
    with Window(root) as blender:
        yield blender


@pytest.mark.timeout(1200)
def test_a_new_user_from_the_zip_to_the_saved_file_and_back(fresh: Window, archive: Path, tmp_path: Path):
    steps.install_by_drop(fresh, archive)
    steps.open_tab(fresh)
    check_drop(fresh)
    check_cancel(fresh)
    fresh.run("bpy.context.scene.pflrm.quality = 'draft'")
    steps.reconstruct(fresh)
    fresh.screenshot(tmp_path / "result.png")  # to look at
    assert fresh.run(f"print({NAMES})") == str(AFTER)
    assert int(fresh.run("print(len(bpy.data.objects['PF-LRM Robot'].data.polygons))")) > 1000
    check_undo(fresh)
    check_file(fresh)
    check_uninstall(fresh)
    assert "Traceback" not in fresh.log()
    assert "Error" not in fresh.log()


def check_drop(window: Window) -> None:
    """Photos can be dropped onto the viewport and onto the sidebar, which shows them at once."""
    left, top, width, height = sidebar = window.sidebar()
    without = window.pixels(*sidebar)
    steps.drop_photos(window, steps.PHOTOS[:2])
    limit = time.monotonic() + 20.0
    while window.pixels(*sidebar) == without:
        assert time.monotonic() < limit, "the panel does not show the photos"
        time.sleep(0.5)
    steps.drop_photos(window, steps.PHOTOS[2:], place=(left + width // 3, top + height // 2))


def check_cancel(window: Window) -> None:
    """A run that is under way ends early, and leaves the scene as it was."""
    window.run("bpy.context.scene.pflrm.quality = 'best'")  # takes longer than the search for the button
    window.press("pflrm.reconstruct(")
    window.wait_for(f"{steps.STATE}.run is not None and {steps.STATE}.run.fraction > 0.02")
    window.press("pflrm.cancel(")
    window.wait_for(f"{steps.STATE}.run is None", 20.0)
    assert "cancelled" in window.run(f"print({steps.STATE}.notice.text)")
    assert window.run(f"print({NAMES})") == str(BEFORE)


def check_undo(window: Window) -> None:
    """The view through a camera, the cube out of sight, and the result itself are one step each, back and forth."""
    window.press("pflrm.uncover(")  # the result stands inside the default cube
    window.wait_for("not bpy.data.objects['Cube'].visible_get()")
    window.press("pflrm.look_through(")
    window.wait_for("bpy.context.scene.camera.name == 'robot_front'")
    for keys, names, camera, cube in (
        ("ctrl+z", AFTER, "Camera", False),
        ("ctrl+z", AFTER, "Camera", True),
        ("ctrl+z", BEFORE, "Camera", True),
        ("ctrl+shift+z", AFTER, "Camera", True),
        ("ctrl+shift+z", AFTER, "Camera", False),
        ("ctrl+shift+z", AFTER, "robot_front", False),
    ):
        window.key(keys)
        window.wait_for(f"{NAMES} == {names} and bpy.context.scene.camera.name == '{camera}'")
        window.wait_for(f"bpy.data.objects['Cube'].visible_get() == {cube}")


def check_file(window: Window) -> None:
    """A saved file brings everything back."""
    file = window.inside / "robot.blend"
    window.run(f"bpy.ops.wm.save_as_mainfile(filepath='{file}'); bpy.ops.wm.open_mainfile(filepath='{file}')")
    assert window.run(f"print({NAMES}, bpy.context.scene.camera.name)") == f"{AFTER} robot_front"
    assert window.run("print(bpy.context.scene.pflrm_result.name)") == "PF-LRM Robot"
    assert window.run("print(len(bpy.context.scene.pflrm.photos))") == str(len(steps.PHOTOS))


def check_uninstall(window: Window) -> None:
    """The extension leaves nothing behind but the artist's objects."""
    worker = window.run(f"from {steps.MODULE}.pflrm_blender import job; print(job.shared().worker_pid)")
    window.run(f"""
        import addon_utils
        addon_utils.disable("{steps.MODULE}", default_set=True)
        addon_utils.enable("{steps.MODULE}", default_set=True)
        repos = [repo.module for repo in bpy.context.preferences.extensions.repos]
        bpy.ops.extensions.package_uninstall(repo_index=repos.index("user_default"), pkg_id="pflrm")
    """)
    window.wait_for("not hasattr(bpy.types.Scene, 'pflrm')")
    window.wait_for("not list(__import__('pathlib').Path(bpy.utils.user_resource('EXTENSIONS')).rglob('pflrm'))")
    assert window.run(f"print({NAMES})") == str(AFTER)
    assert worker != "None"
    window.wait_for(f"not __import__('pathlib').Path('/proc/{worker}').exists()", 20.0)
