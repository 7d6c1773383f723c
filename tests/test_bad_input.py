"""What a user can get wrong, through the real worker and the real pipeline, on the command line and in Blender.

Each failure is one sentence that names the file, with a remedy and its exit code; no file is written, and the scene
stays as it was. The network is tiny and knows nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
import torch
from pflrm.core import bundled, checkpoint, cli
from pflrm.core.model import CONFIGS, PFLRM
from pflrm.pflrm_blender import api, job, session
from pflrm.pflrm_blender.errors import PflrmError
from PIL import Image, ImageDraw

GREY = (128, 128, 128)


@dataclass(frozen=True)
class Case:
    """A request that must fail: the word that its message must hold, and its options beside the usual ones."""

    photos: list[Path]
    word: str
    options: dict[str, Any] = field(default_factory=dict)


class Desk:
    """A folder with good photos, in which a case puts its bad files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good = [draw(folder / f"side {index}.png", colour) for index, colour in enumerate(("red", "navy"))]

    def with_bad(self, name: str, content: bytes) -> Case:
        """A good photo and a file of this content."""
        path = self.folder / name
        path.write_bytes(content)
        return Case([self.good[0], path], name)

    def with_image(self, name: str, *images: Image.Image) -> Case:
        """A good photo and an image of one or more frames."""
        path = self.folder / name
        images[0].save(path, save_all=len(images) > 1, append_images=list(images[1:]))
        return Case([self.good[0], path], name)

    def with_intrinsics(self, content: str) -> Case:
        path = self.folder / "lenses.json"
        path.write_text(content, encoding="utf-8")
        return Case(self.good, path.name, {"intrinsics": path})

    def with_weights(self, change: Callable[[Path], object]) -> Case:
        path = self.folder / "own.safetensors"
        checkpoint.save_checkpoint(path, PFLRM(CONFIGS["tiny"]), {})
        change(path)
        return Case(self.good, path.name, {"weights": path})


def draw(path: Path, colour: str, size: int = 96) -> Path:
    """A photo of a thing with two colours on transparent ground; without transparency on white where it is a JPEG."""
    image = Image.new("RGB" if path.suffix == ".jpg" else "RGBA", (size, size), "white" if path.suffix == ".jpg" else 0)
    brush = ImageDraw.Draw(image)
    brush.ellipse((size * 0.3, size * 0.15, size * 0.7, size * 0.85), fill=colour)
    brush.rectangle((size * 0.35, size * 0.6, size * 0.8, size * 0.8), fill="green")
    image.save(path)
    return path


def png_that_claims(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_size(path: Path) -> None:
    """Weights that do not fit the model they name."""
    model = PFLRM(CONFIGS["tiny"])
    model.config = replace(model.config, nerf_width=2 * model.config.nerf_width)
    checkpoint.save_checkpoint(path, model, {})


def lenses_of(*names: str, width: int = 96) -> str:
    lens = {"width": width, "height": 96, "fx": 100, "fy": 100, "cx": 48, "cy": 48}
    return json.dumps({"photos": [{"file": name, **lens} for name in names]})


CASES: dict[str, Callable[[Desk], Case]] = {
    "no photo": lambda desk: Case([], "no photo"),
    "too many photos": lambda desk: Case([draw(desk.folder / f"{i}.png", "red") for i in range(13)], "13 photos"),
    "missing": lambda desk: Case([desk.good[0], desk.folder / "missing.png"], "missing.png"),
    "folder": lambda desk: Case([desk.good[0], desk.folder], desk.folder.name),
    "empty": lambda desk: desk.with_bad("empty.jpg", b""),
    "truncated PNG": lambda desk: desk.with_bad("half.png", desk.good[1].read_bytes()[:300]),
    "truncated JPEG": lambda desk: desk.with_bad(
        "half.jpg", draw(desk.folder / "whole.jpg", "navy").read_bytes()[:1200]
    ),
    "text": lambda desk: desk.with_bad("notes.jpg", b"Buy milk.\n" * 99),
    "animation": lambda desk: desk.with_image("dance.gif", *(Image.new("L", (64, 64), grey) for grey in (0, 99))),
    "one pixel": lambda desk: desk.with_image("dot.png", Image.new("RGB", (1, 1))),
    "beyond the limit": lambda desk: desk.with_bad("wall.png", png_that_claims(30_000, 20_000)),
    "no object": lambda desk: desk.with_image("fog.png", Image.new("RGB", (64, 64), GREY)),
    "no object, with alpha": lambda desk: desk.with_image("clear.png", Image.new("RGBA", (64, 64), 0)),
    "no background": lambda desk: desk.with_image("close.png", Image.linear_gradient("L").convert("RGBA")),
    "twice the same": lambda desk: Case([desk.good[0], desk.good[0]], desk.good[0].name),
    "identical files": lambda desk: desk.with_bad("copy.png", desk.good[0].read_bytes()),
    "too few masks": lambda desk: Case(desk.good, "1 mask", {"masks": desk.good[:1]}),
    "too few tilts": lambda desk: Case(desk.good, "1 tilt", {"tilts": [30]}),
    "mask missing": lambda desk: Case(desk.good, "mask.png", {"masks": [desk.good[0], desk.folder / "mask.png"]}),
    "intrinsics missing": lambda desk: Case(desk.good, "none.json", {"intrinsics": desk.folder / "none.json"}),
    "intrinsics are text": lambda desk: desk.with_intrinsics("focal length: 35 mm"),
    "intrinsics are a list": lambda desk: desk.with_intrinsics("[1, 2]"),
    "intrinsics lack a photo": lambda desk: desk.with_intrinsics(lenses_of("side 0.png")),
    "intrinsics of no camera": lambda desk: desk.with_intrinsics(lenses_of("side 0.png", "side 1.png", width=-5)),
    "intrinsics of another shape": lambda desk: replace(
        desk.with_intrinsics(lenses_of("side 0.png", "side 1.png", width=500)), word="side 0.png"
    ),
    "weights missing": lambda desk: desk.with_weights(Path.unlink),
    "weights truncated": lambda desk: desk.with_weights(cut),
    "weights are text": lambda desk: desk.with_weights(lambda path: path.write_text("Buy milk.\n" * 99)),
    "weights of another size": lambda desk: desk.with_weights(of_another_size),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoint.save_checkpoint(path, PFLRM(CONFIGS["tiny"]), {})
    return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "photos"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, desk: Desk) -> Case:
    return CASES[request.param](desk)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def _warm_worker() -> Iterator[None]:
    """The real worker for all tests of this file."""
    job.shutdown()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PFLRM_PYTHON", sys.executable)
        yield
        job.shutdown()


@pytest.fixture
def blender(_warm_worker: None, extension: bpy.types.Scene) -> bpy.types.Scene:
    """An artist's scene with something in it."""
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.camera_add()
    return extension


def contents() -> dict[str, list[str]]:
    """The names of all datablocks, by kind."""
    kinds = [kind for kind in dir(bpy.data) if isinstance(getattr(bpy.data, kind), bpy.types.bpy_prop_collection)]
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds}


