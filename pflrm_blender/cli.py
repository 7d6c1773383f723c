"""Commands: ``blender --command pflrm reconstruct|batch|doctor|setup``, or ``python -m pflrm`` with the bpy module."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import batch, output, plan, report, runtime, setting_up, variants, weights
from .api import OPTIONS, reconstruct
from .errors import PflrmError
from .properties import machine

EPILOG = "Exit codes: 0 done, 2 wrong input, 3 runtime missing or broken, 4 out of memory, 130 cancelled, 1 other."


def execute(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; nothing leaves through sys.exit, which would end Blender badly."""
    as_json = "--json" in arguments
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        parsed = parser().parse_args(arguments)
        return parsed.run(parsed)
    except SystemExit as leave:  # argparse has said what is wrong, or printed its help
        return leave.code if isinstance(leave.code, int) else 2
    except KeyboardInterrupt:
        return report_failure(PflrmError("cancelled", "The run was cancelled."), as_json)
    except Exception as error:
        return report_failure(as_failure(error), as_json)
    finally:
        if interrupt is not None:  # None: a handler that Python does not know
            signal.signal(signal.SIGINT, interrupt)


def parser() -> argparse.ArgumentParser:
    """The arguments of boundary 2; the worker's are also those of ``core.cli``."""
    program = argparse.ArgumentParser(prog="pflrm", description=__doc__, epilog=EPILOG)
    actions = program.add_subparsers(required=True, metavar="COMMAND")

    command = actions.add_parser("reconstruct", help="photos of one object to a .blend file", epilog=EPILOG)
    command.add_argument("photos", nargs="*", metavar="PHOTO",
                         help="one to twelve photos of one object, before all options; the first is the reference")
    command.add_argument("--output", required=True, type=Path, metavar="OUT.blend", help="the file to write")
    command.add_argument("--export", type=Path, metavar="OUT.glb", help="also export mesh and cameras as glTF")
    command.add_argument("--name", default="", help="what the object is called; default: the photos' folder")
    command.add_argument("--cameras", metavar="OUT.json", help="also write the cameras as JSON")
    command.add_argument("--mesh", metavar="OUT", help="also write the mesh as .ply, .obj or .glb")
    command.add_argument("--mask", nargs="+", type=_mask, metavar="FILE", dest="masks",
                         help="one mask for each photo, white is the object; - where it is found without")
    command.add_argument("--intrinsics", metavar="FILE", help="intrinsics of each photo, as in cameras.json")
    command.add_argument("--tilt", nargs="+", type=_tilt, metavar="DEG", dest="tilts",
                         help="from how far above each photo was taken, by eye, in degrees; - where nobody knows")
    _add_options(command)
    command.set_defaults(run=_reconstruct)

    command = actions.add_parser("batch", help="many objects, a .blend file each", description=batch.__doc__)
    command.add_argument("manifest", type=Path, metavar="MANIFEST.json", help="the sets of photos")
    command.add_argument("--output", required=True, type=Path, metavar="DIR", help="the folder for the files")
    command.add_argument("--shard", type=batch.parse_shard, default=(1, 1), metavar="I/N", help="the I-th of N parts")
    command.add_argument("--export", action="store_true", help="also export each object as glTF")
    _add_options(command)
    command.set_defaults(run=_batch)

    command = actions.add_parser("doctor", help="say what is found and what is missing")
    command.set_defaults(run=_doctor)

    command = actions.add_parser("setup", help="make the Python environment that computes", epilog=EPILOG)
    command.add_argument("--yes", action="store_true", help="do it; without this it says what it would do")
    command.add_argument("--variant", choices=variants.NAMES, help="the build of torch; default: the preferences'")
    command.add_argument("--wheels", metavar="DIR", help="install from a folder of wheels, without a network")
    command.add_argument("--python", metavar="FILE", help="the Python 3.11 to 3.13 to make it from")
    command.add_argument("--torch-index", metavar="URL", default="", help="a mirror of PyTorch's index")
    command.set_defaults(run=_setup)
    return program


