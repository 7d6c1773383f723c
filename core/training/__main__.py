"""``python -m pflrm.core.training --minutes 10 --out runs/first``: train, resuming what ``--out`` holds."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, fields
from pathlib import Path

from .loop import Settings, Trainer


def main() -> None:
    """Each option is a field of :class:`Settings`."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in fields(Settings):
        kind = {"float": float, "int": int, "str": str}.get(str(field.type), Path)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=kind, required=field.default is MISSING,
            default=None if field.default is MISSING else field.default,
        )
    Trainer(Settings(**vars(parser.parse_args()))).run()


if __name__ == "__main__":
    main()
