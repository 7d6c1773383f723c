"""One walk through the window: install, photos, a run with a stub worker, its result, one step of undo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pflrm.tests import fake_result
from pflrm.tests.gui.steps import STATE
from pflrm.tests.gui.window import Window

TESTS = Path(__file__).resolve().parent.parent
EXTENSION = "bl_ext.user_default.pflrm.pflrm_blender"
VIEWPORT = """
window = bpy.context.window_manager.windows[0]
area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "WINDOW")
"""


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


@pytest.mark.timeout(300)
def test_a_second_click_waits_for_its_turn_and_is_a_step_of_its_own(window, photos):
    window.run(f"""
        for title in ("First", "Second"):
            bpy.context.scene.pflrm.title = title
            assert bpy.ops.pflrm.reconstruct() == {{"FINISHED"}}
        assert [run.name for run in {STATE}.queue] == ["Second"]
    """)
    window.wait_for("getattr(bpy.context.scene.pflrm_result, 'name', '') == 'PF-LRM Second'")
    names = "print([c.name for c in bpy.data.collections])"
    assert window.run(names) == "['Collection', 'PF-LRM First', 'PF-LRM Second']"
    window.run(VIEWPORT + """
with bpy.context.temp_override(window=window, area=area, region=region):
    bpy.ops.ed.undo()
""")
    assert window.run(names) == "['Collection', 'PF-LRM First']"


def test_blender_finds_no_fault(window):
    assert window.run("import addon_utils; print(addon_utils._extensions_warnings_get())") == "{}"
    assert "Traceback" not in window.log()
