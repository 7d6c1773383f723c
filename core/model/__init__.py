"""PF-LRM's network, one file a box of the paper's Figure 2."""

from .config import CONFIGS, ModelConfig
from .nerf import Field, TriplaneDecoder, render_rays
from .pflrm import PFLRM, Prediction

__all__ = ["CONFIGS", "PFLRM", "Field", "ModelConfig", "Prediction", "TriplaneDecoder", "render_rays"]
