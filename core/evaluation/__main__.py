"""``python -m pflrm.core.evaluation --data DIR``: the protocol's figures of a set as a Markdown table."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import PflrmError
from ..reconstruct import QUALITIES, Options
from .methods import METHODS
from .protocol import Score, evaluate
from .reliability import bins_as_markdown, bins_of, diagram
from .sets import INPUT_VIEWS, every_choice, load_set
from .tables import PEERS, as_json, markdown, rows_by_separation, rows_of


def main() -> int:
    """Run the evaluation; the exit code is 0 or that of the error."""
    parser = argparse.ArgumentParser(prog="python -m pflrm.core.evaluation", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of a set, one folder an object")
    parser.add_argument("--views", type=int, choices=(2, 3, 4, 5), default=INPUT_VIEWS, help="input photos an object")
    parser.add_argument("--every-choice", action="store_true", help="every choice of so many of an object's photos")
    parser.add_argument("--intrinsics", choices=("known", "unknown"), default="known")
    parser.add_argument("--vertical", choices=("known", "unknown"), default="unknown", help="as phones feel it, or not")
    parser.add_argument("--pose", choices=sorted(METHODS), default="product", help="where the cameras come from")
    parser.add_argument("--quality", choices=QUALITIES, default="standard")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--poses-only", action="store_true")
    parser.add_argument("--limit", type=int, help="only the first objects")
    parser.add_argument("--json", type=Path, help="write every object's figures to this file")
    parser.add_argument("--diagram", type=Path, help="draw the reliability of the confidence into this SVG file")
    parser.add_argument("--peers", action="store_true", help="add the figures that others have published")
    arguments = parser.parse_args()
    try:
        _run(arguments)
    except PflrmError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _run(arguments: argparse.Namespace) -> None:
    options = Options(
        quality=arguments.quality, poses_only=arguments.poses_only, device=arguments.device, seed=arguments.seed,
        weights=arguments.weights,
    )
    objects = load_set(arguments.data, arguments.limit)
    if arguments.every_choice:
        objects = [choice for item in objects for choice in every_choice(item, arguments.views)]
    predict = METHODS[arguments.pose](options, objects)
    scores = evaluate(
        objects, predict, views=arguments.views, known_intrinsics=arguments.intrinsics == "known",
        known_vertical=arguments.vertical == "known", report=_report,
    )
    known = f"{arguments.intrinsics} intrinsics, {arguments.vertical} vertical"
    label = f"{arguments.pose}, {arguments.views} views, {known}"
    rows = rows_of(label, scores)
    bins = bins_of(scores)
    tables = (markdown([*rows, *PEERS] if arguments.peers else rows), markdown(rows_by_separation(label, scores)))
    print(*tables, bins_as_markdown(bins), sep="\n\n")
    if arguments.diagram:
        arguments.diagram.write_text(diagram(bins), encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(rows, scores), indent=1), encoding="utf-8")


def _report(score: Score) -> None:
    """One line an object while the evaluation runs."""
    pairs = " ".join(f"{error:.0f}°" for error in score.rotation)
    shape = "" if score.chamfer is None else f"Chamfer {score.chamfer:.3f}"
    print(f"{score.name}: {score.failure or pairs} {shape} ({score.seconds:.1f} s)", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
