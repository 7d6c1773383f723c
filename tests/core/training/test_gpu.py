"""The GPU's kernels in numba's simulator against the CPU's renderer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from pflrm.core.training.assets import load_pack
from pflrm.core.training.kernels import draw_objects, empty_tables, render_objects

SIZE = 8

# Without compilation the simulator's arrays reach the pixel functions, which compiled functions would not take.
SIMULATION = """
import sys
import numpy as np
from pathlib import Path
from pflrm.core.training import gpu
from pflrm.core.training.assets import load_pack
data = np.load(sys.argv[1])
tables = [data[f"t{k}"] for k in range(6)]
outputs = [np.zeros_like(data[f"o{k}"]) for k in range(4)]
gpu.render_objects(*tables, load_pack(Path(sys.argv[2])), 2, *outputs)
np.savez(sys.argv[1], *outputs, views=tables[3])
"""


def test_the_simulated_gpu_renders_what_the_cpu_renders(pack_file: Path, tmp_path: Path):
    assets = load_pack(pack_file)
    tables = empty_tables(2, 1)
    for b, share in enumerate((0.0, 1.0)):  # one object of primitives, one mesh
        draw_objects(np.array([b + 3]), *(table[b : b + 1] for table in tables), assets, share, 45.0, SIZE)
    outputs = [np.zeros((2, 1, *shape), np.float32) for shape in ((3, SIZE, SIZE), (SIZE, SIZE), (SIZE, SIZE),
                                                                   (4, SIZE, SIZE))]
    file = tmp_path / "tables.npz"
    np.savez(file, **{f"t{k}": t for k, t in enumerate(tables)}, **{f"o{k}": o for k, o in enumerate(outputs)})
    render_objects(*tables, assets, 2, *outputs)
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", SIMULATION, file, pack_file], check=True, env=environment)
    with np.load(file) as simulated:
        np.testing.assert_allclose(simulated["views"], tables[3], atol=1e-4)
        for k, output in enumerate(outputs):
            difference = np.abs(simulated[f"arr_{k}"] - output)
            assert np.median(difference) < 1e-3, k
            # Rounding may decide about a ray at an edge, or about the side of a pattern's border.
            assert (difference > 0.02).mean() < 0.04, k
    assert (outputs[2] > 0).mean((1, 2, 3)).min() > 0.1