def _mask(text: str) -> str | None:
    """A file, or None for a dash."""
    return None if text == "-" else text


def _tilt(text: str) -> float | None:
    """Degrees above the horizon, or None for a dash."""
    return None if text == "-" else float(text)


def as_failure(error: Exception) -> PflrmError:
    """The error itself if it was foreseen; otherwise one with the traceback for a report."""
    if isinstance(error, PflrmError):
        return error
    details = "".join(traceback.format_exception(error))
    message = f"An unexpected {type(error).__name__} stopped the command: {error}"
    return PflrmError("failure", message, "Open an issue with the lines below.", details)


def report_failure(error: PflrmError, as_json: bool) -> int:
    """Say what went wrong, once and in words; returns the exit code."""
    if as_json:
        print_json(event="error", kind=error.kind, message=error.message, remedy=error.remedy)
    else:
        print(f"Error: {error}", file=sys.stderr, flush=True)
    if error.details and error.kind != "cancelled":
        print(error.details, file=sys.stderr, flush=True)
    return error.exit_code


def print_json(**message: Any) -> None:
    print(json.dumps(message), flush=True)


class Progress:
    """Progress on the terminal: a line a stage in words, or every message as JSON."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._stage = ""

    def __call__(self, stage: str, fraction: float) -> None:
        if self._as_json:
            print_json(event="progress", stage=stage, fraction=fraction)
        elif stage != self._stage:
            print(f"{fraction:4.0%}  {stage}", file=sys.stderr, flush=True)
        self._stage = stage


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--poses-only", action="store_true", default=None, help="cameras without a mesh")
    add("--quality", choices=("draft", "standard", "best"), help="default: standard")
    lens = command.add_mutually_exclusive_group()
    lens.add_argument("--focal-35mm", type=float, metavar="MM", help="35 mm equivalent focal length of all photos")
    lens.add_argument("--fov", type=float, metavar="DEG", help="field of view across the longer side of all photos")
    add("--device", choices=("auto", "cpu", "cuda", "mps", "xpu"), help="default: the preferences', or the best")
    add("--weights", metavar="FILE", help="other weights than the bundled ones")
    add("--seed", type=int, metavar="N", help="another seed gives another search; default: 0")
    add("--mesh-resolution", type=int, metavar="N",
        help="cells of the grid along each side, 16 to 1024; default: 96, 224, 320 for draft, standard, best")
    add("--face-limit", type=int, metavar="N", help="simplify the mesh in Blender to this many triangles at most")
    add("--texture-size", type=int, metavar="N", help="1024, 2048 or 4096 pixels; 0: vertex colours; default: 2048")
    add("--json", action="store_true", help="print one JSON object a line instead of words")


def given_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The options of ``api.reconstruct`` that are on the command line."""
    return {name: value for name in OPTIONS if (value := getattr(parsed, name, None)) is not None}


def _reconstruct(parsed: argparse.Namespace) -> int:
    output.check_output(parsed.output, ".blend")
    if parsed.export:
        output.check_output(parsed.export, ".glb")
        output.check_exporter()
    _refuse_overwriting(parsed)
    output.empty_file()
    result = reconstruct(
        parsed.photos,
        name=parsed.name,
        on_progress=Progress(parsed.json),
        cameras_file=parsed.cameras,
        mesh_file=parsed.mesh,
        **given_options(parsed),
    )
    output.save_blend(parsed.output)
    if parsed.export:
        output.export_glb(parsed.export)
    written = [str(path) for path in (parsed.output, parsed.export, parsed.cameras, parsed.mesh) if path]
    if parsed.json:
        print_json(
            event="result", files=written, collection=result.collection, cameras=result.cameras, mesh=result.mesh,
            warnings=result.warnings,
        )  # fmt: skip
        return 0
    for warning in result.warnings:
        print(f"Warning: {warning}", file=sys.stderr)
    for path in written:
        print(f"Wrote {path}")
    return 0


