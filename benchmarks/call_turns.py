"""Model steps and CPU seconds of the bundled model's turns that call tools: free, under the enforcer, with guesses.

    python benchmarks/call_turns.py RUN [--turns 100] [--batch 8] [--guess 6] [--checkpoint bundled]

The model is asked, greedily, at the places where RUN's assistant called tools, under the tools and messages that stood
there. Free turns take a step a token. The ways are run one after another in each round, over the same turns; steps are
counted, CPU seconds are of the whole engine on one thread, prompts included (they are the same for all).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from model_core import Engine, SamplingParams
from model_core.assistant import Assistant
from model_core.opening import Opened, open_checkpoint
from synth import open_run
from synth.surface import functions_of

Turn = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def turns_of(run: Path, wanted: int) -> Iterator[Turn]:
    """Messages up to an assistant message with calls, and the tools on offer; one place a conversation."""
    opened = open_run(run)
    agents = {row.agent_id: row for row in opened.rows("agents")}
    tools = {row.tool_id: row for row in opened.rows("tools")}
    for row in opened.rows("trajectories"):
        calling = [place for place, message in enumerate(row.messages) if message.get("tool_calls")]
        if not calling:
            continue
        yield row.messages[: calling[len(calling) // 2]], functions_of(agents[row.agent_id], tools)
        wanted -= 1
        if not wanted:
            return


def played(opened: Opened, turns: list[Turn], batch: int, enforce: bool, guess: int) -> dict[str, float]:
    """What the turns took; `calls` are the turns in which the model called anything."""
    engine = Engine(opened.model, opened.tokenizer, max_batch=batch, cache_tokens=batch * 4096, guess=guess)
    assistant = Assistant(engine, opened.tokenizer, opened.name)
    params = SamplingParams(temperature=0, max_tokens=256)
    asked = [
        assistant.prepare(messages, tools, params, request_id=str(place), enforce=enforce, fit=True)
        for place, (messages, tools) in enumerate(turns)
    ]
    began = time.process_time()
    done = engine.run([replace(request) for request in asked])
    seconds = time.process_time() - began
    calling = [c for c in done if "<|tool_calls_section_begin|>" in opened.tokenizer.decode(c.ids)]
    tokens, steps = sum(len(c.ids) for c in calling), sum(c.model_steps for c in calling)
    counts = engine.counts
    return {
        "turns": len(done),
        "calling": len(calling),
        "tokens": tokens,
        "steps": steps,
        "tokens_a_step": round(tokens / steps, 2),
        "guesses_right": round(counts.right_guesses / max(1, counts.guessed_tokens), 2),
        "cpu_seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--checkpoint", default="bundled")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--guess", default="6", help="how many tokens to guess; several numbers: 4,8")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    opened = open_checkpoint(chosen.checkpoint)
    turns = list(turns_of(chosen.run, chosen.turns))
    ways = {"free": (False, 0), "enforcer": (True, 0)}
    ways |= {f"enforcer, guesses of {n}": (True, int(n)) for n in chosen.guess.split(",")}
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(chosen.rounds):
        for way, (enforce, guess) in ways.items():
            found[way].append(played(opened, turns, chosen.batch, enforce, guess))
    for way, rounds in found.items():
        seconds = statistics.median(one["cpu_seconds"] for one in rounds)
        print(json.dumps({"way": way, **rounds[0], "cpu_seconds": round(seconds, 2)}), flush=True)


if __name__ == "__main__":
    main()
