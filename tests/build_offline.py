"""Build an archive that sets up without a network: ``python -m pflrm.tests.build_offline FOLDER``.

It carries the CPU wheels of the Python and the system that run this, below ``wheels-offline/``: not as the manifest's
wheels, which Blender would install into its own Python. Everything is checked against the lock file's hashes, except
torch on Linux: PyPI's is the CUDA build there, so PyTorch's index for CPUs, or a mirror, is asked for this version.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from pflrm.pflrm_blender import bases, install, plan, variants
from pflrm.tests.build_extension import ROOT, build, build_from

PLATFORMS = {"Linux": "linux-x64", "Windows": "windows-x64", "Darwin": "macos-arm64"}


def collect(folder: Path, build_of_torch: variants.Build, index: str) -> None:
    """Download the wheels into ``folder``."""
    lock = install.locked(plan.LOCK.read_text(encoding="utf-8"), torch=not build_of_torch.local)
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary, "requirements.txt")
        wanted.write_text("\n".join(lock), encoding="utf-8")
        _download(folder, "--require-hashes", "--requirement", str(wanted))
    if build_of_torch.local:
        _download(folder, "--no-deps", "--index-url", index, build_of_torch.requirement)


def package(folder: Path, wheels: Path) -> Path:
    """Build the usual archive with ``wheels`` inside; returns its path in ``folder``."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "source")
        with zipfile.ZipFile(build(Path(temporary, "dist"))) as archive:
            archive.extractall(source)
        wheels.rename(source / plan.CARRIED_WHEELS.name)
        manifest = source / "blender_manifest.toml"
        content = manifest.read_text(encoding="utf-8")
        here = f'platforms = ["{PLATFORMS[platform.system()]}"]\n'
        manifest.write_text(content.replace("\n[permissions]", f"{here}\n[permissions]"), encoding="utf-8")
        built = build_from(source, Path(temporary, "offline"))
        python = "".join(map(str, sys.version_info[:2]))
        target = folder / f"{built.stem}-offline-{PLATFORMS[platform.system()]}-py{python}.zip"
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(built.read_bytes())
    return target


def _download(folder: Path, *arguments: str) -> None:
    options = ["--only-binary", ":all:", "--progress-bar", "off", "--dest", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build an archive that sets up without a network.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    parser.add_argument("--torch-index", default="", help="a mirror of PyTorch's index for CPUs")
    arguments = parser.parse_args()
    if sys.version_info[:2] not in bases.VERSIONS:
        raise SystemExit(f"Python {platform.python_version()} is none of those that have all wheels: 3.11 to 3.13.")
    cpu = variants.choose(variants.Hardware(platform.system(), platform.machine()), "cpu")
    with tempfile.TemporaryDirectory() as temporary:
        wheels = Path(temporary, "wheels")
        collect(wheels, cpu, arguments.torch_index or cpu.index)
        print(package(arguments.folder, wheels))


if __name__ == "__main__":
    main()
