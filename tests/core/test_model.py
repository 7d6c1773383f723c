"""The network: sizes of the paper, equivariance, the triplane's axes, and volume rendering against closed forms."""

import math

import numpy as np
import pytest
import torch
from pflrm.core.cameras import canonical_intrinsics, object_distance
from pflrm.core.errors import InputError
from pflrm.core.model import CONFIGS, PFLRM, Field, render_rays
from pflrm.core.model.config import config_from_dict
from pflrm.core.model.nerf import box_interval
from pflrm.core.model.pflrm import view_distance
from pflrm.core.model.stem import BLOCKS, Stem, stem_state_from_efficientnet
from torch import nn
from torch.nn import functional as F


def parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in PFLRM(CONFIGS[name]).parameters())


@pytest.fixture(scope="module")
def tiny() -> PFLRM:
    torch.manual_seed(0)
    return PFLRM(CONFIGS["tiny"]).eval()


def random_views(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(1, count, 4, 32, 32, generator=generator)
    intrinsics = torch.tensor([1.4, 1.4, 0.5, 0.5]) + 0.1 * torch.rand(1, count, 4, generator=generator)
    return images, intrinsics


def test_paper_sizes_have_the_papers_parameters() -> None:
    assert parameters("paper-s") == pytest.approx(424e6, rel=0.005)
    assert parameters("paper-l") == pytest.approx(575e6, rel=0.005)


def test_small_fits_its_budget() -> None:
    assert parameters("small") <= 20e6
    assert 2 * parameters("small") <= 42e6  # bytes in bfloat16


def test_configuration_survives_json_and_refuses_nonsense() -> None:
    values = CONFIGS["small"].to_dict()
    assert config_from_dict(values) == CONFIGS["small"]
    assert config_from_dict(values | {"depth_cells": 0}).depth_cells == 0  # no depth head
    for broken in (
        {"trunk_width": "wide"}, {"patch": 0}, {"trunk_layers": 10**6}, {"colour": 1}, {"stem": 1}, {"patch": 8},
        {"trunk_width": 0}, {"half_extent": 0.0}, {"nerf_layers": 0}, {"input_channels": 5},
    ):  # fmt: skip
        with pytest.raises(InputError):
            config_from_dict(values | broken)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_any_number_of_views(tiny: PFLRM, count: int) -> None:
    with torch.no_grad():
        out = tiny(*random_views(count))
    assert out.planes.shape == (1, 3, 8, 8, 8)
    assert out.points.shape == (1, count, 4, 3)
    assert out.depth.shape == (1, count, 4, 4)
    assert all(bool(((t > 0) & (t < 1)).all()) for t in (out.opacity, out.weight))


def test_exchanging_source_views_exchanges_their_predictions(tiny: PFLRM) -> None:
    images, intrinsics = random_views(4)
    order = [0, 3, 1, 2]
    with torch.no_grad():
        one, other = tiny(images, intrinsics), tiny(images[:, order], intrinsics[:, order])
    torch.testing.assert_close(other.points, one.points[:, order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.planes, one.planes, atol=1e-5, rtol=1e-4)


def test_the_reference_is_told_apart(tiny: PFLRM) -> None:
    images, intrinsics = random_views(2)
    with torch.no_grad():
        nn.init.normal_(tiny.tokenizer.blocks[0].modulation.weight, std=0.2)
        one, other = tiny(images, intrinsics), tiny(images.flip(1), intrinsics.flip(1))
    assert (one.points - other.points.flip(1)).abs().max() > 1e-3


def test_background_colour_under_a_transparent_pixel_does_not_matter(tiny: PFLRM) -> None:
    images, intrinsics = random_views(2)
    images[:, :, 3, :16] = 0
    painted = images.clone()
    painted[:, :, :3, :16] = 0.3
    with torch.no_grad():
        torch.testing.assert_close(tiny(images, intrinsics).points, tiny(painted, intrinsics).points)


def test_depth_is_measured_from_the_spheres_distance() -> None:
    angles = [0.1, 0.3, 0.8]
    intrinsics = torch.tensor(np.stack([canonical_intrinsics(a, 64).normalised() for a in angles]))
    assert view_distance(intrinsics).tolist() == pytest.approx([object_distance(a) for a in angles])


def test_triplane_axes(tiny: PFLRM) -> None:
    """A feature at one texel of the xz plane answers at its x and z, whatever y is."""
    planes = torch.zeros(3, 8, 8, 8)
    planes[1, 0, 6, 2] = 1.0  # row is z, column is x
    field = Field(lambda p, x: (F.grid_sample(
        p[0, 1:2], (x[..., [0, 2]] / 1.6)[:, :, None], align_corners=False)[0, 0, :, 0][None], x), planes)
    field.decoder.half_extent = 1.6
    texel = lambda index: ((index + 0.5) / 8 * 2 - 1) * 1.6  # noqa: E731
    points = torch.tensor([[texel(2), 0.3, texel(6)], [texel(6), 0.3, texel(2)]])
    assert field.query(points)[0].tolist() == pytest.approx([1.0, 0.0], abs=1e-5)
    seen = tiny.decoder(planes[None], torch.tensor([[[texel(2), y, texel(6)] for y in (-1.0, 0.2, 1.1)]]))[0]
    empty = tiny.decoder(0 * planes[None], torch.zeros(1, 1, 3))[0]
    assert torch.allclose(seen, seen[:, :1].expand_as(seen))
    assert not torch.allclose(seen[:, :1], empty)


class Ball:
    """A ball of constant density and colour."""

    half_extent = 1.5

    def __init__(self, density: float) -> None:
        self.density = density

    def __call__(self, planes: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inside = (points.norm(dim=-1) < 1).float()
        return self.density * inside, torch.tensor([0.2, 0.4, 0.6]).expand(*points.shape[:2], 3)


def test_rendering_absorbs_as_beer_and_lambert_say() -> None:
    offsets = torch.tensor([0.0, 0.6, 1.2])
    origins = torch.stack([offsets, torch.full((3,), -3.0), torch.zeros(3)], -1)[None]
    directions = torch.tensor([0.0, 2.0, 0.0]).expand(1, 3, 3)  # not of unit length on purpose
    seen = render_rays(Ball(0.8), torch.zeros(1, 1), origins, directions, 4000)
    chords = [2.0, 2 * math.sqrt(1 - 0.36), 0.0]
    expected = [1 - math.exp(-0.8 * chord) for chord in chords]
    assert seen.opacity[0].tolist() == pytest.approx(expected, abs=2e-3)
    for opacity, colour in zip(expected, seen.colour[0], strict=True):
        assert colour.tolist() == pytest.approx([opacity * c + 1 - opacity for c in (0.2, 0.4, 0.6)], abs=2e-3)


def test_expected_point_lies_on_an_opaque_surface() -> None:
    origins, directions = torch.tensor([[[0.0, -3.0, 0.5]]]), torch.tensor([[[0.0, 1.0, 0.0]]])
    seen = render_rays(Ball(500.0), torch.zeros(1, 1), origins, directions, 4000)
    assert seen.point[0, 0].tolist() == pytest.approx([0.0, -math.sqrt(0.75), 0.5], abs=5e-3)


def test_rays_enter_and_leave_the_box() -> None:
    origins = torch.tensor([[-3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-3.0, 2.0, 0.0]])
    near, far = box_interval(origins, torch.tensor([[1.0, 0.0, 0.0]] * 3), 1.0)
    assert near[:2].tolist() == pytest.approx([2.0, 0.0])
    assert far[:2].tolist() == pytest.approx([4.0, 1.0])
    assert near[2] == far[2]


def published_layers() -> tuple[nn.ModuleDict, dict[str, torch.Tensor]]:
    """Convolutions with batch normalisation under the published names, with random statistics."""
    torch.manual_seed(1)
    layers = nn.ModuleDict()

    def add(convolution: str, norm: str, conv: nn.Conv2d) -> None:
        layers[convolution.replace(".", "/")] = conv
        batch_norm = nn.BatchNorm2d(conv.out_channels, eps=1e-3)
        nn.init.uniform_(batch_norm.weight, 0.5, 1.5)
        nn.init.normal_(batch_norm.bias, std=0.2)
        nn.init.normal_(batch_norm.running_mean, std=0.2)
        nn.init.uniform_(batch_norm.running_var, 0.5, 1.5)
        layers[norm.replace(".", "/")] = batch_norm

    add("_conv_stem", "_bn0", nn.Conv2d(3, 32, 3, 2, bias=False))
    for index, (kernel, stride, expansion, channels_in, channels_out) in enumerate(BLOCKS):
        block, hidden = f"_blocks.{index}", channels_in * expansion
        if expansion > 1:
            add(f"{block}._expand_conv", f"{block}._bn0", nn.Conv2d(channels_in, hidden, 1, bias=False))
        depthwise = nn.Conv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False)
        add(f"{block}._depthwise_conv", f"{block}._bn1", depthwise)
        add(f"{block}._project_conv", f"{block}._bn2", nn.Conv2d(hidden, channels_out, 1, bias=False))
    return layers.eval(), {k.replace("/", "."): v for k, v in layers.state_dict().items()}


def test_folded_stem_computes_what_the_published_layers_compute() -> None:
    layers, state = published_layers()
    stem = Stem().eval()
    stem.load_state_dict(stem_state_from_efficientnet(state))
    rgb = torch.rand(2, 3, 64, 64)

    def same(x: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
        size, stride, kernel = x.shape[-1], conv.stride[0], conv.kernel_size[0]
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return conv(F.pad(x, (total // 2, total - total // 2) * 2))

    with torch.no_grad():
        x = F.relu6(layers["_bn0"](same((rgb * 255 - 127) / 128, layers["_conv_stem"])))
        for index, (_, stride, expansion, channels_in, channels_out) in enumerate(BLOCKS):
            block, start = f"_blocks/{index}/", x
            if expansion > 1:
                x = F.relu6(layers[block + "_bn0"](layers[block + "_expand_conv"](x)))
            x = F.relu6(layers[block + "_bn1"](same(x, layers[block + "_depthwise_conv"])))
            x = layers[block + "_bn2"](layers[block + "_project_conv"](x))
            if stride == 1 and channels_in == channels_out:
                x = x + start
        torch.testing.assert_close(stem(rgb)[1], x, atol=1e-4, rtol=1e-4)
