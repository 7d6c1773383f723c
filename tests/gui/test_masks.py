"""A mask is painted with the real mouse, on the photo itself, where the viewport was; and comes back as a file."""

from __future__ import annotations

import time

import pytest
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import VIEWPORT, Window

INSPECTION = f"__import__('{steps.MODULE}.pflrm_blender.inspection', fromlist=['state_of'])"
KINDS = "[area.type for area in bpy.context.window_manager.windows[0].screen.areas]"
PAINTED = "next((image for image in bpy.data.images if 'pflrm_mask_of' in image), None)"
SHARE = f"print(sum(alpha > 0.5 for alpha in {PAINTED}.pixels[:][3::4]) / len({PAINTED}.pixels) * 4)"
TOOL_HEADER = """
area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "IMAGE_EDITOR")
header = next(region for region in area.regions if region.type == "TOOL_HEADER")
print(header.x, header.y + header.height // 2)
"""
EDIT = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
with bpy.context.temp_override(window=window, area=area):
    bpy.ops.pflrm.mask_edit(index=0)
"""
STROKE = 60  # pixels up and down
SCREEN_HEIGHT = 900
BUTTON_STEP = 24  # pixels, less than the width of a button


@pytest.mark.timeout(300)
def test_a_mask_is_painted_used_and_undone(window: Window, tmp_path):
    photo = window.put(steps.PHOTOS[0])
    window.run(f"""
        bpy.ops.pflrm.photos_add(directory="{photo.parent}", files=[{{"name": "{photo.name}"}}])
        bpy.ops.ed.undo_push(message="photos")
    """)
    window.wait_for(f"{INSPECTION}.state_of(bpy.context.scene.pflrm.photos[0])")  # the panel has asked for it
    window.run(EDIT)
    assert "IMAGE_EDITOR" in window.run(f"print({KINDS})")
    before = float(window.run(SHARE))
    assert before == pytest.approx(0.22, abs=0.02)
    window.wait_for("getattr(bpy.context.scene.tool_settings.image_paint.brush, 'blend', '') == 'ERASE_ALPHA'")
    paint(window)
    window.wait_for(f"{PAINTED}.is_dirty")
    painted = float(window.run(SHARE))
    assert painted < before - 0.01
    window.screenshot(tmp_path / "painting.png")  # to look at
    press_in_header(window, "pflrm.mask_use(")
    window.wait_for("bpy.context.scene.pflrm.photos[0].mask != ''")
    window.wait_for(f"'IMAGE_EDITOR' not in {KINDS} and 'VIEW_3D' in {KINDS}")
    window.wait_for(f"({INSPECTION}.state_of(bpy.context.scene.pflrm.photos[0]) or 0) and "
                    f"{INSPECTION}.state_of(bpy.context.scene.pflrm.photos[0]).origin == 'file'")
    window.key("ctrl+z")
    window.wait_for("bpy.context.scene.pflrm.photos[0].mask == ''")
    assert float(window.run(SHARE)) == pytest.approx(painted, abs=1e-3)  # no stroke is lost
    window.key("ctrl+shift+z")
    window.wait_for("bpy.context.scene.pflrm.photos[0].mask != ''")
    assert "Traceback" not in window.log()


def paint(window: Window) -> None:
    """A stroke through the middle of what was the viewport."""
    x, y = VIEWPORT
    window.pointer("mousemove", str(x), str(y - STROKE), "mousedown", "1", "sleep", "0.3", "mousemove", str(x), str(y),
                   "sleep", "0.3", "mousemove", str(x), str(y + STROKE), "sleep", "0.3", "mouseup", "1")


def press_in_header(window: Window, button: str) -> None:
    """Click a button in the tool header of the image editor; it is found as ``Window.press`` does."""
    left, bottom = map(int, window.run(TOOL_HEADER).split())
    row = SCREEN_HEIGHT - bottom
    window.run("bpy.context.window_manager.clipboard = ' '")
    for column in range(left + BUTTON_STEP // 2, left + 25 * BUTTON_STEP, BUTTON_STEP):
        window.pointer("mousemove", str(column), str(row), "sleep", "0.1", "key", "ctrl+c")
        time.sleep(0.1)
        if button in window.run("print(bpy.context.window_manager.clipboard)"):
            window.click(column, row)
            return
    raise AssertionError(f"The header has no button {button}")
