"""What is compiled in advance is all that a run needs."""

from __future__ import annotations

import subprocess
import sys

# Two photos or four, exposed alike or not: the types are the same, so that nothing is compiled again.
SCRIPT = """
import numpy as np, torch
from pflrm.core import (
    habits, hull_grid, hull_rays, lookup, match_rays, outline_rays, pair_rays, passage, ray_marching, slopes,
    smoothness, surface, verticals, warm_up
)
from pflrm.core.observations import Observations
from pflrm.core.refine import refine_field
from pflrm.core.refine_poses import refine_poses
from pflrm.core.search import search_poses
from pflrm.tests.core.painted_box import box_view, cameras_around
from pflrm.tests.core.test_refine import Fog
from pflrm.core.model import Field

def compiled():
    modules = (
        habits, hull_grid, hull_rays, lookup, match_rays, outline_rays, pair_rays, passage, ray_marching, slopes,
        smoothness, surface, verticals
    )
    return {f"{module.__name__}.{name}": len(one.signatures) for module in modules for name, one in vars(module).items()
            if hasattr(one, "signatures")}

warm_up.compile_everything()
before = compiled()
poses = cameras_around([[0, 0], [60, 15], [130, -10], [230, 20]])
views = [box_view(matrix, 64) for matrix in poses]
depth = np.full((4, 16, 16), 2.0, np.float32)
found = search_poses(views, depth=depth, depth_log_scale=np.zeros_like(depth), effort="draft")
refine_poses(views, found[:1], zooming=True, quality="standard")
seen = Observations.of(views, poses, np.ones(4), None, None)
refine_field(Field(Fog(), torch.zeros(1)), seen, quality="standard", seed=0, progress=lambda share: None)
after = compiled()
assert sum(before.values()) > 12, before  # those that Python calls; of what is cached no others are known
print(sorted(name for name in after if after[name] != before[name]))
"""


def test_a_run_compiles_nothing_more() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[]"
