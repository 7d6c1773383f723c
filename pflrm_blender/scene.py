"""Results into the scene: a collection with a camera for each photo, the photos behind them, the mesh and its material.

The only writer of ``bpy.data``. Everything that a run makes hangs below one empty, the root, so that an artist can
move, turn and scale the whole. A run that fails half way leaves the file as it was.

Results come with OpenCV cameras (x right, y down, z forward) in units of the object's radius; Blender's cameras look
along −z with y up. A result's world is level with its first photo; it is turned so that the object stands upright.
What later steps need to know is kept in custom properties, which survive without the extension: collection
``pflrm_run``, ``pflrm_made`` (pointers to the objects), ``pflrm_seconds``, ``pflrm_warnings``, ``pflrm_symmetry``;
root ``pflrm_extent`` (the object's longest side at a scale of 1); camera ``pflrm_photo``, ``pflrm_photo_size``
(pixels), ``pflrm_confidence`` (0 … 1), and those of ``alternatives.py`` and ``overlay.py``.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from . import alternatives, overlay, photo_images, texture
from .results import Result, add_markers, fit_background, remember_made

COLOUR_ATTRIBUTE = "Color"
LEAST_FACES = 4  # of a closed mesh: a tetrahedron
_BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_RADII_ACROSS = 2.0  # the object's size in units of the result, where no mesh tells better
_SQUARE_PIXEL_TOLERANCE = 1e-3  # a difference of fx and fy beyond this share shows at the photo's edge


class ResultError(Exception):
    """A result file that cannot be used; the message says which and why."""


@dataclass(frozen=True)
class MeshData:
    """``vertices`` (N, 3) float32, ``faces`` (M, 3) int32, ``colours`` (N, 3) float32 sRGB values in [0, 1]."""

    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray


@dataclass(frozen=True)
class ResultData:
    """What the worker found, for V photos.

    ``files`` (V,) absolute paths; ``sizes`` (V, 2) width and height of the upright photos; ``intrinsics`` (V, 4) fx,
    fy, cx, cy in pixels; ``world_to_camera`` (V, 4, 4) OpenCV; ``confidence`` (V,) in [0, 1]; ``seconds`` by stage.
    ``alternatives`` (K, V, 4, 4) and ``alternative_confidence`` (K, V): sets of cameras that explain the photos about
    as well, first the one above; ``symmetry``: in words why there are several. ``points``: a (N, 4) for each photo, in
    its camera (OpenCV), and how sure each is. ``up`` (3,): where the sky is in the result's world. ``copies``: for
    each photo a JPEG file to show, where Blender does not read the photo's own.
    """

    files: tuple[Path, ...]
    sizes: np.ndarray
    intrinsics: np.ndarray
    world_to_camera: np.ndarray
    confidence: np.ndarray
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    mesh: MeshData | None
    masks: tuple[np.ndarray, ...] = ()
    alternatives: np.ndarray | None = None
    alternative_confidence: np.ndarray | None = None
    symmetry: str = ""
    points: tuple[np.ndarray, ...] = ()
    up: tuple[float, ...] = (0.0, 0.0, 1.0)
    copies: tuple[bytes | None, ...] = ()


def load_result(path: Path) -> ResultData:
    """Read a worker's result.

    :raises ResultError: the file is missing, damaged, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return ResultData(
                files=tuple(Path(str(file)) for file in arrays["files"]),
                sizes=arrays["size"],
                intrinsics=arrays["intrinsics"].astype(np.float64),
                world_to_camera=arrays["world_to_camera"].astype(np.float64),
                confidence=arrays["confidence"],
                warnings=tuple(str(warning) for warning in arrays["warnings"]),
                seconds=json.loads(str(arrays["seconds_json"])),
                mesh=_read_mesh(arrays) if "vertices" in arrays else None,
                masks=tuple(arrays[name] / np.float32(255) for name in _each("mask", arrays)),
                alternatives=arrays["alternatives"].astype(np.float64) if "alternatives" in arrays else None,
                alternative_confidence=arrays.get("alternative_confidence"),
                symmetry=str(arrays.get("symmetry", "")),
                points=tuple(arrays[name] for name in _each("points", arrays)),
                copies=tuple(
                    arrays[f"copy_{index}"].tobytes() if f"copy_{index}" in arrays else None
                    for index in range(len(arrays["files"]))
                ),
                up=tuple(float(value) for value in arrays["up"]) if "up" in arrays else (0.0, 0.0, 1.0),
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ResultError(f"The result {path} cannot be read: {error}") from error


def _each(kind: str, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """The names of what a result has for each photo; none where it lacks some."""
    names = [f"{kind}_{index}" for index in range(len(arrays["files"]))]
    return names if all(name in arrays for name in names) else []


def _read_mesh(arrays: Mapping[str, np.ndarray]) -> MeshData:
    """The mesh of a result; wrong indices would crash Blender, so they are looked for here."""
    vertices, faces, colours = arrays["vertices"], arrays["faces"], arrays["colours"]
    if not np.isfinite(vertices).all() or faces.min(initial=0) < 0 or faces.max(initial=-1) >= len(vertices):
        raise ValueError("its mesh is damaged")
    return MeshData(vertices, faces, colours)


def apply_result(
    scene: bpy.types.Scene,
    data: ResultData,
    name: str,
    *,
    size: float = 1.0,
    location: Sequence[float] = (0.0, 0.0, 0.0),
    on_floor: bool = True,
    face_limit: int | None = None,
    projected: texture.Texture | None = None,
    then: Callable[[Result], None] | None = None,
) -> Result:
    """Build the cameras and the mesh of a result in a new collection of the scene.

    :param name: what the object is called; the collection becomes "PF-LRM NAME".
    :param size: length of the object's longest side in scene units; of its bounding sphere's diameter without a mesh.
    :param location: where the object stands in the world.
    :param on_floor: put the mesh's lowest point at ``location`` rather than the middle of the object.
    :param face_limit: give a mesh with more triangles a Decimate modifier that keeps this many at most. It stays live:
        the artist can change its ratio, apply it or remove it.
    :param projected: what ``texture.project`` made for this mesh; without it the colours of the vertices are shown.
    :param then: what else belongs to it, called with the result; what it raises takes all of the result back.
    """
    builder = _Builder(scene, _upright(data), f"PF-LRM {name}")
    try:
        result = builder.build(size, location, on_floor, face_limit, projected)
        if then is not None:
            then(result)
    except BaseException:
        builder.take_back()
        raise
    return result


class _Builder:
    """Makes the datablocks of one result and remembers them, so that they can be taken back."""

    def __init__(self, scene: bpy.types.Scene, data: ResultData, title: str) -> None:
        self.scene = scene
        self.data = data
        self.title = title
        self.warnings = list(data.warnings)
        self.made: list[bpy.types.ID] = []
        self.camera_before = scene.camera

    def build(
        self, size: float, location: Sequence[float], on_floor: bool, face_limit: int | None,
        projected: texture.Texture | None,
    ) -> Result:  # fmt: skip
        mesh_data = self.data.mesh
        extent, lowest = _RADII_ACROSS, 0.0
        if mesh_data is not None and len(mesh_data.vertices):
            low, high = mesh_data.vertices.min(axis=0), mesh_data.vertices.max(axis=0)
            extent, lowest = float((high - low).max()), float(low[2])
        scale = size / extent
        lift = Matrix.Translation((0.0, 0.0, -lowest if on_floor else 0.0))

        collection = self._keep(bpy.data.collections.new(self.title))
        self.scene.collection.children.link(collection)
        root = self._make_root(collection, extent, scale, location)
        mesh = None
        if mesh_data is not None:
            mesh = self._make_object(collection, root, self.title, self._make_mesh(mesh_data), lift)
            if projected is not None and len(projected.corners) == len(mesh.data.polygons):
                self._keep(texture.show(mesh.data, projected))
            if face_limit is not None:
                _limit_faces(mesh, face_limit)
        cameras = [self._make_camera(collection, root, index, lift, scale) for index in range(len(self.data.files))]
        self._show_cameras(cameras)
        remember_made(collection, [root, *cameras] if mesh is None else [root, mesh, *cameras])
        collection["pflrm_run"] = 1 + max((run.get("pflrm_run", 0) for run in bpy.data.collections), default=0)
        collection["pflrm_seconds"] = sum(self.data.seconds.values())
        collection["pflrm_warnings"] = "\n".join(self.warnings)
        collection["pflrm_symmetry"] = self.data.symmetry
        for view_layer in self.scene.view_layers:
            view_layer.update()  # world matrices are right at once, for scripts too
        names = tuple(camera.name for camera in cameras)
        return Result(collection.name, root.name, names, mesh.name if mesh else None, tuple(self.warnings))

    def take_back(self) -> None:
        for marker in [marker for marker in self.scene.timeline_markers if marker.camera in self.made]:
            self.scene.timeline_markers.remove(marker)
        self.scene.camera = self.camera_before
        bpy.data.batch_remove(self.made)

    def _keep(self, datablock: Any) -> Any:
        self.made.append(datablock)
        return datablock

    def _make_object(
        self,
        collection: bpy.types.Collection,
        root: bpy.types.Object | None,
        name: str,
        data: bpy.types.ID | None,
        matrix: Matrix,
    ) -> bpy.types.Object:
        made = self._keep(bpy.data.objects.new(name, data))
        made.parent = root
        made.matrix_local = matrix
        collection.objects.link(made)
        return made

    def _make_root(
        self, collection: bpy.types.Collection, extent: float, scale: float, location: Sequence[float]
    ) -> bpy.types.Object:
        matrix = Matrix.Translation(location) @ Matrix.Scale(scale, 4)
        root = self._make_object(collection, None, f"{self.title} Root", None, matrix)
        root.empty_display_type = "PLAIN_AXES"
        root.empty_display_size = extent / 4
        root["pflrm_extent"] = extent
        return root

    def _make_camera(
        self, collection: bpy.types.Collection, root: bpy.types.Object, index: int, lift: Matrix, scale: float
    ) -> bpy.types.Object:
        path = self.data.files[index]
        world_to_camera = self.data.world_to_camera[index]
        camera = self._keep(bpy.data.cameras.new(path.stem))
        self._set_lens(camera, index)
        distance = float(np.linalg.norm(world_to_camera[:3, 3])) * scale
        camera.clip_start, camera.clip_end = distance / 100, distance * 100
        camera.display_size = distance / scale / 10  # Blender draws it at the scale of the object
        made = self._make_object(collection, root, path.stem, camera, _camera_matrix(world_to_camera, lift))
        if self.data.alternatives is not None and self.data.alternative_confidence is not None:
            poses = [_camera_matrix(pose, lift) for pose in self.data.alternatives[:, index]]
            alternatives.remember(made, poses, self.data.alternative_confidence[:, index])
        made["pflrm_index"] = index
        made["pflrm_photo"] = str(path)
        made["pflrm_photo_size"] = [int(pixels) for pixels in self.data.sizes[index]]
        made["pflrm_confidence"] = float(self.data.confidence[index])
        masks, points = self.data.masks, self.data.points
        overlay.remember(made, masks[index] if masks else None, points[index] if points else None)
        self._show_photo(made, path, self.data.copies[index] if self.data.copies else None)
        return made

    def _set_lens(self, camera: bpy.types.Camera, index: int) -> None:
        width, height = (float(pixels) for pixels in self.data.sizes[index])
        fx, fy, cx, cy = (float(value) for value in self.data.intrinsics[index])
        camera.sensor_fit = "HORIZONTAL"
        camera.lens = fx * camera.sensor_width / width
        camera.shift_x = -(cx - width / 2) / width
        camera.shift_y = (cy - height / 2) / width * (fx / fy)
        if not math.isclose(fx, fy, rel_tol=_SQUARE_PIXEL_TOLERANCE):
            self.warnings.append(
                f"{self.data.files[index].name} has pixels that are not square ({fx / fy:.3f} to 1), which a camera in "
                "Blender cannot have of its own: this one matches the photo across, not up and down."
            )

    def _show_photo(self, camera: bpy.types.Object, path: Path, copy: bytes | None) -> None:
        known = set(bpy.data.images)
        try:
            image = photo_images.load_upright(path, copy)
        except photo_images.PhotoImageError as error:
            self.warnings.append(str(error))
            return
        if image not in known:
            self._keep(image)
        camera.data.show_background_images = True
        background = camera.data.background_images.new()
        background.image = image
        background.alpha = 0.5
        background.display_depth = "FRONT"  # over the mesh: the artist sees at once how well they match
        fit_background(self.scene, camera)

    def _show_cameras(self, cameras: list[bpy.types.Object]) -> None:
        """Give the cameras to a scene that has none of the artist's own, with a timeline marker each.

        A marker that is bound to a camera takes the scene's camera over at every frame, so a scene with a camera of
        its own gets none.
        """
        own = self.scene.camera is not None and "pflrm_photo" not in self.scene.camera
        if own or any(marker.camera and "pflrm_photo" not in marker.camera for marker in self.scene.timeline_markers):
            return
        add_markers(self.scene, cameras)
        if self.scene.camera is None and cameras:
            self.scene.camera = cameras[0]

    def _make_mesh(self, data: MeshData) -> bpy.types.Mesh:
        mesh = self._keep(bpy.data.meshes.new(self.title))
        corners = data.faces.size
        mesh.vertices.add(len(data.vertices))
        # Through the attributes Blender copies whole arrays; through ``vertices`` and ``loops`` one number at a time.
        mesh.attributes["position"].data.foreach_set("vector", np.ascontiguousarray(data.vertices, np.float32).ravel())
        mesh.loops.add(corners)
        mesh.attributes[".corner_vert"].data.foreach_set("value", np.ascontiguousarray(data.faces, np.int32).ravel())
        mesh.polygons.add(len(data.faces))
        mesh.polygons.foreach_set("loop_start", np.arange(0, corners, 3, dtype=np.int32))
        mesh.update(calc_edges=True)
        # Blender's own validation costs as much as all the rest, and finds nothing else in triangles of known vertices.
        if (data.faces == np.roll(data.faces, 1, axis=1)).any():
            mesh.validate()
            self.warnings.append("The mesh had faces without an area; they were left out.")
        mesh.shade_smooth()
        # Bytes hold sRGB values as the photos do, so that nothing is converted; Blender makes them linear to render.
        colours = mesh.color_attributes.new(COLOUR_ATTRIBUTE, "BYTE_COLOR", "POINT")
        colours.data.foreach_set("color_srgb", np.insert(data.colours, 3, 1.0, axis=1).astype(np.float32).ravel())
        mesh.color_attributes.active_color = colours
        mesh.materials.append(self._make_material(data.colours))
        return mesh

    def _make_material(self, colours: np.ndarray) -> bpy.types.Material:
        material = self._keep(bpy.data.materials.new(self.title))
        if material.node_tree is None:  # before Blender 5.0
            material.use_nodes = True
        nodes, links = material.node_tree.nodes, material.node_tree.links
        shader = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
        shader.inputs["Roughness"].default_value = 0.8
        attribute = nodes.new("ShaderNodeVertexColor")
        attribute.layer_name = COLOUR_ATTRIBUTE
        attribute.location = (shader.location.x - 200, shader.location.y)
        links.new(attribute.outputs["Color"], shader.inputs["Base Color"])
        if len(colours):
            material.diffuse_color = (*_linear_from_srgb(colours.mean(axis=0)), 1.0)
        return material


def _camera_matrix(world_to_camera: np.ndarray, lift: Matrix) -> Matrix:
    """The local matrix of a camera object under the result's root."""
    return lift @ Matrix((np.linalg.inv(world_to_camera) @ _BLENDER_FROM_OPENCV).tolist())


def _upright(data: ResultData) -> ResultData:
    """The same result in a world whose z axis points to the sky."""
    turn = np.eye(4)
    turn[:3, :3] = Vector(data.up).rotation_difference(Vector((0.0, 0.0, 1.0))).to_matrix()
    mesh, others = data.mesh, data.alternatives
    if mesh is not None:
        mesh = replace(mesh, vertices=(mesh.vertices @ turn[:3, :3].T).astype(np.float32))
    return replace(
        data, mesh=mesh, world_to_camera=data.world_to_camera @ turn.T,
        alternatives=None if others is None else others @ turn.T, up=(0.0, 0.0, 1.0),
    )


def _limit_faces(mesh: bpy.types.Object, limit: int) -> None:
    faces = len(mesh.data.polygons)
    if faces > limit:
        modifier = mesh.modifiers.new("Face Limit", "DECIMATE")
        modifier.ratio = limit / faces
        modifier.use_collapse_triangulate = True


def _linear_from_srgb(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
