"""One walk through the window: install, photos, a run with a stub worker, its result, one step of undo.

Runs where PFLRM_GUI_ROOT names a root folder with Blender in it, see ``window.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pflrm.tests import fake_result
from pflrm.tests.build_extension import build
from pflrm.tests.gui.window import Window

ROOT = os.environ.get("PFLRM_GUI_ROOT", "")
TESTS = Path(__file__).resolve().parent.parent
EXTENSION = "bl_ext.user_default.pflrm.pflrm_blender"
VIEWPORT = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "WINDOW")
"""

pytestmark = pytest.mark.skipif(not ROOT, reason="PFLRM_GUI_ROOT names no folder with Blender")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """Blender with the extension installed and its panel open."""
    with Window(Path(ROOT)) as blender:
        archive = blender.put(build(tmp_path_factory.mktemp("dist")))
        blender.run(f"""
            import os
            os.environ["PFLRM_PYTHON"] = "/usr/bin/python3"
            bpy.ops.extensions.package_install_files(
                filepath="{archive}", repo="user_default", enable_on_install=True)
            for area in bpy.context.window_manager.windows[0].screen.areas:
                if area.type == "VIEW_3D":
                    area.spaces.active.show_region_ui = True
        """)
        blender.pointer("mousemove", "700", "600")
        sidebar = "[r for a in bpy.context.window_manager.windows[0].screen.areas for r in a.regions if r.type == 'UI']"
        blender.wait_for(f"any(r.active_panel_category != 'UNSUPPORTED' for r in {sidebar})")
        blender.run(f"""
            for region in {sidebar}:
                if region.active_panel_category != "UNSUPPORTED":
                    region.active_panel_category = "PF-LRM"
                    region.tag_redraw()
        """)
        yield blender


@pytest.fixture(scope="module")
def photos(window: Window, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photos and a result of theirs, where Blender and the stub worker find them."""
    folder = tmp_path_factory.mktemp("photos")
    inside = [window.put(photo) for photo in fake_result.make_photos(folder)]
    window.put(fake_result.make_result(folder / "result.npz", inside, warnings=np.array([], dtype="U1")))
    window.put(TESTS / "stub_worker.py")
    answers = '[{"event": "progress", "stage": "Refining Poses", "fraction": 0.4}, {"sleep": 1.5}, {"event": "result"}]'
    (window.folder / "answers.json").write_text(answers, encoding="utf-8")
    return inside


@pytest.mark.timeout(300)
def test_from_photos_to_a_result_and_back(window, photos, tmp_path):
    files = [{"name": photo.name} for photo in photos]
    window.run(f"""
        import pathlib
        from {EXTENSION} import job
        job._shared = job.Job(worker=pathlib.Path("{window.inside}/stub_worker.py"))
        bpy.ops.pflrm.photos_add(directory="{window.inside}", files={files})
        bpy.context.scene.pflrm.title = "Robot"
        bpy.ops.ed.undo_push(message="photos")
        assert bpy.ops.pflrm.reconstruct() == {{"FINISHED"}}
    """)
    window.wait_for(f"__import__('{EXTENSION}.session').{EXTENSION.split('.', 1)[1]}.session.state.run.fraction > 0")
    window.screenshot(tmp_path / "running.png")
    window.wait_for("bpy.context.scene.pflrm_result is not None")
    assert window.run("print(bpy.context.scene.camera.name)") == "Camera"
    window.run(VIEWPORT + """
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.pflrm.look_through(camera="left")
    bpy.ops.pflrm.show_colours()
    print(area.spaces.active.region_3d.view_perspective, area.spaces.active.shading.color_type)
    bpy.ops.ed.undo_push(message="look")
""")
    window.screenshot(tmp_path / "result.png")
    names = "print([c.name for c in bpy.data.collections], len(bpy.context.scene.pflrm.photos))"
    undo = VIEWPORT + """
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.ed.undo()
"""
    assert window.run(names) == "['Collection', 'PF-LRM Robot'] 3"
    window.run(undo)
    assert window.run(names + "; print(bpy.context.scene.camera.name)") == "['Collection', 'PF-LRM Robot'] 3\nCamera"
    window.run(undo)
    assert window.run(names) == "['Collection'] 3"


def test_blender_finds_no_fault(window):
    assert window.run("import addon_utils; print(addon_utils._extensions_warnings_get())") == "{}"
    assert "Traceback" not in window.log()
