"""Reconstruct sets of photos and draw each: ``python demo/gallery.py FOLDER... --output PICTURES``.

A folder holds a set's photos, and perhaps cameras.json with their true cameras: then the lens is taken from it, and the
errors of the cameras are printed. Of more than eight photos eight are taken, or as many as are wanted, evenly spaced.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from pflrm.core.cameras import Camera, Intrinsics
from pflrm.core.evaluation.metrics import rotation_errors
from pflrm.core.evaluation.protocol import tell
from preview import draw

PHOTOS = 8
WIDTH = 1200  # pixels of a picture
QUALITY = 88


def main() -> None:
    """Reconstruct and draw; one line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=PHOTOS, help="of each set, at most")
    parser.add_argument("--vertical", action="store_true", help="tell the photos' verticals, as phones feel them")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for folder in arguments.folders:
        picture = arguments.output / f"{folder.name}{'-upright' if arguments.vertical else ''}.jpg"
        print(show(folder, picture, arguments.photos, arguments.vertical), flush=True)


def show(folder: Path, picture: Path, most: int, vertical: bool) -> str:
    """Write a set's picture; its name and figures."""
    true = true_cameras(folder)
    photos = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".png", ".jpg", ".jpeg"})
    chosen = [round(index) for index in np.linspace(0, len(photos), min(len(photos), most), endpoint=False)]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        command = [sys.executable, "-m", "pflrm", "reconstruct", *(str(photos[index]) for index in chosen)]
        command += ["--output", str(work / "scene.blend"), "--cameras", str(work / "cameras.json")]
        if true:
            tell(work / "lens.json", [true[index] for index in chosen], intrinsics=True, vertical=vertical)
            command += ["--intrinsics", str(work / "lens.json")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = json.loads((work / "cameras.json").read_text(encoding="utf-8"))["photos"]
        image = draw(work / "scene.blend")
    height = round(image.shape[0] * WIDTH / image.shape[1])
    image = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(picture), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    sure = " ".join(f"{one['confidence']:.2f}" for one in found[1:])
    line = f"{folder.name}: confidence {sure}"
    if true:
        poses = np.stack([true[index].world_to_camera for index in chosen])
        # The first pairs of views are those with the first photo.
        errors = rotation_errors(np.array([one["world_to_camera"] for one in found]), poses)[: len(chosen) - 1]
        line += f"; errors {' '.join(f'{error:.0f}°' for error in errors)}"
    return line


def true_cameras(folder: Path) -> list[Camera]:
    """The cameras in a set's cameras.json; none where it has no such file."""
    file = folder / "cameras.json"
    if not file.exists():
        return []
    content = json.loads(file.read_text(encoding="utf-8"))
    return [
        Camera(
            str(folder / one["file"]),
            Intrinsics(one["width"], one["height"], one["fx"], one["fy"], one["cx"], one["cy"]),
            np.array(one["world_to_camera"], dtype=np.float64), 1.0,
        )
        for one in content.get("views") or content["photos"]
    ]


if __name__ == "__main__":
    main()
