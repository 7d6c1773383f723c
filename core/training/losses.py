"""The training objective: the paper's losses with online distillation, and a warm start on true geometry.

The paper's (§3.3): rendering L_C, points L_p and opacities L_α distilled from the model's own field, pose L_y.
Ours, because procedural objects have exact geometry: true points instead of distilled ones at first, density and
colour supervised at points along rays (no marching), and each view's depth in its own frame.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model import PFLRM, Prediction, render_rays
from ..model.nerf import SURFACE_THICKNESS
from ..pnp_loss import monte_carlo_pose_loss
from .data import Batch


@dataclass(frozen=True)
class Weights:
    """The weight of each term. ``distilled`` in [0, 1] moves the point and opacity targets from truth to own field."""

    depth: float = 1.0
    points: float = 1.0
    opacity: float = 0.2
    field: float = 0.5
    render: float = 1.0
    pose: float = 0.0
    distilled: float = 0.0


def first_views(batch: Batch, count: int) -> Batch:
    """The same objects with only their first ``count`` views."""
    return Batch(**{field.name: getattr(batch, field.name)[:, :count] for field in fields(Batch)})


def rays_at(batch: Batch, uv: Tensor) -> Tensor:
    """Normalised image coordinates (B, V, M, 2) of positions ``uv`` (B, V, M, 2) in [0, 1] of each view."""
    focal, centre = batch.intrinsics[:, :, None, :2], batch.intrinsics[:, :, None, 2:]
    return (uv - centre) / focal


def camera_centres(world_to_camera: Tensor) -> Tensor:
    """(..., 4, 4) → (..., 3)."""
    rotation, translation = world_to_camera[..., :3, :3], world_to_camera[..., :3, 3:]
    return -(rotation.transpose(-1, -2) @ translation)[..., 0]


def world_directions(rays: Tensor, world_to_camera: Tensor) -> Tensor:
    """World directions (..., M, 3), of depth 1 along the optical axis, of rays (..., M, 2)."""
    homogeneous = torch.cat([rays, torch.ones_like(rays[..., :1])], -1)
    return homogeneous @ world_to_camera[..., :3, :3]


def patch_centres(side: int, device: torch.device) -> Tensor:
    """(side², 2) centres of patches in [0, 1], row by row, x first."""
    middle = (torch.arange(side, device=device) + 0.5) / side
    y, x = torch.meshgrid(middle, middle, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


def depth_loss(prediction_depth: Tensor, log_scale: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Laplace negative log-likelihood of own-frame depth on the head's grid, and the mean absolute error.

    A cell counts where at least half of its pixels see the object; its target is their mean.
    """
    cells = prediction_depth.shape[-1]
    size = batch.depth.shape[-1] // cells
    seen = F.avg_pool2d((batch.depth > 0).float(), size)
    target = F.avg_pool2d(batch.depth, size) / seen.clamp(min=1e-6) * batch.own_scale[..., None, None]
    valid = (seen >= 0.5).float()
    error = (prediction_depth - target).abs()
    count = valid.sum().clamp(min=1)
    likelihood = error * torch.exp(-log_scale) + log_scale
    return (likelihood * valid).sum() / count, (error * valid).sum().detach() / count


def patch_truth(batch: Batch, side: int) -> tuple[Tensor, Tensor]:
    """What the patch centres truly see: points (B, V, N, 3) in the world and whether there is a surface (B, V, N)."""
    uv = patch_centres(side, batch.depth.device).expand(*batch.depth.shape[:2], -1, -1)
    size = batch.depth.shape[-1]
    # The centre of a patch lies on the corner of four pixels: take the one below and right of it.
    pixel = (uv * size).long()
    depth = batch.depth.flatten(2).gather(2, pixel[..., 1] * size + pixel[..., 0])
    directions = world_directions(rays_at(batch, (pixel + 0.5) / size), batch.world_to_camera)
    points = camera_centres(batch.world_to_camera)[:, :, None] + depth[..., None] * directions
    return points, depth > 0


