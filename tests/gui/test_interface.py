"""Blender's search finds the buttons, copied paths and chosen files become photos, and German words are found."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pflrm.tests.gui import steps
from pflrm.tests.gui.window import VIEWPORT, Window

# What Blender's own translation says otherwise than ours; Blender asks its own first.
BLENDERS_OWN = {"Metal"}
LOOK_UP = f"""
import json
view = bpy.context.preferences.view
view.language = "de_DE"
view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = True
from {steps.MODULE}.ui.locale import de
found = [[context, message, bpy.app.translations.pgettext(message, context)] for context, message in de.MESSAGES]
ours = [[*message, german] for message, german in de.MESSAGES.items()]
view.language = "en_US"
print(json.dumps([one for one, own in zip(found, ours) if one != own]))
"""
F3 = "69"  # the number of the key: asked for its name, xdotool may press Alt with it
TYPE_SECONDS = 1.0  # until the search has found
IN_DIALOG = (700, 400)  # a place that the file dialog covers, wherever Blender opens it
DIALOG_SECONDS = 3.0  # until the file dialog has read a folder
BROWSER = "bpy.context.window_manager.windows[-1].screen.areas[0].spaces.active"
POPUP_SECONDS = 1.5  # until the panel of a mask is drawn


@pytest.mark.timeout(300)
def test_a_german_blender_finds_every_word(window: Window):
    others = json.loads(window.run(LOOK_UP))
    assert {message for _, message, _ in others} <= BLENDERS_OWN, others
    assert "Traceback" not in window.log()


@pytest.mark.timeout(300)
def test_the_search_starts_a_run_and_cancels_it(window: Window, tmp_path):
    window.put(Path(__file__).resolve().parents[1] / "stub_worker.py")
    (window.folder / "answers.json").write_text('[{"sleep": 60}]', encoding="utf-8")
    photo = window.put(steps.PHOTOS[0])
    window.run(f"""
        import pathlib
        from {steps.MODULE}.pflrm_blender import job
        job._shared = job.Job(worker=pathlib.Path("{window.inside}/stub_worker.py"))
        bpy.ops.pflrm.photos_add(directory="{photo.parent}", files=[{{"name": "{photo.name}"}}])
    """)
    search(window, "Reconstruct")
    window.screenshot(tmp_path / "running.png")  # to look at
    window.wait_for(f"{steps.STATE}.run is not None")
    search(window, "Cancel Run")
    window.wait_for(f"{steps.STATE}.run is None")
    assert "Traceback" not in window.log()


@pytest.mark.timeout(300)
def test_copied_paths_become_photos_whose_masks_can_be_seen(window: Window, tmp_path):
    window.run("bpy.context.scene.pflrm.photos.clear()")
    plain, quoted, address = (window.put(photo, "Copied") for photo in steps.PHOTOS[:3])
    text = f'{plain}\n"{quoted}"\nfile://{address}\n'
    window.run(f"bpy.context.window_manager.clipboard = {text!r}")
    search(window, "Paste Photos")
    names = ["robot_front", "robot_left", "robot_back"]
    window.wait_for(f"[photo.name for photo in bpy.context.scene.pflrm.photos] == {names}")
    window.wait_for(steps.LOOKED_AT)
    without = window.pixels(*window.sidebar())
    window.press("pflrm.mask_preview(")
    time.sleep(POPUP_SECONDS)
    window.screenshot(tmp_path / "preview.png")  # to look at
    shown = window.pixels(*window.sidebar())
    assert sum(one != other for one, other in zip(shown, without, strict=True)) > len(without) / 8
    window.pointer("key", "Escape")


@pytest.mark.timeout(300)
def test_the_file_dialog_shows_pictures_and_adds_many(window: Window, tmp_path):
    window.run("bpy.context.scene.pflrm.photos.clear()")
    folder = [window.put(photo, "Dialog") for photo in steps.PHOTOS][0].parent
    window.press("pflrm.photos_add(")
    window.wait_for(f"len(bpy.context.window_manager.windows) == 2 and {BROWSER}.params")
    assert window.run(f"print({BROWSER}.params.display_type)") == "THUMBNAIL"
    window.run(f"{BROWSER}.params.directory = b'{folder}/'")
    time.sleep(DIALOG_SECONDS)
    window.pointer("mousemove", *map(str, IN_DIALOG), "sleep", "0.5", "key", "a")  # all
    window.screenshot(tmp_path / "dialog.png")  # to look at
    window.pointer("key", "Return")
    window.wait_for(f"len(bpy.context.scene.pflrm.photos) == {len(steps.PHOTOS)}")
    window.wait_for("len(bpy.context.window_manager.windows) == 1")


def search(window: Window, words: str) -> None:
    """Press F3 and choose what is found first."""
    place = (VIEWPORT[0] + 20, VIEWPORT[1] + 20, 200, 100)  # the search opens below the pointer, and covers it all
    without = window.pixels(*place)
    window.key(F3)
    limit = time.monotonic() + 20.0
    while sum(one != other for one, other in zip(window.pixels(*place), without, strict=True)) < len(without) / 2:
        assert time.monotonic() < limit, "F3 opens no search"
        time.sleep(0.2)
    window.pointer("type", "--delay", "100", words)
    time.sleep(TYPE_SECONDS)
    window.pointer("key", "Return")
