"""The process that Blender talks to: one JSON object a line on stdin and stdout, arrays in .npz files.

In: ``{"id", "do": "reconstruct", "photos", "options", "output"}``, ``{"id", "do": "inspect", "photos", "options",
"output"}``, ``{"id", "do": "cancel"}``, ``{"do": "hello"}``, ``{"do": "quit"}``. The end of the input means the same as
quit, at any moment.

Out, as ``{"event": ...}``, with the request's ``id`` where there is one:

- ``hello``: protocol, python, torch, version; sent at once, so that Blender knows that the interpreter works.
- ``ready``: devices; the answer to ``hello``, when torch is loaded, which takes seconds.
- ``progress``: stage, fraction of the whole run in [0, 1].
- ``inspected``: what was found in a photo, see ``inspection.inspect_photo``; one for each, then a ``result``.
- ``result``: path of the .npz, or of the folder of an inspection; seconds of each stage.
- ``error``: kind (input, runtime, memory, cancelled, failure), message, remedy, traceback.

Started by its path (``python -I -u .../core/worker.py``), from a folder of any name that may be read-only.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Started by its path this file has no package. Blender's name for it (bl_ext...) exists only in Blender, and the
    # extension's root needs bpy: so make a package of this folder alone, without touching sys.path.
    import importlib.util
    from pathlib import Path

    sys.dont_write_bytecode = True
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        "pflrm_core", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["pflrm_core"] = package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    sys.exit(importlib.import_module("pflrm_core.worker").main())

import argparse
import faulthandler
import importlib.metadata
import json
import os
import platform
import queue
import threading
import time
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from .errors import CancelledError, InputError, PflrmError
from .failures import explain
from .files import remove_partial_files
from .request import Progress, Request, fulfil, parse

PROTOCOL = 1
PROGRESS_INTERVAL = 0.05  # seconds between two messages of one stage

# Fulfils a request, writes its files and returns the seconds of each stage.
Pipeline = Callable[[Request, Progress], dict[str, float]]


def load_pipeline() -> Pipeline:
    """The real pipeline: imports torch and keeps loaded models between runs."""
    from .reconstruct import ModelCache

    models = ModelCache()

    def run(request: Request, progress: Progress) -> dict[str, float]:
        return fulfil(request, progress, models).seconds

    return run


def main(load: Callable[[], Pipeline] = load_pipeline, arguments: list[str] | None = None) -> int:
    """Serve this process's stdin and stdout. ``load`` is the seam for tests: it gives the pipeline to run."""
    parser = argparse.ArgumentParser(description="Reconstructs for Blender; speaks JSON lines on stdin and stdout.")
    parser.add_argument("--nice", type=int, default=0, help="be this much nicer to other processes (not on Windows)")
    parser.add_argument("--compile", action="store_true", help="only compile what the first run would wait for")
    given = parser.parse_args(arguments)
    niceness = given.nice
    if given.compile:
        from .warm_up import compile_everything

        compile_everything()
        return 0
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    reader, writer = _reserve_streams()
    faulthandler.enable(sys.stderr)
    serve(reader, writer, load)
    return 0


def serve(reader: TextIO, writer: TextIO, load: Callable[[], Pipeline] = load_pipeline) -> None:
    """Answer requests one after the other until ``reader`` ends, which ends the process."""
    _Server(reader, writer, load).run()


def _reserve_streams() -> tuple[TextIO, TextIO]:
    """Keep stdin and stdout for the protocol: whatever a library prints or a child process reads goes elsewhere."""
    reader = os.fdopen(os.dup(0), "r", encoding="utf-8")
    writer = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


def _leave() -> None:
    """End the process now. Threads in the middle of torch cannot be joined, so nothing waits for them."""
    remove_partial_files()
    os._exit(0)


def _version() -> str:
    """The extension's version, from the manifest that lies beside this package in every archive."""
    manifest = Path(__file__).resolve().parent.parent / "blender_manifest.toml"
    try:
        return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]
    except OSError:
        return "unknown"


