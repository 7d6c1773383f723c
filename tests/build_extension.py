"""Build the archive with Blender's own tool, which needs no Blender: ``python tests/build_extension.py FOLDER``.

Prints the archive's path. The tool comes from the bpy module of the Python that runs this.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blender_tool() -> Path:
    """The command line tool of Blender's extension manager, without importing bpy."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise SystemExit("The bpy module is not installed: pip install .[develop]")
    return next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def run_tool(*arguments: str) -> str:
    """Run the tool and return what it said; a failure ends the program with the tool's words."""
    command = [sys.executable, "-I", str(blender_tool()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def build(folder: Path) -> Path:
    """Build and validate the archive in ``folder``, which replaces one of the same version."""
    return build_from(ROOT, folder)


def build_from(source: Path, folder: Path) -> Path:
    """The same from another source folder."""
    folder.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.zip")}
    run_tool("build", "--source-dir", str(source), "--output-dir", str(folder))
    archive = next(path for path in folder.glob("*.zip") if before.get(path) != path.stat().st_mtime_ns)
    run_tool("validate", str(archive))
    return archive


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")))
