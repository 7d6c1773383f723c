"""Refinement of a field at known poses: a ball seen from four sides must come out as a ball of the photos' colours."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pflrm.core.cameras import canonical_intrinsics, object_distance, pose, reference_pose
from pflrm.core.fit import BESIDE, Targets
from pflrm.core.mesh import extract_mesh
from pflrm.core.model import Field
from pflrm.core.observations import Observations, project
from pflrm.core.refine import carve, distance_inside, hull_grid, mended, refine_field
from pflrm.core.voxels import Grid, GridDecoder

SIZE = 64
HALF_ANGLE = 0.35


class Fog:
    """A network that knows nothing: thin grey fog everywhere."""

    half_extent = 1.6

    def __call__(self, planes: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full(points.shape[:2], 3.0), torch.full((*points.shape[:2], 3), 0.5)


def ball_views(count: int = 4) -> tuple[list[SimpleNamespace], np.ndarray]:
    """Views around the unit ball whose left half (x < 0) is red and whose right half is blue."""
    intrinsics = canonical_intrinsics(HALF_ANGLE, SIZE)
    distance = object_distance(HALF_ANGLE)
    views, poses = [], []
    for index in range(count):
        angle = 2 * np.pi * index / count
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        world_to_view = reference_pose(distance) @ pose(turn, np.zeros(3))
        v, u = (np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2) / intrinsics.fx
        rays = np.stack([u, v, np.ones_like(u)], -1) @ world_to_view[:3, :3]
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        origin = -world_to_view[:3, :3].T @ world_to_view[:3, 3]
        along = -rays @ origin
        inside = 1 - (distance**2 - along**2)
        hit = origin + (along - np.sqrt(np.maximum(inside, 0)))[..., None] * rays
        colour = np.where(hit[..., :1] < 0, [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])
        image = np.concatenate([colour, (inside > 0)[..., None]], -1).astype(np.float32)
        views.append(SimpleNamespace(image=image, intrinsics=intrinsics, unseen=np.zeros((2 * SIZE, 2 * SIZE), bool)))
        poses.append(world_to_view)
    return views, np.array(poses)


@pytest.fixture(scope="module")
def seen() -> Observations:
    views, poses = ball_views()
    return Observations.of(views, poses, np.ones(len(views)), None, None)


def silence(fraction: float) -> None:
    """Progress that nobody watches."""


def test_a_grid_answers_where_its_voxels_are() -> None:
    """Voxels that hold their own positions: between them they are interpolated, around the grid is nothing."""
    grid = Grid.over(torch.tensor([-1.0, -0.4, 0.2]), torch.tensor([1.0, 0.5, 0.9]), 0.25)
    assert grid.shape == (4, 5, 9)
    assert (grid.high >= torch.tensor([1.0, 0.5, 0.9])).all()
    torch.testing.assert_close(grid.points()[:2], torch.tensor([[-1.0, -0.4, 0.2], [-0.75, -0.4, 0.2]]))
    position = grid.points().T.reshape(1, 3, *grid.shape)
    values = torch.cat([torch.full((1, 1, *grid.shape), 5.0), position], 1)
    inside = grid.low + torch.rand(50, 3) * (grid.high - grid.low)
    density, colour = Field(GridDecoder(grid, 1.6), values[0]).query(torch.cat([inside, inside + grid.high - grid.low]))
    assert (density[:50] > 10).all()
    assert (density[50:] == 0).all()
    torch.testing.assert_close(torch.logit(colour[:50]), inside, atol=1e-4, rtol=1e-4)


def carved(network: Field, seen: Observations, resolution: int = 64) -> Field:
    grid = hull_grid(seen, network.half_extent, resolution)
    return Field(GridDecoder(grid, network.half_extent), carve(network, seen, grid))


def test_projection_agrees_with_the_cameras(seen: Observations) -> None:
    position, depth = project(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), seen)
    assert depth[:, 0].tolist() == pytest.approx([object_distance(HALF_ANGLE)] * 4, rel=1e-5)
    assert position[:, 0].abs().max() < 1e-5
    assert (position[:, 1, 1] < -0.5).all()  # up in the world is up in every level view


def test_distances_are_positive_inside_and_go_on_beside_the_view(seen: Observations) -> None:
    position = torch.tensor([[0.0, 0.0], [-1.0, 0.0], [-1.6, 0.0]]).expand(len(seen.mask), -1, -1)
    distance = distance_inside(position, seen)[0]
    radius = float(seen.mask[0].sum() / torch.pi) ** 0.5 / seen.mask.shape[1]
    assert distance.tolist() == pytest.approx([radius, radius - 0.5, radius - 0.8], abs=0.02)


def test_carving_leaves_the_hull(seen: Observations) -> None:
    field = carved(Field(Fog(), torch.zeros(1)), seen)
    radius = torch.tensor([0.5, 1.3])[:, None] * torch.nn.functional.normalize(torch.randn(500, 1, 3), dim=-1)
    density, _ = field.query(radius.transpose(0, 1))
    assert (density[0] > field.level).all()
    outside = field.query(torch.tensor([[1.4, 0.0, 0.0], [0.0, -1.4, 0.0], [0.9, 0.9, 0.0]]))[0]
    assert (outside < field.level).all()


def test_an_object_that_is_larger_than_the_first_photo_shows_is_not_cut_off() -> None:
    """All but the first photo show twice as much of the world, as they show a long object that the first shows from its
    end."""
    views, poses = ball_views()
    poses[1:, :3, 3] *= 2
    views[0].unseen[:] = True  # what goes on behind the end is not seen there
    seen = Observations.of(views, poses, np.ones(len(views)), None, None)
    assert seen.reach == pytest.approx(2)
    field = refine_field(Field(Fog(), torch.zeros(1)), seen, quality="draft", seed=0, progress=silence)
    vertices = extract_mesh(field, resolution=96).vertices
    assert np.abs(vertices[:, 2]).max() == pytest.approx(2, abs=0.15)


def test_a_distrusted_view_carves_less() -> None:
    views, poses = ball_views()
    views[1].image = views[1].image.copy()
    views[1].image[:, : SIZE // 2, 3] = 0  # half of the object is missing in this mask
    missing = torch.stack([torch.zeros(9), torch.linspace(0.05, 0.2, 9), torch.zeros(9)], 1)

    def matter(trust: float) -> float:
        seen = Observations.of(views, poses, np.array([1, trust, 1, 1]), None, None)
        return float(carved(Field(Fog(), torch.zeros(1)), seen).query(missing)[0].sum())

    assert matter(0.0) > 1.5 * matter(1.0)


def test_the_silhouettes_that_symmetry_promises_carve_too() -> None:
    """Of what lies before and behind the ball one photo tells nothing; its image from the side does."""
    views, poses = ball_views()
    photo, image = (Observations.of(views[i : i + 1], poses[i : i + 1], np.ones(1), None, None) for i in (0, 1))
    field = Field(Fog(), torch.zeros(1))
    places = torch.tensor([[0.0, 1.4, 0.0], [0.0, -1.4, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])

    def matter(mirrored: Observations | None) -> list[bool]:
        found = refine_field(field, photo, mirrored, quality="draft", seed=0, progress=silence)
        return (found.query(places)[0] > found.level).tolist()

    assert matter(None) == [True, True, True, True]
    assert matter(image) == [False, False, True, True]


def test_what_a_photo_cuts_off_is_not_carved_away() -> None:
    """The second photo shows the upper half of the ball alone: it must not take the lower half, nor the fit."""
    views, poses = ball_views()
    views[1].image = views[1].image.copy()
    views[1].image[SIZE // 2 :, :, 3] = 0
    lower = torch.tensor([[0.0, 0.0, -0.5], [0.3, -0.3, -0.4]])
    white = views[1].unseen.copy()
    below = views[1].unseen.copy()
    below[SIZE:] = True

    def density(unseen: np.ndarray) -> torch.Tensor:
        views[1].unseen = unseen
        seen = Observations.of(views, poses, np.ones(4), None, None)
        field = Field(Fog(), torch.zeros(1))
        fitted = refine_field(field, seen, quality="standard", seed=0, progress=silence)
        return fitted.query(lower)[0] / fitted.level

    assert (density(white) < 1).all()
    assert (density(below) > 1).all()


def test_the_grid_holds_the_hull_and_little_more(seen: Observations) -> None:
    grid = hull_grid(seen, 1.6, 64)
    assert (grid.low < -1.0).all()
    assert (grid.high > 1.0).all()
    assert (grid.half < 1.35).all()
    step = (grid.high - grid.low) / (torch.tensor(grid.shape).flip(0) - 1)
    torch.testing.assert_close(step, torch.full((3,), 3.2 / 63))
    empty = replace(seen, distance=torch.full_like(seen.distance, -0.5))
    assert hull_grid(empty, 1.6, 64).half.tolist() == pytest.approx([1.6] * 3)


def test_narrow_pits_are_filled_where_silhouettes_left_matter() -> None:
    """A block with a narrow shaft, a wide one, and a narrow gap that a silhouette has cut."""
    grid = Grid.over(torch.full((3,), -1.0), torch.full((3,), 1.0), 0.025)
    x, y, _ = grid.points().T.reshape(3, *grid.shape)
    carved = torch.where((x - 0.6).abs() < 0.03, -10.0, 5.0)[None].repeat(4, 1, 1, 1)
    fitted = carved.clone()
    narrow, wide = (x + 0.6).hypot(y) < 0.05, x.hypot(y) < 0.25
    fitted[0][narrow | wide] = -10.0
    density = mended(fitted, carved, grid)[0]
    assert (density[narrow] > 0).all()
    assert (density[x.hypot(y) < 0.1] < 0).all()
    assert (density[(x - 0.6).abs() < 0.01] < 0).all()
    assert torch.equal(mended(fitted, carved, grid)[1:], fitted[1:])


def test_rays_are_cast_where_silhouettes_are() -> None:
    """At every pixel of a slender object or close to it, and so that their mean is a mean over the whole view."""
    views, poses = ball_views(2)
    views[0].image[..., 3] = 0
    views[0].image[8:-8, SIZE // 2 - 2 : SIZE // 2 + 2, 3] = 1
    slender = Observations.of(views, poses, np.ones(2), None, None)
    targets = Targets.of(slender)
    positions = targets.random(100_000, SIZE, torch.Generator().manual_seed(0))
    assert positions.min() >= 0
    assert positions.max() < 1
    assert distance_inside(2 * positions - 1, slender).min() > -BESIDE - 1.5 / SIZE  # pixels have a width
    pixels = (positions * SIZE).long()
    hit = torch.zeros(2, SIZE, SIZE, dtype=torch.bool)
    for view in range(2):
        hit[view, pixels[view, :, 1], pixels[view, :, 0]] = True
    assert hit[slender.mask > 0].all()
    torch.testing.assert_close(targets.share, hit.flatten(1).float().mean(1))
    of_object = torch.stack([mask[rows, columns].mean() for mask, (columns, rows) in zip(
        slender.mask, pixels.permute(0, 2, 1), strict=True
    )])
    torch.testing.assert_close(of_object * targets.share, slender.mask.mean((1, 2)), rtol=0.03, atol=0)


def test_fitting_recovers_shape_and_colours(seen: Observations) -> None:
    field = refine_field(Field(Fog(), torch.zeros(1)), seen, quality="standard", seed=0, progress=silence)
    mesh = extract_mesh(field, resolution=64)
    radii = np.linalg.norm(mesh.vertices, axis=1)
    assert np.median(radii) == pytest.approx(1.0, abs=0.06)
    left = mesh.colours[mesh.vertices[:, 0] < -0.5].mean(0)
    right = mesh.colours[mesh.vertices[:, 0] > 0.5].mean(0)
    assert left[0] > 0.6 > 0.4 > left[2]
    assert right[2] > 0.6 > 0.4 > right[0]


def test_corners_of_the_hull_that_no_photo_shows_become_round() -> None:
    """The hull of a ball in three photos reaches 1.48 radii far; the photos do not contradict its corners."""
    views, poses = ball_views(3)
    seen = Observations.of(views, poses, np.ones(3), None, None)
    field = refine_field(Field(Fog(), torch.zeros(1)), seen, quality="standard", seed=0, progress=silence)
    radii = np.linalg.norm(extract_mesh(field, resolution=64).vertices, axis=1)
    assert radii.max() < 1.35
    assert np.median(radii) == pytest.approx(1.0, abs=0.06)


def test_a_rod_is_as_deep_as_the_images_of_its_photo_say() -> None:
    """One photo shows how wide it is, the image from the side how deep; carving alone leaves it twice as deep."""
    views, poses = ball_views()
    for view in views[:2]:
        view.image = view.image.copy()
        view.image[..., 3] = 0
        view.image[8:-8, SIZE // 2 - 2 : SIZE // 2 + 2, 3] = 1
    photo, image = (Observations.of(views[i : i + 1], poses[i : i + 1], np.ones(1), None, None) for i in (0, 1))
    field = refine_field(Field(Fog(), torch.zeros(1)), photo, image, quality="standard", seed=0, progress=silence)
    width, depth, _ = np.ptp(extract_mesh(field, resolution=64).vertices, axis=0)
    assert depth == pytest.approx(width, rel=0.2)


def test_sides_that_no_photo_shows_get_the_colours_that_symmetry_promises() -> None:
    """Two photos of a ball that is red and blue; what else symmetry promises is green."""
    views, poses = ball_views()
    for view in views[2:]:
        view.image = np.concatenate([np.broadcast_to([0.1, 0.9, 0.1], (SIZE, SIZE, 3)), view.image[..., 3:]], -1)
    photos, images = (Observations.of(views[s], poses[s], np.ones(2), None, None) for s in (slice(2), slice(2, 4)))
    field = Field(Fog(), torch.zeros(1))
    sides = -poses[:, 2, :3]  # towards the cameras

    def green(mirrored: Observations | None) -> np.ndarray:
        """Of what faces each of the four sides."""
        fitted = refine_field(field, photos, mirrored, quality="standard", seed=0, progress=silence)
        mesh = extract_mesh(fitted, resolution=64)
        facing = mesh.vertices @ sides.T > 0.9 * np.linalg.norm(mesh.vertices, axis=1)[:, None]
        return np.array([mesh.colours[those, 1].mean() for those in facing.T])

    assert (green(None) < 0.3).all()
    assert (green(images)[:2] < 0.3).all()
    assert (green(images)[2:] > 0.6).all()


def test_the_same_seed_gives_the_same_field(seen: Observations) -> None:
    fields = [
        refine_field(Field(Fog(), torch.zeros(1)), seen, quality="draft", seed=3, progress=silence) for _ in range(2)
    ]
    assert torch.equal(fields[0].planes, fields[1].planes)


def test_depth_in_front_of_the_hull_carves_it() -> None:
    views, poses = ball_views()
    plain = Observations.of(views, poses, np.ones(4), None, None)
    deep = np.full((4, 16, 16), object_distance(HALF_ANGLE) - 0.3, np.float32)  # the ball's front, pushed in by 0.7
    told = Observations.of(views, poses, np.ones(4), deep, np.full((4, 16, 16), -4.0, np.float32))
    network = Field(Fog(), torch.zeros(1))
    front = torch.tensor([[0.0, -0.9, 0.0]])
    before = carved(network, plain).query(front)[0]
    after = carved(network, told).query(front)[0]
    assert after < 0.3 * before
