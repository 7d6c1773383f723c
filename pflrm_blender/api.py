"""PF-LRM as functions, for scripts: what the buttons do, waiting for the result.

    from bl_ext.user_default.pflrm.pflrm_blender import api

    result = api.reconstruct(["front.jpg", "left.jpg", "back.jpg"], quality="draft")
    statue = bpy.data.objects[result.mesh]
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from . import job, texture
from .errors import PflrmError
from .properties import machine
from .results import Result, default_name
from .scene import LEAST_FACES, ResultData, ResultError, apply_result, load_result

_WORKER_OPTIONS = (
    "quality", "poses_only", "device", "seed", "focal_35mm", "fov", "masks", "tilts", "intrinsics", "weights",
    "mesh_resolution",
)  # fmt: skip
OPTIONS = (*_WORKER_OPTIONS, "face_limit", "texture_size")  # what a command line or a manifest may say about a run
TEXTURE_SIZE = 2048

StrPath = str | os.PathLike[str]


def reconstruct(
    photos: Sequence[StrPath],
    *,
    name: str = "",
    scene: bpy.types.Scene | None = None,
    size: float = 1.0,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    on_floor: bool = True,
    face_limit: int | None = None,
    texture_size: int = TEXTURE_SIZE,
    on_progress: Callable[[str, float], None] | None = None,
    interpreter: str = "",
    cameras_file: StrPath | None = None,
    mesh_file: StrPath | None = None,
    **options: Any,
) -> Result:
    """Make cameras and a mesh from one to twelve photos of one object, in a new collection of the scene.

    Paths may begin with // for the folder of the .blend file.

    :param photos: the files; the first is the reference, whose camera looks along +y; the object stands upright.
    :param name: what the object is called; after the photos if empty, see ``default_name``.
    :param scene: where the result goes; the context's scene if None.
    :param size: length of the object's longest side in scene units.
    :param location: where the object stands in the world.
    :param on_floor: put the object's lowest point at ``location``, rather than its middle.
    :param face_limit: simplify the mesh to this many triangles at most, see ``scene.apply_result``.
    :param texture_size: texels along each side of the mesh's texture: 1024, 2048 or 4096; 0 for vertex colours only.
    :param on_progress: is called with the stage and the fraction of the whole; what it raises cancels the run.
    :param interpreter: the worker's Python; the preferences' if empty, see ``runtime.find_interpreter``.
    :param cameras_file: also write the cameras there, as cameras.json.
    :param mesh_file: also write the mesh there, as .ply, .obj or .glb, with all its faces.
    :param options: ``quality`` ("draft", "standard", "best"), ``poses_only``, ``device`` ("auto", "cpu", "cuda",
        "mps", "xpu"), ``seed``, ``focal_35mm`` (millimetres) or ``fov`` (degrees across the longer side), ``masks``
        (a file or None for each photo), ``tilts`` (for each photo from how far above it was taken, in degrees by eye,
        or None), ``intrinsics`` (a file in the form of cameras.json), ``weights`` (a file), ``mesh_resolution`` (16 to
        1024 cells along each side). None stands for the default.
    :returns: the names of what was made.
    :raises PflrmError: with a message, a remedy and the kind of failure; the scene is as it was.
    :raises TypeError: there is no such option, or ``photos`` is no list.
    """
    _check(photos, options, face_limit, texture_size)
    files = [_absolute(photo) for photo in photos]
    preferences, background = machine(), job.shared()
    background.managed = preferences.managed
    request = {
        "photos": files,
        "options": {"device": preferences.device, "weights": preferences.weights or None, **_plain(options)},
        "cameras": _absolute(cameras_file) if cameras_file else None,
        "mesh": _absolute(mesh_file) if mesh_file else None,
    }
    event = background.run(request, on_progress, interpreter or preferences.interpreter)
    try:
        data = load_result(Path(event["path"]))
        return apply_result(
            scene or bpy.context.scene, data, name or default_name(files), size=size, location=location,
            on_floor=on_floor, face_limit=face_limit, projected=_projected(data, texture_size, on_progress),
        )  # fmt: skip
    except ResultError as error:
        raise PflrmError("failure", str(error), "Run it again.") from error
    finally:
        background.clean()


def place_cameras(photos: Sequence[StrPath], **arguments: Any) -> Result:
    """Cameras alone: ``reconstruct`` with ``poses_only``, and the same arguments."""
    return reconstruct(photos, poses_only=True, **arguments)


def _check(photos: Any, options: dict[str, Any], face_limit: Any, texture_size: Any) -> None:
    """Refuse what would fail or be ignored after a long run."""
    unknown = set(options) - set(_WORKER_OPTIONS)
    if unknown:
        raise TypeError(f"There is no option {', '.join(sorted(unknown))}; the options are {', '.join(OPTIONS)}.")
    if isinstance(photos, (str, os.PathLike)):
        raise TypeError("The photos are a list of files, also if there is only one.")
    if face_limit is not None and (not isinstance(face_limit, int) or face_limit < LEAST_FACES):
        message = f"The option face_limit is {face_limit!r}."
        raise PflrmError("input", message, f"Give a whole number of at least {LEAST_FACES}, or none.")
    if texture_size not in (0, *texture.SIZES):
        message = f"The option texture_size is {texture_size!r}."
        raise PflrmError("input", message, "Give 1024, 2048 or 4096, or 0 for vertex colours only.")


def _projected(
    data: ResultData, size: int, on_progress: Callable[[str, float], None] | None
) -> texture.Texture | None:
    """The photos projected onto the mesh, if there is a mesh and a texture is wanted."""
    if not size or data.mesh is None:
        return None
    if on_progress is not None:
        on_progress(texture.STAGE, 1.0)
    return texture.project(data.mesh, texture.read_photos(data), size)


def _absolute(path: StrPath) -> str:
    return os.path.abspath(bpy.path.abspath(os.fspath(path)))


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """The given options as JSON knows them, with absolute paths: the worker has a folder of its own."""
    given = {option: value for option, value in options.items() if value is not None}
    for option in given.keys() & {"intrinsics", "weights"}:
        given[option] = _absolute(given[option])
    if "masks" in given:
        given["masks"] = [None if mask is None else _absolute(mask) for mask in given["masks"]]
    return given
