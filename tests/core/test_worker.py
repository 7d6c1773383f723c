"""The worker's process, spoken to as Blender does: JSON lines on its stdin and stdout."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pflrm.core import failures, files, request
from pflrm.core.errors import CancelledError, InputError, MemoryFullError, PflrmError, RuntimeMissingError
from pflrm.tests.core.photo_files import save_cutout
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
STUB = REPOSITORY / "tests" / "stub_pipeline.py"
REAL = REPOSITORY / "core" / "worker.py"


class Worker:
    def __init__(self, script=STUB, *arguments, python=sys.executable, **options):
        options.setdefault("stderr", subprocess.PIPE)
        self.process = subprocess.Popen(
            [python, "-I", "-u", str(script), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", **options,
        )

    def say(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self, *wanted):
        """The next message whose event is wanted."""
        for line in self.process.stdout:
            message = json.loads(line)
            if message["event"] in wanted:
                return message
        raise AssertionError(f"the worker left with {self.process.wait()}: {self.process.stderr.read()}")

    def ask(self, photos, output, **rest):
        self.say(id=7, do="reconstruct", photos=[str(photo) for photo in photos], output=str(output), **rest)
        return self.hear("result", "error")


@pytest.fixture
def start():
    workers = []

    def make(*arguments, **options):
        workers.append(Worker(*arguments, **options))
        return workers[-1]

    yield make
    for worker in workers:
        with worker.process:
            worker.process.kill()


@pytest.fixture
def photo(tmp_path):
    def make(behaviour):
        path = tmp_path / f"{behaviour}.png"
        path.touch()
        return path

    return make


def gone(pid):
    """Whether a process ends soon."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_hello_comes_first_and_names_the_runtime(start):
    worker = start()
    hello = json.loads(worker.process.stdout.readline())
    assert hello["event"] == "hello"
    assert hello["protocol"] == 1
    assert hello["python"] == ".".join(map(str, sys.version_info[:3]))
    assert hello["torch"]
    assert hello["version"].count(".") == 2
    worker.say(id=3, do="hello")
    assert worker.hear("ready") == {"id": 3, "event": "ready", "devices": []}


def test_result_is_written_and_reported(start, photo, tmp_path):
    worker, output = start(), tmp_path / "result.npz"
    worker.say(id=7, do="reconstruct", photos=[str(photo("good"))], options={}, output=str(output))
    stages = []
    while (message := worker.hear("progress", "result"))["event"] == "progress":
        stages.append(message["stage"])
        assert message["id"] == 7
        assert 0 <= message["fraction"] <= 1
    assert stages == ["Reading Photos", "Making the Mesh"]
    assert message == {"id": 7, "event": "result", "path": str(output), "seconds": {"all": 1.5}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.png", "result.npz"]


def test_prints_of_libraries_do_not_reach_the_protocol(start, photo, tmp_path):
    worker = start()
    assert worker.ask([photo("noise")], tmp_path / "r.npz")["event"] == "result"
    worker.process.stdin.close()
    assert worker.process.stdout.read() == ""
    errors = worker.process.stderr.read()
    assert "a library prints" in errors
    assert "and so does its C code" in errors
    assert "and a child ''" in errors


@pytest.mark.parametrize(
    ("behaviour", "kind", "words", "has_traceback"),
    [
        ("full", "failure", "no space left", True),
        ("memory", "memory", "too little memory", True),
        ("cuda", "memory", "20.00 GiB", True),
        ("weights", "runtime", "small.safetensors are missing", False),
        ("import", "runtime", "torch cannot be loaded", True),
        ("bug", "failure", "ZeroDivisionError", True),
    ],
)
def test_failures_are_told_in_words_and_the_worker_stays(start, photo, tmp_path, behaviour, kind, words, has_traceback):
    worker = start()
    error = worker.ask([photo(behaviour)], tmp_path / "r.npz")
    assert (error["event"], error["id"], error["kind"]) == ("error", 7, kind)
    assert words in error["message"]
    assert error["remedy"]
    assert bool(error["traceback"]) == has_traceback
    assert not (tmp_path / "r.npz").exists()
    assert worker.ask([photo("good")], tmp_path / "r.npz")["event"] == "result"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"photos": []}, "no photo"),
        ({"photos": "a.png"}, "photos"),
        ({"photos": ["a"], "options": {"colour": 1}}, "no option colour"),
        ({"photos": ["a"], "options": {"quality": "ultra"}}, "'ultra'"),
        ({"photos": ["a"], "options": {"device": "tpu"}}, "'tpu'"),
        ({"photos": ["a"], "options": {"fov": 180}}, "fov is 180"),
        ({"photos": ["a"], "options": {"fov": float("nan")}}, "fov is nan"),
        ({"photos": ["a"], "options": {"focal_35mm": 0}}, "focal_35mm is 0"),
        ({"photos": ["a"], "options": {"focal_35mm": "35"}}, "focal_35mm is '35'"),
        ({"photos": ["a"], "options": {"focal_35mm": 35, "fov": 40}}, "Both fov and focal_35mm"),
        ({"photos": ["a"], "options": {"seed": 1.5}}, "seed is 1.5"),
        ({"photos": ["a"], "options": {"mesh_resolution": 8}}, "mesh_resolution is 8"),
        ({"photos": ["a"], "options": {"masks": "mask.png"}}, "masks"),
        ({"photos": ["a"], "options": {"tilts": 30}}, "tilts is 30"),
        ({"photos": ["a"], "options": {"tilts": [None, 91]}}, "tilts is 91"),
        ({"photos": ["a"], "options": {"poses_only": "yes"}}, "poses_only"),
        ({"photos": ["a"], "options": {"poses_only": True}, "mesh": "m.ply"}, "m.ply cannot be written"),
        ({"photos": ["a"], "mesh": "m.stl"}, "m.stl has an unknown ending"),
        ({"photos": ["a"], "cameras": "/nowhere/c.json"}, "folder of /nowhere/c.json"),
    ],
)
def test_wrong_input_is_named(message, words):
    with pytest.raises(InputError) as caught:
        request.parse(message)
    assert words in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("message", "words"), [({"photos": []}, "no photo"), ({"photos": ["/nowhere/a.png"]}, "/nowhere/a.png")]
)
def test_wrong_input_is_told(start, tmp_path, message, words):
    worker = start()
    worker.say(id=1, do="reconstruct", output=str(tmp_path / "r.npz"), **message)
    error = worker.hear("result", "error")
    assert (error["event"], error["kind"]) == ("error", "input")
    assert words in error["message"]
    assert error["traceback"] is None


