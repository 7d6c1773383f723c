"""Blender's commands, with a real worker process and a stub pipeline."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from pflrm.core import cli as core_cli
from pflrm.pflrm_blender import cli, command, install, output, plan, properties, runtime, variants, weights

pytestmark = pytest.mark.usefixtures("stub_python", "scene")


HERE = f"cp{sys.version_info[0]}{sys.version_info[1]}"  # in the names of wheels for this Python


def execute(*words):
    return cli.execute([str(word) for word in words])


def open_file(path):
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return bpy.context.scene


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
            name: (action.dest, action.type, action.nargs, tuple(action.choices or ()))
            for action in sub._actions
            for name in action.option_strings
        }

    ours, theirs = options(cli.parser()), options(core_cli.parser())
    assert set(ours) - set(theirs) == {"--output", "--export", "--name", "--face-limit", "--texture-size"}
    assert {name: ours[name] for name in theirs} == theirs


class TestBatch:
    @pytest.fixture
    def manifest(self, photo, tmp_path):
        for name in ("front", "left", "bug", "weights"):
            photo(name)

        def make(**sets):
            entries = [
                {"name": name, "photos": [f"tin_robot/{file}.png" for file in files.split()]}
                for name, files in sets.items()
            ]
            path = tmp_path / "sets.json"
            path.write_text(json.dumps({"sets": entries}))
            return path

        return make

    def test_every_set_gets_its_file_and_none_stops_the_others(self, manifest, tmp_path, capsys):
        path, out = manifest(robot="front left", broken="bug", gone="missing", chair="left"), tmp_path / "out"
        assert execute("batch", path, "--output", out, "--export") == 1
        assert sorted(file.name for file in out.iterdir()) == ["chair.blend", "chair.glb", "robot.blend", "robot.glb"]
        said = capsys.readouterr()
        assert "4 sets: 2 done, 0 skipped, 2 failed" in said.out
        assert "missing.png does not exist" in said.err
        names = [item.name for item in open_file(out / "chair.blend").objects if item.type == "MESH"]
        assert names == ["PF-LRM chair"]  # nothing of the sets before

    def test_what_is_done_is_skipped(self, manifest, tmp_path, capsys):
        path, out = manifest(robot="front", chair="left"), tmp_path / "out"
        assert execute("batch", path, "--output", out) == 0
        (out / "chair.blend").unlink()
        before = (out / "robot.blend").stat().st_mtime_ns
        assert execute("batch", path, "--output", out) == 0
        assert "1 done, 1 skipped, 0 failed" in capsys.readouterr().out
        assert (out / "robot.blend").stat().st_mtime_ns == before

    def test_shards_share_the_sets(self, manifest, tmp_path):
        path = manifest(a="front", b="front", c="front")
        for index, names in ((1, ["a", "c"]), (2, ["b"])):
            out = tmp_path / f"out{index}"
            assert execute("batch", path, "--output", out, "--shard", f"{index}/2") == 0
            assert sorted(file.stem for file in out.iterdir()) == names

    def test_the_code_of_failures_of_one_kind(self, manifest, tmp_path):
        assert execute("batch", manifest(a="missing", b="missing"), "--output", tmp_path / "out") == 2
        assert execute("batch", manifest(a="weights", b="front"), "--output", tmp_path / "out") == 3

    def test_json_tells_of_each_set(self, manifest, tmp_path, capfd):
        assert execute("batch", manifest(a="missing", b="front"), "--output", tmp_path / "out", "--json") == 2
        lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith('{"event": "set"')]
        first, second = map(json.loads, lines)
        assert (first["state"], first["error"]["kind"]) == ("failed", "input")
        assert (second["state"], second["error"]) == ("done", None)

    def test_options_of_a_set_go_first(self, photo, tmp_path):
        photo("front")
        sets = [
            {"name": "poses", "photos": ["tin_robot/front.png"]},
            {"name": "mesh", "photos": ["tin_robot/front.png"], "options": {"poses_only": False}},
        ]
        path = tmp_path / "sets.json"
        path.write_text(json.dumps({"sets": sets}))
        assert execute("batch", path, "--output", tmp_path / "out", "--poses-only") == 0
        kinds = {
            name: {item.type for item in open_file(tmp_path / "out" / f"{name}.blend").objects}
            for name in ("poses", "mesh")
        }
        assert "MESH" not in kinds["poses"]
        assert "MESH" in kinds["mesh"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("nothing", "not valid"),
            ("[]", "not valid"),
            ('{"sets": [{"name": "a"}]}', "'photos'"),
            ('{"sets": [{"name": "../a", "photos": []}]}', "cannot be the name of a file"),
            ('{"sets": [{"name": "a", "photos": "a.png"}]}', "not a list"),
            ('{"sets": [{"name": "a", "photos": []}, {"name": "a", "photos": []}]}', "two sets called a"),
            ('{"sets": [{"name": "a", "photos": [], "options": {"colour": 1}}]}', "colour"),
        ],
    )
    def test_a_bad_manifest_is_named(self, tmp_path, capsys, text, words):
        path = tmp_path / "sets.json"
        path.write_text(text)
        assert execute("batch", path, "--output", tmp_path / "out") == 2
        said = capsys.readouterr().err
        assert words in said
        assert str(path) in said


def test_doctor_and_setup_of_a_runtime(monkeypatch, tmp_path, capsys, stub_python):
    device = {"kind": "cuda", "name": "Card", "memory": 8 * 2**30}

    def check(interpreter):
        return runtime.RuntimeReport(interpreter, "3.11.7", {"torch": "2.13.0", "mcubes": "0.1.6"}, (device,))

    monkeypatch.setattr(runtime, "check", check)
    (tmp_path / "small.safetensors").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'1').hexdigest()}  small.safetensors\n")
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    assert execute("doctor") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("PF-LRM: ")
    assert said[1].startswith("Blender: ")
    for line in (f"Interpreter: {stub_python}", "torch: 2.13.0", "Marching cubes: mcubes 0.1.6", "All is well."):
        assert line in said
    assert "Device: cuda (Card, 8.0 GiB)" in said
    assert "Weights: small.safetensors, 0.0 MB" in said
    assert execute("setup") == 0
    assert "ready" in capsys.readouterr().out
    (tmp_path / "small.safetensors").write_bytes(b"2")
    assert execute("doctor") == 3
    assert "small.safetensors are broken" in capsys.readouterr().out


def test_doctor_without_a_runtime(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere/python")
    assert execute("doctor") == 3
    said = capsys.readouterr()
    assert "There are no weights" in said.out
    assert "/nowhere/python" in said.err


class TestSetup:
    """Without a runtime, on a machine without a graphics card."""

    @pytest.fixture(autouse=True)
    def done(self, stub_python, monkeypatch, tmp_path):
        """The plans that were carried out; nothing is really installed."""
        monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
        monkeypatch.setattr(runtime, "_has_torch", lambda interpreter: False)
        monkeypatch.setattr(variants, "look", lambda renderer: variants.Hardware("Linux", "x86_64"))
        monkeypatch.setattr(properties, "managed_folder", lambda chosen="": tmp_path / "managed")
        carried_out = []

        def build(installation):
            installation._say("pip says something")
            carried_out.append(installation.plan)

        monkeypatch.setattr(install.Installation, "build", build)
        monkeypatch.setattr(install.Installation, "_say", lambda self, line: self._listener(line))
        monkeypatch.setattr(install.Installation, "take_effect", lambda self: None)
        return carried_out

    def test_without_yes_it_says_what_it_would_do(self, capsys, done, tmp_path):
        assert execute("setup") == 3
        said = capsys.readouterr().out
        words = ("No Python with torch", "350 MB from PyPI and https://", str(tmp_path), "--yes", "pip install")
        assert [word for word in words if word not in said] == []
        assert done == []

    def test_without_online_access_it_refuses(self, capsys, done):
        assert not bpy.app.online_access
        assert execute("setup", "--yes") == 2
        assert "Allow Online Access" in capsys.readouterr().err
        assert done == []

    def test_yes(self, monkeypatch, capsys, done, tmp_path):
        (tmp_path / f"torch-2.13.0+cpu-{HERE}-{HERE}-linux_x86_64.whl").write_bytes(b"wheel")
        assert execute("setup", "--yes", "--wheels", tmp_path, "--python", sys.executable) == 0
        assert "pip says something" in capsys.readouterr().out
        assert [(plan.wheels, plan.build.requirement) for plan in done] == [(tmp_path, "torch==2.13.0+cpu")]

    @pytest.mark.parametrize(("more", "count"), [((), 0), (("--python", sys.executable), 1)])
    def test_one_that_is_ready_is_made_anew_on_request_alone(self, monkeypatch, done, tmp_path, more, count):
        (tmp_path / f"torch-2.13.0+cpu-{HERE}-{HERE}-linux_x86_64.whl").write_bytes(b"wheel")
        monkeypatch.setattr(plan, "CARRIED_WHEELS", tmp_path)
        monkeypatch.setattr(runtime, "_has_torch", lambda interpreter: True)
        ready = runtime.RuntimeReport(Path(sys.executable), packages={"torch": "2.13.0"})
        monkeypatch.setattr(runtime, "check", lambda python: ready)
        assert execute("setup", "--yes", *more) == 0
        assert len(done) == count

    def test_a_named_python_would_be_used_all_the_same(self, monkeypatch, capsys, done):
        monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/nowhere/python")
        assert execute("setup", "--yes") == 2
        assert "/nowhere/python" in capsys.readouterr().err
        assert done == []

    @pytest.mark.parametrize("arguments", [("--variant", "rocm9"), ("--wheels", "/nowhere"), ("--python", "/nowhere")])
    def test_what_cannot_be_used_is_named(self, capsys, done, arguments):
        assert execute("setup", "--yes", *arguments) in (2, 3)
        assert arguments[1] in capsys.readouterr().err
        assert done == []


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
