"""The model core against transformers' DeepseekV3ForCausalLM on one CPU thread: same weights, equal outputs first.

    python benchmarks/model_core_cpu.py [--rounds 3] [--contexts 256,2048] [--batch 32]

Rounds are interleaved (each measures every contender once); figures are medians of CPU seconds. transformers runs in
each of its settings that it accepts here (eager and fused attention, its own ways to run experts); the best one counts.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from model_core import LatentCache, Model, ModelConfig, empty
from model_core.names import public_tensors

STEPS = 4  # decoding steps in one measurement
PREFILL_TOKENS = 4096  # prompt tokens in one measurement of prefill
THEIR_FIRST = "transformers sdpa eager"


def config_of(length: int) -> ModelConfig:
    """13.6 M parameters: a size that a CPU serves."""
    return ModelConfig.preset("tiny").scaled(
        hidden_size=256, num_hidden_layers=5, max_position_embeddings=2 * length, tie_word_embeddings=False
    )


def peer_of(model: Model, attention: str, experts: str) -> Any:
    """transformers' model with our weights, under one of its settings."""
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

    public = {k: v for k, v in model.config.to_public().items() if k not in ("architectures", "model_type")}
    settings = DeepseekV3Config(**public, attn_implementation=attention, experts_implementation=experts)
    with torch.device("meta"):
        peer = DeepseekV3ForCausalLM(settings)
    peer = peer.to_empty(device="cpu").eval()
    peer.model.rotary_emb.__init__(settings)  # its frequencies are a buffer, emptied with the rest
    state = peer.state_dict()
    for name, tensor in public_tensors(model).items():
        if ".experts." not in name:
            state[name].copy_(tensor)
    for ours, theirs in zip(model.layers, peer.model.layers, strict=True):
        if hasattr(theirs.mlp, "experts"):
            theirs.mlp.experts.gate_up_proj.data.copy_(ours.mlp.experts.gate_up_E2FD)
            theirs.mlp.experts.down_proj.data.copy_(ours.mlp.experts.down_EDF)
    return peer


class Ours:
    """Our model under the two calls that are measured."""

    def __init__(self, model: Model, length: int) -> None:
        self.model, self.length = model, length

    def prefill(self, ids: Tensor) -> tuple[Tensor, LatentCache]:
        cache = LatentCache(self.model.config, ids.shape[0], self.length + STEPS)
        return self.model(ids, cache, last_only=True)[:, -1], cache

    def decode(self, tokens: Tensor, cache: LatentCache) -> Tensor:
        logits = [self.model(tokens[:, t : t + 1], cache)[:, -1] for t in range(STEPS)]
        cache.advance(-STEPS)
        cache.trim()
        return torch.stack(logits, dim=1)


class Theirs:
    """transformers' model under the same two calls."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def prefill(self, ids: Tensor) -> tuple[Tensor, Any]:
        out = self.peer(ids, use_cache=True, logits_to_keep=1)
        return out.logits[:, -1], out.past_key_values

    def decode(self, tokens: Tensor, cache: Any) -> Tensor:
        logits = [self.peer(tokens[:, t : t + 1], cache=cache, logits_to_keep=1).logits[:, -1] for t in range(STEPS)]
        cache.crop(-STEPS)
        return torch.stack(logits, dim=1)


def contenders(model: Model, length: int) -> Iterator[tuple[str, Ours | Theirs]]:
    """Ours, and transformers under its settings; without `batched_mm`, which copies experts per token (25 x slower)."""
    yield "ours", Ours(model, length)
    for attention in ("sdpa", "eager"):
        for experts in ("eager", "grouped_mm"):
            yield f"transformers {attention} {experts}", Theirs(peer_of(model, attention, experts))


def cpu_seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def agreed(name: str, got: Tensor, wanted: Tensor) -> None:
    """Stop where a contender computes something else."""
    gap = float((got - wanted).abs().max())
    if gap > 1e-4:
        raise SystemExit(f"{name} differs by {gap}; no speed is compared between models that disagree")


@torch.no_grad()
def compare(length: int, batch: int, rounds: int) -> dict[str, Any]:
    """Median tokens per CPU second of each contender at one context length."""
    model = empty(config_of(length)).initialise(seed=0).eval()
    ids = torch.randint(model.config.vocab_size, (batch, length + STEPS), generator=torch.Generator().manual_seed(1))
    prompt, tokens = ids[:, :length], ids[:, length:]
    few = prompt[: max(1, PREFILL_TOKENS // length)]
    all_of = dict(contenders(model, length))
    caches: dict[str, Any] = {}
    for name, one in all_of.items():  # also the warm-up
        # What transformers keeps does not depend on its settings: filled once, with its fused attention.
        caches[name] = copy.deepcopy(caches[THEIR_FIRST]) if THEIR_FIRST in caches else one.prefill(prompt)[1]
        first, then = one.prefill(few)[0], one.decode(tokens, caches[name])
        if name == "ours":
            wanted = first, then
        agreed(name, first, wanted[0])
        agreed(name, then, wanted[1])
    taken: dict[str, dict[str, list[float]]] = {name: {"prefill": [], "decode": []} for name in all_of}
    for _ in range(rounds):
        for name, one in all_of.items():
            taken[name]["prefill"].append(cpu_seconds(lambda one=one: one.prefill(few)))
            taken[name]["decode"].append(cpu_seconds(lambda one=one, name=name: one.decode(tokens, caches[name])))
    rates = {
        name: {
            "prefill": few.numel() / statistics.median(times["prefill"]),
            "decode": tokens.numel() / statistics.median(times["decode"]),
        }
        for name, times in taken.items()
    }
    best = {what: max(rate[what] for name, rate in rates.items() if name != "ours") for what in ("prefill", "decode")}
    return {
        "context": length,
        "batch": batch,
        "tokens_per_cpu_second": {name: {k: round(v) for k, v in rate.items()} for name, rate in rates.items()},
        "times_the_best_of_transformers": {k: round(rates["ours"][k] / best[k], 2) for k in best},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contexts", default="256,2048")
    parser.add_argument("--batch", type=int, default=32)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for length in map(int, chosen.contexts.split(",")):
        print(json.dumps(compare(length, chosen.batch, chosen.rounds), indent=2), flush=True)


if __name__ == "__main__":
    main()
