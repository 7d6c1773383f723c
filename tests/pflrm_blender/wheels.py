"""Tiny wheels that look to the probe like the worker's packages, and an index on this machine that serves them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from pflrm.pflrm_blender import plan

TORCH = """
__version__ = "{version}"
class _Backend:
    is_available = staticmethod(lambda: False)
cuda = xpu = _Backend
class backends:
    mps = _Backend
class ones:
    def __init__(self, *shape, device): self.device = device
    def __matmul__(self, other): return self
    def sum(self): return self
    def item(self): return 2.0
"""
PYTHONS = "cp311.cp312.cp313"
OTHERS = ("numpy", "safetensors", "cv2", "PIL", "scipy", "trimesh", "numba", "mcubes")


def make_torch(folder: Path, version: str, source: str = TORCH, python: str = PYTHONS) -> Path:
    return make(folder, "torch", version, {"torch.py": source.replace("{version}", version)}, "others", python)


def make_others(folder: Path) -> Path:
    return make(folder, "others", "1.0", {f"{name}.py": '__version__ = "1.0"\n' for name in OTHERS})


def make(
    folder: Path, name: str, version: str, modules: dict[str, str], requires: str = "", python: str = PYTHONS
) -> Path:
    """A wheel of modules without anything compiled."""
    info = f"{name}-{version}.dist-info"
    files = {
        **modules,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        + "".join(f"Tag: {one}-none-any\n" for one in python.split(".")),
    }
    record = "".join(f"{path},sha256={_urlsafe(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{python}-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # a fixed date: the same wheel each time
    return wheel


def make_environment(goal: Path, torch: str) -> Path:
    """What Set Up leaves behind, without any package in it; returns its interpreter."""
    python = goal / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (goal / plan.RECORD).write_text(json.dumps({"packages": {"torch": torch}}))
    return python


def lock(*wheels: Path) -> str:
    """The lock file for wheels."""
    blocks = ["# This file was made by a test"]
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        blocks.append(f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    return "\n".join(blocks) + "\n"


class Index(ThreadingHTTPServer):
    """Serves ``folder`` as an index: /simple/NAME/ and /files/WHEEL; counts what was fetched whole."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.fetched: list[str] = []
        self.broken: set[str] = set()  # wheels of which only half is sent, and then nothing
        self.hanging = threading.Event()  # such a half was sent
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"


@contextmanager
def serving(folder: Path, setenv: Callable[[str, str], None]) -> Iterator[Index]:
    """Run an index, and make it pip's."""
    server = Index(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    setenv("PIP_INDEX_URL", server.url)
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "files":
            self._send_wheel(self.server.folder / unquote(name))
            return
        files = [path.name for path in self.server.folder.glob(f"{name}-*")]
        links = "".join(f'<a href="/files/{file}">{file}</a>' for file in files)
        self._answer("text/html", links.encode())

    def _send_wheel(self, path: Path) -> None:
        content = path.read_bytes()
        if path.name not in self.server.broken:
            self.server.fetched.append(path.name)
            self._answer("application/octet-stream", content)
            return
        self._head("application/octet-stream", len(content))
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self.server.hanging.set()
        self.server.release.wait(60)

    def _answer(self, kind: str, content: bytes) -> None:
        self._head(kind, len(content))
        self.wfile.write(content)

    def _head(self, kind: str, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
