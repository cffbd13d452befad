"""The enforcer on real tools and on a run's conversations.

    python benchmarks/enforcer.py coverage [--tools FILE.jsonl.xz]   what is refused, by reason; what compiling costs
    python benchmarks/enforcer.py calls [--tools FILE] --calls 5000  calls of a random model, each checked
    python benchmarks/enforcer.py replay RUN [--turns 400]           the expert's calls: admitted or not, steps saved

Without `--tools`, the tools are those of the shipped catalog; the file holds `name` and `inputSchema` a line.
"""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np

from model_core.chat import render
from model_core.config import ModelConfig
from model_core.enforcer import SchemaRefused, ToolConstraint, tool_constraint
from model_core.enforcer.value import compiled
from model_core.enforcer.vocabulary import allows, vocabulary_of
from model_core.engine import Engine, Request, SamplingParams
from model_core.opening import random_model
from model_core.parser import parse_tool_calls
from model_core.small_vocabulary import small_tokenizer
from model_core.tokens import Tokenizer
from synth import open_run
from synth.surface import functions_of
from tools_catalog import load_catalog

BUDGETS = (64, 128, 256, 512)
# Small: what counts is that its weights are random.
CONFIG = replace(
    ModelConfig.preset("tiny"),
    hidden_size=32,
    num_hidden_layers=1,
    intermediate_size=32,
    num_attention_heads=1,
    kv_lora_rank=16,
    q_lora_rank=16,
    qk_nope_head_dim=16,
    v_head_dim=16,
)


def real_tools(file: Path | None) -> list[dict[str, Any]]:
    """Bare OpenAI functions of real tools, in a fixed order."""
    if file is None:
        catalog = load_catalog()
        found = [(tool.name, tool.input_schema) for server in catalog.servers for tool in catalog.tools_of(server.id)]
    else:
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            found = [(row["name"], row["inputSchema"]) for row in map(json.loads, lines)]
    return [{"name": name, "parameters": schema} for name, schema in found]


def coverage(tools: list[dict[str, Any]]) -> None:
    """Print the refused by reason, and the CPU time of making a schema ready."""
    vocabulary = vocabulary_of(small_tokenizer())
    reasons: Counter[str] = Counter()
    spent, shortest = [], []
    for tool in tools:
        began = time.process_time()
        try:
            ready = compiled(vocabulary, json.dumps(tool["parameters"], ensure_ascii=False), tool["name"])
        except SchemaRefused as refused:
            reasons[refused.reason.split(" at ")[0][:90]] += 1
        else:
            shortest.append(ready.cost)
            spent.append(time.process_time() - began)
    total = sum(reasons.values())
    print(f"{len(tools):,} tools, {total} refused ({total / len(tools):.2%})")
    for reason, count in reasons.most_common():
        print(f"  {count:4}  {reason}")
    spent.sort()
    print(
        f"ready in {statistics.median(spent) * 1e3:.1f} ms median, {spent[len(spent) * 99 // 100] * 1e3:.0f} at 99 %; "
        f"shortest arguments {statistics.median(shortest):.0f} tokens median, {max(shortest)} at most"
    )


