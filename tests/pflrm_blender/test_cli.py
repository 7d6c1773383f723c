"""Blender's command reconstruct, with a real worker process and a stub pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from pflrm.core import cli as core_cli
from pflrm.pflrm_blender import cli, command, output
from pflrm.tests.pflrm_blender.commands import execute, open_file

pytestmark = pytest.mark.usefixtures("stub_python", "scene")


def test_a_blend_file_is_written(photo, tmp_path, capsys):
    target = tmp_path / "robot.blend"
    bpy.ops.mesh.primitive_cube_add()  # as in a start-up file
    assert execute("reconstruct", photo("front"), photo("left"), "--output", target, "--name", "Robot") == 0
    assert f"Wrote {target}" in capsys.readouterr().out
    scene = open_file(target)
    assert [item.type for item in scene.objects if item.type != "EMPTY"].count("CAMERA") == 2
    assert [item.name for item in scene.objects if item.type == "MESH"] == ["PF-LRM Robot"]
    assert not list(tmp_path.glob("*.part*"))
    image = next(iter(bpy.data.images))
    assert Path(bpy.path.abspath(image.filepath)).is_file()


def glb_document(path):
    content = path.read_bytes()
    assert content[:4] == b"glTF"
    length = int.from_bytes(content[12:16], "little")
    return json.loads(content[20 : 20 + length])


def test_export(photo, tmp_path):
    target, exported = tmp_path / "robot.blend", tmp_path / "robot.glb"
    assert execute("reconstruct", photo("front"), "--output", target, "--export", exported) == 0
    document = glb_document(exported)
    assert len(document["meshes"]) == 1
    assert len(document["cameras"]) == 1
    (primitive,) = document["meshes"][0]["primitives"]
    assert "COLOR_0" not in primitive["attributes"]  # the texture says it all
    material = document["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material["metallicFactor"] == 0
    image = document["images"][document["textures"][material["baseColorTexture"]["index"]]["source"]]
    assert (image["mimeType"], "bufferView" in image) == ("image/png", True)  # inside the file


def test_vertex_colours_only(photo, tmp_path):
    target, exported = tmp_path / "robot.blend", tmp_path / "robot.glb"
    words = ("reconstruct", photo("front"), "--output", target, "--export", exported, "--texture-size", "0")
    assert execute(*words) == 0
    document = glb_document(exported)
    (primitive,) = document["meshes"][0]["primitives"]
    assert "COLOR_0" in primitive["attributes"]
    assert "TEXCOORD_0" not in primitive["attributes"]
    assert "images" not in document


def test_a_face_limit_is_live_in_the_file_and_applied_in_the_export(photo, tmp_path):
    target, exported = tmp_path / "robot.blend", tmp_path / "robot.glb"
    words = ("reconstruct", photo("front"), "--output", target, "--export", exported, "--face-limit", "6")
    assert execute(*words) == 0
    document = glb_document(exported)
    (primitive,) = document["meshes"][0]["primitives"]
    assert document["accessors"][primitive["indices"]]["count"] == 3 * 6
    assert "TEXCOORD_0" in primitive["attributes"]
    (mesh,) = (item for item in open_file(target).objects if item.type == "MESH")
    assert len(mesh.data.polygons) == 8
    assert [modifier.type for modifier in mesh.modifiers] == ["DECIMATE"]


def test_an_existing_file_is_replaced_without_a_backup(photo, tmp_path):
    target = tmp_path / "robot.blend"
    target.write_text("old")
    assert execute("reconstruct", photo("front"), "--output", target) == 0
    assert open_file(target).objects
    assert not (tmp_path / "robot.blend1").exists()


def test_poses_only_and_cameras(photo, tmp_path):
    cameras = tmp_path / "cameras.json"
    words = ("reconstruct", photo("front"), "--output", tmp_path / "a.blend", "--poses-only", "--cameras", cameras)
    assert execute(*words) == 0
    assert cameras.exists()
    assert not [item for item in open_file(tmp_path / "a.blend").objects if item.type == "MESH"]


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("weights", 3, "small.safetensors are missing. Install again."),
        ("import", 3, "torch cannot be loaded"),
        ("memory", 4, "too little memory"),
        ("kill", 4, "exit code -9"),
        ("crash", 1, "exit code -11"),
        ("full", 1, "no space left"),
        ("bug", 1, "ZeroDivisionError"),
    ],
)
def test_exit_codes_of_failed_runs(photo, tmp_path, capsys, behaviour, code, words):
    assert execute("reconstruct", photo(behaviour), "--output", tmp_path / "a.blend") == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("*.blend"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("reconstruct --output a.blend", "no photo"),
        ("reconstruct missing.png --output a.blend", "missing.png does not exist"),
        ("reconstruct a.png --output a.blender", "a.blender does not end with .blend"),
        ("reconstruct a.png --output /nowhere/a.blend", "folder of /nowhere/a.blend does not exist"),
        ("reconstruct a.png --output a.blend --export a.fbx", "a.fbx does not end with .glb"),
        ("reconstruct a.png --output a.blend --export a.glb --mesh ./a.glb", "a.glb is named twice"),
        ("reconstruct a.blend --output a.blend", "a.blend is named twice"),
        ("reconstruct a.png --mask - m.glb --output a.blend --export m.glb", "m.glb is named twice"),
        ("reconstruct a.png --output a.blend --cameras a.png", "Use .json"),
        ("reconstruct a.png --output a.blend --fov 500", "fov is 500"),
        ("reconstruct a.png --output a.blend --face-limit 0", "face_limit is 0"),
        ("reconstruct a.png --output a.blend --texture-size 1000", "texture_size is 1000"),
        ("reconstruct a.png --output a.blend --quality ultra", "invalid choice: 'ultra'"),
        ("reconstruct a.png", "required: --output"),
        ("batch missing.json --output out", "missing.json cannot be read"),
        ("batch missing.json --output out --shard 3/2", "no share"),
        ("dance", "invalid choice: 'dance'"),
        ("", "required"),
    ],
)
def test_wrong_input_is_2_and_named(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert execute(*words.split()) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("*.blend"))


def test_help_is_no_failure(capsys):
    assert execute("--help") == 0
    assert "reconstruct" in capsys.readouterr().out


def test_json_lines(photo, tmp_path, capfd):
    assert execute("reconstruct", photo("front"), "--output", tmp_path / "a.blend", "--json") == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    messages = [json.loads(line) for line in lines]
    assert {message["event"] for message in messages} == {"progress", "result"}
    assert messages[-1]["files"] == [str(tmp_path / "a.blend")]
    assert execute("reconstruct", photo("memory"), "--output", tmp_path / "a.blend", "--json") == 4
    message = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (message["event"], message["kind"]) == ("error", "memory")


def test_a_missing_exporter_is_told_before_the_run(photo, tmp_path, monkeypatch, capsys):
    def refuse():
        raise output.PflrmError("runtime", "This Blender has no glTF exporter.")

    monkeypatch.setattr(output, "check_exporter", refuse)
    words = ("reconstruct", photo("front"), "--output", tmp_path / "a.blend", "--export", tmp_path / "a.glb")
    assert execute(*words) == 3
    assert "no glTF exporter" in capsys.readouterr().err
    assert not (tmp_path / "a.blend").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_at_the_end_of_a_run(photo, tmp_path, capsys):
    target = tmp_path / "a.blend"
    target.write_text("old")
    (tmp_path / "a.part.blend@").symlink_to("/dev/full")  # Blender writes there first and renames
    assert execute("reconstruct", photo("front"), "--output", target) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert target.read_text() == "old"


def test_the_options_are_those_without_blender():
    def options(parser):
        sub = next(action for action in parser._actions if action.choices).choices["reconstruct"]
        return {
            name: (action.dest, getattr(action.type, "__name__", None), action.nargs, tuple(action.choices or ()))
            for action in sub._actions
            for name in action.option_strings
        }

    ours, theirs = options(cli.parser()), options(core_cli.parser())
    assert set(ours) - set(theirs) == {"--output", "--export", "--name", "--face-limit", "--texture-size"}
    assert {name: ours[name] for name in theirs} == theirs


@pytest.mark.parametrize(("behaviour", "code"), [("front", 0), ("interrupt", 130), ("kill", 4)])
def test_the_module_is_a_command(photo, tmp_path, behaviour, code):
    done = subprocess.run(
        [sys.executable, "-m", "pflrm", "reconstruct", photo(behaviour), "--output", "a.blend"],
        cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (tmp_path / "a.blend").exists() == (code == 0)
    if code == 130:
        assert "cancelled" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_command_is_known_to_blender_and_taken_away():
    command.register()
    command.unregister()
    command.unregister()
    assert not command._handles
