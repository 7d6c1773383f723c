"""Blender's command batch, with a real worker process and a stub pipeline."""

import json
from pathlib import Path

import pytest
from pflrm.pflrm_blender.batch import read_manifest
from pflrm.tests.pflrm_blender.commands import execute, open_file

pytestmark = pytest.mark.usefixtures("stub_python", "scene")


@pytest.fixture
def manifest(photo, tmp_path):
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


def test_every_set_gets_its_file_and_none_stops_the_others(manifest, tmp_path, capsys):
    path, out = manifest(robot="front left", broken="bug", gone="missing", chair="left"), tmp_path / "out"
    assert execute("batch", path, "--output", out, "--export") == 1
    assert sorted(file.name for file in out.iterdir()) == ["chair.blend", "chair.glb", "robot.blend", "robot.glb"]
    said = capsys.readouterr()
    assert "4 sets: 2 done, 0 skipped, 2 failed" in said.out
    assert "missing.png does not exist" in said.err
    names = [item.name for item in open_file(out / "chair.blend").objects if item.type == "MESH"]
    assert names == ["PF-LRM chair"]  # nothing of the sets before


def test_what_is_done_is_skipped(manifest, tmp_path, capsys):
    path, out = manifest(robot="front", chair="left"), tmp_path / "out"
    assert execute("batch", path, "--output", out) == 0
    (out / "chair.blend").unlink()
    before = (out / "robot.blend").stat().st_mtime_ns
    assert execute("batch", path, "--output", out) == 0
    assert "1 done, 1 skipped, 0 failed" in capsys.readouterr().out
    assert (out / "robot.blend").stat().st_mtime_ns == before


def test_shards_share_the_sets(manifest, tmp_path):
    path = manifest(a="front", b="front", c="front")
    for index, names in ((1, ["a", "c"]), (2, ["b"])):
        out = tmp_path / f"out{index}"
        assert execute("batch", path, "--output", out, "--shard", f"{index}/2") == 0
        assert sorted(file.stem for file in out.iterdir()) == names


def test_the_code_of_failures_of_one_kind(manifest, tmp_path):
    assert execute("batch", manifest(a="missing", b="missing"), "--output", tmp_path / "out") == 2
    assert execute("batch", manifest(a="weights", b="front"), "--output", tmp_path / "out") == 3


def test_json_tells_of_each_set(manifest, tmp_path, capfd):
    assert execute("batch", manifest(a="missing", b="front"), "--output", tmp_path / "out", "--json") == 2
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith('{"event": "set"')]
    first, second = map(json.loads, lines)
    assert (first["state"], first["error"]["kind"]) == ("failed", "input")
    assert (second["state"], second["error"]) == ("done", None)


def test_options_of_a_set_go_first(photo, tmp_path):
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


def test_the_lens_of_a_set_goes_before_the_commands(tmp_path):
    sets = [{"name": "a", "photos": [], "options": {"fov": 40}}, {"name": "b", "photos": [], "options": {"fov": None}}]
    path = tmp_path / "sets.json"
    path.write_text(json.dumps({"sets": sets}))
    own, other = read_manifest(path, {"focal_35mm": 27.0, "seed": 3})
    assert own.options == {"seed": 3, "fov": 40}
    assert other.options == {"focal_35mm": 27.0, "seed": 3, "fov": None}


def test_a_set_may_have_masks_for_some_photos(photo, tmp_path):
    photo("front")
    mask = photo("mask")
    sets = [{"name": "a", "photos": ["tin_robot/front.png"] * 2, "options": {"masks": [None, "tin_robot/mask.png"]}}]
    path = tmp_path / "sets.json"
    path.write_text(json.dumps({"sets": sets}))
    assert read_manifest(path, {})[0].options["masks"] == [None, Path(mask)]
    assert execute("batch", path, "--output", tmp_path / "out") == 0


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
def test_a_bad_manifest_is_named(tmp_path, capsys, text, words):
    path = tmp_path / "sets.json"
    path.write_text(text)
    assert execute("batch", path, "--output", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(path) in said
