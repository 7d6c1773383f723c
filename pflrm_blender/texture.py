"""The photos of a result as the texture of its mesh: UV coordinates, an image packed into the .blend, and a material.

Three steps: ``read_photos`` on the main thread; ``project``, arithmetic that takes seconds and knows nothing of
Blender, on whichever thread; ``show`` on the main thread again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np

from . import photo_images
from .texture_photos import Photo, to_srgb
from .texture_projection import bake

if TYPE_CHECKING:
    from .scene import MeshData, ResultData

UV_MAP = "UVMap"
SIZES = (1024, 2048, 4096)  # texels along each side
STAGE = "Projecting Photos"  # what the artist reads meanwhile


@dataclass(frozen=True)
class Texture:
    """``corners`` (M, 3, 2) float32: UV coordinates of the faces' corners; ``colours`` (S, S, 3) float32 sRGB, bottom
    row first."""

    corners: np.ndarray
    colours: np.ndarray


def read_photos(data: ResultData) -> list[Photo]:
    """The photos of a result that Blender can read, with their cameras. Leaves nothing in the .blend."""
    photos = []
    for index, path in enumerate(data.files):
        known = set(bpy.data.images)
        try:
            image = photo_images.load_upright(path, data.copies[index] if data.copies else None)
        except photo_images.PhotoImageError:
            continue  # who places the cameras warns of it
        pixels = read_pixels(image)
        if image not in known:
            bpy.data.images.remove(image)
        scale = np.array(pixels.shape[1::-1]) / data.sizes[index]
        photos.append(Photo(
            pixels,
            data.masks[index] if data.masks else None,
            data.intrinsics[index] * np.tile(scale, 2),
            data.world_to_camera[index],
            float(data.confidence[index]),
        ))  # fmt: skip
    return photos


def read_pixels(image: bpy.types.Image) -> np.ndarray:
    """The colours (H, W, 3) of an image as sRGB values, uint8, top row first.

    Blender keeps bytes as they are in the file, but makes more than eight bits linear.
    """
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    colours = pixels.reshape(height, width, image.channels)[::-1, :, :3]
    if colours.shape[2] < 3:
        colours = np.repeat(colours[..., :1], 3, axis=2)
    return np.rint(255 * np.clip(to_srgb(colours) if image.is_float else colours, 0, 1)).astype(np.uint8)


def project(mesh: MeshData, photos: Sequence[Photo], size: int) -> Texture | None:
    """Unwrap a mesh and project photos onto it; None where there is nothing to project.

    :param size: texels along each side of the texture.
    """
    if not photos or not len(mesh.faces):
        return None
    atlas, colours = bake(mesh.vertices, mesh.faces, mesh.colours, photos, size)
    return Texture((atlas.corners / size).astype(np.float32), colours)


def show(mesh: bpy.types.Mesh, texture: Texture) -> bpy.types.Image:
    """Give a mesh of triangles, with a material, its texture; returns the image, which is packed into the .blend.

    The colours of the vertices stay as an attribute.
    """
    mesh.uv_layers.new(name=UV_MAP, do_init=False)
    mesh.attributes[UV_MAP].data.foreach_set("vector", texture.corners.ravel())
    image = _make_image(mesh.name, texture.colours)
    nodes, links = mesh.materials[0].node_tree.nodes, mesh.materials[0].node_tree.links
    shader = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    for link in shader.inputs["Base Color"].links:
        nodes.remove(link.from_node)
    node = nodes.new("ShaderNodeTexImage")
    node.image = image
    node.location = (shader.location.x - 300, shader.location.y)
    links.new(node.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Specular IOR Level"].default_value = 0.0  # the photos hold the highlights already
    nodes.active = node  # what Solid mode shows when it shows textures
    return image


def _make_image(name: str, colours: np.ndarray) -> bpy.types.Image:
    height, width = colours.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=False)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = colours
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    return image
