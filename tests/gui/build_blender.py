"""Build the folder with a Debian and its Blender that the tests in this folder drive: ``python build_blender.py``.

The folder is named by PFLRM_GUI_ROOT, or lies in the user's cache; its path is printed. A folder that is complete is
left as it is, an incomplete one is finished. Nothing stays mounted. Needs root and debootstrap, which is installed if
it is missing; nothing else on this machine changes. ``--suite sid`` takes the newest Blender instead of 4.3.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
BLENDER = [
    "blender", "python3-numpy", "python3-requests", "python3-zstandard", "python3-cattr",  # its add-ons need these
    "libgl1-mesa-dri", "libegl1", "fonts-dejavu-core",
]  # fmt: skip
WINDOW = ["xvfb", "xauth", "xdotool", "x11-utils", "imagemagick", "python3-xlib", "ca-certificates"]
WORKER = [
    "python3-torch", "python3-safetensors", "python3-skimage", "python3-opencv", "python3-pil", "python3-scipy",
    "python3-trimesh", "python3-numba",
    "libopenblas0-openmp",  # with libopenblas0-pthread attention is a hundred times slower
]  # fmt: skip
_IMPORTS = "import torch, numpy, safetensors, skimage.measure, cv2, PIL, scipy.ndimage, trimesh, numba, Xlib"
_APT = ["-o", "Dpkg::Options::=--force-unsafe-io", "-o", "Dpkg::Use-Pty=0"]


class CannotBuildError(Exception):
    """Why there can be no folder on this machine, in one sentence."""


def default_root(suite: str = SUITE) -> Path:
    """Where the folder is, or will be."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PFLRM_GUI_ROOT") or Path(cache, "pflrm", f"blender-{suite}"))


def is_ready(root: Path) -> bool:
    """Whether the folder is complete, and made from the present list of packages."""
    marker = root / "pflrm-ready"
    return marker.is_file() and marker.read_text(encoding="utf-8").strip() == _recipe()


def obstacle_here() -> str:
    """Why this machine can neither build the folder nor use it; empty if it can."""
    if os.geteuid() != 0:
        return "only root may build and enter Blender's folder"
    try:
        _run(*_namespace("mount -t proc proc /proc"))
    except CannotBuildError:
        return "this machine lets nobody mount anything"
    return ""


def build(root: Path, suite: str = SUITE) -> None:
    """Make the folder, or finish it.

    :raises CannotBuildError: this machine or its network cannot do that.
    """
    obstacle = obstacle_here()
    if obstacle:
        raise CannotBuildError(obstacle)
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another build of the same folder
        if is_ready(root):
            return
        _say(f"building {root}: 2 GB, some minutes")
        bootstrapped = root / "pflrm-bootstrapped"
        if not bootstrapped.exists():
            _bootstrap(root, suite)
            bootstrapped.touch()
        _configure(root)
        # After a break in the middle of an installation dpkg wants its say first.
        _inside(root, "dpkg", "--configure", "-a")
        _inside(root, "apt-get", "update", "-q")
        _inside(root, "apt-get", *_APT, "install", "-q", "-y", "--no-install-recommends", *BLENDER, *WINDOW, *WORKER)
        _inside(root, "apt-get", "clean")
        _inside(root, "blender", "--version")
        _inside(root, "/usr/bin/python3", "-I", "-c", _IMPORTS)
        (root / "pflrm-ready").write_text(_recipe(), encoding="utf-8")


def _recipe() -> str:
    return hashlib.sha256(" ".join([*BLENDER, *WINDOW, *WORKER]).encode()).hexdigest()


def _bootstrap(root: Path, suite: str) -> None:
    if not shutil.which("debootstrap"):
        _run("apt-get", "update", "-q")
        _run("apt-get", "install", "-q", "-y", "--no-install-recommends", "debootstrap")
    if root.exists():
        _run("rm", "-rf", "--one-file-system", str(root))
    _run(*_namespace('exec debootstrap --variant=minbase "$@"'), suite, str(root), _mirror())


def _configure(root: Path) -> None:
    """Make the folder fit for a Blender that has no machine of its own."""
    # A mirror may be older than its Release files allow; their signatures are checked all the same.
    settings = 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\nAcquire::Retries "3";\n'
    (root / "etc/apt/apt.conf.d/90pflrm").write_text(settings, encoding="utf-8")
    services = root / "usr/sbin/policy-rc.d"  # no package may start a service here
    services.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    services.chmod(0o755)
    mounts = root / "etc/mtab"
    if not mounts.is_symlink():
        mounts.unlink(missing_ok=True)
        mounts.symlink_to("../proc/self/mounts")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc", name), root / "etc" / name)


def _mirror() -> str:
    """The machine's own mirror of Debian, or else the usual one."""
    if not shutil.which("apt-get"):
        return MIRROR
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian"]
    sites = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return next((site for site in sites if site.rstrip("/").endswith("/debian")), MIRROR)


def command_inside(root: Path, *command: str, **variables: str) -> list[str]:
    """A command that runs another one in the folder, as on a machine of its own, with these environment variables."""
    mounts = 'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev"'
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **variables}
    settings = [f"{name}={value}" for name, value in environment.items()]
    return [*_namespace(f'{mounts} && exec chroot "$0" "$@"', root), "env", "-i", *settings, *command]


def _inside(root: Path, *command: str) -> None:
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    _run(*command_inside(root, *command, DEBIAN_FRONTEND="noninteractive", **proxies))


def _namespace(script: str, root: Path | str = "bash") -> list[str]:
    """A command that runs a script with ``root`` as $0; what the script mounts is gone when it ends."""
    return ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, str(root)]


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotBuildError(f"{error.filename} is not installed here") from error
    if done.returncode:
        last_words = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise CannotBuildError(f"{' '.join(command[-4:])} failed with exit code {done.returncode}:\n{last_words}")


def _say(words: str) -> None:
    print(f"GUI tests: {words}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the folder with the Blender of the GUI tests; print its path.")
    parser.add_argument("--suite", default=SUITE, help="Debian's release: trixie has Blender 4.3, sid the newest")
    suite = parser.parse_args().suite
    root = default_root(suite)
    try:
        build(root, suite)
    except CannotBuildError as error:
        _say(f"skipped, because {error}")
        raise SystemExit(1) from None
    print(root)


if __name__ == "__main__":
    main()
