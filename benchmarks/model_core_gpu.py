"""The model core on one GPU: is it right, and how near the card's limits does it decode and prefill?

    python benchmarks/model_core_gpu.py                      # moonlight (2.9 B active), random weights, bf16
    python benchmarks/model_core_gpu.py --device cpu --config tiny --batches 1,2 --context 32 --steps 4   # a rehearsal

Both limits are measured on the same card in the same run: the rate of a large bf16 matrix product, and the better of a
copy and a reduction for memory. Writes model_core_gpu.json to --out ($OUT, else the current folder), after each
measurement, so that a run that is cut short leaves what it had.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_core import GreedyStep, LatentCache, Model, ModelConfig, empty, sizes
from model_core.moe import Experts, Router


class Bench:
    """One run: its settings, its clock and what it has found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self.started = time.monotonic()
        self.experts: dict[int, int] = {}  # experts that a step chose, all layers together, by batch
        self.found: dict[str, Any] = {"torch": torch.__version__, "device": self._name()}

    def _name(self) -> str:
        return torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"

    def record(self, key: str, value: object) -> None:
        """Keep and write a result; lists grow."""
        if isinstance(value, dict) and key.endswith("[]"):
            self.found.setdefault(key[:-2], []).append(value)
        else:
            self.found[key] = value
        self.found["seconds"] = round(time.monotonic() - self.started, 1)
        path = Path(self.options.out) / "model_core_gpu.json"
        path.write_text(json.dumps(self.found, indent=2) + "\n")
        print(f"[{self.found['seconds']:6.1f} s] {key} {json.dumps(value)}", flush=True)

    def seconds(self, run: Callable[[], object], times: int, warm_up: int = 2) -> float:
        """Seconds of one call among `times` back to back, by the device's own clock; the median of three series."""
        for _ in range(warm_up):
            run()
        return statistics.median(self._series(run, times) for _ in range(3)) / times

    def _series(self, run: Callable[[], object], times: int) -> float:
        if self.device.type != "cuda":
            begun = time.perf_counter()
            for _ in range(times):
                run()
            return time.perf_counter() - begun
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(times):
            run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1000

    def tidy(self) -> None:
        """Give back what the last measurement held: the next one's cache may need the room."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def out_of_time(self) -> bool:
        return time.monotonic() - self.started > self.options.seconds


def limits(bench: Bench) -> dict[str, float]:
    """What the card does at best: bytes per second of memory, bf16 operations per second of a matrix product."""
    small = bench.device.type == "cpu"
    n = 256 if small else 8192
    a, b = (torch.randn(n, n, device=bench.device, dtype=torch.bfloat16) for _ in range(2))
    product = bench.seconds(lambda: a @ b, 10)
    source = torch.randn(2**20 if small else 2**30, device=bench.device)
    target = torch.empty_like(source)
    size = source.numel() * source.element_size()
    copied = bench.seconds(lambda: target.copy_(source), 10)
    reduced = bench.seconds(source.sum, 10)
    return {
        "matmul_tflops": 2 * n**3 / product / 1e12,
        "copy_gb_per_s": 2 * size / copied / 1e9,
        "read_gb_per_s": size / reduced / 1e9,
    }


@torch.no_grad()
def correctness(bench: Bench) -> dict[str, float]:
    """Largest gaps to the same weights on the CPU in fp32, prefill and cached decoding, and between the twins here."""
    config = replace(ModelConfig.preset("tiny"), num_hidden_layers=4)
    reference = empty(config).initialise(seed=1)
    for weight in reference.parameters():
        if weight.dim() > 1:
            weight.mul_(3)  # peaked enough that a wrong detail would show
    ids = torch.randint(config.vocab_size, (2, 48), generator=torch.Generator().manual_seed(2))
    wanted = reference(ids)
    here = empty(config, bench.device)
    here.load_state_dict(reference.state_dict())
    cache = LatentCache(config, 2, 48, device=bench.device)
    moved = ids.to(bench.device)
    parts = [here(moved[:, :40], cache), *(here(moved[:, t : t + 1], cache) for t in range(40, 48))]
    found = {
        "fp32_full_vs_cpu": _gap(here(moved), wanted),
        "fp32_cached_vs_cpu": _gap(torch.cat(parts, dim=1), wanted),
        "logit_std": float(wanted.std()),
    }
    here = here.to(torch.bfloat16)
    half = here(moved)
    found["bf16_argmax_agreement"] = float((half.cpu().argmax(-1) == wanted.argmax(-1)).float().mean())
    experts = next(module for module in here.modules() if isinstance(module, Experts))
    gate = next(module for module in here.modules() if isinstance(module, Router))
    x = torch.randn(300, config.hidden_size, device=bench.device, dtype=torch.bfloat16)
    chosen, weights = gate(x)
    slow, fast = experts.looped(x, chosen, weights), experts.grouped(x, chosen, weights)
    found["bf16_grouped_vs_looped_relative"] = _gap(fast, slow) / float(slow.abs().max())
    return found


def _gap(a: Tensor, b: Tensor) -> float:
    return float((a.float().cpu() - b.float().cpu()).abs().max())


@torch.no_grad()
def graph_equals_eager(bench: Bench) -> float:
    """Share of 32 greedy bf16 steps in which the captured step and the plain forward chose the same token."""
    model = empty(ModelConfig.preset("tiny"), bench.device, torch.bfloat16).initialise(seed=1)
    ids = torch.randint(model.config.vocab_size, (4, 64), device=bench.device)
    taken: list[Tensor] = []
    for captured in (True, False):
        cache = LatentCache(model.config, ids.shape[0], 128, torch.bfloat16, ids.device)
        first = model(ids, cache, last_only=True).argmax(-1)
        if captured:
            step = GreedyStep(model, cache, first, reach=128)
            taken.append(torch.cat([step().clone() for _ in range(32)], dim=1))
            continue
        cache.pin(128)
        tokens = [first]
        for _ in range(32):
            tokens.append(model(tokens[-1], cache).argmax(-1))
        taken.append(torch.cat(tokens[1:], dim=1))
    return float((taken[0] == taken[1]).float().mean())


@contextmanager
def distinct_experts(model: Model) -> Any:
    """Count, per layer, the experts that a forward pass inside the block chose."""
    counts: list[int] = []
    hooks = [
        module.register_forward_hook(lambda _m, _i, chosen: counts.append(int(chosen[0].unique().numel())))
        for module in model.modules()
        if isinstance(module, Router)
    ]
    yield counts
    for hook in hooks:
        hook.remove()


def bytes_per_step(model: Model, experts_chosen: int, cached_tokens: int) -> int:
    """The least a decoding step must read: each weight it uses once (not the embedding table), each latent once."""
    config = model.config
    size = model.norm.weight.element_size()
    one_expert = 3 * config.hidden_size * config.moe_intermediate_size
    always = sizes(config).active_without_embedding - one_expert * config.num_experts_per_tok * (
        config.num_hidden_layers - config.first_k_dense_replace
    )
    latent = config.num_hidden_layers * (config.kv_lora_rank + config.qk_rope_head_dim)
    return size * (always + one_expert * experts_chosen + latent * cached_tokens)


@torch.no_grad()
def decode(bench: Bench, model: Model, batch: int, kind: str) -> dict[str, object]:
    """Tokens per second of a captured greedy step at one batch, every row holding `context` tokens."""
    context, steps, config = bench.options.context, bench.options.steps, model.config
    reach = context + 3 * steps + 4  # what the timed series and their warm-up append
    cache = LatentCache(config, batch, reach, model.norm.weight.dtype, bench.device)
    cache.latents_LBSX.normal_()
    cache.lengths_B.fill_(context)
    ids = torch.randint(config.vocab_size, (batch, 1), device=bench.device)
    if batch not in bench.experts:  # counted while the layers are still plain: a compiled one runs no hooks
        cache.pin(reach)
        with distinct_experts(model) as counts:
            model(ids, cache)
        cache.lengths_B.fill_(context)
        bench.experts[batch] = sum(counts)
    step = GreedyStep(model, cache, ids, reach)
    taken = bench.seconds(step, steps)
    least = bytes_per_step(model, bench.experts[batch], batch * (context + 3 * steps // 2))
    rate = max(bench.found["limits"]["copy_gb_per_s"], bench.found["limits"]["read_gb_per_s"]) * 1e9
    return {
        "kind": kind,
        "batch": batch,
        "context": context,
        "ms_per_step": taken * 1000,
        "tokens_per_s": batch / taken,
        "gb_read_at_least": least / 1e9,
        "share_of_bandwidth": least / rate / taken,
        "experts_per_layer": bench.experts[batch] / (config.num_hidden_layers - config.first_k_dense_replace),
    }


@torch.no_grad()
def prefill(bench: Bench, model: Model, rows: int, kind: str) -> dict[str, object]:
    """Tokens per second of a first pass over whole prompts, logits of the last token only."""
    config, T = model.config, bench.options.prompt
    ids = torch.randint(config.vocab_size, (rows, T), device=bench.device)
    cache = LatentCache(config, rows, T, model.norm.weight.dtype, bench.device)

    def run() -> None:
        cache.reach = 0
        cache.lengths_B.zero_()
        model(ids, cache, last_only=True)

    taken = bench.seconds(run, 3)
    counted = sizes(config)
    head = 2 * config.vocab_size * config.hidden_size
    per_token = counted.flops_per_token - head + counted.flops_per_token_and_context * (T + 1) / 2
    rate = rows * T * per_token / taken
    return {
        "kind": kind,
        "rows": rows,
        "prompt": T,
        "ms": taken * 1000,
        "tokens_per_s": rows * T / taken,
        "tflops": rate / 1e12,
        "share_of_matmul": rate / bench.found["limits"]["matmul_tflops"] / 1e12,
    }


def options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--config", default="moonlight", help="a preset")
    parser.add_argument("--batches", default="1,64,512")
    parser.add_argument("--context", type=int, default=1024, help="tokens each row holds while decoding")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--rows", type=int, default=8, help="prompts in one prefill")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=None, help="default: on a GPU")
    parser.add_argument("--seconds", type=float, default=240, help="start no further measurement after this")
    parser.add_argument("--out", default=os.environ.get("OUT", "."))
    chosen = parser.parse_args(arguments)
    chosen.compile = chosen.device == "cuda" if chosen.compile is None else chosen.compile
    return chosen


def main(arguments: list[str] | None = None) -> None:
    """Correctness, then speed as written, then with each layer compiled (fused elementwise kernels)."""
    bench = Bench(options(arguments))
    torch.manual_seed(0)
    bench.record("limits", limits(bench))
    bench.record("correctness", correctness(bench))
    config = ModelConfig.preset(bench.options.config)
    bench.record("config", {"name": bench.options.config, **asdict(sizes(config))})
    model = empty(config, bench.device, torch.bfloat16).initialise().eval()
    for kind in ("plain", "compiled") if bench.options.compile else ("plain",):
        if kind == "compiled":
            torch._dynamo.config.recompile_limit = 64  # one graph for each shape and kind of layer
            for block in model.layers:
                block.compile(dynamic=False)
        if not bench.out_of_time():
            bench.record("prefill[]", prefill(bench, model, bench.options.rows, kind))
            bench.tidy()
        if kind == "plain":
            bench.record("graph_tokens_equal_eager", graph_equals_eager(bench))
        for batch in map(int, bench.options.batches.split(",")):
            if not bench.out_of_time():
                bench.record("decode[]", decode(bench, model, batch, kind))
                bench.tidy()
    if bench.device.type == "cuda":
        bench.record("peak_gb", torch.cuda.max_memory_allocated() / 1e9)


if __name__ == "__main__":
    main()
