"""What the photos say about an object before its cameras are known: silhouettes and appearance as sampling tensors.

Everything is measured in one scale, in which the largest inscribed sphere has radius 1. Positions in a canonical view
are in units of its half width, from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from .cameras import CANONICAL_FILL, half_angle_of
from .colours import comparable
from .extents import widths
from .lookup import Predicted, Views
from .verticals import Verticals, told

if TYPE_CHECKING:
    from .views import View

SIZE = 64  # pixels across a view while searching
ROUGH = 1.5  # widths of colour: photos may be exposed differently, and small views blur
DEPTH_RANGE = 1.15  # rays are sampled this far before and behind the object's centre
DEPTH_SCALE = (0.05, 0.6)  # a prediction is trusted no more and no less than this, in radii
OUTLIERS = 0.2  # share of pixels whose match tells nothing: highlights, shadows, clutter


@dataclass(frozen=True)
class Silhouettes:
    """V views, each with N sampled foreground pixels; three channels of appearance divided by their tolerance."""

    half_angle: torch.Tensor  # (V,) radians
    focal: torch.Tensor  # (V,) in half widths
    width: torch.Tensor  # (V, A) logs of the silhouettes' widths in all directions, see :mod:`.extents`
    signed_distance: torch.Tensor  # (V, 1, 2S, 2S) to the mask's edge, positive inside; covers [-2, 2]
    appearance: torch.Tensor  # (V, 3, S, S)
    rays: torch.Tensor  # (V, N, 3) at depth 1
    pixel_appearance: torch.Tensor  # (V, N, 3)
    commonness: torch.Tensor  # (V, N) log probability of such a pixel anywhere on the object
    offsets: np.ndarray  # (K,) where rays are sampled, before and behind the object's centre
    pixel_surface: torch.Tensor | None  # (V, N, 2) depth in the own frame less the centre's, and Laplace's scale of it
    verticals: Verticals
    views: Views  # the same for compiled functions
    predicted: Predicted

    def __len__(self) -> int:
        return len(self.focal)


def prepare(
    views: Sequence[View], count: int, *, depths: int = 20,
    depth: np.ndarray | None = None, depth_log_scale: np.ndarray | None = None,
) -> Silhouettes:
    """Gather what the search needs from canonical views.

    :param count: foreground pixels N to sample in each view, at ``depths`` points K along the ray of each.
    :param depth: (V, G, G) own-frame z-depth and ``depth_log_scale`` (V, G, G) the log of its Laplace scale.
    """
    half = np.array([half_angle_of(view.intrinsics) for view in views])
    radius = np.sin(half) / np.sin(half).max()
    focal = CANONICAL_FILL / np.tan(half)
    images = np.stack([_shrink(view.image) for view in views])  # (V, S, S, 4) premultiplied
    masks = images[..., 3] > 0.5
    for mask in masks:
        if not mask.any():
            mask[SIZE // 2, SIZE // 2] = True
    signed = signed_distances(masks, views)[:, None]
    appearance = _appearance(images, masks)
    pixels = torch.from_numpy(np.stack([_sample_pixels(mask, count) for mask in masks]))
    focal_tensor = torch.from_numpy(focal).float()
    rays = torch.cat([pixels / focal_tensor[:, None, None], torch.ones(*pixels.shape[:2], 1)], dim=2)
    pixel_appearance = _at_pixels(appearance, pixels)
    commonness = _commonness(pixel_appearance)
    surface = None if depth is None else _surface(depth, depth_log_scale, half)
    pixel_surface = None if surface is None else _at_pixels(surface, pixels)
    offsets = ((np.arange(depths) + 0.5) / depths * 2 - 1) * DEPTH_RANGE
    return Silhouettes(
        half_angle=torch.from_numpy(half).float(),
        focal=focal_tensor,
        width=widths(views),
        signed_distance=signed,
        appearance=appearance,
        rays=rays,
        pixel_appearance=pixel_appearance,
        commonness=commonness,
        offsets=offsets.astype(np.float32),
        pixel_surface=pixel_surface,
        verticals=told(views),
        views=Views(
            intrinsics=np.column_stack([focal / 2, focal / 2, np.full((len(focal), 2), 0.5)]).astype(np.float32),
            distance=signed[:, 0].numpy() / 2,
            colour=appearance.permute(0, 2, 3, 1).contiguous().numpy(),
            rays=rays[..., :2].contiguous().numpy(),
            own=pixel_appearance.numpy(),
            commonness=commonness.numpy(),
            rough_commonness=commonness.numpy(),
            nearest=np.stack([_nearest_pixel(*both) for both in zip(masks, pixels.numpy(), strict=True)]),
        ),
        predicted=_predicted(surface, pixel_surface, torch.from_numpy(radius).float()),
    )


def _predicted(
    surface: torch.Tensor | None, pixel_surface: torch.Tensor | None, radius: torch.Tensor
) -> Predicted:
    """In the search's scale as it is where all photos are taken from about the same distance: ``radius`` (V,)."""
    if surface is None or pixel_surface is None:
        return Predicted(np.zeros((0, 0, 0, 2), np.float32), np.zeros((0, 0, 2), np.float32))
    maps = surface.permute(0, 2, 3, 1) * radius[:, None, None, None]
    return Predicted(maps.contiguous().numpy(), (pixel_surface * radius[:, None, None]).numpy())


