"""Two results, by the real mouse: in view, compared, their options used again, deleted; and every step back and forth.

A stub in place of the worker makes them, so that a run is over at once.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from pflrm.tests import fake_result
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import Window

TESTS = Path(__file__).resolve().parent.parent
# Where the buttons of a result's line are, as shares of the sidebar's width.
COMPARE, USE_AGAIN, DELETE = 0.67, 0.743, 0.814
LAST_LINE = 16  # pixels from the sidebar's lower edge to the middle of the panel's last line
SCROLL_SECONDS = 1.0
# All that an artist has in the file, to the last bit.
STATE = """
import hashlib
def of_mesh(mesh):
    coordinates = [0.0] * (3 * len(mesh.vertices))
    mesh.vertices.foreach_get("co", coordinates)
    return hashlib.sha256(repr(coordinates).encode()).hexdigest(), [slot.name for slot in mesh.materials]
def of_object(item):
    users = [collection.name for collection in item.users_collection]
    rows = [tuple(row) for row in item.matrix_world]
    return item.name, item.hide_viewport, item.hide_render, users, rows, item.type == "MESH" and of_mesh(item.data)
scene = bpy.context.scene
ours = scene.pflrm
print(
    [of_object(item) for item in sorted(scene.objects, key=lambda item: item.name)], scene.camera.name,
    [(marker.frame, marker.camera.name) for marker in scene.timeline_markers if marker.camera],
    scene.render.resolution_x, scene.render.resolution_y, getattr(scene.pflrm_result, "name", ""),
    [(photo.name, photo.enabled, photo.mask) for photo in ours.photos], ours.quality, ours.title,
)
"""
# Whether all corners and cameras of the result in front are inside the viewport.
IN_VIEW = """
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "WINDOW")
points = [item.matrix_world @ Vector(corner) for item in bpy.context.scene.pflrm_result.objects
          for corner in (item.bound_box if item.type == "MESH" else [(0, 0, 0)])]
places = [location_3d_to_region_2d(region, area.spaces.active.region_3d, point) for point in points]
print(all(place and 0 < place.x < region.width and 0 < place.y < region.height for place in places))
"""


@pytest.fixture
def two_results(window: Window, tmp_path: Path) -> Window:
    """Photos, a First result in Draft and a Second in Best, and the open History at the panel's end in sight."""
    photos = [window.put(photo, "Robot") for photo in steps.PHOTOS[:3]]
    window.put(fake_result.make_result(tmp_path / "result.npz", photos, warnings=np.array([], dtype="U1")))
    window.put(TESTS / "stub_worker.py")
    (window.folder / "answers.json").write_text('[{"event": "result"}]', encoding="utf-8")
    window.run(f"""
        import pathlib
        from {steps.MODULE}.pflrm_blender import job
        job._shared = job.Job(worker=pathlib.Path("{window.inside}/stub_worker.py"))
        bpy.ops.pflrm.photos_add(
            directory="{photos[0].parent}", files=[{{"name": name}} for name in {[photo.name for photo in photos]}])
        bpy.ops.ed.undo_push(message="photos")
        for bpy.context.scene.pflrm.title, bpy.context.scene.pflrm.quality in (("First", "draft"), ("Second", "best")):
            bpy.ops.pflrm.reconstruct()
    """)
    window.wait_for("getattr(bpy.context.scene.pflrm_result, 'name', '') == 'PF-LRM Second'")
    scroll_to_end(window)
    left, top, width, height = window.sidebar()
    window.click(left + width // 3, top + height - LAST_LINE)
    scroll_to_end(window)
    return window


def scroll_to_end(window: Window) -> None:
    """Turn the mouse wheel over the panel until it ends."""
    left, top, width, height = window.sidebar()
    middle = (str(left + width // 2), str(top + height // 2))
    window.pointer("mousemove", *middle, "click", "--repeat", "60", "5", "sleep", str(SCROLL_SECONDS))


@pytest.mark.timeout(400)
def test_every_step_of_a_history_and_its_way_back(two_results: Window, tmp_path: Path):
    window = two_results
    assert window.run(IN_VIEW) == "True"
    states = [window.run(STATE)]
    for button, at, becomes in (
        ('compare(result="PF-LRM First"', COMPARE, "'pflrm_beside' in bpy.data.objects['PF-LRM First Root']"),
        ('compare(result="PF-LRM First"', COMPARE, "'pflrm_beside' not in bpy.data.objects['PF-LRM First Root']"),
        ('use_again(result="PF-LRM First"', USE_AGAIN, "bpy.context.scene.pflrm.quality == 'draft'"),
        ('result_delete(result="PF-LRM First"', DELETE, "'PF-LRM First' not in bpy.data.collections"),
    ):
        window.press(f"pflrm.{button}", at)
        window.wait_for(becomes)
        states.append(window.run(STATE))
        window.screenshot(tmp_path / f"{len(states)}.png")  # to look at
    assert states[2] == states[0]  # put back where it was, to the last bit
    assert len(set(states)) == 4
    for keys, before in (("ctrl+z", list(reversed(states))[1:]), ("ctrl+shift+z", states[1:])):
        for state in before:
            window.key(keys)
            reach(window, state)
    assert "Traceback" not in window.log()


def reach(window: Window, state: str) -> None:
    """Wait until all is in a state, as Blender takes its time for a key."""
    limit = time.monotonic() + 20.0
    while (now := window.run(STATE)) != state:
        assert time.monotonic() < limit, f"{now}\nis not\n{state}"
        time.sleep(0.2)
