"""Blender's window for the tests of this folder, with the extension installed and its panel open.

Runs where the folder with Blender is, see ``build_blender.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pflrm.tests.build_extension import build
from pflrm.tests.gui import build_blender
from pflrm.tests.gui.window import Window

SIDEBARS = "[r for a in bpy.context.window_manager.windows[0].screen.areas for r in a.regions if r.type == 'UI']"


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the system with Blender."""
    folder = build_blender.default_root()
    if not build_blender.is_ready(folder):
        pytest.skip(f"there is no Blender in {folder}: `make gui-test` puts one there")
    obstacle = build_blender.obstacle_here()
    if obstacle:
        pytest.skip(obstacle)
    return folder


@pytest.fixture(scope="session")
def archive(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def window(root: Path, archive: Path) -> Iterator[Window]:
    """Blender with the extension installed and its panel open."""
    with Window(root) as blender:
        inside = blender.put(archive)
        blender.run(f"""
            import os
            os.environ["PFLRM_PYTHON"] = "/usr/bin/python3"
            bpy.ops.extensions.package_install_files(
                filepath="{inside}", repo="user_default", enable_on_install=True)
            for area in bpy.context.window_manager.windows[0].screen.areas:
                if area.type == "VIEW_3D":
                    area.spaces.active.show_region_ui = True
        """)
        blender.pointer("mousemove", "700", "600")
        blender.wait_for(f"any(r.active_panel_category != 'UNSUPPORTED' for r in {SIDEBARS})")
        blender.run(f"""
            for region in {SIDEBARS}:
                if region.active_panel_category != "UNSUPPORTED":
                    region.active_panel_category = "PF-LRM"
                    region.tag_redraw()
        """)
        yield blender
