"""``python -m pflrm reconstruct|batch|doctor|setup ...``: Blender's commands with the bpy module instead of Blender."""

import sys


def main() -> int:
    """Run the command and return its exit code."""
    try:
        import bpy  # noqa: F401
    except ImportError:
        print(
            "Error: This Python has no bpy module. Install it (pip install bpy), use blender --command pflrm, "
            "or python -m pflrm.core, which does without Blender.",
            file=sys.stderr,
        )
        return 3
    from .pflrm_blender import cli, job

    try:
        return cli.execute(sys.argv[1:])
    finally:
        job.shutdown()


if __name__ == "__main__":
    sys.exit(main())
