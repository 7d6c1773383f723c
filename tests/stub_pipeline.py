"""A worker without torch: its pipeline does what the name of the first photo says.

Started in place of ``core/worker.py``, so that the process, the protocol and everything above them are the real ones.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core import errors, files, worker  # noqa: E402


def pipeline(asked, progress):
    if not asked.photos[0].exists():
        raise errors.InputError(f"The photo {asked.photos[0]} does not exist.", "Choose another file.")
    progress("Reading Photos", 0.1)
    behaviour = asked.photos[0].stem
    if behaviour in BEHAVIOURS:
        BEHAVIOURS[behaviour](asked, progress)
    progress("Making the Mesh", 0.9)
    files.write(asked.output, lambda path: save(path, asked))
    if asked.cameras:
        files.write(asked.cameras, lambda path: path.write_text(json.dumps({"photos": []})))
    return {"all": 1.5}


def save(path, asked):
    from tests import fake_result

    photos = [photo.absolute() for photo in asked.photos]
    fake_result.make_result(path, photos, mesh=not asked.options.get("poses_only"))


def wait(asked, progress):
    for step in range(3000):
        progress("Waiting", step / 3000)
        time.sleep(0.01)


def stall(asked, progress):
    """As a long call into torch does: nobody looks whether the run is cancelled."""
    progress("Stalling", 0.5)
    time.sleep(30)


def noise(asked, progress):
    print("a library prints")
    os.write(1, b"and so does its C code\n")
    subprocess.run([sys.executable, "-c", "import sys; print('and a child', repr(sys.stdin.read()))"], check=True)
    progress("Noise", 0.5)


def half(asked, progress):
    """Stays in the middle of writing the result."""
    files.write(asked.output, lambda path: (path.write_bytes(b"PK"), wait(asked, progress)))


def stop(asked, progress):
    """Hears nothing any more, not even the end of its input: as a process that hangs in a driver."""
    progress("Stalling", 0.5)
    os.kill(os.getpid(), signal.SIGSTOP)


def interrupt(asked, progress):
    """Sends Ctrl+C to the process that asked, in the middle of its run."""
    progress("Waiting", 0.5)
    os.kill(os.getppid(), signal.SIGINT)
    wait(asked, progress)


def fail(error):
    def behave(asked, progress):
        raise error

    return behave


def die(number):
    def behave(asked, progress):
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), number)
        time.sleep(10)

    return behave


BEHAVIOURS = {
    "wait": wait,
    "stall": stall,
    "stop": stop,
    "noise": noise,
    "half": half,
    "interrupt": interrupt,
    "full": fail(OSError(errno.ENOSPC, "No space left on device", "result.npz")),
    "memory": fail(MemoryError("Unable to allocate 9 TiB")),
    "cuda": fail(RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.")),
    "weights": fail(errors.RuntimeMissingError("The weights small.safetensors are missing.", "Install again.")),
    "import": fail(ModuleNotFoundError("No module named 'torch'", name="torch")),
    "bug": fail(ZeroDivisionError("division by zero")),
    "kill": die(signal.SIGTERM if os.name == "nt" else signal.SIGKILL),
    "crash": die(signal.SIGTERM if os.name == "nt" else signal.SIGSEGV),
}

if __name__ == "__main__":
    sys.exit(worker.main(load=lambda: pipeline))
