"""The results in a scene: their names, and what belongs to them. ``scene.py`` makes them.

This is what panels and buttons ask at every moment, so it does without numpy, which would delay Blender's start.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

_MADE = "pflrm_made"  # on the collection: pointers to the objects that its run has made


@dataclass(frozen=True)
class Result:
    """The names of what a run made in the file, and what the artist should know."""

    collection: str
    root: str
    cameras: tuple[str, ...]
    mesh: str | None
    warnings: tuple[str, ...]


def default_name(photos: Sequence[str | os.PathLike[str]]) -> str:
    """What an object is called by default: the folder its photos share, or the first photo if they share none."""
    folders = {Path(photo).parent.name for photo in photos}
    shared = folders.pop() if len(folders) == 1 else ""
    words = (shared or Path(photos[0]).stem).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def results_of(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The collections that runs made in this scene, oldest first."""
    return sorted(
        (collection for collection in scene.collection.children_recursive if "pflrm_run" in collection),
        key=lambda collection: collection["pflrm_run"],
    )


def remember_made(collection: bpy.types.Collection, made: Sequence[bpy.types.Object]) -> None:
    """Keep which objects a run has made.

    As pointers from the collection: a mark on the objects themselves would travel to the artist's duplicates of them.
    """
    collection[_MADE] = {str(index): item for index, item in enumerate(made)}


def made_of(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The objects in a result's collection, or in one below it, that the run has made; all others are the artist's."""
    there = set(collection.all_objects)  # a deleted object lives on in the file as long as it is pointed at
    return [item for item in _pointed_at(collection) if item in there]


def remains_of(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The objects that a run has made and the artist has deleted, but which the file still holds."""
    return [item for item in _pointed_at(collection) if not item.users_collection]


def _pointed_at(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    made = collection.get(_MADE, {})
    return [made[key] for key in made.keys() if made[key] is not None]  # noqa: SIM118 - Blender's group is no dict


def cameras_of(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The cameras of a result in the order of its photos."""
    cameras = [item for item in made_of(collection) if item.type == "CAMERA"]
    return sorted(cameras, key=lambda camera: camera.get("pflrm_index", 0))


def root_of(collection: bpy.types.Collection) -> bpy.types.Object | None:
    """The empty that carries a result, unless the artist deleted it."""
    return next((item for item in made_of(collection) if item.type == "EMPTY"), None)


def mesh_of(collection: bpy.types.Collection) -> bpy.types.Object | None:
    """The mesh of a result, if it has one."""
    return next((item for item in made_of(collection) if item.type == "MESH"), None)


def faces_of(mesh: bpy.types.Object) -> int:
    """How many faces of a result's mesh the artist sees: those that its face limit leaves."""
    limit = next((modifier for modifier in mesh.modifiers if modifier.type == "DECIMATE"), None)
    seen = limit.face_count if limit is not None and limit.show_viewport else 0  # 0 until it is first evaluated
    return seen or len(mesh.data.polygons)


def fit_background(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Make the photo span the width of the camera's frame, whatever shape the scene renders.

    Blender either fits the whole photo into the frame or fills the frame with it; which of the two spans the width
    depends on the shape of both. Call it again after the render size has changed.
    """
    render = scene.render
    frame = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    width, height = camera["pflrm_photo_size"]
    for background in camera.data.background_images:
        background.frame_method = "FIT" if width / height >= frame else "CROP"


def go_to_marker(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Go to the nearest frame whose marker is bound to a camera, if there is one.

    At other frames a render would go by their markers, whatever the scene's camera is.
    """
    frames = [marker.frame for marker in scene.timeline_markers if marker.camera == camera]
    if frames:
        scene.frame_set(min(frames, key=lambda frame: abs(frame - scene.frame_current)))


def add_markers(scene: bpy.types.Scene, cameras: Sequence[bpy.types.Object]) -> list[bpy.types.TimelineMarker]:
    """Mark a frame for each camera, so that the timeline switches between them; behind all markers there are."""
    start = max((marker.frame + 1 for marker in scene.timeline_markers), default=scene.frame_start)
    markers = []
    for frame, camera in enumerate(cameras, start):
        marker = scene.timeline_markers.new(camera.name, frame=frame)
        marker.camera = camera
        markers.append(marker)
    return markers
