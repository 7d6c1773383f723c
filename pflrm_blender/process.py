"""One worker process: started, spoken to and ended. What it says is handed on by a thread that only reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .runtime import EXTENSION, NO_WINDOW, clean_environment

WORKER = EXTENSION / "core" / "worker.py"
NICENESS = 13  # the viewport stays nearly as fluid as without a run; docs/benchmarks.md compares others
LOG_LINES = 100
LOG_LINE_LENGTH = 1000
END_SECONDS = 1.0  # after its input is closed

Receive = Callable[["WorkerProcess", "dict | None"], None]


def group_options() -> dict[str, Any]:
    """Arguments of Popen for a process in a group of its own; of low priority on Windows, elsewhere it sees to that.

    Ctrl+C in Blender's terminal is Blender's, and a kill takes the process' children too. Not a session of its own:
    between sessions Linux shares the processor evenly, whatever the niceness.
    """
    if os.name != "nt":
        return {"process_group": 0}
    below_normal = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
    return {"creationflags": below_normal | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | NO_WINDOW}


def kill_group(process: subprocess.Popen) -> None:
    """End a process that was started with ``group_options``, and its children, now."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


class WorkerProcess:
    """A running worker. ``receive(process, message)`` is called in a thread; with None when its output has ended."""

    def __init__(self, interpreter: Path, receive: Receive, script: Path = WORKER) -> None:
        """Start it.

        :raises OSError: the interpreter cannot be started.
        """
        self.interpreter = interpreter
        self._receive = receive
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._process = subprocess.Popen(
            [str(interpreter), "-I", "-u", str(script), *([] if os.name == "nt" else ["--nice", str(NICENESS)])],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            bufsize=1,
            **group_options(),
        )
        self._log_reader = threading.Thread(target=self._read_log, name="pflrm log", daemon=True)
        self._log_reader.start()
        threading.Thread(target=self._read_messages, name="pflrm messages", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: dict) -> None:
        """Say something. A worker that is gone is told of by the end of its output, not here."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            self._log.append("The worker no longer reads its input.")

    def end(self) -> None:
        """Ask it to leave by closing its input; kill it if it stays."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            self._log.append("The worker was gone before its input was closed.")
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it and its children now."""
        kill_group(self._process)
        self._process.wait()

    def exit_code(self) -> int:
        """How it ended, after its output has; negative for the number of a signal."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its output and hangs
            self.kill()
            return self._process.wait()

    def log(self) -> str:
        """The last lines it wrote on stderr."""
        self._log_reader.join(0.2 if self._process.poll() is not None else 0)
        return "\n".join(list(self._log))

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self._log.append(line.rstrip()[:LOG_LINE_LENGTH])
                continue
            if isinstance(message, dict):
                self._receive(self, message)
        self._receive(self, None)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._log.append(line.rstrip()[:LOG_LINE_LENGTH])
