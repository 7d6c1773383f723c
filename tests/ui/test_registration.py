from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import bpy
import pytest
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
    column = SimpleNamespace(
        label=lambda text, icon, translate: lines.append((text, icon)), separator=lambda factor: None
    )
    layout = SimpleNamespace(column=lambda align: column)
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    context = SimpleNamespace(region=SimpleNamespace(width=300), preferences=preferences)
    paragraph(layout, context, "One photo gives a shape, but no other cameras.\nAdd one.", "INFO")
    assert max(len(text) for text, _ in lines) < 40
    assert " ".join(text for text, _ in lines) == "One photo gives a shape, but no other cameras. Add one."
    assert [icon for _, icon in lines] == ["INFO"] + ["BLANK1"] * (len(lines) - 1)


def test_blenders_start_imports_nothing_slow():
    """Neither of the extension's own modules nor of others what the panel needs only when it is drawn."""
    slow = ["numpy", "torch", "urllib.request", "concurrent.futures", "tomllib", "subprocess", "tempfile", "traceback",
            "json", "textwrap"]  # fmt: skip
    program = f"""
import bpy, sys
for name in {slow}:
    sys.modules.pop(name, None)
import pflrm
pflrm.register()
print([name for name in {slow} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


def test_a_module_is_imported_when_it_is_first_used():
    program = """
import sys
from pflrm.pflrm_blender import history
assert "pflrm.pflrm_blender.history" not in sys.modules
history.remember = "changed"
from pflrm.pflrm_blender import history as again
assert again is sys.modules["pflrm.pflrm_blender.history"]
assert again.remember == history.remember == "changed"
del history.remember
assert not hasattr(again, "remember")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(ImportError, match="nothing_of_the_kind"):
        from pflrm.pflrm_blender import nothing_of_the_kind  # noqa: F401
