"""``python -m pflrm reconstruct|batch|doctor|setup ...``: Blender's commands with the bpy module instead of Blender."""

import os
import shutil
import sys


def main() -> int:
    """Run the command and end with its exit code."""
    try:
        import bpy
    except ImportError:
        print(
            "Error: This Python has no bpy module. Install it (pip install bpy), use blender --command pflrm, "
            "or python -m pflrm.core, which does without Blender.",
            file=sys.stderr,
        )
        return 3
    from .pflrm_blender import cli, job

    try:
        code = cli.execute(sys.argv[1:])
    finally:
        job.shutdown()
    # Some bpy modules (4.2 after a glTF export) crash while Python unloads them, which would hide the exit code.
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
