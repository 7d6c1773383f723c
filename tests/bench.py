"""``make bench``: times and memory of the bundled model on this machine, beside the machine's own speed.

Absolute times mean little across machines, so each is also given in units of a matrix product measured in the same run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pflrm.pflrm_blender.job import Job

if TYPE_CHECKING:
    from pflrm.pflrm_blender.scene import ResultData

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = [str(ROOT / "demo" / "photos" / f"robot_{side}.jpg") for side in ("front", "left", "back", "right")]
MATRIX = 2048
VERTICES = 200_000
FACES = 100_000


def main() -> None:
    """Print one line a figure."""
    baseline = matmul_seconds()
    print(f"matrix product {MATRIX}³, float32, one thread: {2 * MATRIX**3 / baseline / 1e9:.0f} GFLOP/s")
    for quality in ("draft", "standard"):
        cold, warm, peak = worker_figures(quality)
        for name, seconds in (("cold", cold), ("warm", warm)):
            print(f"{quality}, 4 photos, {name}: {seconds:.2f} s = {seconds / baseline:.0f} matrix products")
        print(f"{quality}, peak memory of the worker: {peak:.2f} GiB")
    sparse, dense = surface_figures()
    print(f"surface at 512³ where it can be: {sparse:.2f} s = {sparse / dense:.1f} times a dense one at 128³")
    register, apply, project = blender_figures()
    print(f"registering the extension: {1000 * register:.1f} ms")
    print(f"applying a result of {VERTICES} vertices: {apply:.2f} s = {apply / baseline:.1f} matrix products")
    print(f"projecting 4 photos onto {FACES} faces at 2K: {project:.2f} s = {project / baseline:.1f} matrix products")


def matmul_seconds() -> float:
    """The median time of one matrix product on one thread, in a process of its own."""
    code = (
        "import torch, time, statistics; torch.set_num_threads(1)\n"
        f"a = torch.rand({MATRIX}, {MATRIX}); times = []\n"
        "for _ in range(7):\n    t = time.perf_counter(); a @ a; times.append(time.perf_counter() - t)\n"
        "print(statistics.median(times))"
    )
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def worker_figures(quality: str) -> tuple[float, float, float]:
    """Seconds of the first and of the median later run, and GiB at most, of a fresh worker. Later runs know where the
    objects in the photos are, as those from the panel do."""
    job = Job()
    request = {"photos": PHOTOS, "options": {"quality": quality, "device": "cpu"}}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PFLRM_MASKS"] = folder
        try:
            times = [seconds(lambda: job.run(dict(request), preference=sys.executable)) for _ in range(4)]
            peak = peak_memory(job.worker_pid)
        finally:
            job.shutdown()
    return times[0], statistics.median(times[1:]), peak


def peak_memory(pid: int | None) -> float:
    """GiB of resident memory that a process has had at most; NaN where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024**2


def surface_figures() -> tuple[float, float]:
    """Seconds for the surface of a bumpy ball in an 80³ grid: sparsely at 512³, and at 128³ with every point asked."""
    import torch
    from pflrm.core.marching import march, march_field
    from pflrm.core.model import Field
    from pflrm.core.voxels import Grid, GridDecoder

    def box(samples: int) -> Grid:
        return Grid.over(torch.full((3,), -1.6), torch.full((3,), 1.6), 3.2 / (samples - 1))

    points = box(80).points()
    inside = 0.9 + 0.1 * torch.sin(9 * points).prod(dim=1) - points.norm(dim=1)
    values = torch.stack([40 * inside, *points.T]).reshape(4, 80, 80, 80)
    field = Field(GridDecoder(box(80), 1.6), values)  # type: ignore[arg-type]

    def dense() -> None:
        everywhere = box(129).points().split(1 << 17)
        density = torch.cat([field.query(part)[0] for part in everywhere])
        march((density > field.level).view(129, 129, 129).numpy())

    def sparse() -> None:
        march_field(field, 512, lambda fraction: None)

    return tuple(statistics.median(seconds(run) for _ in range(3)) for run in (sparse, dense))  # type: ignore[return-value]


def blender_figures() -> tuple[float, float, float]:
    """Seconds to register the extension, to write a large result into the scene, and to make a texture."""
    import bpy
    import pflrm
    from pflrm.pflrm_blender import scene
    from pflrm.tests import fake_result

    register = seconds(pflrm.register)
    with tempfile.TemporaryDirectory() as folder:
        photos = fake_result.make_photos(Path(folder))
        data = scene.load_result(fake_result.make_result(Path(folder) / "result.npz", photos))
        side = int(VERTICES**0.5)
        applied = seconds(lambda: scene.apply_result(bpy.context.scene, _enlarged(data, side), "Bench"))
        projected = seconds(lambda: project_photos(FACES))
    pflrm.unregister()
    return register, applied, projected


def project_photos(faces: int) -> None:
    """A 2K texture of a bumpy ball with about this many faces from four photos of 1536 × 1536 pixels."""
    from pflrm.pflrm_blender.scene import MeshData
    from pflrm.pflrm_blender.texture import project
    from pflrm.pflrm_blender.texture_photos import Photo
    from pflrm.tests.fake_result import look_at_origin
    from pflrm.tests.pflrm_blender.solids import sphere

    vertices, corners = sphere(rings=int((faces / 4) ** 0.5))
    vertices = vertices * (1 + 0.1 * np.sin(8 * vertices).prod(axis=1, keepdims=True))
    rng, side = np.random.default_rng(0), 1536
    photos = [
        Photo(
            rng.integers(0, 256, (side, side, 3), np.uint8), np.ones((side, side), np.float32),
            np.array([1.7 * side, 1.7 * side, side / 2, side / 2]), look_at_origin(angle, 10, 4.0), 1.0,
        )
        for angle in (0, 90, 180, 270)
    ]  # fmt: skip
    project(MeshData(vertices, corners, np.full((len(vertices), 3), 0.5, np.float32)), photos, 2048)


def _enlarged(data: ResultData, side: int) -> ResultData:
    """The same result with a mesh of side² vertices."""
    from pflrm.pflrm_blender.scene import MeshData

    y, x = np.mgrid[:side, :side]
    vertices = np.stack([x, y, np.sin(x / 9) * 5], -1).reshape(-1, 3).astype(np.float32) / side
    corner = (y[:-1, :-1] * side + x[:-1, :-1]).ravel()
    faces = np.concatenate([
        np.stack([corner, corner + 1, corner + side], -1), np.stack([corner + 1, corner + side + 1, corner + side], -1),
    ]).astype(np.int32)
    return replace(data, mesh=MeshData(vertices, faces, np.full((side * side, 3), 0.5, np.float32)))


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
