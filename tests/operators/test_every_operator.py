"""What holds for every button: it can be found by F3, says what it will do or why it cannot, and can be undone."""

from __future__ import annotations

import bpy
import pytest
from pflrm import operators

# Those that change nothing in the file: they look, ask, or begin what makes an undo step of its own when it arrives.
WITHOUT_UNDO = {
    "pflrm.mask_preview", "pflrm.mask_brush", "pflrm.reconstruct", "pflrm.place_cameras", "pflrm.cancel",
    "pflrm.clear_queue", "pflrm.show_colours", "pflrm.check_runtime", "pflrm.copy_report", "pflrm.set_up",
    "pflrm.set_up_cancel", "pflrm.set_up_remove", "pflrm.set_up_log", "pflrm.open_preferences",
}  # fmt: skip
NO_REASON = "failed, context is incorrect"


def called(cls: type[bpy.types.Operator]):
    return getattr(bpy.ops.pflrm, cls.bl_idname.split(".")[1])


@pytest.fixture(params=operators.CLASSES, ids=lambda cls: cls.bl_idname)
def cls(request, extension) -> type[bpy.types.Operator]:
    return request.param


def test_it_is_found_by_its_name(cls):
    assert "REGISTER" in cls.bl_options
    assert "INTERNAL" not in cls.bl_options
    name = called(cls).get_rna_type().name
    assert name == cls.bl_label
    minor = {"a", "as", "by", "of", "on", "the", "to"}
    assert all(word[0].isupper() or word in minor for word in name.split())


def test_its_name_is_its_own():
    names = [cls.bl_label for cls in operators.CLASSES]
    assert len(names) == len(set(names))


def test_its_tooltip_says_what_will_happen(cls):
    description = called(cls).get_rna_type().description
    assert len(description) > 15
    assert description[0].isupper()
    assert not description.endswith(".")  # Blender adds it


def test_its_options_have_names_and_descriptions(cls):
    for option in called(cls).get_rna_type().properties:
        if option.identifier != "rna_type" and not option.is_hidden:
            assert option.name
            assert option.description or all(item.description for item in option.enum_items), option.identifier


def test_where_it_cannot_it_says_why(cls):
    if called(cls).poll():
        return
    with pytest.raises(RuntimeError) as failure:
        called(cls)()
    assert NO_REASON not in str(failure.value)


def test_without_photos_results_and_runs_most_cannot(extension):
    able = {cls.bl_idname for cls in operators.CLASSES if called(cls).poll()}
    assert {"pflrm.photos_add", "pflrm.photos_paste", "pflrm.copy_report"} <= able
    assert not able & {"pflrm.reconstruct", "pflrm.cancel", "pflrm.look_through", "pflrm.mask_brush"}


def test_what_changes_the_file_can_be_undone(cls):
    assert ("UNDO" in cls.bl_options) != (cls.bl_idname in WITHOUT_UNDO)
