"""The K2 core: architecture, checkpoints, latent cache. It imports nothing of the pipeline.

`pip install '.[model]'` brings torch and the rest; without them the names below cannot be imported.
"""

from model_core.cache import LatentCache
from model_core.checkpoint import empty, load, save
from model_core.config import ModelConfig, Yarn, gate_scale
from model_core.errors import ModelError
from model_core.model import Model, next_token_loss
from model_core.sizes import Sizes, sizes

__all__ = [
    "LatentCache",
    "Model",
    "ModelConfig",
    "ModelError",
    "Sizes",
    "Yarn",
    "empty",
    "gate_scale",
    "load",
    "next_token_loss",
    "save",
    "sizes",
]
