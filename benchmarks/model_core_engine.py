"""The engine on one CPU thread: decoding against transformers, a prompt that many share, steps that forcing saves.

    python benchmarks/model_core_engine.py decode [--contexts 256,2048] [--batch 32] [--rounds 3]
    python benchmarks/model_core_engine.py shared [--conversations 64] [--tools 40]
    python benchmarks/model_core_engine.py forced [--calls 60]

`decode`: greedy tokens of 32 conversations with prompts of their own, the whole step of the engine (planning, drawing,
text) against transformers' bare forward pass in its best setting; every token is first held against transformers'
logits. Rounds are interleaved; medians of CPU seconds. `shared`: prompt tokens computed and found, and the CPU seconds.
`forced`: model steps to say given calls under the enforcer, against one step for each of the same tokens.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from model_core_cpu import STEPS, THEIR_FIRST, Ours, config_of, contenders, cpu_seconds
from torch import Tensor

from model_core import Completion, Engine, LatentCache, Model, OwnTokenizer, Request, SamplingParams, empty, render
from model_core.enforcer import tool_constraint

CLOSE = 1e-4  # logits nearer than this are equal: the order of sums differs


def vocabulary(size: int) -> OwnTokenizer:
    """Trained on this package's own sources."""
    sources = sorted((Path(__file__).parents[1] / "model_core").rglob("*.py"))
    return OwnTokenizer.train([source.read_text() for source in sources], size)


class Conversations:
    """An engine whose batch is full and past its prompts."""

    def __init__(self, model: Model, tokenizer: OwnTokenizer, prompts: Sequence[list[int]], tokens: int) -> None:
        room = sum(len(prompt) + tokens + 16 for prompt in prompts)
        self.engine = Engine(model, tokenizer, max_batch=len(prompts), cache_tokens=room, prefill_chunk=2048, guess=0)
        self.said: dict[str, list[int]] = {}
        for place, prompt in enumerate(prompts):
            self.said[str(place)] = []
            self.engine.add(Request(str(place), prompt, SamplingParams(temperature=0, max_tokens=tokens)))
        while not all(self.said.values()):
            self.step()

    def step(self) -> None:
        for event in self.engine.step():
            if event.completion is not None:
                raise SystemExit("a conversation ended before it was measured: another seed of the weights is needed")
            self.said[event.request_id] += event.ids

    def decode(self) -> None:
        for _ in range(STEPS):
            self.step()


def agreed(said_BT: Tensor, logits_BTV: Tensor, size: int) -> None:
    """Stop where the engine's token is not transformers' likeliest."""
    speakable = logits_BTV[..., :size]
    behind = speakable.amax(-1) - speakable.gather(-1, said_BT[..., None])[..., 0]
    if float(behind.max()) > CLOSE:
        raise SystemExit(f"the engine chose a token whose logit is {float(behind.max())} behind transformers' best")


@torch.no_grad()
def decode(length: int, batch: int, rounds: int) -> dict[str, Any]:
    """Median tokens per CPU second at one context length."""
    config = config_of(length)
    model = empty(config).initialise(seed=0).eval()
    tokenizer = vocabulary(config.vocab_size)
    ids = torch.randint(tokenizer.size, (batch, length), generator=torch.Generator().manual_seed(1))
    engine = Conversations(model, tokenizer, ids.tolist(), 2 * batch + STEPS * (rounds + 3))
    engine.decode()
    all_of: dict[str, Any] = dict(contenders(model, length))
    caches: dict[str, Any] = {}
    for name, one in all_of.items():
        if isinstance(one, Ours):
            caches[name] = LatentCache(config, batch, length + STEPS)
            caches[name].lengths_B += length
            caches[name].reach = length
        elif name == THEIR_FIRST:
            begun, caches[name] = one.prefill(ids)
    for name in all_of:
        caches.setdefault(name, caches[THEIR_FIRST])
    said = [engine.said[str(row)] for row in range(batch)]
    fed = torch.tensor([tokens[:STEPS] for tokens in said])
    followed = torch.tensor([tokens[1 : STEPS + 1] for tokens in said])
    agreed(fed[:, :1], begun[:, None], tokenizer.size)
    agreed(followed, all_of[THEIR_FIRST].decode(fed, caches[THEIR_FIRST]), tokenizer.size)
    times: dict[str, list[float]] = {"engine": [], **{name: [] for name in all_of}}
    for name, one in all_of.items():
        one.decode(fed, caches[name])  # warm-up
    for _ in range(rounds):
        times["engine"].append(cpu_seconds(engine.decode))
        for name, one in all_of.items():
            times[name].append(cpu_seconds(lambda one=one, name=name: one.decode(fed, caches[name])))
    rates = {name: batch * STEPS / statistics.median(taken) for name, taken in times.items()}
    best = max(rate for name, rate in rates.items() if name.startswith("transformers"))
    return {
        "context": length,
        "batch": batch,
        "tokens_per_cpu_second": {name: round(rate) for name, rate in rates.items()},
        "engine_times_the_best_of_transformers": round(rates["engine"] / best, 2),
    }


THINGS = ("invoice", "customer", "meeting", "order", "ticket", "contact", "project", "payment")
ACTS = ("create", "find", "update", "archive", "export")