def _refuse_overwriting(parsed: argparse.Namespace) -> None:
    """:raises PflrmError: the .blend file or the export would take the place of another file of this command."""
    named = [*parsed.photos, *(parsed.masks or ()), parsed.intrinsics, parsed.weights, parsed.cameras, parsed.mesh]
    taken = [Path(file) for file in named if file]
    for path in filter(None, (parsed.output, parsed.export)):
        if any(_is_same(path, file) for file in taken):
            raise PflrmError("input", f"The output {path} is named twice.", "Give each file a name of its own.")


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return os.path.abspath(first) == os.path.abspath(second)


def _batch(parsed: argparse.Namespace) -> int:
    if parsed.export:
        output.check_exporter()
    sets = batch.read_manifest(parsed.manifest, given_options(parsed))
    parsed.output.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for photo_set in batch.shard(sets, *parsed.shard):
        try:
            outcome = batch.process(photo_set, parsed.output, parsed.export, Progress(parsed.json))
        except Exception as error:  # a set that fails in any way does not stop the others
            failure = as_failure(error)
            report_failure(failure, as_json=False)
            outcome = batch.Outcome(photo_set.name, "failed", failure)
        if parsed.json:
            print_json(event="set", **outcome.as_dict())
        else:
            print(f"{outcome.name}: {outcome.state}", flush=True)
        outcomes.append(outcome)
    print(batch.summary(outcomes), file=sys.stderr if parsed.json else sys.stdout, flush=True)
    return batch.exit_code(outcomes)


def _doctor(parsed: argparse.Namespace) -> int:
    print("\n".join(report.versions()))
    found_weights = weights.check(machine().weights)
    print(f"Weights: {found_weights.words}")
    if found_weights.problem:
        print(f"Problem: {found_weights.problem}")
    found = _check_runtime()
    print("\n".join(found.lines()))
    if found.usable and not found_weights.problem:
        print("All is well.")
        return 0
    return 3


def _setup(parsed: argparse.Namespace) -> int:
    try:
        found = _check_runtime()
    except PflrmError as error:
        print(f"{error.message}\n")
    else:
        older = plan.older_torch(found.interpreter, machine().managed)
        if older:
            print(f"PyTorch {older} is set up; this version of PF-LRM was made for {variants.TORCH}.")
        if found.usable and not (parsed.yes and (parsed.variant or parsed.wheels or parsed.python or older)):
            print(f"The runtime is ready: {found.interpreter} with torch {found.packages['torch']}.")
            return 0
        print("\n".join([*found.lines(), ""]))
    wishes = setting_up.wishes()
    planned = plan.make(replace(
        wishes, variant=parsed.variant or wishes.variant, wheels=_absolute(parsed.wheels) or wishes.wheels,
        base=_absolute(parsed.python) or wishes.base, torch_index=parsed.torch_index,
    ))  # fmt: skip
    print("\n".join(planned.lines()), flush=True)
    if parsed.yes:
        _refuse_if_named()
        setting_up.run(planned, lambda line: print(line, flush=True))
        print(f"The runtime is ready: {planned.goal}.")
        return 0
    print("\nThe same command with --yes does this. Or do it by hand:\n")
    print("\n".join(runtime.setup_instructions()))
    return 3


def _refuse_if_named() -> None:
    """:raises PflrmError: a Python is named, which would be used all the same."""
    named = machine().interpreter or os.environ.get(runtime.ENVIRONMENT_VARIABLE)
    if named:
        message = f"The Python {named} is named in the preferences or by {runtime.ENVIRONMENT_VARIABLE}."
        raise PflrmError("input", message, "It would be used all the same: clear it, or install what it lacks.")


def _absolute(path: str | None) -> str:
    return os.path.abspath(path) if path else ""


def _check_runtime() -> runtime.RuntimeReport:
    """:raises PflrmError: no interpreter is found."""
    return runtime.check(runtime.find_interpreter(machine().interpreter, machine().managed))
