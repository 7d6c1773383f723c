"""The walk of a new user with the worker itself: photos, Reconstruct, a camera, undo and redo, the file, Cancel.

Runs where the Python of the folder PFLRM_GUI_ROOT imports torch; takes minutes on a slow machine.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pflrm.tests.gui.window import Window

PHOTOS = Path(__file__).resolve().parents[2] / "demo" / "photos"
EXTENSION = "bl_ext.user_default.pflrm.pflrm_blender"
STATE = f"__import__('{EXTENSION}.session', fromlist=['state']).state"
RUN_SECONDS = 600.0
NAMES = "print(sorted(item.name for item in bpy.data.objects), bpy.context.scene.camera.name)"
BEFORE = "['Camera', 'Cube', 'Light'] Camera"
AFTER = (
    "['Camera', 'Cube', 'Light', 'PF-LRM Robot', 'PF-LRM Robot Root', "
    "'robot_back', 'robot_front', 'robot_left', 'robot_right']"
)


@pytest.fixture(scope="module")
def _torch(root: Path) -> None:
    command = ["chroot", str(root), "/usr/bin/python3", "-I", "-c", "import torch"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the Python of PFLRM_GUI_ROOT has no torch")


@pytest.fixture(scope="module")
def robot(_torch: None, window: Window) -> Window:
    """The window with the four photos of the demo in its list, and Draft quality."""
    files = [{"name": window.put(PHOTOS / f"robot_{side}.png").name} for side in ("front", "left", "back", "right")]
    window.run(f"""
        bpy.ops.pflrm.photos_add(directory="{window.inside}", files={files})
        bpy.context.scene.pflrm.title = "Robot"
        bpy.context.scene.pflrm.quality = "draft"
        bpy.ops.ed.undo_push(message="photos")
    """)
    return window


@pytest.mark.timeout(1200)
def test_a_new_user_reconstructs_undoes_saves_and_cancels(robot: Window, tmp_path: Path):
    robot.press("pflrm.reconstruct(")
    robot.wait_for(f"{STATE}.run is not None")
    robot.wait_for(f"{STATE}.run is None", RUN_SECONDS)
    robot.screenshot(tmp_path / "result.png")  # to look at
    assert robot.run(NAMES) == f"{AFTER} Camera"
    assert robot.run("print(bpy.context.object.name)") == "PF-LRM Robot Root"
    assert "It stands inside Cube" in robot.run(f"print({STATE}.notice.remedy)")
    assert int(robot.run("print(len(bpy.data.objects['PF-LRM Robot'].data.polygons))")) > 1000

    robot.press("pflrm.look_through(")
    robot.wait_for("bpy.context.scene.camera.name == 'robot_front'")
    robot.pointer("mousemove", "600", "500")
    for key, names in (
        ("ctrl+z", f"{AFTER} Camera"), ("ctrl+z", BEFORE),
        ("ctrl+shift+z", f"{AFTER} Camera"), ("ctrl+shift+z", f"{AFTER} robot_front"),
    ):  # fmt: skip
        robot.pointer("key", key)
        expected = f"sorted(item.name for item in bpy.data.objects) == {names.rpartition(' ')[0]}"
        robot.wait_for(f"{expected} and bpy.context.scene.camera.name == '{names.split()[-1]}'")

    file = robot.inside / "robot.blend"
    robot.run(f"bpy.ops.wm.save_as_mainfile(filepath='{file}'); bpy.ops.wm.open_mainfile(filepath='{file}')")
    assert robot.run(NAMES) == f"{AFTER} robot_front"
    assert robot.run("print(bpy.context.scene.pflrm_result.name)") == "PF-LRM Robot"

    # Best quality takes longer than the search for the button.
    robot.run("bpy.context.scene.pflrm.quality = 'best'; bpy.ops.pflrm.reconstruct()")
    robot.press("pflrm.cancel(")
    robot.wait_for(f"{STATE}.run is None", 20.0)
    assert "cancelled" in robot.run(f"print({STATE}.notice.text)")
    assert robot.run(NAMES) == f"{AFTER} robot_front"
    assert "Traceback" not in robot.log()