def tool(number: int) -> dict[str, Any]:
    """One of forty declarations."""
    thing, act = THINGS[number % len(THINGS)], ACTS[number // len(THINGS) % len(ACTS)]
    texts = {
        f"{thing}_id": "Its number in the books.",
        "note": "A remark for those who read it later.",
        "owner": "Who keeps it.",
    }
    properties: dict[str, Any] = {name: {"type": "string", "description": text} for name, text in texts.items()}
    properties["count"] = {"type": "integer", "minimum": 1, "maximum": 50, "description": f"How many {thing}s at most."}
    properties["urgent"] = {"type": "boolean"}
    properties["state"] = {"type": "string", "enum": ["open", "waiting", "closed"]}
    schema = {"type": "object", "properties": properties, "required": [f"{thing}_id", "state"]}
    description = f"{act.capitalize()} one {thing}, and say what became of it."
    return {
        "type": "function",
        "function": {"name": f"{act}_{thing}", "description": description, "parameters": schema},
    }


def asked(place: int, tools: Sequence[dict[str, Any]], tokenizer: OwnTokenizer) -> list[int]:
    """The prompt of one conversation."""
    text = f"Please see to {THINGS[place % len(THINGS)]} number {1000 + 37 * place}."
    return render([{"role": "user", "content": text}], tools, tokenizer, add_generation_prompt=True)[0]


def served(model: Model, tokenizer: OwnTokenizer, prompts: Sequence[list[int]]) -> dict[str, Any]:
    """What sixteen tokens for each of these prompts cost."""
    engine = Engine(model, tokenizer, max_batch=64)
    params = SamplingParams(temperature=0, max_tokens=16)
    requests = [Request(str(place), prompt, params) for place, prompt in enumerate(prompts)]
    ended: list[Completion] = []
    seconds = cpu_seconds(lambda: ended.extend(engine.run(requests)))
    return {
        "conversations": len(prompts),
        "prompt_tokens": sum(one.prompt_tokens for one in ended),
        "computed_of_them": sum(one.prompt_tokens - one.cached_tokens for one in ended),
        "cpu_seconds": round(seconds, 2),
        "cpu_seconds_each": round(seconds / len(prompts), 3),
    }


def shared(conversations: int, tools: int) -> dict[str, Any]:
    """Conversations over the same tools; and a few whose tools come in another order each, which share nothing."""
    model = empty(config_of(8192)).initialise(seed=0).eval()
    tokenizer = vocabulary(model.config.vocab_size)
    declared = [tool(number) for number in range(tools)]
    turned = [[*declared[place + 1 :], *declared[: place + 1]] for place in range(4)]
    served(model, tokenizer, [asked(0, declared[:2], tokenizer)])  # warm-up
    return {
        "nothing_shared": served(model, tokenizer, [asked(n, order, tokenizer) for n, order in enumerate(turned)]),
        "tools_shared": served(model, tokenizer, [asked(n, declared, tokenizer) for n in range(conversations)]),
    }


def forced(calls: int) -> dict[str, Any]:
    """Steps to say given calls: one for each token that the enforcer does not force; free decoding steps at each."""
    tokenizer = vocabulary(config_of(1024).vocab_size)
    tokens = steps = 0
    for place in range(calls):
        few = [tool((3 * place + other) % 40) for other in range(3)]
        name = few[place % 3]["function"]["name"]
        arguments = {f"{name.split('_')[1]}_id": str(1000 + 37 * place)}
        if place % 2:
            arguments["note"] = "Seen by the night shift."
        function = {"name": name, "arguments": json.dumps(arguments | {"state": "waiting"})}
        reply = [{"role": "assistant", "tool_calls": [{"id": "0", "type": "function", "function": function}]}]
        ids, mask = render(reply, (), tokenizer, default_system=None)
        said = [token for token, learn in zip(ids, mask, strict=True) if learn]
        bound = tool_constraint(tokenizer, few, "required", parallel=False, max_tokens=256)
        done = 0
        while done < len(said):
            chunk = bound.forced()
            steps += not chunk
            chunk = chunk or said[done : done + 1]
            if chunk != said[done : done + len(chunk)]:
                raise SystemExit(f"the enforcer forces {tokenizer.decode(chunk)!r} in {tokenizer.decode(said)!r}")
            bound.accept(chunk)
            done += len(chunk)
        tokens += len(said)
    return {"calls": calls, "tokens": tokens, "model_steps": steps, "tokens_a_step": round(tokens / steps, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("decode", "shared", "forced"))
    parser.add_argument("--contexts", default="256,2048")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=64)
    parser.add_argument("--tools", type=int, default=40)
    parser.add_argument("--calls", type=int, default=60)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.what == "shared":
        print(json.dumps(shared(chosen.conversations, chosen.tools), indent=2))
    elif chosen.what == "forced":
        print(json.dumps(forced(chosen.calls), indent=2))
    else:
        for length in map(int, chosen.contexts.split(",")):
            print(json.dumps(decode(length, chosen.batch, chosen.rounds), indent=2), flush=True)


if __name__ == "__main__":
    main()
