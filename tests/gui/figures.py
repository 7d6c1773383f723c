"""Figures of the interface, from Blender's window and the worker itself: ``python -m pflrm.tests.gui.figures``.

How fluid Blender stays beside a run, how soon a run is cancelled, how many clicks lead from the photos to the mesh, and
what the extension adds to Blender's start. Times hang on the machine and on what else it does; look at the ratios.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from pflrm.tests.build_extension import build
from pflrm.tests.gui import build_blender, steps
from pflrm.tests.gui.window import Window

IDLE_SECONDS = 15.0
CANCEL_AT = (0.02, 0.2, 0.4, 0.6)  # shares of a run
STARTS = 15
_STARTED = "import time; print('started', time.monotonic(), time.process_time())"
# Every tick draws the viewport anew, as while an artist turns the view.
_WATCH_TICKS = f"""
import time
space = bpy.app.driver_namespace
space["ticks"] = []
def tick():
    space["ticks"].append((time.perf_counter(), {steps.STATE}.run is not None))
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "VIEW_3D":
            area.tag_redraw()
    return 0.0 if "ticks" in space else None
bpy.app.timers.register(tick)
"""
_REPORT_TICKS = """
ticks = bpy.app.driver_namespace.pop("ticks")
for working in (False, True):
    print(*[later - time for (time, busy), (later, still) in zip(ticks, ticks[1:]) if busy == still == working])
"""
_CANCEL = f"""
import time
space = bpy.app.driver_namespace
space["cancelled"] = None
started = time.perf_counter()
def look():
    if {steps.STATE}.run is not None:
        return 0.01
    space["cancelled"] = time.perf_counter() - started
bpy.ops.pflrm.cancel()
bpy.app.timers.register(look)
"""


def main() -> None:
    """Print one line a figure."""
    root = build_blender.default_root()
    build_blender.build(root)
    with tempfile.TemporaryDirectory() as folder:
        archive = build(Path(folder))
        with Window(root) as window:
            steps.install_by_drop(window, archive)
            steps.open_tab(window)
            steps.drop_photos(window)
            print_gaps(window)
            print_cancel(window)
        print("clicks from the drop to the mesh: 2 (the entry of Blender's drop menu, Reconstruct), 3 with Hide Cube")
        print_start(root, archive)


def print_gaps(window: Window) -> None:
    """Between two ticks of a timer, while nothing runs and while the worker computes."""
    window.run("bpy.context.scene.pflrm.quality = 'standard'")
    window.run(_WATCH_TICKS)
    time.sleep(IDLE_SECONDS)
    steps.reconstruct(window)
    idle, working = ([float(gap) for gap in line.split()] for line in window.run(_REPORT_TICKS).splitlines())
    for name, gaps in (("idle", idle), ("beside a run", working)):
        gaps.sort()
        late = gaps[int(0.95 * len(gaps))]
        print(f"gap between timer ticks, {name}: median {1000 * statistics.median(gaps):.0f} ms, 95 % under "
              f"{1000 * late:.0f} ms, longest {1000 * gaps[-1]:.0f} ms ({len(gaps)} gaps)")  # fmt: skip
    print(f"ratio of the medians: {statistics.median(working) / statistics.median(idle):.2f}")


def print_cancel(window: Window) -> None:
    """From the click on Cancel until Blender is told that the run has ended."""
    times = []
    for share in CANCEL_AT:
        window.run("bpy.context.scene.pflrm.quality = 'best'; bpy.ops.pflrm.reconstruct()")
        window.wait_for(f"{steps.STATE}.run.fraction >= {share}", steps.RUN_SECONDS)
        window.run(_CANCEL)
        window.wait_for("bpy.app.driver_namespace['cancelled'] is not None")
        times.append(float(window.run("print(bpy.app.driver_namespace['cancelled'])")))
    words = ", ".join(f"{seconds:.2f}" for seconds in times)
    print(f"time to cancel, at {', '.join(f'{share:.0%}' for share in CANCEL_AT)} of a run: {words} s")


def print_start(root: Path, archive: Path) -> None:
    """Blender's start in the background without the extension and with it, in turns, until a script is executed.

    The processor's time beside the clock's: on a machine that does other things it is the steadier one.
    """
    with tempfile.TemporaryDirectory(dir=root / "tmp") as folder:
        here = Path("/", Path(folder).relative_to(root))
        (Path(folder) / archive.name).write_bytes(archive.read_bytes())
        install = ["extension", "install-file", "--repo", "user_default", "--enable", str(here / archive.name)]
        _blender(root, here / "with", "--command", *install)
        starts = [[_start(root, here / profile) for profile in ("without", "with")] for _ in range(STARTS + 1)][1:]
    for kind, name in enumerate(("of the clock", "of the processor")):
        bare, there = ([1000 * pair[profile][kind] for pair in starts] for profile in (0, 1))
        added = [more - less for more, less in zip(there, bare, strict=True)]
        print(f"start of Blender, {name}: {statistics.median(bare):.0f} ms; the extension adds "
              f"{statistics.median(added):.0f} ms (quartiles of {STARTS} pairs: "
              f"{', '.join(f'{value:.0f}' for value in statistics.quantiles(added, n=4))}; "
              f"between the fastest starts {min(there) - min(bare):.0f})")  # fmt: skip


def _start(root: Path, profile: Path) -> tuple[float, float]:
    """Seconds of the clock and of the processor until Blender executes a script."""
    started = time.monotonic()
    words = _blender(root, profile, "--background", "--python-expr", _STARTED)
    now, spent = next(line for line in words.splitlines() if line.startswith("started ")).split()[1:]
    return float(now) - started, float(spent)


def _blender(root: Path, profile: Path, *arguments: str) -> str:
    command = build_blender.command_inside(root, "blender", *arguments, BLENDER_USER_RESOURCES=str(profile))
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
