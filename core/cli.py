"""The command line without Blender: ``python -m pflrm.core reconstruct PHOTO... --cameras OUT.json --mesh OUT.glb``."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .errors import PflrmError
from .failures import explain
from .request import DEVICES, QUALITIES, fulfil, parse

if TYPE_CHECKING:
    from .reconstruct import Reconstruction

EPILOG = "Exit codes: 0 done, 2 wrong input, 3 runtime missing or broken, 4 out of memory, 130 cancelled, 1 other."


def parser() -> argparse.ArgumentParser:
    """The arguments of boundary 1; ``pflrm_blender.cli`` has the same ones for Blender's command line."""
    program = argparse.ArgumentParser(prog="python -m pflrm.core", description=__doc__, epilog=EPILOG)
    actions = program.add_subparsers(dest="action", required=True)
    command = actions.add_parser("reconstruct", help="photos of one object to cameras and a mesh", epilog=EPILOG)
    add = command.add_argument
    add("photos", nargs="*", metavar="PHOTO",
        help="one to twelve photos of one object, before all options; the first is the reference")
    add("--mask", nargs="+", type=_mask, metavar="FILE", dest="masks",
        help="one mask for each photo, white is the object; - where it is found without")
    add("--cameras", metavar="OUT.json", help="write the cameras as JSON")
    add("--mesh", metavar="OUT", help="write the mesh as .ply, .obj or .glb")
    add("--poses-only", action="store_true", default=None, help="cameras without a mesh")
    add("--quality", choices=QUALITIES, help="default: standard")
    lens = command.add_mutually_exclusive_group()
    lens.add_argument("--focal-35mm", type=float, metavar="MM", help="35 mm equivalent focal length of all photos")
    lens.add_argument("--fov", type=float, metavar="DEG", help="field of view across the longer side of all photos")
    add("--intrinsics", metavar="FILE", help="intrinsics of each photo, in the form of cameras.json")
    add("--tilt", nargs="+", type=_tilt, metavar="DEG", dest="tilts",
        help="from how far above each photo was taken, by eye, in degrees above the horizon; - where nobody knows")
    add("--device", choices=DEVICES, help="default: the best there is")
    add("--weights", metavar="FILE", help="other weights than the bundled ones")
    add("--seed", type=int, metavar="N", help="another seed gives another search; default: 0")
    add("--mesh-resolution", type=int, metavar="N",
        help="cells of the grid along each side, 16 to 1024; default: 96, 224, 320 for draft, standard, best")
    add("--json", action="store_true", help="print one JSON object a line instead of words")
    return program


def _mask(text: str) -> str | None:
    """A file, or None for a dash."""
    return None if text == "-" else text


def _tilt(text: str) -> float | None:
    """Degrees above the horizon, or None for a dash."""
    return None if text == "-" else float(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. Wrong arguments leave through argparse with 2."""
    options = vars(parser().parse_args(arguments))
    options.pop("action")
    as_json = options.pop("json")
    message = {name: options.pop(name) for name in ("photos", "cameras", "mesh")}
    try:
        request = parse({**message, "options": options})
        from .reconstruct import ModelCache

        result = fulfil(request, _json_progress if as_json else _Printer(), ModelCache())
    except (Exception, KeyboardInterrupt) as error:
        return _report_failure(error, as_json)
    if as_json:
        _print_json(
            event="result",
            cameras=message["cameras"],
            mesh=message["mesh"],
            confidence=[float(camera.confidence) for camera in result.cameras],
            warnings=list(result.warnings),
            seconds=result.seconds,
        )
    else:
        _print_result(result, message)
    return 0


class _Printer:
    """Progress in words on stderr, one line a stage."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self._stage = stage
            print(f"{fraction:4.0%}  {stage}", file=sys.stderr, flush=True)


def _json_progress(stage: str, fraction: float) -> None:
    _print_json(event="progress", stage=stage, fraction=float(fraction))


def _print_json(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _print_result(result: Reconstruction, message: dict[str, Any]) -> None:
    for warning in result.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    for camera in result.cameras:
        print(f"{camera.file}: confidence {camera.confidence:.2f}")
    for name in ("cameras", "mesh"):
        if message[name]:
            print(f"Wrote {message[name]}")
    print(f"Done in {sum(result.seconds.values()):.1f} s")


def _report_failure(error: BaseException, as_json: bool) -> int:
    failure = explain(error)
    unexpected = type(failure) is PflrmError and failure is not error
    if as_json:
        _print_json(event="error", kind=failure.kind, message=failure.message, remedy=failure.remedy)
    else:
        print(f"Error: {failure}", file=sys.stderr)
    if unexpected:
        traceback.print_exception(error)
    return failure.exit_code
