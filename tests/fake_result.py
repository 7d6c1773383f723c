"""A made-up result of the worker with known truth: cameras around a small object, photos on disk. numpy alone."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np

SIZES = ((64, 48), (48, 64), (60, 60))
INTRINSICS = ((80.0, 80.0, 33.0, 22.0), (70.0, 70.0, 24.0, 30.0), (90.0, 90.0, 30.0, 30.0))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """(H, W, 3) uint8 as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.insert(pixels.reshape(height, width * 3), 0, 0, axis=1).astype(np.uint8)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, body) for kind, body in chunks))


def set_orientation(path: Path, orientation: int) -> None:
    """Write the orientation tag into a PNG file."""
    tags = b"II" + struct.pack("<HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    content = path.read_bytes()
    path.write_bytes(content[:33] + _png_chunk(b"eXIf", tags) + content[33:])


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def look_at_origin(azimuth: float, elevation: float, distance: float) -> np.ndarray:
    """world_to_camera (4, 4), OpenCV, of an upright camera that looks at the origin; azimuth 0 stands at −y."""
    azimuth, elevation = np.radians([azimuth, elevation])
    position = distance * np.array([
        np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation),
    ])
    forward = -position / distance
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ position
    return matrix


def octahedron() -> dict[str, np.ndarray]:
    """A closed mesh in the arrays of a result: counter-clockwise faces seen from outside, one colour a corner."""
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 0.5], [0, 0, -0.5]], np.float32)
    faces = np.array(
        [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32
    )
    colours = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0.5, 0.5, 0.5], [0.2, 0.4, 0.6]], np.float32)
    normals = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    return {"vertices": vertices, "faces": faces, "normals": normals, "colours": colours}


def make_photos(folder: Path) -> list[Path]:
    """Three photos of different shapes."""
    paths = []
    for name, (width, height) in zip(("front", "left", "back"), SIZES, strict=True):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[: height // 2, : width // 2] = (255, 64, 0)
        paths.append(folder / f"{name}.png")
        write_png(paths[-1], pixels)
    return paths


def make_result(path: Path, photos: list[Path], *, mesh: bool = True, **changes: object) -> Path:
    """Write a result .npz for up to three photos; ``changes`` replace its arrays."""
    count = len(photos)
    poses = [look_at_origin(0, 10, 4.0), look_at_origin(95, 25, 4.5), look_at_origin(200, -5, 3.6)]
    arrays: dict[str, object] = {
        "files": np.array([str(photo) for photo in photos]),
        "size": np.array(SIZES[:count]),
        "intrinsics": np.array(INTRINSICS[:count]),
        "world_to_camera": np.stack(poses[:count]),
        "confidence": np.array([1.0, 0.55, 0.2])[:count],
        "warnings": np.array(["A warning from the worker."]),
        "seconds_json": np.array(json.dumps({"Reading Photos": 0.5, "Refining Poses": 2.0})),
    }
    np.savez(path, **{**arrays, **(octahedron() if mesh else {}), **changes})  # type: ignore[arg-type]
    return path