def command(photos: list[Path], out: Path, options: dict[str, Any]) -> list[str]:
    words = ["reconstruct", *map(str, photos), "--quality", "draft", "--device", "cpu"]
    words += ["--cameras", str(out / "cameras.json"), "--mesh", str(out / "mesh.ply"), "--mesh-resolution", "32"]
    for name, value in options.items():
        words += [f"--{name.removesuffix('s') if isinstance(value, list) else name}"]
        words += map(str, value) if isinstance(value, list) else [str(value)]
    return words


def assert_one_sentence(text: str, word: str = "") -> None:
    assert word in text
    assert text[0].isupper() or Path(text.split(" ", 1)[0]).is_absolute()
    assert text.endswith(".")
    assert not re.search(r"\n|\. [A-Z]", text)


def test_the_command_line_says_it_in_a_line(case, weights, out, capsys):
    assert cli.main(command(case.photos, out, {"weights": weights, **case.options})) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "%  " not in line]
    assert len(said) == 1, said
    assert said[0].startswith("Error: ")
    assert case.word in said[0]
    assert not list(out.iterdir())


def test_blender_says_it_and_keeps_the_scene(case, weights, out, blender):
    before = contents()
    options = {"quality": "draft", "device": "cpu", "weights": weights, **case.options}
    with pytest.raises(PflrmError) as caught:
        api.reconstruct(case.photos, cameras_file=out / "cameras.json", mesh_file=out / "mesh.ply", **options)
    error = caught.value
    assert (error.kind, error.exit_code, error.details) == ("input", 2, "")
    assert_one_sentence(error.message, case.word)
    assert_one_sentence(error.remedy)
    assert contents() == before
    assert not list(out.iterdir())
    assert job.shared().worker_pid, "the worker is not to blame and stays warm"


@pytest.mark.parametrize("damage", ["missing", "another"])
def test_bundled_weights_that_are_gone_or_changed_are_3(desk, out, weights, tmp_path, monkeypatch, capsys, damage):
    monkeypatch.setattr(bundled, "FOLDER", tmp_path)
    if damage == "another":
        shutil.copy(weights, tmp_path / checkpoint.BUNDLED_NAME)
        (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {checkpoint.BUNDLED_NAME}\n")
    assert cli.main(command(desk.good, out, {})) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert checkpoint.BUNDLED_NAME in said
    assert "Install the extension again." in said
    assert not list(out.iterdir())


def test_a_camera_of_100_megapixels_is_no_bad_input(desk, weights, out, capsys):
    photo = draw(desk.folder / "large.jpg", "navy", size=10_000)
    assert cli.main(command([photo], out, {"weights": weights})) == 0
    (camera,) = json.loads((out / "cameras.json").read_text())["photos"]
    assert (camera["width"], camera["height"]) == (10_000, 10_000)
    assert np.isfinite(camera["world_to_camera"]).all()
    assert sorted(path.name for path in out.iterdir()) == ["cameras.json", "mesh.ply"]


def test_one_photo_gives_a_shape_and_a_warning(desk, weights, blender):
    result = api.reconstruct(desk.good[:1], quality="draft", device="cpu", weights=weights, mesh_resolution=32)
    assert len(result.cameras) == 1
    assert len(bpy.data.objects[result.mesh].data.polygons)
    assert any("One photo" in warning for warning in result.warnings)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_killed_in_the_middle_costs_the_run_only(desk, weights, blender, monkeypatch):
    for path in desk.good:
        blender.pflrm.photos.add().filepath = str(path)
    blender.pflrm.quality = "draft"
    monkeypatch.setattr(session, "machine", lambda: replace(api.machine(), weights=str(weights), device="cpu"))
    before, camera = contents(), blender.camera
    session.start(blender, poses_only=False)
    while session.state.run is not None and session.state.run.stage != "Finding Poses":
        session._advance(0.05)
    os.kill(job.shared().worker_pid, signal.SIGKILL)
    session.wait()
    notice = session.state.notice
    assert notice is not None
    assert notice.level == "ERROR"
    assert_one_sentence(notice.text, "exit code -9")
    assert notice.remedy
    assert contents() == before
    assert blender.camera == camera
