"""The archive that artists install: what it holds, and that Blender takes it in and lets it go again."""

from __future__ import annotations

import platform
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from pflrm.pflrm_blender import plan, variants
from pflrm.tests import build_offline
from pflrm.tests.build_extension import build
from pflrm.tests.pflrm_blender.wheels import make_torch

HERE = Path(__file__).resolve().parent
LARGEST = 60_000_000  # bytes


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, built and validated by Blender's own tool."""
    return build(tmp_path_factory.mktemp("dist"))


def test_the_archive_holds_what_it_should_and_nothing_else(archive):
    lines = (HERE / "package_allowlist.txt").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    with zipfile.ZipFile(archive) as content:
        names = [name for name in content.namelist() if not name.endswith("/")]
    unknown = [name for name in names if not any(_matches(name, pattern) for pattern in patterns)]
    assert unknown == []
    assert [pattern for pattern in patterns if not any(_matches(name, pattern) for name in names)] == []


def test_the_archive_is_small_enough_to_send(archive):
    assert archive.stat().st_size < LARGEST


@pytest.mark.timeout(120)
def test_blender_installs_enables_and_disables_it(archive, tmp_path):
    script = [sys.executable, str(HERE / "blender_versions.py"), str(archive)]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": well," in done.stdout


def test_the_archive_for_use_without_a_network_carries_its_wheels(tmp_path):
    wheels = tmp_path / "wheels"
    torch = make_torch(wheels, f"{variants.TORCH}+cpu")
    built = build_offline.package(tmp_path / "dist", wheels)
    with zipfile.ZipFile(built) as content:
        manifest = tomllib.loads(content.read("blender_manifest.toml").decode())
        assert f"{plan.CARRIED_WHEELS.name}/{torch.name}" in content.namelist()
    assert manifest["platforms"] == [build_offline.PLATFORMS[platform.system()]]
    assert "wheels" not in manifest  # Blender would install them into its own Python
    assert "network" in manifest["permissions"]


def _matches(name: str, pattern: str) -> bool:
    path, parts = PurePosixPath(name), PurePosixPath(pattern).parts
    return len(path.parts) == len(parts) and path.match(pattern)
