"""A Blender with a real window, on a display without a screen, inside the root folder of another system.

The folder comes from ``build_blender.py``. Whatever is mounted into it lives in a name space of its own and is gone
with the process. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import textwrap
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

DISPLAY = f":{100 + os.getpid() % 900}"  # its own, when tests run side by side
SIZE = (1600, 900)
START_SECONDS = 90.0
ANSWER_SECONDS = 60.0
BUTTON_STEP = 14  # pixels, less than the height of a button
BUTTON_COLUMN = 0.55  # share of the sidebar's width where all buttons of the panel are
HOVER_SECONDS = 0.1
CLICK_SECONDS = 0.3
VIEWPORT = (600, 560)  # a place of the 3D viewport, in pixels of the screen
_SIDEBAR = """
area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
region = next(region for region in area.regions if region.type == "UI")
print(region.x, region.y, region.width, region.height)
"""
_HERE = Path(__file__).resolve().parent
_LAUNCH = """
mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" && exec chroot "$0" sh -c '
Xvfb {display} -screen 0 {width}x{height}x24 +extension GLX -noreset -nolisten tcp >/dev/null 2>&1 &
for i in 1 2 3 4 5 6 7 8 9 10; do xdpyinfo -display {display} >/dev/null 2>&1 && break; sleep 0.3; done
DISPLAY={display} exec blender -p 0 0 {width} {height} --python "$PFLRM_GUI_INBOX/../remote.py"'
"""


class Window:
    """Blender with factory settings in ``root``; use it as a context manager."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inside = Path("/tmp") / f"pflrm-gui-{uuid.uuid4().hex[:8]}"  # as Blender sees it
        self.folder = root / self.inside.relative_to("/")
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Window:
        (self.folder / "inbox").mkdir(parents=True)
        shutil.copy(_HERE / "remote.py", self.folder / "remote.py")
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
            "BLENDER_USER_RESOURCES": str(self.inside / "user"), "PFLRM_GUI_INBOX": str(self.inside / "inbox"),
        }
        launch = _LAUNCH.format(display=DISPLAY, width=SIZE[0], height=SIZE[1])
        with (self.folder / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "bash", "-c", launch, str(self.root)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        self.run("print(bpy.app.version_string)", seconds=START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, file: Path, folder: str = "") -> Path:
        """Copy a file in; returns its path as Blender sees it."""
        (self.folder / folder).mkdir(exist_ok=True)
        shutil.copy(file, self.folder / folder / file.name)
        return self.inside / folder / file.name

    def run(self, code: str, seconds: float = ANSWER_SECONDS) -> str:
        """Execute code in Blender's main thread and return what it printed.

        :raises AssertionError: it raised, or Blender did not answer in time.
        """
        self._number += 1
        request = self.folder / "inbox" / f"{self._number:04}.py"
        partial = request.with_suffix(".tmp")
        partial.write_text(textwrap.dedent(code), encoding="utf-8")
        partial.rename(request)
        answer = request.with_suffix(".out")
        limit = time.monotonic() + seconds
        while not answer.exists():
            assert self._process is not None
            assert self._process.poll() is None, f"Blender ended:\n{self.log()}"
            assert time.monotonic() < limit, f"Blender gave no answer:\n{self.log()}"
            time.sleep(0.05)
        words = answer.read_text(encoding="utf-8")
        assert not words.startswith("FAILED"), words
        return words.strip()

    def wait_for(self, expression: str, seconds: float = ANSWER_SECONDS) -> None:
        """Until an expression is true in Blender."""
        limit = time.monotonic() + seconds
        while self.run(f"print(bool({expression}))") != "True":
            assert time.monotonic() < limit, f"{expression} did not become true"
            time.sleep(0.2)

    def pixels(self, left: int, top: int, width: int, height: int) -> bytes:
        """What a part of the screen shows: its rows from the top, three bytes a pixel."""
        part = ["-crop", f"{width}x{height}+{left}+{top}", "-depth", "8", "rgb:-"]
        command = ["chroot", str(self.root), "import", "-display", DISPLAY, "-window", "root", *part]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def screenshot(self, path: Path) -> None:
        """The whole display as a PNG file."""
        command = ["chroot", str(self.root), "import", "-display", DISPLAY, "-window", "root", "png:-"]
        path.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)

    def pointer(self, *arguments: str) -> None:
        """Move and press the real pointer, in the words of xdotool."""
        command = ["chroot", str(self.root), "env", f"DISPLAY={DISPLAY}", "xdotool", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def drop(self, files: Sequence[Path], x: int = VIEWPORT[0], y: int = VIEWPORT[1]) -> None:
        """Drop files, as Blender sees them, at a place of the screen: what a file manager does."""
        self.pointer("mousemove", str(x), str(y))
        drag = self.put(_HERE / "drag.py")
        command = ["chroot", str(self.root), "env", f"DISPLAY={DISPLAY}", "/usr/bin/python3", str(drag), str(x), str(y)]
        subprocess.run([*command, *map(str, files)], check=True)

    def sidebar(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the viewport's sidebar, in pixels of the screen."""
        left, bottom, width, height = map(int, self.run(_SIDEBAR).split())
        return left, SIZE[1] - bottom - height, width, height

    def press(self, button: str, at: float = BUTTON_COLUMN) -> None:
        """Click a button of the PF-LRM panel with the real pointer; it is named by its operator.

        Blender does not tell where its buttons are, but Ctrl+C over one copies its operator to the clipboard.

        :param at: the share of the sidebar's width where the button is.
        """
        left, top, width, height = self.sidebar()
        column = str(int(left + at * width))
        self.run("bpy.context.window_manager.clipboard = ' '")
        for row in range(top, top + height, BUTTON_STEP):
            self.pointer("mousemove", column, str(row), "sleep", str(HOVER_SECONDS), "key", "ctrl+c")
            time.sleep(HOVER_SECONDS)
            if button in self.run("print(bpy.context.window_manager.clipboard)"):
                self.click(int(column), row)
                return
        raise AssertionError(f"The panel has no button {button}")

    def click(self, x: int, y: int) -> None:
        """Click a place of the screen."""
        # A click shorter than a redraw is lost.
        self.pointer("mousemove", str(x), str(y), "mousedown", "1", "sleep", str(CLICK_SECONDS), "mouseup", "1")

    def key(self, *names: str) -> None:
        """Press keys over the middle of the viewport."""
        self.pointer("mousemove", *map(str, VIEWPORT), "sleep", str(HOVER_SECONDS), "key", *names)

    def log(self) -> str:
        """What Blender wrote on its terminal."""
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
