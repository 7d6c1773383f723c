"""The worker's own environment: build it beside the goal, look whether it works, and put it in place in one step.

Nothing here touches bpy. An ``Installation`` is built in a thread, which waits for the processes that do the work:
venv, pip, and the probe. An environment that is there already stays in use until the new one takes its place.

    GOAL                the environment
    GOAL.partial        the one that is being built; one that could not be put in its place waits there for the next try
    GOAL.downloads      what a broken build has downloaded already; the next one goes on from there
    GOAL.log            what pip said
    GOAL.lock           held while a Blender builds
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from . import runtime
from .errors import PflrmError
from .plan import LOCK, RECORD, Plan, beside, is_ours
from .process import WORKER, group_options, kill_group
from .setup_failures import explain

LINES_KEPT = 200
_PATIENCE, _PAUSE = 5.0, 0.1  # seconds for a folder that cannot be renamed, and between two tries
# Settings of pip that would put the packages elsewhere than into the environment.
_ELSEWHERE = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR"}
# What comes with torch: a build from PyTorch's index brings its own.
_OF_TORCH = ("torch", "triton", "nvidia-", "cuda-")
_OPTIONS = ("--only-binary", ":all:", "--no-input", "--progress-bar", "off", "--disable-pip-version-check")
# Shares of the whole at which a stage begins; the downloads are most of it.
_DOWNLOADING, _INSTALLING, _CHECKING, _COMPILING = 0.03, 0.8, 0.93, 0.95


class Installation:
    """One build of an environment. ``stage``, ``fraction`` and ``lines`` may be read by any thread."""

    def __init__(self, plan: Plan, version: str, say: Callable[[str], None] | None = None) -> None:
        """
        :param version: the extension's, for the record.
        :param say: is called with each line of the log, in the thread that builds.
        """
        self.plan = plan
        self.stage = "Starting"
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)  # the last of the log
        self.log_file = beside(plan.goal, "log")
        self._version, self._listener = version, say
        self._partial = beside(plan.goal, "partial")
        self._downloads = beside(plan.goal, "downloads")
        self._temporary = self._downloads / "temporary"
        self._share = 0.0
        self._log: IO[str] | None = None
        self._lock: IO[str] | None = None
        self._guard = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ended = False  # by the user or by Blender's end
        self._keep_downloads = True
        self._thread: threading.Thread | None = None
        self.failure: PflrmError | None = None  # of the build that was begun

    @property
    def fraction(self) -> float:
        """How much of the whole is done."""
        if self.stage == "Downloading":
            done = min(1.0, self._bytes_here() / (self.plan.build.download * 1e9))
            self._share = max(self._share, _DOWNLOADING + done * (_INSTALLING - _DOWNLOADING))
        return self._share

    def begin(self) -> None:
        """Build in a thread of its own. When ``wait`` says that it has ended, ``failure`` says how."""
        self._thread = threading.Thread(target=self._try_to_build, name="pflrm set-up", daemon=True)
        self._thread.start()

    def wait(self, seconds: float = 0.0) -> bool:
        """Whether the build that was begun has ended, or does so within some seconds."""
        assert self._thread is not None
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def build(self) -> runtime.RuntimeReport:
        """Do all but the last step; takes minutes. An environment that is there already stays as it is.

        :returns: what the new environment offers.
        :raises PflrmError: it failed, or was ended.
        """
        self.plan.goal.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(beside(self.plan.goal, "lock"))
        try:
            recover(self.plan.goal)
            if self._built_before() is None:
                shutil.rmtree(self._partial, ignore_errors=True)
            self.plan.check_disk()
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary.mkdir(parents=True)
            with self.log_file.open("w", encoding="utf-8") as self._log:
                report = self._build()
        except BaseException:
            if not (self._keep_downloads and is_ours(self._partial)):
                shutil.rmtree(self._partial, ignore_errors=True)
            shutil.rmtree(self._temporary if self._keep_downloads else self._downloads, ignore_errors=True)
            self.close()
            raise
        shutil.rmtree(self._downloads, ignore_errors=True)
        return report

    def take_effect(self) -> None:
        """Put the new environment in its place. No worker may run in the old one.

        :raises PflrmError: the old one is in use; it is as it was, and the new one is kept for another try.
        """
        goal, old = self.plan.goal, beside(self.plan.goal, "old")
        try:
            if goal.exists():
                _rename(goal, old)
            try:
                _rename(self._partial, goal)
            except OSError:
                recover(goal)
                raise
        except OSError as error:
            message = f"The new environment could not be put in its place, {goal}: {error.strerror}."
            raise PflrmError("runtime", message, "Close other windows of Blender, then set up again.") from error
        finally:
            self.close()

    def end(self, *, keep_downloads: bool) -> None:
        """End the build soon; ``build`` then raises in its thread. The goal stays as it was."""
        with self._guard:
            self._ended, self._keep_downloads = True, keep_downloads
            if self._process is not None:
                kill_group(self._process)

    def close(self) -> None:
        """Let another build of the same folder begin."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _try_to_build(self) -> None:
        try:
            self.build()
        except PflrmError as error:
            self.failure = error
        except Exception as error:  # the thread's last chance to tell
            self.failure = PflrmError("failure", f"An unexpected {type(error).__name__} stopped the set-up: {error}")

    def _built_before(self) -> Path | None:
        """The Python of the environment, if an earlier set-up has built it just so, and could not put it in its place.
        """
        try:
            record = json.loads((self._partial / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return runtime.interpreter_in(self._partial) if self._recipe().items() <= record.items() else None

    def _build(self) -> runtime.RuntimeReport:
        built = self._built_before()
        if built is not None:
            return self._check(built)
        python = self._make_environment()
        pip = self._pip(python)
        self._share = _DOWNLOADING
        entries = locked(LOCK.read_text(encoding="utf-8"), torch=self.plan.locked_torch)
        shelf = self._fetch(pip, entries) if self.plan.wheels is None else self.plan.wheels
        self._advance("Installing", _INSTALLING if self.plan.online else _DOWNLOADING)
        from_shelf = ["--no-index", "--find-links", str(shelf)]
        self._run([*pip, "install", *_OPTIONS, "--no-cache-dir", *from_shelf, *self._hashed(entries)])
        if not self.plan.locked_torch and self.plan.online:
            self._install_torch(pip, shelf)
        elif not self.plan.locked_torch:
            self._run([*pip, "install", *_OPTIONS, "--no-cache-dir", *from_shelf, self.plan.build.requirement])
        report = self._check(python)
        self._compile(python)
        self._write_record(report)  # last: what has a record is whole
        return report

    def _check(self, python: Path) -> runtime.RuntimeReport:
        self._advance("Checking", _CHECKING)
        report = runtime.check(python)
        self._stop_if_ended()
        for line in report.lines():
            self._say(line)
        if report.problems:
            (self._partial / RECORD).unlink(missing_ok=True)
            message = f"The new environment does not work: {report.problems[0]}"
            raise PflrmError("runtime", message, "Look at the log; another variant may work.", "\n".join(self.lines))
        return report

    def _compile(self, python: Path) -> None:
        """Once for all runs: the first one would take longer otherwise, which is all that happens if this fails."""
        self._advance("Compiling", _COMPILING)
        try:
            self._run([str(python), "-I", str(WORKER), "--compile"])
        except PflrmError:
            self._stop_if_ended()
            self._say("Nothing could be compiled in advance. The first run will take longer.")

    def _make_environment(self) -> Path:
        self._advance("Making the environment", 0.0)
        self._run([str(self.plan.base.python), "-I", "-m", "venv", "--without-pip", str(self._partial)])
        python = runtime.interpreter_in(self._partial)
        if python is None:
            raise PflrmError("runtime", f"{self.plan.base.words} made no environment.", "Choose another Python.")
        return python

    def _pip(self, python: Path) -> list[str]:
        """The command that runs pip for the environment."""
        if self.plan.base.ensurepip:
            self._run([str(python), "-I", "-m", "ensurepip"])
            return [str(python), "-I", "-m", "pip"]
        return [str(self.plan.base.python), "-I", "-m", "pip", "--python", str(python)]

    def _fetch(self, pip: Sequence[str], entries: Sequence[str]) -> Path:
        """Download the packages one by one, so that each is kept if a later one fails. What is there is not fetched.

        :returns: the folder of their wheels; torch from an index of its own is in a folder below.
        """
        self._advance("Downloading", _DOWNLOADING)
        version = ".".join(map(str, self.plan.base.version))
        shelf = self._downloads / f"{self.plan.build.name}-{version}"
        fetch = [*pip, "download", *_OPTIONS, "--no-cache-dir", "--no-deps"]
        for entry in entries:
            self._run([*fetch, "--dest", str(shelf), *self._hashed([entry])])
        if not self.plan.locked_torch and not (shelf / "torch").exists():
            half = shelf / "torch.partial"  # without a hash of ours, half a file would pass for a whole one
            shutil.rmtree(half, ignore_errors=True)
            index = ["--index-url", self.plan.torch_index]
            self._run([*fetch, "--dest", str(half), *index, self.plan.build.requirement])
            half.rename(shelf / "torch")
        return shelf

    def _install_torch(self, pip: Sequence[str], shelf: Path) -> None:
        """Install the fetched torch; the libraries that come with it are downloaded from its index by the way."""
        wheel = next((shelf / "torch").glob("torch-*.whl"))
        options = [*_OPTIONS, "--cache-dir", str(self._downloads / "cache"), "--index-url", self.plan.torch_index]
        self._run([*pip, "install", *options, str(wheel)])

    def _hashed(self, entries: Sequence[str]) -> list[str]:
        """Arguments that ask pip for entries of the lock file."""
        wanted = self._temporary / "requirements.txt"
        wanted.write_text("\n".join(entries) + "\n", encoding="utf-8")
        return ["--require-hashes", "--requirement", str(wanted)]

    def _run(self, command: Sequence[str]) -> None:
        """Run a step to its end; its words go into the log."""
        said: deque[str] = deque(maxlen=LINES_KEPT)
        temporary = {name: str(self._temporary) for name in ("TMPDIR", "TEMP", "TMP")}
        kept = {name: value for name, value in runtime.clean_environment().items() if name not in _ELSEWHERE}
        with self._guard:
            self._stop_if_ended()
            try:
                self._process = subprocess.Popen(
                    command, env={**kept, **temporary, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"},
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                    errors="replace", **group_options(),
                )  # fmt: skip
            except OSError as error:
                raise PflrmError("runtime", f"{command[0]} cannot be started: {error.strerror}.") from error
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                said.append(line.rstrip())
                self._say(line.rstrip())
            code = self._process.wait()
        except BaseException:  # Ctrl+C in a terminal
            kill_group(self._process)
            raise
        self._stop_if_ended()
        if code:
            raise explain(list(said), online=self.plan.online)

    def _bytes_here(self) -> int:
        """What was downloaded, and what of the next package pip has put into a temporary folder so far."""
        sizes = 0
        for path in (*self._downloads.glob("**/*.whl"), *self._temporary.glob("pip-unpack-*/*")):
            try:
                sizes += path.stat().st_size
            except OSError:  # pip has moved it on meanwhile
                continue
        return sizes

    def _advance(self, stage: str, share: float) -> None:
        self.stage, self._share = stage, max(share, self._share)

    def _say(self, line: str) -> None:
        self.lines.append(line)
        assert self._log is not None
        self._log.write(line + "\n")
        self._log.flush()
        if self._listener is not None:
            self._listener(line)

    def _stop_if_ended(self) -> None:
        if self._ended:
            raise PflrmError("cancelled", "The set-up was cancelled.")

    def _write_record(self, report: runtime.RuntimeReport) -> None:
        record = {**self._recipe(), "python": report.python, "packages": report.packages}
        (self._partial / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")

    def _recipe(self) -> dict[str, str]:
        """What decides how an environment turns out."""
        plan = self.plan
        return {
            "extension": self._version, "variant": plan.build.name, "base": str(plan.base.python),
            "wheels": str(plan.wheels or ""),
        }  # fmt: skip


def remove(goal: Path) -> None:
    """Delete an environment that this extension has made, and what was left beside it. No worker may run in it.

    :raises PflrmError: it is not one of ours, or it is in use; it is as it was.
    """
    goal.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(beside(goal, "lock"))
    try:
        recover(goal)
        if not is_ours(goal):
            raise PflrmError("input", f"There is no environment by PF-LRM in {goal}.", "There is nothing to remove.")
        _rename(goal, beside(goal, "old"))
    except OSError as error:
        message = f"The environment {goal} cannot be removed: {error.strerror}."
        raise PflrmError("runtime", message, "Close other windows of Blender, then remove it again.") from error
    finally:
        lock.close()


def clean(goal: Path) -> None:
    """Delete what is no longer needed beside an environment; takes seconds."""
    for name in ("old", "partial", "downloads"):
        shutil.rmtree(beside(goal, name), ignore_errors=True)
    if not goal.exists():
        for name in ("lock", "log"):
            beside(goal, name).unlink(missing_ok=True)


def clean_meanwhile(goal: Path) -> None:
    """The same in a thread, for which a leaving Blender waits."""
    threading.Thread(target=clean, args=(goal,), name="pflrm clean").start()


def recover(goal: Path) -> None:
    """Bring back an environment whose replacement was broken off between two renames; delete a replaced one."""
    old = beside(goal, "old")
    if old.exists() and not goal.exists():
        _rename(old, goal)
    shutil.rmtree(old, ignore_errors=True)


def _rename(folder: Path, goal: Path) -> None:
    """Windows refuses while a file in the folder is open to a worker that is leaving, or to a virus scanner."""
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            folder.rename(goal)
            return
        except PermissionError:
            if time.monotonic() >= limit:
                raise
        time.sleep(_PAUSE)


def locked(text: str, *, torch: bool) -> list[str]:
    """The entries of the lock file, or those that a torch from elsewhere does not bring itself."""
    entries = re.findall(r"^[a-z].*(?:\n[ ].*)*", text, re.MULTILINE)
    return [entry for entry in entries if torch or not entry.startswith(_OF_TORCH)]


def _lock(path: Path) -> IO[str]:
    """Hold a file until it is closed, or this process ends.

    :raises PflrmError: another process holds it.
    """
    file = path.open("w")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        message = f"Another Blender is setting up {path.with_suffix('')} just now."
        raise PflrmError("input", message, "Wait for it to end.") from error
    return file
