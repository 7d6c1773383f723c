"""One request: checked before anything heavy is loaded, then fulfilled by the pipeline and written to its files.

The worker and the command line ask in the same words, so a wrong value gets the same message in both.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .files import MESH_SUFFIXES, write
from .lenses import NARROWEST_FOV, WIDEST_FOV, focal_of

if TYPE_CHECKING:
    from .reconstruct import ModelCache, Reconstruction

QUALITIES = ("draft", "standard", "best")
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
CAMERAS_SUFFIX = ".json"

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Request:
    """What to reconstruct and where to write it. ``options`` are arguments of ``reconstruct.Options``."""

    photos: tuple[Path, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    output: Path | None = None  # .npz for Blender
    cameras: Path | None = None  # cameras.json
    mesh: Path | None = None  # .ply, .obj or .glb


def parse(message: Mapping[str, Any]) -> Request:
    """Check a request that came in as JSON.

    :param message: ``photos``, ``options`` and the files to write: ``output``, ``cameras``, ``mesh``.
    :raises InputError: there is no photo, an option is unknown or has an impossible value, or a file to write has no
        folder or the place of another one.
    """
    photos = _paths("photos", message.get("photos") or ())
    if not photos:
        raise InputError("There is no photo to reconstruct from.", "Give two to eight photos of one object.")
    options = {}
    for name, value in (message.get("options") or {}).items():
        if name not in _OPTIONS:
            raise InputError(f"There is no option {name}.", f"The options are {', '.join(_OPTIONS)}.")
        if value is not None:
            options[name] = _OPTIONS[name](name, value)
    if "fov" in options and "focal_35mm" in options:
        raise InputError("Both fov and focal_35mm are given.", "Give one of them: each decides the focal length.")
    cameras, mesh = _path("cameras", message.get("cameras")), _path("mesh", message.get("mesh"))
    if mesh and options.get("poses_only"):
        raise InputError(f"The mesh {mesh} cannot be written when only poses are wanted.", "Leave out one of the two.")
    if mesh and mesh.suffix.lower() not in MESH_SUFFIXES:
        raise InputError(f"The mesh {mesh} has an unknown ending.", f"Use one of {', '.join(MESH_SUFFIXES)}.")
    request = Request(photos, options, _path("output", message.get("output")), cameras, mesh)
    _check_outputs(request)
    return request


def fulfil(request: Request, progress: Progress, models: ModelCache) -> Reconstruction:
    """Run the pipeline and write the files that the request names. A file is complete or not there.

    :raises PflrmError: as ``reconstruct.reconstruct``; or a file cannot be written.
    """
    from . import reconstruct as pipeline  # torch: loaded only when there is work
    from .cameras import save_cameras
    from .mesh_files import save_mesh

    options = pipeline.Options(**request.options)
    result = pipeline.reconstruct(request.photos, options, models=models, progress=progress)
    if request.output:
        write(request.output, lambda path: pipeline.save_result(path, result))
    if request.cameras:
        write(request.cameras, lambda path: save_cameras(path, result.cameras, up=result.up))
    if request.mesh and result.mesh is not None:
        save_mesh(result.mesh, request.mesh)
    return result


def _check_outputs(request: Request) -> None:
    """:raises InputError: a file to write lacks its folder, has an unknown ending, or would replace another one."""
    taken = [("a photo", photo) for photo in request.photos]
    taken += [("a mask", mask) for mask in request.options.get("masks", ()) if mask is not None]
    taken += [(name, request.options[name]) for name in ("intrinsics", "weights") if name in request.options]
    for name in ("output", "cameras", "mesh"):
        path = getattr(request, name)
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise InputError(f"The folder of {path} does not exist.", "Create it, or choose another folder.")
        if name == "cameras" and path.suffix.lower() != CAMERAS_SUFFIX:
            raise InputError(f"The cameras {path} have an unknown ending.", f"Use {CAMERAS_SUFFIX}.")
        if name != "output" and path.is_dir():  # the output of an inspection is a folder
            raise InputError(f"{path} is a folder.", "Give the path of a file.")
        other = next((other for other, file in taken if _is_same(path, file)), None)
        if other is not None:
            raise InputError(f"{path} is given as {name} and as {other}.", "Give each file a name of its own.")
        taken.append((name, path))


def _is_same(first: Path, second: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):  # one of them is not there, or cannot be
        return first.samefile(second)
    return os.path.abspath(first) == os.path.abspath(second)


def _choice(*choices: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in choices:
            raise InputError(f"The {name} {value!r} is unknown.", f"Choose one of {', '.join(choices)}.")
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"The option {name} is {value!r}.", "Give true or false.")
    return value


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    """A number strictly between two bounds."""

    def check(name: str, value: Any) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low < value < high:
            raise InputError(f"The option {name} is {value!r}.", f"Give a number between {low:g} and {high:g}.")
        return float(value)

    return check


def _integer(low: int, high: int) -> Callable[[str, Any], int]:
    """A whole number from ``low`` to ``high``, both included."""

    def check(name: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"The option {name} is {value!r}.", f"Give a whole number from {low} to {high}.")
        return value

    return check


def _tilts(name: str, value: Any) -> tuple[float | None, ...]:
    """A list with an angle in degrees or nothing for each photo."""
    if not isinstance(value, (list, tuple)):
        raise InputError(f"The option {name} is {value!r}.", "Give a list with an angle in degrees for each photo.")
    check = _number(-90.5, 90.5)
    return tuple(None if item is None else check(name, item) for item in value)


def _path(name: str, value: Any) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, (str, Path)) or not str(value):
        raise InputError(f"The option {name} is {value!r}.", "Give the path of a file.")
    return Path(value)


def _paths(name: str, value: Any) -> tuple[Path, ...]:
    if isinstance(value, (str, Path)) or not all(isinstance(item, (str, Path)) and str(item) for item in value):
        raise InputError(f"The option {name} is {value!r}.", "Give a list of files.")
    return tuple(map(Path, value))


def _paths_or_none(name: str, value: Any) -> tuple[Path | None, ...]:
    """A list with a file or nothing for each photo."""
    if isinstance(value, (str, Path)):
        raise InputError(f"The option {name} is {value!r}.", "Give a list of files.")
    return tuple(_path(name, item) for item in value)


_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "quality": _choice(*QUALITIES),
    "poses_only": _flag,
    "device": _choice(*DEVICES),
    "seed": _integer(0, 2**31 - 1),
    "focal_35mm": _number(focal_of(WIDEST_FOV), focal_of(NARROWEST_FOV)),
    "fov": _number(NARROWEST_FOV, WIDEST_FOV),
    "masks": _paths_or_none,
    "tilts": _tilts,
    "intrinsics": _path,
    "weights": _path,
    "mesh_resolution": _integer(16, 1024),
}
