"""What a scene remembers: its photos, how to reconstruct them, and which result is in front of the artist.

What belongs to the machine rather than to the scene (interpreter, weights, device) is read from the preferences, so
that a file that travels to another machine does not bring it along.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import paths, results

ROOT_PACKAGE = __package__.rpartition(".")[0]  # of the extension, as Blender names it
MOST_PHOTOS = 8  # that a run works with
ENOUGH = 5  # from which on cameras are mostly right; see docs/benchmarks.md
TILTS = {"PHOTO": None, "LEVEL": 0.0, "ABOVE": 20.0, "HIGH": 45.0, "TOP": 70.0}  # degrees; of PFLRM_PG_photo.height
MOST_OFFERED = 12  # from which it chooses those that differ most
# A path may begin with // for the folder of the .blend; since Blender 4.5 a property has to say so.
_KNOWS_RELATIVE = "is_path_supports_blend_relative" in bpy.types.Property.bl_rna.properties
_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if _KNOWS_RELATIVE else set()


@dataclass(frozen=True)
class Machine:
    """The preferences; these are the values without the extension's own, as in tests."""

    managed: Path  # the folder of the environment that the extension makes
    interpreter: str = ""
    weights: str = ""
    device: str = "auto"
    idle_minutes: int = 5
    variant: str = "auto"
    wheels: str = ""
    base: str = ""


def machine() -> Machine:
    """The preferences of this machine."""
    addon = bpy.context.preferences.addons.get(ROOT_PACKAGE)
    if addon is None or addon.preferences is None:
        return Machine(managed_folder())
    chosen = addon.preferences
    interpreter, weights, folder, wheels, base = (
        bpy.path.abspath(path) if path else ""
        for path in (chosen.interpreter, chosen.weights, chosen.runtime_folder, chosen.wheels, chosen.base)
    )
    return Machine(
        managed_folder(folder), interpreter, weights, chosen.device, chosen.idle_minutes, chosen.variant, wheels, base
    )


def managed_folder(chosen: str = "") -> Path:
    """Where the extension makes its environment.

    :param chosen: the user's folder on another disk, below which it gets a folder of its own.
    """
    if chosen:
        return Path(chosen, "pflrm-runtime")
    if os.name == "nt":  # Blender's own folder would make paths too long, and may travel with a roaming profile
        return Path(os.environ.get("LOCALAPPDATA", Path.home()), "pflrm", "runtime")
    try:
        return Path(bpy.utils.extension_path_user(ROOT_PACKAGE), "runtime")
    except ValueError:  # not installed as an extension: python -m pflrm
        return Path(bpy.utils.user_resource("DATAFILES"), "pflrm", "runtime")


class PFLRM_PG_photo(bpy.types.PropertyGroup):
    """One photo of the object."""

    filepath: StringProperty(name="Photo", description="The photo's file", subtype="FILE_PATH", options=_RELATIVE)
    mask: StringProperty(
        name="Mask",
        description="An image of the photo's size that is white where the object is; "
        "without one the object is cut out by the photo's own transparency, or found by itself",
        subtype="FILE_PATH",
        options=_RELATIVE,
    )
    height: EnumProperty(
        name="Taken From",
        description="From how high this photo was taken. Where the phone has not noted it, saying it makes cameras "
        "better",
        items=[
            ("PHOTO", "As Noted", "As the phone noted it in the photo, if it did"),
            ("LEVEL", "Eye Level", "From the side, about as high as the object"),
            ("ABOVE", "A Little Above", "About 20° above the horizon"),
            ("HIGH", "Above", "About 45° above the horizon"),
            ("TOP", "Far Above", "About 70° above the horizon, nearly from the top"),
        ],
    )
    enabled: BoolProperty(
        name="Use", description="Use this photo in the next run. The first one in use is the reference, with a star",
        default=True,
    )
    problem: StringProperty(name="Problem", description="What the last run found wrong with this photo")


