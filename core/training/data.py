"""Training data: endless batches of rendered objects with everything that is known about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..cameras import CANONICAL_FILL, REFERENCE_ROTATION
from .assets import load_pack, no_assets
from .cameras import EYE, HALF_ANGLE, TURN
from .kernels import draw_objects, empty_tables, render_objects


@dataclass(frozen=True)
class Batch:
    """B objects in V canonical views of S×S pixels; float32 tensors. View 0 is the reference view.

    The world is the contract's: ``reference_pose`` for view 0, scaled by ``own scale`` of view 0 below.

    A view's own frame, in which the network tells depth, is the view's camera scaled so that the centre of the
    object's bounding ball lies at depth ``object_distance(half angle)``: then the sphere that fills the view's cone
    there has about radius 1. A mask alone cannot tell where in its cone an object lies; this rule picks the point
    that all views share. World scale is the own scale of view 0, so own depth = world depth × ``own_scale``.
    """

    images: torch.Tensor  # (B, V, 4, S, S) RGBA, straight alpha, with the faults of real photos: the network's input
    target_rgb: torch.Tensor  # (B, V, 3, S, S) the same views without faults, straight colours, 0 beside the object
    target_mask: torch.Tensor  # (B, V, S, S) coverage in [0, 1]
    intrinsics: torch.Tensor  # (B, V, 4) Intrinsics.normalised() of the canonical cameras
    world_to_camera: torch.Tensor  # (B, V, 4, 4)
    depth: torch.Tensor  # (B, V, S, S) z-depth at pixel centres in world units; 0 where the centre misses the object
    own_scale: torch.Tensor  # (B, V) own depth over world depth; 1 for view 0


def poses_of(views: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The ground truth that follows from a table of canonical views (B, V, VIEW_FIELDS).

    :returns: normalised intrinsics (B, V, 4), world_to_camera (B, V, 4, 4), own_scale (B, V), and the length of the
        object's unit in the world (B,).
    """
    views = views.astype(np.float64)
    rotation = views[..., TURN : TURN + 9].reshape(*views.shape[:2], 3, 3)  # camera_from_object
    eye = views[..., EYE : EYE + 3]  # (B, V, 3)
    half_angle = views[..., HALF_ANGLE]
    centre_depth = -np.einsum("bvk,bvk->bv", rotation[..., 2, :], eye)  # of the bounding ball's centre
    scale = 1.0 / (np.sin(half_angle) * centre_depth)  # object units to the view's own frame
    unit = scale[:, 0]
    # Camera 0 sees a point of the world at REFERENCE_ROTATION · X + (0, 0, d); the other cameras follow from there.
    relative = rotation @ np.swapaxes(rotation[:, :1], -1, -2)  # camera v from camera 0
    shift = np.einsum("bvij,bvj->bvi", rotation, eye[:, :1] - eye) * unit[:, None, None]
    world_to_camera = np.zeros((*views.shape[:2], 4, 4))
    world_to_camera[..., :3, :3] = relative @ REFERENCE_ROTATION
    world_to_camera[..., :3, 3] = relative[..., 2] / np.sin(half_angle[:, :1, None]) + shift
    world_to_camera[..., 3, 3] = 1.0
    focal = 0.5 * CANONICAL_FILL / np.tan(half_angle)
    centre = np.full_like(focal, 0.5)
    return np.stack([focal, focal, centre, centre], axis=-1), world_to_camera, scale / unit[:, None], unit


class ObjectStream:
    """An endless stream of batches, rendered on the CPU. A batch depends on ``seed`` and its step alone.

    :param size: pixels across a view (S), a multiple of 8; ``views``: per object (V); ``batch``: objects (B).
    :param pack: a file that ``pack.pack`` wrote: then primitives also wear its textures, and ``mesh_share`` of the
        objects are its meshes. Without it all objects are procedural.
    :param min_separation: degrees between any two views in 70 % of the objects, as far as that many views have room;
        in the others 15 degrees.
    :param samples: rays a pixel; more give smoother edges and textures.
    :param start: the step of the first batch, to go on where a run has stopped.
    :param workers: threads that render ahead (numba releases the GIL); 0 renders when asked.
    """

    def __init__(
        self,
        *,
        size: int,
        views: int,
        batch: int,
        seed: int,
        pack: Path | None = None,
        mesh_share: float = 0.5,
        min_separation: float = 45.0,
        samples: int = 2,
        start: int = 0,
        workers: int = 1,
    ) -> None:
        self.size, self.views, self.batch, self.seed = size, views, batch, seed
        self.min_separation, self.samples, self.start, self.workers = min_separation, samples, start, workers
        self._assets = load_pack(pack) if pack is not None else no_assets()
        self._mesh_share = mesh_share if len(self._assets.supports) else 0.0

    def batch_at(self, step: int) -> Batch:
        """The batch of one step."""
        b, v, s = self.batch, self.views, self.size
        seeds = np.random.SeedSequence((self.seed, step)).generate_state(b).astype(np.int64)
        tables = empty_tables(b, v)
        draw_objects(seeds, *tables, self._assets, self._mesh_share, self.min_separation, s)
        rgb, image = np.empty((b, v, 3, s, s), np.float32), np.empty((b, v, 4, s, s), np.float32)
        mask, depth = np.empty((b, v, s, s), np.float32), np.empty((b, v, s, s), np.float32)
        render_objects(*tables, self._assets, self.samples, rgb, mask, depth, image)
        intrinsics, world_to_camera, own_scale, unit = poses_of(tables[3])
        depth *= unit[:, None, None, None].astype(np.float32)
        arrays = (image, rgb, mask, intrinsics, world_to_camera, depth, own_scale)
        return Batch(*(torch.from_numpy(np.asarray(array, np.float32)) for array in arrays))

    def __iter__(self) -> Iterator[Batch]:
        step = self.start
        if self.workers == 0:
            while True:
                yield self.batch_at(step)
                step += 1
        with ThreadPoolExecutor(self.workers, thread_name_prefix="objects") as pool:
            pending: deque[Future[Batch]] = deque()
            try:
                while True:
                    while len(pending) < self.workers + 1:
                        pending.append(pool.submit(self.batch_at, step))
                        step += 1
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()
