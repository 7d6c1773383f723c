"""python -m pflrm.core: arguments, files, messages and exit codes; the pipeline itself is replaced."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from pflrm.core import cli, reconstruct
from pflrm.core.cameras import Camera, Intrinsics, reference_pose
from pflrm.core.errors import CancelledError, InputError, MemoryFullError, RuntimeMissingError
from pflrm.core.mesh import Mesh

TETRAHEDRON = np.array([[0, 0, 0.8], [0.7, 0, -0.3], [-0.4, 0.6, -0.3], [-0.4, -0.6, -0.3]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]], np.int32)


@pytest.fixture
def asked(monkeypatch):
    """What the pipeline was asked for; it answers with as many cameras as photos, and a tetrahedron."""
    calls = []

    def stub(photos, options, *, models, progress):
        calls.append((photos, options))
        progress("Reading Photos", 0.1)
        progress("Reading Photos", 0.2)
        lens = Intrinsics.from_fov(64, 48, 50)
        cameras = tuple(Camera(str(photo), lens, reference_pose(3.0), 0.5) for photo in photos)
        mesh = None if options.poses_only else Mesh(TETRAHEDRON, FACES, TETRAHEDRON, np.abs(TETRAHEDRON))
        return reconstruct.Reconstruction(cameras, mesh, ("The light differs.",), {"Reading Photos": 2.0})

    monkeypatch.setattr(reconstruct, "reconstruct", stub)
    return calls


def fail_with(monkeypatch, error):
    def stub(*arguments, **options):
        raise error

    monkeypatch.setattr(reconstruct, "reconstruct", stub)


def test_files_are_written(asked, tmp_path, capsys):
    cameras, mesh = tmp_path / "cameras.json", tmp_path / "mesh.glb"
    assert cli.main(["reconstruct", "a.png", "b.png", "--cameras", str(cameras), "--mesh", str(mesh)]) == 0
    content = json.loads(cameras.read_text())
    assert [photo["file"] for photo in content["photos"]] == ["a.png", "b.png"]
    assert (content["units"], content["reference"]) == ("object", 0)
    assert len(trimesh.load_mesh(mesh).faces) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cameras.json", "mesh.glb"]
    said = capsys.readouterr()
    assert said.err.splitlines() == [" 10%  Reading Photos", "Warning: The light differs."]
    assert f"Wrote {mesh}" in said.out


def test_options_reach_the_pipeline(asked):
    words = (
        "reconstruct a b c --mask m - n --poses-only --quality draft --focal-35mm 27 --device cpu --weights w --seed 3 "
        "--intrinsics i --mesh-resolution 64 --tilt - -12.5 -"
    )
    assert cli.main(words.split()) == 0
    assert asked == [(
        (Path("a"), Path("b"), Path("c")),
        reconstruct.Options(
            quality="draft", poses_only=True, device="cpu", seed=3, focal_35mm=27.0, masks=(Path("m"), None, Path("n")),
            tilts=(None, -12.5, None), intrinsics=Path("i"), weights=Path("w"), mesh_resolution=64,
        ),
    )]


def test_defaults_are_the_pipelines(asked):
    assert cli.main(["reconstruct", "a"]) == 0
    assert asked == [((Path("a"),), reconstruct.Options())]


def test_json_is_a_message_a_line(asked, capsys):
    assert cli.main(["reconstruct", "a", "--json"]) == 0
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [message["event"] for message in messages] == ["progress", "progress", "result"]
    assert messages[-1]["confidence"] == [0.5]
    assert cli.main(["reconstruct", "a", "--fov", "900", "--json"]) == 2
    message = json.loads(capsys.readouterr().out)
    assert (message["event"], message["kind"]) == ("error", "input")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("The photo a.png is empty.", "Choose another."), 2),
        (RuntimeMissingError("The weights are missing."), 3),
        (ModuleNotFoundError("No module named 'scipy'", name="scipy"), 3),
        (MemoryFullError("Too little memory."), 4),
        (MemoryError(), 4),
        (OSError(28, "No space left on device", "mesh.ply"), 1),
        (ValueError("bad"), 1),
        (CancelledError("Cancelled."), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(monkeypatch, capsys, error, code):
    fail_with(monkeypatch, error)
    assert cli.main(["reconstruct", "a.png"]) == code
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert ("Traceback" in said) == isinstance(error, (ValueError, OSError))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reconstruct"], "no photo"),
        (["reconstruct", "a", "--fov", "500"], "fov is 500"),
        (["reconstruct", "a", "--mesh", "m.stl"], "m.stl"),
        (["reconstruct", "a", "--fov", "175"], "between 1 and 170"),
        (["reconstruct", "a", "--focal-35mm", "1.2"], "focal_35mm is 1.2"),
        (["reconstruct", "a", "--cameras", "/nowhere/c.json"], "/nowhere/c.json"),
        (["reconstruct", "a", "--cameras", "a"], "Use .json"),
    ],
)
def test_wrong_input_is_named_before_anything_is_loaded(monkeypatch, capsys, words, message):
    fail_with(monkeypatch, AssertionError("the pipeline was started"))
    assert cli.main(words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("a.png --cameras folder.json", "folder.json"),
        ("a.png b.ply --mesh ./b.ply", "given as mesh and as a photo"),
        ("a.png --mask m.json --cameras m.json", "given as cameras and as a mask"),
        ("a.png --intrinsics link.json --cameras known.json", "given as cameras and as intrinsics"),
    ],
)
def test_no_file_is_lost_to_an_output(monkeypatch, tmp_path, capsys, words, message):
    fail_with(monkeypatch, AssertionError("the pipeline was started"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "known.json").write_text("{}")
    (tmp_path / "link.json").symlink_to("known.json")
    assert cli.main(["reconstruct", *words.split()]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", ["", "dance", "reconstruct a --quality x", "reconstruct a --fov 3 --focal-35mm 4"])
def test_wrong_arguments_leave_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words.split())
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_module_is_a_command(tmp_path):
    """The real process and the real reader of photos."""
    missing = tmp_path / "missing.png"
    done = subprocess.run(
        [sys.executable, "-m", "pflrm.core", "reconstruct", str(missing)],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )
    assert done.returncode == 2, done.stderr
    assert str(missing) in done.stderr
    assert "Traceback" not in done.stderr
