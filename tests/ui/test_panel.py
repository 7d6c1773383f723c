"""The panel while something runs, when it has failed, and with the results that the scene has."""

from __future__ import annotations

import bpy
import pytest
from pflrm.pflrm_blender import history, session
from pflrm.pflrm_blender import scene as scenes
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.tests.ui.recorder import drawn
from pflrm.ui import panel


def test_a_run_shows_its_stage_and_can_be_cancelled(listed, monkeypatch):
    run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, 0.0, stage="Refining Poses", fraction=0.54)
    monkeypatch.setattr(session.state, "run", run)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert layout.record["progress"] == [("Refining Poses   54%", 0.54)]
    assert "s left" in layout.words()
    assert "pflrm.cancel" in layout.record["operators"]
    assert "Reconstruct" not in layout.record["labels"]
    assert "Add to Queue" in layout.record["labels"]
    assert "pflrm.clear_queue" not in layout.record["operators"]
    monkeypatch.setattr(session.state, "queue", [run, run])
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "2 waiting" in layout.words()
    assert "pflrm.clear_queue" in layout.record["operators"]


def test_the_panel_does_not_jump_while_a_run_progresses(listed, monkeypatch):
    shapes = set()
    for stage, fraction in (("Starting", 0.0), ("Reading Photos", 0.04), ("Finding Poses", 0.4), ("Done", 1.0)):
        run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, stage=stage, fraction=fraction)
        monkeypatch.setattr(session.state, "run", run)
        record = drawn(panel.PFLRM_PT_main.draw).record
        shapes.add(tuple((kind, len(record[kind])) for kind in ("words", "operators", "progress", "icons")))
    assert len(shapes) == 1


def test_a_result_that_waits_for_object_mode_says_so(listed, monkeypatch, result_file):
    run = session.Run(listed.session_uid, "Robot", 1.0, (0, 0, 0), True, 0.0, result=scenes.load_result(result_file))
    monkeypatch.setattr(session.state, "run", run)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "go to Object Mode" in layout.words()
    assert "pflrm.cancel" in layout.record["operators"]
    monkeypatch.setattr(session, "is_rendering", lambda: True)
    assert "when the render has ended" in drawn(panel.PFLRM_PT_main.draw).words()


@pytest.mark.parametrize(("kind", "report"), [("memory", True), ("input", False), ("cancelled", False)])
def test_a_failure_is_said_with_its_remedy_and_a_report_if_that_can_help(listed, monkeypatch, kind, report):
    notice = session.Notice.of(PflrmError(kind, "It is full.", "Use Draft."))
    monkeypatch.setattr(session.state, "notice", notice)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "It is full. Use Draft." in layout.words()
    assert ("pflrm.copy_report" in layout.record["operators"]) == report


def test_what_hides_a_result_can_be_hidden_until_it_is(found, monkeypatch, result_file):
    bpy.ops.mesh.primitive_cube_add(size=9.0)
    found.pflrm_result = bpy.data.collections[
        scenes.apply_result(found, scenes.load_result(result_file), "Robot").collection
    ]
    notice = session.Notice("INFO", "It is ready.", collection=found.pflrm_result.name, cover="Cube")
    monkeypatch.setattr(session.state, "notice", notice)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "It stands inside Cube" in layout.words()
    assert "Hide Cube" in layout.record["labels"]
    assert bpy.ops.pflrm.uncover() == {"FINISHED"}
    bpy.context.view_layer.update()
    assert bpy.data.objects["Cube"].hide_render
    assert "pflrm.uncover" not in drawn(panel.PFLRM_PT_main.draw).record["operators"]
    with pytest.raises(RuntimeError, match="Nothing covers the result"):
        bpy.ops.pflrm.uncover()


def test_word_of_a_result_goes_with_it(found, monkeypatch, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    notice = session.Notice("INFO", "PF-LRM Robot is ready.", collection=result.collection)
    monkeypatch.setattr(session.state, "notice", notice)
    assert "is ready" in drawn(panel.PFLRM_PT_main.draw).words()
    bpy.data.collections.remove(bpy.data.collections[result.collection])
    assert "is ready" not in drawn(panel.PFLRM_PT_main.draw).words()


def test_a_result_shows_cameras_and_confidence(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "3 cameras · 8 faces · 2.5 s" in layout.words()
    assert [word for word in layout.record["words"] if set(word) <= {"●", "○"} and word] == ["●●●", "●●○", "●○○"]
    assert layout.record["operators"].count("pflrm.look_through") == 3
    assert {"pflrm_photo_opacity", "pflrm_result_size"} <= set(layout.record["properties"])
    assert {"outlines", "errors", "points"}.isdisjoint(layout.record["properties"])  # it has none of them


def test_the_overlays_of_a_result_are_those_that_it_has(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    for known, shown in (("pflrm_outline", {"outlines", "errors"}), ("pflrm_points", {"outlines", "errors", "points"})):
        bpy.data.objects[result.cameras[0]][known] = [0.0]
        overlays = {"outlines", "errors", "points"} & set(drawn(panel.PFLRM_PT_main.draw).record["properties"])
        assert overlays == shown
    bpy.data.objects.remove(bpy.data.objects[result.mesh])
    assert "errors" not in drawn(panel.PFLRM_PT_main.draw).record["properties"]


def test_which_way_is_up_is_a_click_away(found, result_file):
    result = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = bpy.data.collections[result.collection]
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert [label for label in layout.record["labels"] if label in ("X", "Y", "Z")] == ["X", "Y", "Z"]
    assert "pflrm.drop_to_floor" in layout.record["operators"]


def test_the_history_lists_results_newest_first(found, result_file):
    for name in ("Robot", "Statue"):
        made = scenes.apply_result(found, scenes.load_result(result_file), name)
    found.pflrm_result = bpy.data.collections[made.collection]
    history.remember(found.pflrm_result, history.snapshot(found.pflrm, poses_only=False))
    layout = drawn(panel.PFLRM_PT_main.draw)
    names = [label for label in layout.record["labels"] if label.startswith("PF-LRM")]
    assert names == ["PF-LRM Statue", "PF-LRM Robot"]
    assert {"Standard · 3 photos · 2.5 s", "3 photos · 2.5 s"} <= set(layout.record["words"])
    operators = layout.record["operators"]
    assert [operators.count(f"pflrm.{name}") for name in ("use_again", "result_delete", "compare")] == [2, 2, 1]


def test_a_result_whose_objects_are_gone_says_so_and_can_be_cleared_away(found, result_file):
    made = scenes.apply_result(found, scenes.load_result(result_file), "Robot")
    found.pflrm_result = collection = bpy.data.collections[made.collection]
    for item in list(collection.objects):
        bpy.data.objects.remove(item)
    layout = drawn(panel.PFLRM_PT_main.draw)
    assert "All that this run has made was deleted." in layout.words()
    assert "pflrm.result_delete" in layout.record["operators"]
    assert "pflrm_photo_opacity" not in layout.record["properties"]
    bpy.ops.pflrm.result_delete()
    assert found.pflrm_result is None
