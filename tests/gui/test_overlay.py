"""The overlay in a real viewport: it changes the picture where the outline is and nowhere else."""

from __future__ import annotations

import time

import numpy as np
import pytest
from pflrm.tests import fake_result
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import SIZE, Window

VIEWPORT = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "WINDOW")
area.tag_redraw()
"""
# Where Blender itself draws the outline's ends, in pixels of the screen.
EXPECTED = VIEWPORT + f"""
import numpy, sys
from bpy_extras.view3d_utils import location_3d_to_region_2d
from {steps.MODULE}.pflrm_blender import overlay
places = overlay.outline_of(bpy.context.scene.camera).positions
view = area.spaces.active.region_3d
places = numpy.array([location_3d_to_region_2d(region, view, place) for place in places.tolist()])
left, bottom = places.min(axis=0)
right, top = places.max(axis=0)
print(region.x + left, {SIZE[1]} - region.y - top, region.x + right, {SIZE[1]} - region.y - bottom)
"""
# A busy Blender shows an old picture for a while, which does not change either.
DRAWN = VIEWPORT + """
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=2)
"""
QUIET_PICTURES = 3
WIDTH = 4  # pixels around a line


@pytest.fixture(scope="module")
def result(window: Window, tmp_path_factory) -> str:
    """A result with a square mask in the middle of each photo; one looks through its first camera."""
    folder = tmp_path_factory.mktemp("overlay")
    photos = [window.put(photo) for photo in fake_result.make_photos(folder)]
    masks = {}
    for index, (width, height) in enumerate(fake_result.SIZES):
        mask = np.zeros((height, width), np.uint8)
        mask[height // 4 : -height // 4, width // 4 : -width // 4] = 255
        masks[f"mask_{index}"] = mask
    file = window.put(fake_result.make_result(folder / "result.npz", photos, **masks))
    window.run(VIEWPORT + f"""
from pathlib import Path
from {steps.MODULE}.pflrm_blender import scene
result = scene.apply_result(bpy.context.scene, scene.load_result(Path("{file}")), "Robot")
bpy.context.scene.pflrm_result = bpy.data.collections[result.collection]
bpy.data.objects.remove(bpy.data.objects["Cube"])
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.pflrm.look_through()
    bpy.ops.pflrm.match_render_size()
    bpy.ops.ed.undo_push(message="result")
""")
    return file.name


def picture(window: Window) -> np.ndarray:
    """The screen (H, W, 3), once it has stopped changing."""
    window.pointer("mousemove", "700", "880")
    window.run(DRAWN)
    earlier, quiet = b"", 0
    while quiet < QUIET_PICTURES:
        time.sleep(0.3)
        now = window.pixels(0, 0, *SIZE)
        quiet, earlier = (quiet + 1 if now == earlier else 0), now
    return np.frombuffer(earlier, np.uint8).reshape(SIZE[1], SIZE[0], 3).astype(int)


def switch(window: Window, **kinds: bool) -> None:
    changes = "; ".join(f"bpy.context.scene.pflrm_overlay.{kind} = {on}" for kind, on in kinds.items())
    window.run(VIEWPORT + changes)


@pytest.mark.timeout(300)
def test_the_picture_changes_where_the_outline_is(window, result, tmp_path):
    before = picture(window)
    switch(window, outlines=True)
    window.screenshot(tmp_path / "outline.png")  # to look at
    left, top, right, bottom = map(float, window.run(EXPECTED).split())
    there = picture(window)
    sidebar = window.sidebar()[0]
    changed = np.abs(there - before).max(axis=2) > 40
    changed[:, sidebar:] = False  # its button is down now
    rows, columns = np.nonzero(changed)
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == pytest.approx(
        [left, top, right, bottom], abs=WIDTH
    )
    inner = changed[int(top) + WIDTH : int(bottom) - WIDTH, int(left) + WIDTH : int(right) - WIDTH]
    assert not inner.any()
    switch(window, outlines=False, errors=True)
    errors = picture(window)
    assert (np.abs(errors - before).max(axis=2)[:, :sidebar] > 40).sum() > 100
    switch(window, errors=False)
    assert (picture(window) == before).all()


@pytest.mark.timeout(300)
def test_it_survives_undo_deletion_and_another_file(window, result):
    switch(window, outlines=True, errors=True, points=True)
    window.run(VIEWPORT + """
bpy.data.objects.remove(next(item for item in bpy.context.scene.pflrm_result.objects if item.type == "MESH"))
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.ed.undo_push(message="deleted")
""")
    picture(window)
    window.run(VIEWPORT + """
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.ed.undo()
""")
    picture(window)
    window.run("bpy.ops.wm.read_homefile()")
    picture(window)
    assert "Traceback" not in window.log()