def _shrink(image: np.ndarray) -> np.ndarray:
    """(S, S, 4) with premultiplied colours, from a canonical view's straight ones."""
    premultiplied = np.concatenate([image[..., :3] * image[..., 3:], image[..., 3:]], axis=2).astype(np.float32)
    return cv2.resize(premultiplied, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def signed_distances(masks: Sequence[np.ndarray], views: Sequence[View]) -> torch.Tensor:
    """(V, 2S, 2S) distances to the edges of the views' masks (S, S) in half widths, positive inside, over twice the
    views' extent. Where a photo cuts the object off it may go on: all that it cannot show there counts as inside."""
    size = 2 * len(masks[0])
    signed = []
    for mask, view in zip(masks, views, strict=True):
        beyond = cv2.resize(view.unseen.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        wide = np.maximum(np.pad(mask.astype(np.uint8), size // 4), beyond)
        inside = cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5
        outside = cv2.distanceTransform(1 - wide, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5
        signed.append(np.where(wide > 0, inside, -outside) / (size / 4))
    return torch.from_numpy(np.stack(signed)).float()


def _appearance(images: np.ndarray, masks: np.ndarray) -> torch.Tensor:
    """(V, 3, S, S) colours, continued a little beyond the masks so that edge pixels compare fairly."""
    inside = torch.from_numpy(masks).float()[:, None]
    straight = torch.from_numpy(images[..., :3] / np.maximum(images[..., 3:], 1e-3)).permute(0, 3, 1, 2)
    colours, known = straight * inside, inside
    for _ in range(4):
        weight = F.avg_pool2d(known, 5, 1, 2)
        spread = F.avg_pool2d(colours, 5, 1, 2) / weight.clamp(min=1e-6)
        colours = torch.where(known > 0, colours, spread * (weight > 0))
        known = (weight > 0).float()
    return (comparable(colours.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) / ROUGH).contiguous()


def _surface(depth: np.ndarray, log_scale: np.ndarray | None, half: np.ndarray) -> torch.Tensor:
    """(V, 2, S, S) the surface's depth less the centre's and the Laplace scale of its error, in the views' own frames.
    """
    depth = depth.astype(np.float32)
    scale = np.full_like(depth, 0.2) if log_scale is None else np.exp(log_scale.astype(np.float32))
    own = torch.from_numpy(np.stack([depth, np.clip(scale, *DEPTH_SCALE)], axis=1))
    own = F.interpolate(own, (SIZE, SIZE), mode="bilinear")
    own[:, 0] -= torch.from_numpy(1 / np.sin(half)).float()[:, None, None]
    return own


def _sample_pixels(mask: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) positions spread evenly over a mask, in half widths."""
    step = max(1.0, np.sqrt(mask.sum() / count))
    while True:
        centres = np.arange(step / 2, SIZE, step)
        columns, rows = np.meshgrid(centres, centres)
        chosen = mask[rows.astype(int), columns.astype(int)]
        if chosen.sum() >= count or step <= 0.35:
            break
        step *= 0.95
    points = np.column_stack([columns[chosen], rows[chosen]])
    if len(points) == 0:
        rows_set, columns_set = np.nonzero(mask)
        points = np.column_stack([columns_set, rows_set]) + 0.5
    even = np.round(np.linspace(0, len(points) - 1, count)).astype(int)
    return (points[even] / (SIZE / 2) - 1).astype(np.float32)


def _nearest_pixel(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(S, S) index of the sampled pixel nearest to each cell, ``len(pixels)`` away from the mask."""
    centres = (np.arange(SIZE) + 0.5) / (SIZE / 2) - 1
    columns, rows = np.meshgrid(centres, centres)
    squared = (columns.ravel()[:, None] - pixels[:, 0]) ** 2 + (rows.ravel()[:, None] - pixels[:, 1]) ** 2
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).ravel() > 0
    return np.where(near, squared.argmin(axis=1), len(pixels)).astype(np.int32).reshape(SIZE, SIZE)


def _at_pixels(maps: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """(V, N, D) bilinear samples of (V, D, S, S) at (V, N, 2)."""
    sampled = F.grid_sample(maps, pixels[:, None], mode="bilinear", align_corners=False, padding_mode="border")
    return sampled[:, :, 0].transpose(1, 2).contiguous()


def _commonness(appearance: torch.Tensor) -> torch.Tensor:
    """(V, N) log of the mean likeness of each pixel to all pixels of the object: a match of rare pixels tells more."""
    everything = appearance.flatten(0, 1)
    return torch.exp(-torch.cdist(appearance, everything[None])).mean(dim=2).clamp(min=1e-3).log()
