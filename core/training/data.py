"""Training data: endless batches of rendered objects with everything that is known about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def poses_of(views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The ground truth that follows from a table of canonical views (B, V, VIEW_FIELDS).

    :returns: float32 normalised intrinsics (B, V, 4), world_to_camera (B, V, 4, 4), own_scale (B, V), and the length
        of the object's unit in the world (B,).
    """
    views = views.double()
    rotation = views[..., TURN : TURN + 9].unflatten(-1, (3, 3))  # camera_from_object
    eye = views[..., EYE : EYE + 3]  # (B, V, 3)
    half_angle = views[..., HALF_ANGLE]
    centre_depth = -(rotation[..., 2, :] * eye).sum(-1)  # of the bounding ball's centre
    scale = 1.0 / (half_angle.sin() * centre_depth)  # object units to the view's own frame
    unit = scale[:, 0]
    # Camera 0 sees a point of the world at REFERENCE_ROTATION · X + (0, 0, d); the other cameras follow from there.
    relative = rotation @ rotation[:, :1].mT  # camera v from camera 0
    shift = (rotation @ (eye[:, :1] - eye)[..., None])[..., 0] * unit[:, None, None]
    world_to_camera = torch.zeros(*views.shape[:2], 4, 4, dtype=views.dtype, device=views.device)
    world_to_camera[..., :3, :3] = relative @ torch.from_numpy(REFERENCE_ROTATION).to(views.device)
    world_to_camera[..., :3, 3] = relative[..., 2] / half_angle[:, :1, None].sin() + shift
    world_to_camera[..., 3, 3] = 1.0
    focal = 0.5 * CANONICAL_FILL / half_angle.tan()
    centre = torch.full_like(focal, 0.5)
    intrinsics = torch.stack([focal, focal, centre, centre], dim=-1)
    return intrinsics.float(), world_to_camera.float(), (scale / unit[:, None]).float(), unit.float()


class ObjectStream:
    """An endless stream of batches. A batch depends on ``seed`` and its step alone.

    :param size: pixels across a view (S), a multiple of 8; ``views``: per object (V); ``batch``: objects (B).
    :param pack: a file that ``pack.pack`` wrote: then primitives also wear its textures, and ``mesh_share`` of the
        objects are its meshes. Without it all objects are procedural.
    :param min_separation: degrees between any two views in 70 % of the objects, as far as that many views have room;
        in the others 15 degrees.
    :param samples: rays a pixel; more give smoother edges and textures.
    :param start: the step of the first batch, to go on where a run has stopped.
    :param workers: threads that work ahead (numba releases the GIL); 0 does all work when asked.
    :param device: "cpu", or "cuda": then the tensors are on the GPU, rendered there when they are asked for.
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
        device: str = "cpu",
    ) -> None:
        self.size, self.views, self.batch, self.seed = size, views, batch, seed
        self.min_separation, self.samples, self.start, self.workers = min_separation, samples, start, workers
        self.device = torch.device(device)
        self._assets = load_pack(pack) if pack is not None else no_assets()
        self._mesh_share = mesh_share if len(self._assets.supports) else 0.0
        if self.device.type == "cuda":
            from . import gpu  # needs CUDA's libraries

            self._gpu_assets = gpu.upload(self._assets)
            self._render_on_gpu: Callable[..., None] = gpu.render_objects

    def batch_at(self, step: int) -> Batch:
        """The batch of one step."""
        return self.render(self.draw(step))

    def draw(self, step: int) -> tuple[torch.Tensor, ...]:
        """The tables of one step's objects, on the CPU."""
        seeds = np.random.SeedSequence((self.seed, step)).generate_state(self.batch).astype(np.int64)
        tables = empty_tables(self.batch, self.views)
        draw_objects(seeds, *tables, self._assets, self._mesh_share, self.min_separation, self.size)
        return tuple(torch.from_numpy(table) for table in tables)

    def render(self, tables: tuple[torch.Tensor, ...]) -> Batch:
        b, v, s = self.batch, self.views, self.size
        tables = tuple(table.to(self.device, non_blocking=True) for table in tables)
        rgb, image = (torch.empty(b, v, channels, s, s, device=self.device) for channels in (3, 4))
        mask, depth = (torch.empty(b, v, s, s, device=self.device) for _ in range(2))
        filled = (rgb, mask, depth, image)
        if self.device.type == "cuda":
            self._render_on_gpu(*tables, self._gpu_assets, self.samples, *filled)
        else:
            arrays = [tensor.numpy() for tensor in (*tables, *filled)]
            render_objects(*arrays[:6], self._assets, self.samples, *arrays[6:])
        intrinsics, world_to_camera, own_scale, unit = poses_of(tables[3])
        return Batch(image, rgb, mask, intrinsics, world_to_camera, depth * unit[:, None, None, None], own_scale)

    def __iter__(self) -> Iterator[Batch]:
        step = self.start
        if self.workers == 0:
            while True:
                yield self.batch_at(step)
                step += 1
        # Threads render on the CPU; for a GPU they draw the tables, and this thread gives it the work.
        on_cpu = self.device.type == "cpu"
        ahead: Callable[[int], Any] = self.batch_at if on_cpu else self.draw
        with ThreadPoolExecutor(self.workers, thread_name_prefix="objects") as pool:
            pending: deque[Future[Any]] = deque()
            try:
                while True:
                    while len(pending) < self.workers + 1:
                        pending.append(pool.submit(ahead, step))
                        step += 1
                    result = pending.popleft().result()
                    yield result if on_cpu else self.render(result)
            finally:
                for future in pending:
                    future.cancel()