def random_calls(tools: list[dict[str, Any]], wanted: int, seed: int = 0) -> Counter[str]:
    """Calls of a model with random weights at temperature 1, `wanted` at least; what became of them."""
    opened = random_model(CONFIG, seed=seed)
    engine = Engine(opened.model, opened.tokenizer, max_batch=64, cache_tokens=65_536)
    seen: Counter[str] = Counter()
    validators: dict[str, Any] = {}
    number = 0
    while seen["calls"] < wanted:
        batch: dict[str, dict[str, Any]] = {}
        requests: list[Request] = []
        while len(requests) < min(wanted, 256):
            tool, budget = tools[number % len(tools)], BUDGETS[(number // len(tools) + number) % len(BUDGETS)]
            number += 1
            try:
                held = tool_constraint(
                    opened.tokenizer, [tool], "required", parallel=number % 2 == 0, max_tokens=budget
                )
            except SchemaRefused as refused:
                seen["too long" if "shortest form" in refused.reason else "refused"] += 1
                continue
            name = f"r{number}"
            batch[name] = tool
            params = SamplingParams(max_tokens=budget, seed=number)
            requests.append(Request(name, opened.tokenizer.encode(tool["name"]), params, held))
        for done in engine.run(requests):
            _judge(batch[done.request_id], done.text, done.finish_reason, validators, seen)
            seen["steps"] += done.model_steps
            seen["tokens"] += len(done.ids)
    seen["schemas"] = len(validators)
    return seen


def _judge(tool: Mapping[str, Any], text: str, reason: str, validators: dict[str, Any], seen: Counter[str]) -> None:
    schema = json.dumps(tool["parameters"])
    if schema not in validators:
        validators[schema] = jsonschema_rs.validator_for(tool["parameters"], validate_formats=True)
    reply = parse_tool_calls(text)
    seen["replies"] += 1
    seen["not closed"] += reason != "stop"
    seen["malformed"] += bool(reply.faults) or not reply.calls
    for call in reply.calls:
        seen["calls"] += 1
        seen["undeclared"] += call.name != tool["name"]
        seen["invalid"] += not validators[schema].is_valid(call.arguments)


def replay(run: Path, wanted: int) -> None:
    """The expert's turns with calls, token by token under the tools that it had."""
    tokenizer = small_tokenizer()
    turns = list(_turns(run, wanted))
    for way in ("plain", "grounded"):
        made, setup = Counter[str](), []
        masks: list[float] = []
        for message, functions, said in turns:
            ids, learn = render([message], [], tokenizer, default_system=None)
            reply = [token for token, mine in zip(ids, learn, strict=True) if mine]
            began = time.process_time()
            ground = said if way == "grounded" else None
            try:
                held = tool_constraint(tokenizer, functions, max_tokens=4096, grounded=ground)
            except SchemaRefused as refused:
                made[f"refused: {refused.reason[:60]}"] += 1
                continue
            setup.append(time.process_time() - began)
            draws, refused_at = _walk(held, reply, tokenizer, masks)
            made["admitted" if refused_at is None else "not admitted"] += 1
            if refused_at is None:
                made["tokens"] += len(reply)
                made["draws"] += draws
                made["calls"] += len(message["tool_calls"])
                text = len(tokenizer.encode(message.get("content") or ""))
                made["call tokens"] += len(reply) - text
                made["call draws"] += draws - text
            elif way == "plain":
                print("  not admitted:", tokenizer.decode(reply[: refused_at + 1])[-160:])
        for reason in sorted(reason for reason in made if reason.startswith("refused")):
            print(f"  {made[reason]} {reason}")
        print(
            f"{way}: {made['admitted']} of {len(turns)} turns admitted; model steps a turn {made['tokens']} -> "
            f"{made['draws']} ({made['tokens'] / made['draws']:.1f} times fewer), of its calls alone "
            f"{made['call tokens']} -> {made['call draws']} ({made['call tokens'] / made['call draws']:.1f} times); "
            f"ready in {statistics.median(setup) * 1e3:.2f} ms median, a mask {statistics.median(masks) * 1e6:.0f} us"
        )


def _turns(run: Path, wanted: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]], str]]:
    """Assistant messages with calls, the functions on offer, and what had been said before."""
    opened = open_run(run)
    agents = {row.agent_id: row for row in opened.rows("agents")}
    tools = {row.tool_id: row for row in opened.rows("tools")}
    found = 0
    for row in opened.rows("trajectories"):
        functions = functions_of(agents[row.agent_id], tools)
        said = ""
        for message in row.messages:
            if message.get("tool_calls"):
                yield message, functions, said
                found += 1
                if found >= wanted:
                    return
            said += "\n" + (message.get("content") or "")


def _walk(held: ToolConstraint, reply: list[int], tokenizer: Tokenizer, masks: list[float]) -> tuple[int, int | None]:
    """How many tokens had to be drawn, and where the reply was not admitted."""
    mask = np.zeros((tokenizer.size + 31) // 32, dtype=np.int32)
    place = draws = 0
    while place < len(reply):
        forced = held.forced()
        if forced:
            if reply[place : place + len(forced)] != forced:
                return draws, place
            held.accept(forced)
            place += len(forced)
            continue
        began = time.process_time()
        held.mask(mask)
        masks.append(time.process_time() - began)
        if not allows(mask, reply[place]):
            return draws, place
        held.accept([reply[place]])
        place += 1
        draws += 1
    return draws, None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="what", required=True)
    for name in ("coverage", "calls"):
        kind = kinds.add_parser(name)
        kind.add_argument("--tools", type=Path)
        kind.add_argument("--every", type=int, default=1, help="take each n-th tool")
    kinds.choices["calls"].add_argument("--calls", type=int, default=5_000)
    kind = kinds.add_parser("replay")
    kind.add_argument("run", type=Path)
    kind.add_argument("--turns", type=int, default=400)
    asked = parser.parse_args()
    if asked.what == "replay":
        replay(asked.run, asked.turns)
    elif asked.what == "coverage":
        coverage(real_tools(asked.tools)[:: asked.every])
    else:
        print(dict(random_calls(real_tools(asked.tools)[:: asked.every], asked.calls)))


if __name__ == "__main__":
    main()