def _torch_version() -> str | None:
    """Without importing it."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return None


class _Server:
    """The main thread works; a second one reads, so that a cancel or the end of the input is seen during a run."""

    def __init__(self, reader: TextIO, writer: TextIO, load: Callable[[], Pipeline]) -> None:
        self._reader = reader
        self._writer = writer
        self._load = load
        self._pipeline: Pipeline | None = None
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._cancelled: set[Any] = set()
        self._sending = threading.Lock()

    def run(self) -> None:
        self._send(
            event="hello",
            protocol=PROTOCOL,
            python=platform.python_version(),
            torch=_torch_version(),
            version=_version(),
        )
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            self._answer(self._requests.get())

    def _read(self) -> None:
        for line in self._reader:
            if not line.strip():
                continue
            try:
                message = json.loads(line)
                action = message["do"]
            except (ValueError, KeyError, TypeError) as error:
                self._send_error(None, InputError(f"The worker did not understand {line.strip()[:200]!r}: {error}."))
                continue
            if action == "cancel":
                self._cancelled.add(message.get("id"))
            elif action == "quit":
                break
            else:
                self._requests.put(message)
        _leave()

    def _answer(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        try:
            if message["do"] == "hello":
                self._ready(number)
            elif message["do"] == "reconstruct":
                self._reconstruct(number, message)
            elif message["do"] == "inspect":
                self._inspect(number, message)
            else:
                raise InputError(f"The worker cannot do {message['do']!r}.")
        except Exception as error:
            self._send_error(number, error)

    def _ready(self, number: Any) -> None:
        if self._pipeline is None:
            self._pipeline = self._load()
        from . import probe

        devices = probe.devices() if "torch" in sys.modules else []
        self._send(number, event="ready", devices=devices)

    def _reconstruct(self, number: Any, message: dict[str, Any]) -> None:
        request = parse(message)
        if request.output is None:
            raise InputError("The request names no output file.")
        if self._pipeline is None:
            self._pipeline = self._load()
        seconds = self._pipeline(request, self._progress(number))
        self._send(number, event="result", path=str(request.output), seconds=seconds)

    def _inspect(self, number: Any, message: dict[str, Any]) -> None:
        """Look at photos one by one. Nothing here loads torch, so that a worker for this alone stays small."""
        from .inspection import inspect_photo
        from .photos import check_masks

        request = parse(message)
        if request.output is None:
            raise InputError("The request names no output folder.")
        masks = request.options.get("masks") or (None,) * len(request.photos)
        check_masks(request.photos, masks)
        report = self._progress(number)
        for index, (photo, mask) in enumerate(zip(request.photos, masks, strict=True)):
            report("Looking at Photos", index / len(request.photos))
            found = inspect_photo(photo, mask, request.output)
            self._send(number, event="inspected", index=index, **found)
        self._send(number, event="result", path=str(request.output), seconds={})

    def _progress(self, number: Any) -> Progress:
        last_stage, last_time = "", 0.0

        def report(stage: str, fraction: float) -> None:
            nonlocal last_stage, last_time
            if number in self._cancelled:
                raise CancelledError("The run was cancelled.")
            now = time.monotonic()
            if stage != last_stage or now - last_time >= PROGRESS_INTERVAL:
                last_stage, last_time = stage, now
                self._send(number, event="progress", stage=stage, fraction=float(fraction))

        return report

    def _send_error(self, number: Any, error: Exception) -> None:
        failure = explain(error)
        expected = isinstance(error, PflrmError)
        self._send(
            number,
            event="error",
            kind=failure.kind,
            message=failure.message,
            remedy=failure.remedy,
            traceback=None if expected else "".join(traceback.format_exception(error)),
        )

    def _send(self, number: Any = None, **message: Any) -> None:
        if number is not None:
            message = {"id": number, **message}
        with self._sending:
            try:
                self._writer.write(json.dumps(message) + "\n")
                self._writer.flush()
            except OSError:  # nobody reads any more
                _leave()