class PFLRM_PG_scene(bpy.types.PropertyGroup):
    """The photos of a scene and what to make of them. The first photo in use is the reference."""

    photos: CollectionProperty(type=PFLRM_PG_photo)
    active_photo: IntProperty(name="Active Photo", options=set())
    quality: EnumProperty(
        name="Quality",
        description="How long the search for the best cameras and shape may take",
        items=[
            ("draft", "Draft", "A first look, in the shortest time"),
            ("standard", "Standard", "For most objects"),
            ("best", "Best", "Searches longest and makes the finest mesh"),
        ],
        default="standard",
    )
    focal: EnumProperty(
        name="Focal Length",
        description="How the photos' lens is known",
        items=[
            (
                "PHOTO", "From Photos",
                "Read it from the photos' notes (EXIF); where none has any, Standard and Best look for it",
            ),
            ("LENS", "Lens", "Give the focal length that a full-frame camera would need (35 mm equivalent)"),
            ("ANGLE", "Angle", "Give the field of view across the photos' longer side"),
        ],
    )
    focal_35mm: FloatProperty(
        name="Focal Length", description="35 mm equivalent, in millimetres", default=27.0, min=5.0, soft_max=300.0,
        precision=1,
    )
    fov: FloatProperty(
        name="Angle of View", description="Across the longer side of the photos", default=0.872665, min=0.0175,
        max=2.79, subtype="ANGLE",
    )
    face_limit: IntProperty(
        name="Face Limit", default=0,
        description="Simplify the mesh to this many triangles at most, with a Decimate modifier; 0 keeps them all",
        min=0, soft_max=500_000, step=1000,
    )
    texture: EnumProperty(
        name="Texture",
        description="How the mesh gets its colours",
        items=[
            ("0", "Vertex Colours Only", "Colours of the vertices, without UV coordinates or an image"),
            ("1024", "1K", "Project the photos onto the mesh, into an image of 1024 × 1024 pixels"),
            ("2048", "2K", "Project the photos onto the mesh, into an image of 2048 × 2048 pixels"),
            ("4096", "4K", "Project the photos onto the mesh, into an image of 4096 × 4096 pixels"),
        ],
        default="2048",
    )
    placement: EnumProperty(
        name="Place At",
        description="Where the object will stand",
        items=[
            ("ORIGIN", "World Origin", "At the middle of the world"),
            ("CURSOR", "3D Cursor", "Where the 3D cursor is when the run starts"),
        ],
    )
    on_floor: BoolProperty(
        name="Stand on Floor",
        description="Put the object's lowest point there; otherwise its middle",
        default=True,
    )
    size: FloatProperty(
        name="Size", description="Length of the object's longest side. Photos alone do not tell how large it is",
        default=1.0, min=0.0001, soft_max=10.0, subtype="DISTANCE", unit="LENGTH",
    )
    title: StringProperty(
        name="Name", description="What the result will be called; empty takes the name of the photos' folder"
    )


class PFLRM_PG_overlay(bpy.types.PropertyGroup):
    """What the viewports show of the result in front of the artist, over the scene."""

    outlines: BoolProperty(
        name="Outlines",
        description="Show the outline of the object that was found in each photo, in the camera's frame",
    )
    errors: BoolProperty(
        name="Errors",
        description="Show how far the mesh misses the outlines: green lines where it fits, red ones where it is "
        "a twentieth of the object's size away or more",
    )
    points: BoolProperty(
        name="Points",
        description="Show the surface that the network sees in each photo, as points: green where it is sure, "
        "red where it is not. The points of cameras that are right lie on one another",
    )


def path_of(photo: PFLRM_PG_photo) -> Path:
    """The file of a photo, without Blender's // for the folder of the .blend."""
    return Path(paths.absolute(photo.filepath))


def photos_in_use(properties: PFLRM_PG_scene) -> list[PFLRM_PG_photo]:
    """The photos of the next run, the reference first."""
    return [photo for photo in properties.photos if photo.enabled]


def current_result(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The result in front of the artist, or None: a deleted one lives on in the file as long as it is pointed at."""
    return scene.pflrm_result if scene.pflrm_result in results.results_of(scene) else None


def _result_root(scene: bpy.types.Scene) -> bpy.types.Object | None:
    result = current_result(scene)
    return results.root_of(result) if result else None


def _get_size(scene: bpy.types.Scene) -> float:
    root = _result_root(scene)
    return root["pflrm_extent"] * root.scale.x if root else 0.0


def _set_size(scene: bpy.types.Scene, size: float) -> None:
    if root := _result_root(scene):
        factor = size / _get_size(scene) if root.scale.x > 0 else 1.0
        root.scale = (size / root["pflrm_extent"],) * 3
        for camera in results.cameras_of(current_result(scene)):  # an object's scale does not reach its clipping
            camera.data.clip_start *= factor
            camera.data.clip_end *= factor


def _backgrounds(scene: bpy.types.Scene) -> list[bpy.types.CameraBackgroundImage]:
    result = current_result(scene)
    cameras = results.cameras_of(result) if result else []
    return [background for camera in cameras for background in camera.data.background_images]


def _get_opacity(scene: bpy.types.Scene) -> float:
    return next((background.alpha for background in _backgrounds(scene)), 0.0)


def _set_opacity(scene: bpy.types.Scene, alpha: float) -> None:
    for background in _backgrounds(scene):
        background.alpha = alpha


_CLASSES = (PFLRM_PG_photo, PFLRM_PG_scene, PFLRM_PG_overlay)
# Those with callbacks stand beside the group: the bpy module 4.2 crashes at exit when a property group had functions.
_SCENE_PROPERTIES = {
    "pflrm": PointerProperty(type=PFLRM_PG_scene),
    "pflrm_overlay": PointerProperty(type=PFLRM_PG_overlay),
    "pflrm_result": PointerProperty(
        type=bpy.types.Collection, name="Result", description="The result whose cameras are listed here",
        poll=lambda _, collection: "pflrm_run" in collection,
    ),
    "pflrm_result_size": FloatProperty(
        name="Size", description="Length of the object's longest side. Scales the mesh and the cameras together",
        get=_get_size, set=_set_size, min=0.0001, soft_max=10.0, subtype="DISTANCE", unit="LENGTH",
    ),
    "pflrm_photo_opacity": FloatProperty(
        name="Photo Opacity", description="How much of its photo each camera shows over the scene",
        get=_get_opacity, set=_set_opacity, min=0.0, max=1.0, subtype="FACTOR",
    ),
}


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for name, definition in _SCENE_PROPERTIES.items():
        setattr(bpy.types.Scene, name, definition)


def unregister() -> None:
    for name in _SCENE_PROPERTIES:
        delattr(bpy.types.Scene, name)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
