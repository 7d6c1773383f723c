"""A run in the background: a thread that supervises one worker process, and a queue to the main thread.

The thread never touches bpy. The main thread calls ``start``, ``poll`` (from a timer) and ``cancel``, or ``run``, which
blocks: in background mode timers do not fire. The worker stays warm between runs and leaves after idle minutes.
"""

from __future__ import annotations

import atexit
import queue
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .errors import PflrmError
from .process import WORKER, WorkerProcess
from .runtime import REPAIR, find_interpreter

IDLE_SECONDS = 300.0
CANCEL_SECONDS = 0.7  # after which a worker that does not answer a cancel is killed: artists wait a second, not more
START_SECONDS = 120.0  # until the interpreter says hello
SILENCE_SECONDS = 1800.0  # between two messages of a run; one forward pass of a large model on a CPU takes minutes
LAST_WORDS = ("result", "error")

IDLE, RUNNING, CANCELLING = "idle", "running", "cancelling"


class Job:
    """Runs requests, one at a time. All methods belong to the main thread and return at once, except ``run``."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, worker: Path = WORKER) -> None:
        """
        :param idle_seconds: after which a warm worker leaves and gives its memory back; may be changed at any time.
        :param worker: the script to start; tests have their own.
        """
        self.state = IDLE
        self.managed: Path | None = None  # the folder of the environment that the extension makes
        self._supervisor = _Supervisor(idle_seconds, worker)
        self._number = 0
        self._folder: Path | None = None

    @property
    def idle_seconds(self) -> float:
        return self._supervisor.idle_seconds

    @idle_seconds.setter
    def idle_seconds(self, value: float) -> None:
        self._supervisor.idle_seconds = value

    @property
    def worker_pid(self) -> int | None:
        """The process of the warm worker, if there is one."""
        process = self._supervisor.process
        return process.pid if process else None

    def start(self, request: dict, preference: str = "") -> None:
        """Begin a run; what happens comes out of ``poll``.

        :param request: ``photos`` and ``options`` (and ``cameras``, ``mesh``: files to write) of the worker's protocol;
            ``do`` and ``output`` where it is no reconstruction.
        :param preference: the interpreter of the user's choice, see ``runtime.find_interpreter``.
        :raises PflrmError: a run is under way.
        """
        if self.state != IDLE:
            raise PflrmError("input", "A reconstruction is already running.", "Wait for it, or cancel it.")
        self.clean()
        self._folder = Path(tempfile.mkdtemp(prefix="pflrm-"))
        self._number += 1
        self.state = RUNNING
        output = str(self._folder / "result.npz")
        message = {"do": "reconstruct", "output": output, **request, "id": self._number}
        self._supervisor.tell("start", message, preference, self.managed)

    def poll(self, seconds: float = 0.0) -> list[dict]:
        """The events since the last call: the worker's messages, see ``core/worker.py``.

        The last one of a run is ``result``, whose file at ``path`` exists until ``clean``, or ``error``, which may
        have a ``log`` with the worker's last words on stderr. After it the state is idle.

        :param seconds: how long to wait for the first event.
        """
        events = self._supervisor.events(seconds)
        last = next((event["event"] for event in events if event["event"] in LAST_WORDS), None)
        if last:
            self.state = IDLE
        if last == "error":
            self.clean()
        return events

    def cancel(self) -> None:
        """Ask the run to stop; after a grace of less than a second the worker is killed. Harmless when nothing runs."""
        if self.state == RUNNING:
            self.state = CANCELLING
            self._supervisor.tell("cancel")

    def run(
        self, request: dict, on_progress: Callable[[str, float], None] | None = None, preference: str = ""
    ) -> dict:
        """Run a request and wait for its ``result`` event; call ``clean`` when its file is loaded.

        :param on_progress: is called with the stage and the fraction of the whole; what it raises cancels the run.
        :raises PflrmError: the run failed.
        :raises KeyboardInterrupt: Ctrl+C; the run is cancelled first.
        """
        self.start(request, preference)
        try:
            while True:
                # Short waits, because a lock cannot be interrupted by Ctrl+C on Windows.
                for event in self.poll(0.2):
                    if event["event"] == "progress" and on_progress:
                        on_progress(event["stage"], event["fraction"])
                    elif event["event"] == "error":
                        raise PflrmError.from_event(event)
                    elif event["event"] == "result":
                        return event
        finally:
            self.cancel()
            while self.state != IDLE:
                self.poll(0.2)

    def clean(self) -> None:
        """Remove the temporary folder of the last result."""
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def shutdown(self) -> None:
        """End the worker and the thread, for unregister and exit; takes about a second at most."""
        self._supervisor.shutdown()
        self._supervisor.events(0.0)
        self.state = IDLE
        self.clean()


_shared: Job | None = None


def shared() -> Job:
    """The job of this Blender: buttons, scripts and commands use the same warm worker."""
    global _shared
    if _shared is None:
        _shared = Job()
        atexit.register(shutdown)
    return _shared


def shutdown() -> None:
    """End the shared job, if there is one."""
    global _shared
    if _shared is not None:
        _shared.shutdown()
        _shared = None
        atexit.unregister(shutdown)


class _Supervisor:
    """The thread: waits for orders, messages or the next deadline, whichever comes first."""

    def __init__(self, idle_seconds: float, worker: Path) -> None:
        self.idle_seconds = idle_seconds
        self.process: WorkerProcess | None = None
        self._worker = worker
        self._inbox: queue.SimpleQueue[tuple] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[dict] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._active: int | None = None  # the id of the request that the worker works on
        self._cancelling = False
        self._greeted = False
        self._deadline: float | None = None

    def tell(self, *order: object) -> None:
        """Give an order; the thread is started with the first one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._supervise, name="pflrm supervisor", daemon=True)
            self._thread.start()
        self._inbox.put(order)

    def events(self, seconds: float) -> list[dict]:
        events: list[dict] = []
        try:
            events.append(self._outbox.get(timeout=seconds) if seconds else self._outbox.get_nowait())
            while True:
                events.append(self._outbox.get_nowait())
        except queue.Empty:
            return events

    def shutdown(self) -> None:
        if self._thread is not None:
            self._inbox.put(("shutdown",))
            self._thread.join(5.0)
            self._thread = None

    def _supervise(self) -> None:
        orders: dict[str, Callable[..., None]] = {
            "start": self._start, "cancel": self._cancel, "message": self._message, "ended": self._ended
        }
        while True:
            timeout = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            try:
                name, *arguments = self._inbox.get(timeout=timeout)
            except queue.Empty:
                self._expire()
                continue
            if name == "shutdown":
                self._discard(kill=False)
                self._active, self._deadline = None, None
                return
            orders[name](*arguments)

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds

    def _start(self, request: dict, preference: str, managed: Path | None) -> None:
        self._active, self._cancelling = request["id"], False
        self._outbox.put({"id": self._active, "event": "progress", "stage": "Starting", "fraction": 0.0})
        try:
            interpreter = find_interpreter(preference, managed)
            if self.process is None or self.process.interpreter != interpreter:
                self._discard(kill=False)
                self._greeted = False
                self.process = WorkerProcess(interpreter, self._receive, self._worker)
        except PflrmError as error:
            self._finish(error.to_event())
            return
        except OSError as error:
            message = f"The Python {interpreter} cannot be started: {error.strerror}."
            self._finish(PflrmError("runtime", message, REPAIR).to_event())
            return
        self.process.send(request)
        self._set_deadline(SILENCE_SECONDS if self._greeted else START_SECONDS)

    def _cancel(self) -> None:
        if self._active is not None and self.process is not None:
            self._cancelling = True
            self.process.send({"id": self._active, "do": "cancel"})
            self._set_deadline(CANCEL_SECONDS)

    def _receive(self, process: WorkerProcess, message: dict | None) -> None:
        """Called by the threads that read."""
        self._inbox.put(("ended", process) if message is None else ("message", process, message))

    def _message(self, process: WorkerProcess, message: dict) -> None:
        if process is not self.process:
            return  # a discarded worker's last words
        event = message.get("event")
        self._greeted = self._greeted or event == "hello"
        if event not in LAST_WORDS:
            if self._active is not None and not self._cancelling:
                self._set_deadline(SILENCE_SECONDS)
            self._outbox.put(message)
        elif self._active is not None and message.get("id") == self._active:
            failed = event == "error" and message["kind"] not in ("input", "cancelled")
            self._finish({**message, "log": process.log()} if failed else message)
            if failed:  # what went wrong may have left it, or its device, in a bad state
                self._discard(kill=False)

    def _ended(self, process: WorkerProcess) -> None:
        if process is not self.process:
            return
        self.process = None
        code = process.exit_code()
        if self._active is not None:
            self._finish(_crash(code, self._greeted, process).to_event())

    def _expire(self) -> None:
        self._deadline = None
        if self._active is None:
            self._discard(kill=False)
            return
        process = self.process
        self._discard(kill=True)
        limit = SILENCE_SECONDS if self._greeted else START_SECONDS
        remedy = "Try again; if it happens again, copy the report and open an issue with it."
        message = f"The worker gave no sign of life for {limit:.0f} s and was ended."
        self._finish(PflrmError("failure", message, remedy, process.log() if process else "").to_event())

    def _finish(self, event: dict) -> None:
        """Say the last word of a run. A run that the user has cancelled ends as cancelled, whatever happened."""
        if self._cancelling:
            event = PflrmError("cancelled", "The run was cancelled.").to_event()
        self._outbox.put({**event, "id": self._active})
        self._active, self._cancelling = None, False
        self._set_deadline(self.idle_seconds)

    def _discard(self, *, kill: bool) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill() if kill else process.end()


def _crash(code: int, greeted: bool, process: WorkerProcess) -> PflrmError:
    """What it means that a worker ended in the middle of a run."""
    if code == -getattr(signal, "SIGKILL", 9):
        message = (
            f"The worker stopped with exit code {code}: the process was ended by the system, "
            "most often for lack of memory."
        )
        remedy = "Choose Draft quality, use fewer photos, or close other programs."
        return PflrmError("memory", message, remedy, process.log())
    if not greeted:
        message = f"The Python {process.interpreter} did not start the worker (exit code {code})."
        return PflrmError("runtime", message, REPAIR, process.log())
    remedy = "Try again, on the CPU if it happens again; then copy the report and open an issue with it."
    return PflrmError("failure", f"The worker crashed (exit code {code}).", remedy, process.log())