def test_a_line_that_is_no_request_is_answered(start, photo, tmp_path):
    worker = start()
    for line in ("garbage", "[1]", '{"id": 1}', '{"do": "dance", "id": 2}', ""):
        worker.process.stdin.write(line + "\n")
    worker.process.stdin.flush()
    kinds = [worker.hear("error")["kind"] for _ in range(4)]
    assert kinds == ["input"] * 4
    assert worker.ask([photo("good")], tmp_path / "r.npz")["event"] == "result"


def test_cancel_ends_this_run_and_no_other(start, photo, tmp_path):
    worker = start()
    worker.say(id=1, do="cancel")  # of nothing
    worker.say(id=7, do="reconstruct", photos=[str(photo("wait"))], output=str(tmp_path / "r.npz"))
    while worker.hear("progress")["stage"] != "Waiting":
        continue
    worker.say(id=7, do="cancel")
    assert worker.hear("result", "error")["kind"] == "cancelled"
    worker.say(id=8, do="reconstruct", photos=[str(photo("good"))], output=str(tmp_path / "r.npz"))
    assert worker.hear("result", "error")["event"] == "result"


@pytest.mark.parametrize("how", ["close", "quit"])
@pytest.mark.parametrize("behaviour", [None, "stall", "half"])
def test_the_end_of_the_input_ends_the_worker_at_once(start, photo, tmp_path, behaviour, how):
    worker = start()
    if behaviour:
        worker.say(id=7, do="reconstruct", photos=[str(photo(behaviour))], output=str(tmp_path / "r.npz"))
        while worker.hear("progress")["stage"] not in ("Stalling", "Waiting"):
            continue
    if how == "quit":
        worker.say(do="quit")
    else:
        worker.process.stdin.close()
    assert worker.process.wait(5) == 0
    assert [path for path in tmp_path.iterdir() if path.suffix == ".npz"] == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_the_worker_leaves_when_its_parent_is_killed(tmp_path, photo):
    script = tmp_path / "parent.py"
    request_line = {"id": 1, "do": "reconstruct", "photos": [str(photo("stall"))], "output": str(tmp_path / "r.npz")}
    script.write_text(
        "import subprocess, sys\n"
        f"w = subprocess.Popen([sys.executable, '-I', {str(STUB)!r}], stdin=-1, stdout=-1, encoding='utf-8')\n"
        f"w.stdin.write({json.dumps(request_line)!r} + '\\n'); w.stdin.flush()\n"
        "while 'Stalling' not in w.stdout.readline(): pass\n"
        "print(w.pid, flush=True); w.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, encoding="utf-8")
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert gone(pid)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named_with_a_remedy_and_leaves_nothing(start, photo, tmp_path):
    output = tmp_path / "result.npz"
    (tmp_path / "result.part.npz").symlink_to("/dev/full")
    error = start().ask([photo("good")], output)
    assert error["kind"] == "failure"
    assert "no space left" in error["message"]
    assert str(output) in error["message"]
    assert "Free some space" in error["remedy"]
    assert [path.name for path in tmp_path.iterdir()] == ["good.png"]


def test_an_old_file_survives_a_failed_write(tmp_path):
    path = tmp_path / "cameras.json"
    path.write_text("old")

    def save(part):
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(PflrmError, match="no space left"):
        files.write(path, save)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_photos_are_inspected_one_by_one_without_torch(start, tmp_path):
    cutout, plain = save_cutout(tmp_path / "cutout.png"), tmp_path / "grey.png"
    Image.fromarray(np.full((64, 96, 3), 128, np.uint8)).save(plain)
    photos, folder = [str(cutout), str(plain), str(tmp_path / "gone.png")], tmp_path / "found"
    folder.mkdir()
    worker = start(REAL)
    worker.say(id=7, do="inspect", photos=photos, output=str(folder))
    first, second, third = (worker.hear("inspected", "error") for _ in photos)
    assert (first["index"], first["origin"], first["problem"]) == (0, "alpha", "")
    assert "No object was found" in second["problem"]
    assert "does not exist" in third["problem"]
    assert worker.hear("result", "error")["event"] == "result"
    maps = Path(f"/proc/{worker.process.pid}/maps")
    assert not maps.exists() or "libtorch" not in maps.read_text()


def test_masks_of_an_inspection_fit_its_photos(start, tmp_path):
    worker = start(REAL)
    worker.say(id=7, do="inspect", photos=["a", "b"], options={"masks": [None]}, output=str(tmp_path))
    assert "1 masks for 2 photos" in worker.hear("result", "error")["message"]


@pytest.mark.skipif(not hasattr(os, "nice"), reason="priorities are set by the parent on Windows")
def test_low_priority(start):
    worker = start(STUB, "--nice", "5")
    worker.hear("hello")
    assert os.getpriority(os.PRIO_PROCESS, worker.process.pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 5, 19)


def test_the_real_worker_runs_from_a_read_only_folder_of_any_name(start, tmp_path):
    """Without torch in reach, so that the whole start is fast: what it cannot do is told with the request."""
    folder = tmp_path / "blender org-5.2 (é)" / "core"
    folder.mkdir(parents=True)
    for module in (REPOSITORY / "core").glob("*.py"):
        (folder / module.name).write_bytes(module.read_bytes())
    folder.chmod(0o555)
    worker = start(folder / "worker.py", python=bare_python(tmp_path))
    assert worker.hear("hello")["torch"] is None
    worker.say(id=1, do="reconstruct", photos=[str(tmp_path / "a.png")], output=str(tmp_path / "r.npz"))
    error = worker.hear("error")
    assert error["kind"] == "runtime"
    assert "torch" in error["message"] or "numpy" in error["message"]
    worker.process.stdin.close()
    assert worker.process.wait(5) == 0
    folder.chmod(0o755)
    assert not (folder / "__pycache__").exists()


def bare_python(folder):
    """An interpreter without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "bare")], check=True)
    return str(folder / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


class TestExplain:
    def test_own_errors_pass(self):
        error = InputError("wrong", "mend")
        assert failures.explain(error) is error

    def test_memory_of_torch(self):
        import torch

        assert isinstance(failures.explain(torch.OutOfMemoryError("CUDA out of memory.")), MemoryFullError)
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**60)
        assert isinstance(failures.explain(caught.value), MemoryFullError)

    @pytest.mark.parametrize(
        "text",
        ["[enforce fail] not enough memory: you tried to allocate 8 bytes", "MPS backend out of memory (9 GB)"],
    )
    def test_memory_elsewhere(self, text):
        assert isinstance(failures.explain(RuntimeError(text)), MemoryFullError)

    def test_broken_device_and_library(self):
        text = "CUDA error: no kernel image is available for execution on the device\nmore"
        failure = failures.explain(RuntimeError(text))
        assert isinstance(failure, RuntimeMissingError)
        assert "more" not in failure.message
        library = OSError(22, "The specified module could not be found", "c10.dll")
        vars(library)["winerror"] = 126  # as Windows tells it
        assert isinstance(failures.explain(library), RuntimeMissingError)

    def test_interrupt_is_a_cancel(self):
        assert isinstance(failures.explain(KeyboardInterrupt()), CancelledError)

    def test_other_files(self):
        failure = failures.explain(FileNotFoundError(2, "No such file or directory", "/nowhere/file"))
        assert "/nowhere/file" in failure.message
        assert failure.exit_code == 1
