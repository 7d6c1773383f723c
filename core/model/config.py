"""Sizes of the network. ``paper-s`` and ``paper-l`` are Table 8 of the paper; ``small`` is the one we train."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ..errors import InputError
from .stem import COARSE_STRIDE


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shapes of the weights. Attention heads are 64 wide throughout, as in the paper."""

    name: str
    image_size: int = 256  # pixels of a square canonical view
    patch: int = 16  # pixels of a square patch, one token each
    input_channels: int = 3  # RGB on white; 4 adds the mask
    stem: bool = False  # a convolutional stem beside raw patches of its stride (not in the paper)
    tokenizer_layers: int = 12
    tokenizer_width: int = 768
    intrinsics_layers: int = 5
    trunk_layers: int = 24
    trunk_width: int = 1024
    alternate: bool = False  # trunk layers attend within a view and across all views in turn (VGGT, Table 6)
    qk_norm: bool = False
    triplane_tokens: int = 32  # tokens along the side of a plane
    triplane_upsampling: int = 1
    triplane_channels: int = 32
    half_extent: float = 1.0  # the field lives in the box [-half_extent, half_extent]³
    nerf_layers: int = 5
    nerf_width: int = 64
    point_layers: int = 4
    point_width: int = 512
    depth_cells: int = 0  # own-frame depths along the side of a patch; 0 leaves the depth head out (as the paper does)
    ray_samples: int = 64

    @property
    def patches(self) -> int:
        """Patches along the side of a view."""
        return self.image_size // self.patch

    @property
    def planes_size(self) -> int:
        """Texels along the side of a plane."""
        return self.triplane_tokens * self.triplane_upsampling

    def to_dict(self) -> dict[str, object]:
        """The values as JSON knows them."""
        return asdict(self)


def config_from_dict(values: dict[str, object]) -> ModelConfig:
    """The inverse of :meth:`ModelConfig.to_dict`, for values that come from a file.

    :raises InputError: a value is missing, unknown, of another type or not plausible.
    """
    remedy = "Use weights that were made for this version."
    fields = ModelConfig.__dataclass_fields__
    unknown = set(values) - set(fields)
    if unknown or "name" not in values:
        raise InputError(f"The model configuration has no meaning for {sorted(unknown) or 'a missing name'}.", remedy)
    for key, value in values.items():
        expected = type(getattr(CONFIGS["small"], key))
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise InputError(f"The model configuration says {key} = {value!r}, not a {expected.__name__}.", remedy)
        absent = key == "depth_cells" and value == 0
        if isinstance(value, (int, float)) and expected is not bool and not absent and not 0 < value <= 4096:
            raise InputError(f"The model configuration says {key} = {value}, which no model has.", remedy)
    config = ModelConfig(**values)  # type: ignore[arg-type]
    fits = config.image_size % config.patch == 0 and (config.patch == COARSE_STRIDE or not config.stem)
    if not fits or config.input_channels not in (3, 4) or config.tokenizer_width % 64 or config.trunk_width % 64:
        raise InputError("The model configuration has sizes that do not fit each other.", remedy)
    return config


CONFIGS = {
    config.name: config
    for config in (
        ModelConfig(name="paper-s"),
        ModelConfig(name="paper-l", image_size=512, trunk_layers=36, triplane_upsampling=2, ray_samples=128),
        ModelConfig(
            name="small", image_size=128, patch=16, input_channels=4, stem=True,
            tokenizer_layers=4, tokenizer_width=320, intrinsics_layers=3,
            trunk_layers=8, trunk_width=320, alternate=True, qk_norm=True,
            triplane_tokens=8, triplane_upsampling=4, triplane_channels=24, half_extent=1.6,
            nerf_layers=3, nerf_width=48, point_layers=3, point_width=320, depth_cells=4,
        ),
        # For tests: every branch of the code and next to no parameters.
        ModelConfig(
            name="tiny", image_size=32, patch=16, input_channels=4, stem=True,
            tokenizer_layers=1, tokenizer_width=64, intrinsics_layers=2,
            trunk_layers=2, trunk_width=64, alternate=True, qk_norm=True,
            triplane_tokens=4, triplane_upsampling=2, triplane_channels=8, half_extent=1.6,
            nerf_layers=2, nerf_width=16, point_layers=2, point_width=32, depth_cells=2, ray_samples=16,
        ),
    )
}
