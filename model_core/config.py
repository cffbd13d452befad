"""Every size and switch of the architecture, under the names of the public `config.json`, and the presets."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from model_core.declare import Declarations
from model_core.errors import ModelError

# Keys of a public config.json whose only value this code implements.
_FIXED: dict[str, object] = {
    "hidden_act": "silu",
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
    "moe_layer_freq": 1,
    "attention_bias": False,
    "rope_interleave": True,
}


@dataclass(frozen=True)
class Yarn:
    """Context extension of the rotary frequencies (YaRN, arXiv 2309.00071), as DeepSeek-V3 applies it."""

    factor: float
    original_max_position_embeddings: int = 4096
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale: float = 1.0
    mscale_all_dim: float = 1.0


@dataclass(frozen=True)
class ModelConfig:
    """A DeepSeek-V3 / Kimi-K2 architecture. Raises `ModelError` for sizes that do not fit together.

    `q_lora_rank=None` projects queries directly. `n_group=1` routes without groups. `yarn=None` is plain RoPE.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    moe_intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    n_routed_experts: int
    num_experts_per_tok: int
    n_shared_experts: int = 1
    first_k_dense_replace: int = 1
    n_group: int = 1
    topk_group: int = 1
    norm_topk_prob: bool = True
    routed_scaling_factor: float = 1.0
    rms_norm_eps: float = 1e-6
    rope_theta: float = 50000.0
    yarn: Yarn | None = None
    max_position_embeddings: int = 4096
    tie_word_embeddings: bool = False
    initializer_range: float = 0.02
    tool_declarations: Declarations = "json"  # no size: how tools were told in training (declare.py)

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "n_routed_experts"):
            _need(getattr(self, name) > 0, f"{name} is {getattr(self, name)}; it must be positive")
        forms = get_args(Declarations)
        _need(self.tool_declarations in forms, f"tool_declarations={self.tool_declarations!r} is none of {forms}")
        _need(self.qk_rope_head_dim % 2 == 0, f"qk_rope_head_dim is {self.qk_rope_head_dim}; rotation needs pairs")
        _need(
            self.n_routed_experts % self.n_group == 0,
            f"{self.n_routed_experts} experts do not split into n_group={self.n_group} equal groups",
        )
        _need(1 <= self.topk_group <= self.n_group, f"topk_group={self.topk_group} is not within 1..{self.n_group}")
        reachable = self.n_routed_experts // self.n_group * self.topk_group
        _need(
            1 <= self.num_experts_per_tok <= reachable,
            f"num_experts_per_tok={self.num_experts_per_tok}, but only {reachable} experts can be reached by a token",
        )
        # Groups are ranked by the sum of their two best experts.
        _need(self.n_group == 1 or self.n_routed_experts // self.n_group >= 2, "a group needs at least two experts")

    @staticmethod
    def preset(name: str) -> ModelConfig:
        """`k2`, `k2_0905`, `moonlight` or `tiny`. Raises `ModelError` for another name."""
        if name not in _PRESETS:
            raise ModelError(f"no preset {name!r}; there are {', '.join(_PRESETS)}")
        return _PRESETS[name]

    @staticmethod
    def from_public(public: Mapping[str, Any]) -> ModelConfig:
        """From the keys of a public `config.json`. Raises `ModelError` for what this architecture does not do."""
        for key, only in _FIXED.items():
            if public.get(key, only) != only:
                raise ModelError(f"config: {key} is {public[key]!r}; only {only!r} is implemented")
        known = {field.name for field in fields(ModelConfig)} - {"yarn"}
        given = {key: value for key, value in public.items() if key in known}
        for optional in ("n_group", "topk_group"):  # written as null where a model has no groups
            if given.get(optional) is None:
                given.pop(optional, None)
        rope = dict(public.get("rope_parameters") or public.get("rope_scaling") or {})
        given["rope_theta"] = float(rope.get("rope_theta", public.get("rope_theta", 10000.0)))
        missing = [f.name for f in fields(ModelConfig) if f.name not in given and f.default is f.default_factory]
        if missing:
            raise ModelError(f"config: {', '.join(missing)} missing")
        return ModelConfig(**given, yarn=_read_yarn(rope))

    @staticmethod
    def read(folder: Path | str) -> ModelConfig:
        """From `folder/config.json`."""
        path = Path(folder) / "config.json"
        if not path.is_file():
            raise ModelError(f"{path} is missing; a checkpoint folder holds config.json beside its safetensors")
        return ModelConfig.from_public(json.loads(path.read_text()))

    def to_public(self) -> dict[str, Any]:
        """The keys of a public `config.json`: what `from_public` reads, and what other programs need to load it."""
        public = {key: value for key, value in asdict(self).items() if key != "yarn"}
        rope: dict[str, Any] = {"type": "yarn", "rope_type": "yarn", **asdict(self.yarn)} if self.yarn else {}
        return public | _FIXED | {
            "num_nextn_predict_layers": 0,  # the extra layers that draft ahead are neither read nor written
            "architectures": ["DeepseekV3ForCausalLM"],
            "model_type": "deepseek_v3",
            "num_key_value_heads": self.num_attention_heads,
            "rope_scaling": rope or None,
        }  # fmt: skip

    def scaled(self, **changes: Any) -> ModelConfig:
        """A copy with other sizes, and with the gate's scale recomputed for its number of experts."""
        changed = replace(self, **changes)
        scale = gate_scale(changed.n_routed_experts, changed.num_experts_per_tok)
        return replace(changed, routed_scaling_factor=changes.get("routed_scaling_factor", scale))

    def is_dense(self, layer: int) -> bool:
        """Whether this layer has one wide MLP instead of experts."""
        return layer < self.first_k_dense_replace


@cache
def gate_scale(n_experts: int, top_k: int, draws: int = 4096) -> float:
    """The factor that brings the routed experts' sum back to unit size: E[1 / ||top-k weights||_2].

    Weights are the renormalised top-k sigmoids of standard normal logits (Moonlight, arXiv 2502.16982). It gives
    2.83 for 384 experts, 8 chosen (K2 has 2.827), and 2.45 for 64 and 6 (Moonlight has 2.446). Seeded, so exact.
    """
    import numpy  # here, since nothing else of a configuration needs it

    logits = numpy.random.default_rng(0).standard_normal((draws, n_experts))
    best = -numpy.partition(-logits, top_k - 1, axis=1)[:, :top_k]
    weights = 1 / (1 + numpy.exp(-best))
    weights /= weights.sum(axis=1, keepdims=True)
    return round(float((1 / numpy.sqrt((weights**2).sum(axis=1))).mean()), 3)


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelError(f"config: {otherwise}")


def _read_yarn(rope: Mapping[str, Any]) -> Yarn | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != "yarn":
        raise ModelError(f"config: rope scaling {kind!r}; only yarn is implemented")
    if not rope.get("mscale", 1.0) or not rope.get("mscale_all_dim", 0.0):
        # The public implementations disagree on what a zero means here, and no released K2 has one.
        raise ModelError("config: yarn without mscale or mscale_all_dim is not implemented; write both")
    known = {field.name for field in fields(Yarn)}
    return Yarn(**{key: value for key, value in rope.items() if key in known})


def yarn_mscale(factor: float, weight: float) -> float:
    """How much attention sharpens for a context `factor` times longer."""
    return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0


_K2 = ModelConfig(
    vocab_size=163840,
    hidden_size=7168,
    intermediate_size=18432,
    moe_intermediate_size=2048,
    num_hidden_layers=61,
    num_attention_heads=64,
    q_lora_rank=1536,
    kv_lora_rank=512,
    qk_nope_head_dim=128,
    qk_rope_head_dim=64,
    v_head_dim=128,
    n_routed_experts=384,
    num_experts_per_tok=8,
    routed_scaling_factor=2.827,
    max_position_embeddings=131072,
    yarn=Yarn(factor=32.0, beta_fast=1.0),
)
_PRESETS = {
    "k2": _K2,
    "k2_0905": replace(_K2, max_position_embeddings=262144, yarn=Yarn(factor=64.0, beta_fast=1.0)),
    "moonlight": ModelConfig(
        vocab_size=163840,
        hidden_size=2048,
        intermediate_size=11264,
        moe_intermediate_size=1408,
        num_hidden_layers=27,
        num_attention_heads=16,
        q_lora_rank=None,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        n_routed_experts=64,
        num_experts_per_tok=6,
        n_shared_experts=2,
        routed_scaling_factor=2.446,
        rms_norm_eps=1e-5,
        max_position_embeddings=8192,
    ),
    "tiny": ModelConfig(
        vocab_size=4096,
        hidden_size=256,
        intermediate_size=768,
        moe_intermediate_size=192,
        num_hidden_layers=6,
        num_attention_heads=4,
        q_lora_rank=128,
        kv_lora_rank=96,
        qk_nope_head_dim=48,
        qk_rope_head_dim=16,
        v_head_dim=64,
        n_routed_experts=16,
        num_experts_per_tok=2,
        routed_scaling_factor=gate_scale(16, 2),
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
}
