from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import bpy
import pytest
from pflrm import operators
from pflrm.ui import drop, thumbnails
from pflrm.ui.text import paragraph


def test_everything_leaves_and_comes_back(extension):
    import pflrm

    for _ in range(2):
        pflrm.unregister()
        assert not hasattr(bpy.types, "PFLRM_PT_main")
        assert not hasattr(bpy.types.Scene, "pflrm")
        assert not any("_before_load" in repr(handler) for handler in bpy.app.handlers.load_pre)
        pflrm.register()
    assert hasattr(bpy.types, "PFLRM_PT_main")


@pytest.mark.parametrize("cls", operators._CLASSES, ids=lambda cls: cls.bl_idname)
def test_every_operator_says_what_it_will_do(extension, cls):
    kind = getattr(bpy.ops.pflrm, cls.bl_idname.split(".")[1]).get_rna_type()
    assert len(kind.description) > 15
    assert not kind.description.endswith(".")  # Blender adds it
    assert kind.name


@pytest.mark.parametrize(("area", "region", "taken"), [
    ("VIEW_3D", "UI", True), ("VIEW_3D", "WINDOW", True), ("VIEW_3D", "HEADER", False), ("IMAGE_EDITOR", "UI", False),
])  # fmt: skip
def test_photos_are_taken_by_the_viewport_and_its_sidebar(extension, area, region, taken):
    context = SimpleNamespace(area=SimpleNamespace(type=area), region=SimpleNamespace(type=region))
    assert drop.PFLRM_FH_photos.poll_drop(context) is taken


def test_a_thumbnail_of_a_missing_photo_is_none(extension, tmp_path):
    assert thumbnails.icon_of(tmp_path / "missing.png") == 0


def test_sentences_are_broken_to_the_panels_width(extension):
    lines: list[tuple[str, str]] = []
    column = SimpleNamespace(label=lambda text, icon: lines.append((text, icon)))
    layout = SimpleNamespace(column=lambda align: column)
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    context = SimpleNamespace(region=SimpleNamespace(width=300), preferences=preferences)
    paragraph(layout, context, "One photo gives a shape, but no other cameras.\nAdd one.", "INFO")
    assert max(len(text) for text, _ in lines) < 40
    assert " ".join(text for text, _ in lines) == "One photo gives a shape, but no other cameras. Add one."
    assert [icon for _, icon in lines] == ["INFO"] + ["BLANK1"] * (len(lines) - 1)


def test_blenders_start_imports_nothing_slow():
    """``None`` among the modules makes an import of that name fail."""
    slow = ["numpy", "torch", "urllib.request", "concurrent.futures", "tomllib"]
    program = f"import bpy, sys; sys.modules |= dict.fromkeys({slow}); import pflrm; pflrm.register(); print('done')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "done" in done.stdout, done.stderr
