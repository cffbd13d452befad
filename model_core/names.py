"""Public tensor names (DeepSeek-V3, Kimi K2) and where each lives in our modules: one table, both ways.

All names are ours with `model.` in front, except the head and the routed experts, which we stack.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from model_core.config import ModelConfig
from model_core.model import Model
from model_core.moe import Experts

SCALE_SUFFIX = "_scale_inv"
FP8_BLOCK = 128
# Projections are stored in FP8; norms, embeddings, head and router are not.
_QUANTISED = re.compile(r"\.layers\.\d+\..*_proj(_with_mqa)?\.weight$")
_STRAY = re.compile(r"\.rotary_emb\.inv_freq$")
_LAYER = re.compile(r"^model\.layers\.(\d+)\.")


def public_tensors(model: Model) -> dict[str, Tensor]:
    """Each public name with the tensor behind it. Experts are views, so copying into them fills the stack."""
    table: dict[str, Tensor] = {}
    stacked = {name: module for name, module in model.named_modules() if isinstance(module, Experts)}
    for name, tensor in model.state_dict(keep_vars=True).items():
        owner, _, leaf = name.rpartition(".")
        if owner in stacked:
            if leaf == "down_EDF":
                table |= _experts(f"model.{owner}", stacked[owner])
        else:
            table[name if owner == "lm_head" else f"model.{name}"] = tensor.detach()
    return table


def _experts(prefix: str, experts: Experts) -> dict[str, Tensor]:
    width = experts.down_EDF.shape[2]
    gate_up, down = experts.gate_up_E2FD.detach(), experts.down_EDF.detach()
    table: dict[str, Tensor] = {}
    for e in range(down.shape[0]):
        table[f"{prefix}.{e}.gate_proj.weight"] = gate_up[e, :width]
        table[f"{prefix}.{e}.up_proj.weight"] = gate_up[e, width:]
        table[f"{prefix}.{e}.down_proj.weight"] = down[e]
    return table


def public_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Public names and shapes of a configuration's weights; nothing is allocated."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in public_tensors(Model(config)).items()}


def is_quantised(name: str) -> bool:
    """Whether an FP8 checkpoint stores this tensor in FP8, with its scales beside it."""
    return _QUANTISED.search(name) is not None


def scale_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """One scale for each block of 128 x 128, the last ones cut."""
    return tuple(-(-size // FP8_BLOCK) for size in shape)


def released_names(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """All tensors of the FP8 release: weights, scales, and the stray rotary buffers (one number per 128 of D)."""
    shapes = public_shapes(config)
    scales = {name + SCALE_SUFFIX: scale_shape(shape) for name, shape in shapes.items() if is_quantised(name)}
    strays = {
        f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": (config.hidden_size // FP8_BLOCK,)
        for layer in range(config.num_hidden_layers)
    }
    return shapes | scales | strays


def is_ignored(name: str, config: ModelConfig) -> bool:
    """Stray rotary buffers, layers past the last one (drafting heads), and a written-out head that is tied."""
    layer = _LAYER.match(name)
    if layer and int(layer[1]) >= config.num_hidden_layers:
        return True
    return bool(_STRAY.search(name)) or (name == "lm_head.weight" and config.tie_word_embeddings)
