"""Training on one GPU: are its kernels right, and how fast does a step go?

    python benchmarks/model_core_training.py                                      # the preset `tiny`, random documents
    python benchmarks/model_core_training.py --sizes '{"hidden_size": 320}' --tokens 32768,65536
    python benchmarks/model_core_training.py --device cpu --tokens 1024 --steps 2 # a rehearsal

Checks first: packed attention and the grouped experts' gradients in bf16 against their slow twins, and one batch's
gradient through bf16 copies against the same in fp32. Then steps of MuonClip at each batch size: tokens per second, the
optimizer's share, memory. Each line is JSON; exit code 1 where a check failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")

import numpy as np
import torch

from model_core import Model, ModelConfig, empty
from model_core.moe import Experts
from model_core.packed import Documents, attend, attend_each
from model_core.training import Batch, OptimizerSettings, Settings, Trainer, batch_of
from model_core.training.objective import InBf16, InFull, Objective


class RandomDocuments:
    """A stream of random ids in documents of 100 to 1,500 tokens."""

    name, seen = "random", 0

    def __init__(self, vocabulary: int, tokens: int, device: torch.device) -> None:
        self._vocabulary, self._tokens, self._device = vocabulary, tokens, device
        self._random = np.random.default_rng(0)

    def step(self, accumulate: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
        return [self._batch() for _ in range(accumulate)]

    def _batch(self) -> Batch:
        room, documents = self._tokens, []
        while room > 0:
            length = min(room, int(self._random.integers(100, 1500)))
            ids = self._random.integers(0, self._vocabulary, length)
            documents.append((ids, self._random.random(length) < 0.2))
            room -= length
        self.seen += self._tokens
        return batch_of(documents, 0.25, self._device)

    def state(self) -> dict[str, int]:
        return {}

    def go_to(self, state: dict[str, int]) -> None:
        raise NotImplementedError("a benchmark is not taken up again")


def tell(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    """The distance of two tensors as a share of the second's length."""
    return float((a.float() - b.float()).norm() / b.float().norm().clamp_min(1e-12))


def attention_is_right(device: torch.device) -> bool:
    torch.manual_seed(0)
    documents = Documents.of([5, 900, 1, 64, 333], device)
    T = sum(documents.lengths)
    rows = [torch.randn(1, T, 5, 64, device=device, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    fast, ceiling_H = attend(*rows, documents, 0.125)
    slow = attend_each(*rows, documents, 0.125)
    weigh = torch.randn_like(slow)
    pairs = zip(torch.autograd.grad(fast, rows, weigh), torch.autograd.grad(slow, rows, weigh), strict=True)
    found = [far(fast.detach(), slow.detach()), *(far(a, b) for a, b in pairs)]
    shape = None if ceiling_H is None else list(ceiling_H.shape)
    tell(check="packed attention", distance=[round(x, 5) for x in found], ceiling=shape)
    return max(found) < 0.02 and shape in (None, [5])


def experts_are_right(config: ModelConfig, device: torch.device) -> bool:
    torch.manual_seed(0)
    experts = Experts(config).to(device, torch.bfloat16)
    with torch.no_grad():
        for weight in experts.parameters():
            weight.normal_(std=0.1)
    E, K, T = config.n_routed_experts, config.num_experts_per_tok, 1003
    # the last expert gets nobody, and no group ends at a round number
    chosen = torch.stack([torch.randperm(E - 1, device=device)[:K] for _ in range(T)])
    x = torch.randn(T, config.hidden_size, device=device, dtype=torch.bfloat16, requires_grad=True)
    weights = torch.rand(T, K, device=device)
    wanted = (x, *experts.parameters())
    fast, slow = experts.grouped(x, chosen, weights), experts.looped(x, chosen, weights)
    weigh = torch.randn_like(slow)
    pairs = zip(torch.autograd.grad(fast, wanted, weigh), torch.autograd.grad(slow, wanted, weigh), strict=True)
    found = [far(fast.detach(), slow.detach()), *(far(a, b) for a, b in pairs)]
    tell(check="grouped experts", distance=[round(x, 5) for x in found])
    return max(found) < 0.02


def gradients_are_near(config: ModelConfig, device: torch.device) -> bool:
    """Their direction: tokens that are routed otherwise in bf16 change single numbers."""
    batch = RandomDocuments(config.vocab_size, 2048, device).step(1)[0]
    found = []
    for kind in (InFull, InBf16):
        model = empty(config, device).initialise(0)
        sums = kind(Objective(model))
        sums(batch)[0].backward()
        sums.collect()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    cosine = float(torch.nn.functional.cosine_similarity(found[0], found[1], dim=0))
    tell(check="bf16 gradient", cosine=round(cosine, 5))
    return cosine > 0.98


def speed(model: Model, tokens: int, steps: int, device: torch.device) -> None:
    told = Settings(steps=10**6, batch_tokens=tokens, prompt_weight=0.25, optimizer=OptimizerSettings(lr=1e-3))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, RandomDocuments(model.config.vocab_size, tokens, device), told, Path(folder))
    waits = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(3):
        last = trainer.train_step()
    waits()
    began = time.perf_counter()
    for _ in range(steps):
        last = trainer.train_step()
    launched = time.perf_counter() - began
    waits()
    taken = time.perf_counter() - began
    # the optimizer on its own, with whatever gradients there are
    began = time.perf_counter()
    for _ in range(steps):
        trainer.optimizer.step()
    waits()
    alone = time.perf_counter() - began
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
    tell(batch_tokens=tokens, tokens_per_s=round(steps * tokens / taken), ms_per_step=round(1000 * taken / steps, 2),
         host_ms=round(1000 * launched / steps, 2), optimizer_ms=round(1000 * alone / steps, 2),
         memory_gib=round(memory, 2), loss=round(float(last["losses"][0]), 4))  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sizes", type=json.loads, default={}, help="changes to the preset `tiny`, JSON")
    parser.add_argument("--tokens", default="16384,65536", help="tokens per batch, comma separated")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    device = torch.device(options.device)
    config = ModelConfig.preset("tiny").scaled(**options.sizes)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    tell(torch=torch.__version__, device=name, parameters=sum(p.numel() for p in empty(config, "meta").parameters()))
    right = [attention_is_right(device), experts_are_right(config, device)]
    right.append(gradients_are_near(replace(config, num_hidden_layers=2), device))
    for tokens in options.tokens.split(","):
        speed(empty(config, device).initialise(0), int(tokens), options.steps, device)
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
