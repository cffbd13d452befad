"""The engine on one GPU: does it say what it says on the CPU, and how fast does it decode?

    python benchmarks/model_core_engine_gpu.py          # the bundled model, then 0.5 B random weights in bf16
    python benchmarks/model_core_engine_gpu.py --device cpu --batches 1,4 --steps 4 --small      # a rehearsal

The bundled model answers 48 prompts greedily in fp32 on both devices, one by one token for token; near ties may fall
otherwise, so the share of equal answers is told. Then tokens per second of the whole engine (planning, drawing, text)
at each batch, with nothing shared and no guesses, and with guesses. Needs torch, numpy and tokenizers alone.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from model_core import Engine, Model, ModelConfig, Request, SamplingParams, empty, render
from model_core.opening import open_checkpoint
from model_core.tokens import Tokenizer

NAMES = ("Ada", "Ben", "Cleo", "Dara", "Emil", "Femi", "Gita", "Hugo")
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"{act}_{thing}",
            "description": f"{act.capitalize()} a {thing}.",
            "parameters": {
                "type": "object",
                "properties": {f"{thing}_name": {"type": "string"}, "count": {"type": "integer"}},
                "required": [f"{thing}_name"],
            },
        },
    }
    for act in ("create", "find", "archive")
    for thing in ("invoice", "meeting", "ticket")
]


def prompts(tokenizer: Tokenizer, count: int, declarations: Any) -> list[list[int]]:
    """Requests over nine tools, each with its own person and number."""
    made = []
    for n in range(count):
        text = f"Please find the {('invoice', 'meeting', 'ticket')[n % 3]} called {NAMES[n % 8]} {100 + n}."
        messages = [{"role": "system", "content": f"You help {NAMES[-1 - n % 8]}."}, {"role": "user", "content": text}]
        made.append(render(messages, TOOLS, tokenizer, add_generation_prompt=True, declarations=declarations)[0])
    return made


def answers(
    model: Model, tokenizer: Tokenizer, asked: list[list[int]], tokens: int, **settings: Any
) -> list[list[int]]:
    engine = Engine(model, tokenizer, max_batch=len(asked), cache_tokens=len(asked) * 2048, **settings)
    params = SamplingParams(temperature=0, max_tokens=tokens)
    return [c.ids for c in engine.run([Request(str(n), ids, params) for n, ids in enumerate(asked)])]


def rate(model: Model, tokenizer: Tokenizer, asked: list[list[int]], steps: int, guess: int) -> dict[str, Any]:
    """Tokens per second once all prompts are in."""
    room = sum(len(ids) + 16 + 8 * (steps + 9) for ids in asked)
    engine = Engine(model, tokenizer, max_batch=len(asked), cache_tokens=room, prefill_chunk=8192, guess=guess)
    params = SamplingParams(temperature=0, max_tokens=8 * (steps + 8))
    said: dict[str, int] = {}
    for n, ids in enumerate(asked):
        engine.add(Request(str(n), ids, params))
    while len(said) < len(asked):
        for event in engine.step():
            said[event.request_id] = 1
    for _ in range(3):
        engine.step()
    before, began = engine.counts.generated_tokens, time.perf_counter()
    for _ in range(steps):
        engine.step()
    if model.norm.weight.is_cuda:
        torch.cuda.synchronize()
    taken = time.perf_counter() - began
    tokens = engine.counts.generated_tokens - before
    return {"batch": len(asked), "guess": guess, "ms_a_step": 1e3 * taken / steps, "tokens_per_s": tokens / taken}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", default="1,32,128")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--small", action="store_true", help="the bundled model alone")
    parser.add_argument("--out", default=os.environ.get("OUT", "."))
    chosen = parser.parse_args()
    found: list[dict[str, Any]] = []

    def tell(**what: Any) -> None:
        found.append(what)
        print(json.dumps(what), flush=True)
        (Path(chosen.out) / "model_core_engine_gpu.json").write_text(json.dumps(found, indent=1) + "\n")

    here, there = (
        open_checkpoint("bundled", "cpu", "float32"),
        open_checkpoint("bundled", chosen.device, "float32"),
    )
    tokenizer = here.tokenizer
    asked = prompts(tokenizer, 48, here.model.config.tool_declarations)
    wanted = answers(here.model, tokenizer, asked, 32, guess=0)
    for guess in (0, 4):
        got = answers(there.model, tokenizer, asked, 32, guess=guess)
        tell(
            check="fp32 answers equal to the CPU's",
            guess=guess,
            equal=sum(map(list.__eq__, got, wanted)),
            of=len(asked),
        )
    sizes = list(map(int, chosen.batches.split(",")))
    half = open_checkpoint("bundled", chosen.device, "bfloat16").model
    got = answers(half, tokenizer, asked, 32, guess=0)
    tell(check="bf16 answers equal to the CPU's in fp32", equal=sum(map(list.__eq__, got, wanted)), of=len(asked))
    models = {"bundled bf16": half}
    if not chosen.small:
        config = ModelConfig.preset("tiny").scaled(
            hidden_size=1024, num_hidden_layers=12, moe_intermediate_size=512, intermediate_size=4096,
            n_routed_experts=32, num_experts_per_tok=4, vocab_size=here.model.config.vocab_size,
        )  # fmt: skip
        models["random bf16"] = empty(config, torch.device(chosen.device), torch.bfloat16).initialise().eval()
    for name, model in models.items():
        for batch in sizes:
            for guess in (0, 4):
                weights = sum(p.numel() for p in model.parameters())
                own = prompts(tokenizer, batch, here.model.config.tool_declarations)
                tell(model=name, weights=weights, **rate(model, tokenizer, own, chosen.steps, guess))


if __name__ == "__main__":
    main()
