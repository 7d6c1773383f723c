"""Take the pictures of the user guide: ``python -m pflrm.tests.gui.pictures FOLDER``.

They show a new user's first reconstruction in a fresh Blender, step by step. Take them on a machine that does nothing
else, so that the times in them are true, and look at each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from pflrm.tests.build_extension import build
from pflrm.tests.gui import build_blender, steps
from pflrm.tests.gui.window import Window
from PIL import Image

COLOURS = (128, 96, 64, 48)  # as many as fit
MOST_BYTES = 60_000
SETTLE_SECONDS = 3.0  # until all is drawn, on a processor that draws for a graphics card
DIALOGUE = (190, 270, 900, 700)  # parts of the screen: left, top, right, bottom
QUESTION = (560, 80, 1322, 520)
PANEL = (560, 80, 1322, 600)
LONG_PANEL = (480, 80, 1322, 812)
PHOTO = (300, 80, 1020, 812)
PLACE = (820, 460)  # where the photos fall, within the pictures
ASIDE = (700, 240)  # for the mouse, so that it touches nothing
# The whole photo in the middle of the viewport, as by Home.
_WHOLE_PHOTO = """
area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
area.spaces.active.region_3d.view_camera_zoom = 2
area.spaces.active.region_3d.view_camera_offset = (0, 0)
"""
# Its buttons are below what a small screen shows.
_OVERLAY = """
shown = bpy.context.scene.pflrm_overlay
shown.outlines = shown.errors = True
for area in bpy.context.window_manager.windows[0].screen.areas:
    area.tag_redraw()
"""
_RUNTIME_BACK = f"""
bpy.context.preferences.system.use_online_access = False
parts = __import__("{steps.MODULE}.pflrm_blender", fromlist=["runtime"])
import sys
sys.executable = "/usr/bin/python3"
parts.runtime._has_torch = lambda interpreter: True
parts.environment.forget()
"""


class Camera:
    """Photographs parts of the screen into a folder."""

    def __init__(self, window: Window, folder: Path) -> None:
        self.window, self.folder = window, folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, box: tuple[int, int, int, int], settle: float = SETTLE_SECONDS) -> None:
        """Save a part of the screen (left, top, right, bottom) as a small PNG file."""
        time.sleep(settle)
        path = self.folder / f"{name}.png"
        self.window.screenshot(path)
        with Image.open(path) as picture:
            part = picture.convert("RGB").crop(box)
        for colours in COLOURS:
            part.quantize(colours, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
            if path.stat().st_size <= MOST_BYTES:
                break


def walk(window: Window, camera: Camera, archive: Path) -> None:
    """Everything a new user does, with a picture of each step."""
    window.drop([window.put(archive)])
    camera.take("1-install", DIALOGUE)
    steps.agree_to_install(window)
    steps.open_tab(window)
    set_up(window, camera)
    window.drop([window.put(photo, "Robot") for photo in steps.PHOTOS], *PLACE)
    camera.take("2-drop", PANEL)
    steps.choose_photos(window, len(steps.PHOTOS))
    window.wait_for(steps.LOOKED_AT)
    camera.take("3-photos", PANEL)
    window.run("bpy.context.scene.pflrm.quality = 'draft'")
    window.press("pflrm.reconstruct(")
    window.wait_for(f"{steps.STATE}.run is None or {steps.STATE}.run.fraction > 0.3", steps.RUN_SECONDS)
    camera.take("4-running", PANEL, settle=0.0)
    window.wait_for(f"{steps.STATE}.run is None", steps.RUN_SECONDS)
    window.press("pflrm.uncover(")  # the default cube
    window.press("pflrm.show_colours(")
    window.pointer("mousemove", *map(str, ASIDE), "key", "KP_Decimal", "sleep", "2", "key", "alt+a")
    camera.take("5-result", LONG_PANEL)
    window.press("pflrm.look_through(")
    window.run("bpy.ops.pflrm.match_render_size()")  # its button is below what a small screen shows
    window.pointer("mousemove", *map(str, ASIDE), "key", "n")
    window.run(_WHOLE_PHOTO)
    camera.take("6-camera", PHOTO)
    window.run(_OVERLAY)
    camera.take("7-overlay", PHOTO)


def set_up(window: Window, camera: Camera) -> None:
    """The question before a download, which is answered with no: the steps after it use the torch that is there."""
    steps.take_runtime_away(window)
    window.run(f"""
        bpy.context.preferences.system.use_online_access = True
        bpy.context.preferences.addons["{steps.MODULE}"].preferences.runtime_folder = "/media/disk"
    """)
    window.press("pflrm.set_up(")
    camera.take("set-up", QUESTION)
    window.key("Escape")
    window.run(_RUNTIME_BACK)


def main() -> None:
    """Take all pictures into a folder."""
    root = build_blender.default_root()
    build_blender.build(root)
    with tempfile.TemporaryDirectory() as folder, Window(root) as window:
        walk(window, Camera(window, Path(sys.argv[1])), build(Path(folder)))


if __name__ == "__main__":
    main()