def field_loss(model: PFLRM, planes: Tensor, batch: Batch, count: int, generator: torch.Generator) -> Tensor:
    """Density and colour of points on rays through ``count`` random pixels of every view: cheaper than marching them.

    In front of the visible surface there is nothing; just behind it there is matter, of the pixel's colour.
    """
    size, half = batch.depth.shape[-1], model.decoder.half_extent
    shape = (*batch.depth.shape[:2], count)
    pixel = torch.randint(size * size, shape, generator=generator, device=batch.depth.device)
    uv = torch.stack([pixel % size + 0.5, pixel // size + 0.5], -1) / size
    depth = batch.depth.flatten(2).gather(2, pixel)
    directions = world_directions(rays_at(batch, uv), batch.world_to_camera)
    centres = camera_centres(batch.world_to_camera)[:, :, None]
    hit = depth > 0
    middle = centres.norm(dim=-1)
    random = torch.rand(shape, generator=generator, device=depth.device)
    far = torch.where(hit, depth - SURFACE_THICKNESS, middle + half)
    empty = (middle - half) + random * (far - middle + half)
    inside = depth + 0.75 * SURFACE_THICKNESS
    z = torch.cat([empty, inside], -1)  # (B, V, 2M)
    points = centres + z[..., None] * torch.cat([directions, directions], -2)
    target = torch.cat([torch.zeros_like(empty), torch.ones_like(inside)], -1)
    valid = torch.cat([empty < far, hit], -1) & (points.abs().amax(-1) < half)
    density, colour = model.decoder(planes, points.flatten(1, 2))
    opacity = 1 - torch.exp(-density * SURFACE_THICKNESS)
    occupancy = F.binary_cross_entropy(
        opacity.clamp(1e-4, 1 - 1e-4), target.flatten(1), weight=valid.flatten(1).float(), reduction="sum",
    ) / valid.sum().clamp(min=1)
    truth = batch.target_rgb.flatten(3).gather(3, pixel[:, :, None].expand(-1, -1, 3, -1)).transpose(2, 3)
    surface = colour.view(*shape[:2], 2 * count, 3)[:, :, count:]
    shown = (valid[..., count:] & hit).float()[..., None]
    colours = ((surface - truth).square() * shown).sum() / (3 * shown.sum()).clamp(min=1)
    return occupancy + 3 * colours


def render_loss(model: PFLRM, planes: Tensor, batch: Batch, count: int, generator: torch.Generator) -> Tensor:
    """L_C without its perceptual part: colour and opacity of ``count`` random rays of every view, marched."""
    size = batch.depth.shape[-1]
    shape = (*batch.depth.shape[:2], count)
    pixel = torch.randint(size * size, shape, generator=generator, device=batch.depth.device)
    uv = torch.stack([pixel % size + 0.5, pixel // size + 0.5], -1) / size
    directions = world_directions(rays_at(batch, uv), batch.world_to_camera).flatten(1, 2)
    origins = camera_centres(batch.world_to_camera)[:, :, None].expand(*shape, 3).flatten(1, 2)
    seen = render_rays(model.decoder, planes, origins, directions, model.config.ray_samples, generator)
    mask = batch.target_mask.flatten(2).gather(2, pixel).flatten(1)
    truth = batch.target_rgb.flatten(3).gather(3, pixel[:, :, None].expand(-1, -1, 3, -1))
    truth = truth.transpose(2, 3).flatten(1, 2)
    on_white = truth * mask[..., None] + (1 - mask[..., None])
    return F.mse_loss(seen.colour, on_white) + F.mse_loss(seen.opacity, mask)


@torch.no_grad()
def distilled_targets(model: PFLRM, planes: Tensor, batch: Batch, side: int) -> tuple[Tensor, Tensor]:
    """What the model's own field shows at the patch centres from the true poses (§3.3): points and opacities."""
    uv = patch_centres(side, batch.depth.device).expand(*batch.depth.shape[:2], -1, -1)
    directions = world_directions(rays_at(batch, uv), batch.world_to_camera).flatten(1, 2)
    origins = camera_centres(batch.world_to_camera)[:, :, None].expand(*uv.shape[:3], 3).flatten(1, 2)
    seen = render_rays(model.decoder, planes, origins, directions, model.config.ray_samples)
    return seen.point.view(*uv.shape[:3], 3), seen.opacity.view(uv.shape[:3])


def pose_loss(
    prediction: Prediction, log_scale: Tensor, batch: Batch, side: int, generator: torch.Generator
) -> Tensor:
    """L_y: EPro-PnP's Monte-Carlo loss of the source views, divided by the number of patches."""
    inputs = prediction.points.shape[1]
    if inputs < 2:
        return prediction.points.sum() * 0
    uv = patch_centres(side, batch.depth.device).expand(*batch.depth.shape[:2], -1, -1)
    rays = rays_at(batch, uv)[:, 1:inputs].flatten(0, 1)
    weights = log_scale.exp() * (prediction.opacity * prediction.weight)[:, 1:].flatten(0, 1)
    poses = batch.world_to_camera[:, 1:inputs].flatten(0, 1)
    points = prediction.points[:, 1:].flatten(0, 1)
    return monte_carlo_pose_loss(points, rays, weights, poses, generator=generator).mean() / side**2


def objective(
    model: PFLRM, batch: Batch, inputs: int, weights: Weights, rays: int, generator: torch.Generator,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The whole objective on a batch whose first ``inputs`` views the network sees; all views are targets.

    :returns: the weighted sum, and each unweighted term for the log.
    """
    side = model.config.patches
    prediction = model(batch.images[:, :inputs], batch.intrinsics[:, :inputs])
    terms: dict[str, Tensor] = {}
    shown = first_views(batch, inputs)
    if prediction.depth is not None and prediction.depth_log_scale is not None:
        terms["depth"], terms["depth_error"] = depth_loss(prediction.depth, prediction.depth_log_scale, shown)
    points, opaque = patch_truth(shown, side)
    opacity = opaque.float()
    if weights.distilled > 0:
        own_points, own_opacity = distilled_targets(model, prediction.planes, shown, side)
        points = torch.lerp(points, own_points, weights.distilled)
        opacity = torch.lerp(opacity, own_opacity, weights.distilled)
    distance = (prediction.points - points).norm(dim=-1)
    terms["points"] = (distance * opaque).sum() / opaque.sum().clamp(min=1)
    terms["opacity"] = (prediction.opacity - opacity).square().mean()
    terms["field"] = field_loss(model, prediction.planes, batch, rays, generator)
    if weights.render > 0:
        terms["render"] = render_loss(model, prediction.planes, batch, rays // 4, generator)
    if weights.pose > 0:
        terms["pose"] = pose_loss(prediction, model.point_head.log_scale, shown, side, generator)
    scale = {name: getattr(weights, name) for name in terms if hasattr(weights, name)}
    total = sum((scale[name] * terms[name] for name in scale), start=torch.zeros((), device=points.device))
    return total, terms


def depth_objective(model: PFLRM, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """The cheapest start: each view alone, tokenizer and depth head only."""
    tokens = model.tokenizer(batch.images, batch.intrinsics)
    depth, log_scale = model.depth(tokens, batch.intrinsics)
    if depth is None or log_scale is None:
        raise ValueError("the configuration has no depth head")
    loss, error = depth_loss(depth, log_scale, batch)
    return loss, {"depth": loss, "depth_error": error}
