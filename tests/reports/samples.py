"""Tools without a pattern, for tests of measurements."""

from __future__ import annotations

from typing import Any

from synth.records import rng_for
from synth.reports.tools import Tool

VERBS = ("get", "list", "create", "send", "check")
NOUNS = ("cat", "dog", "bird", "fish", "tree", "rock", "lamp")


def plain_tools(count: int, origin: str = "real", servers: int = 40) -> list[Tool]:
    """`count` random tools of one distribution; the same in every process."""
    rng = rng_for("plain", count, servers)
    return [_tool(i, rng, origin, f"s{i % servers}") for i in range(count)]


def _tool(i: int, rng: Any, origin: str, server: str) -> Tool:
    names = rng.sample(NOUNS, rng.randint(0, 5))
    schema = {
        "type": "object", "properties": {n: {"type": rng.choice(["string", "integer", "boolean"])} for n in names},
        "required": [n for n in names if rng.random() < 0.5],
    }  # fmt: skip
    name = f"{rng.choice(VERBS)}_{rng.choice(NOUNS)}_{i}"
    return Tool(
        tool_id=f"t{i:05d}", world_id=None, origin=origin, server=server, category=f"c{i % 3}", domain=f"d{i % 7}",
        name=name, description=f"{name} does {' '.join(rng.choices(NOUNS, k=rng.randint(3, 12)))}.",
        input_schema=schema, output_schema=None, op=None, effect=rng.choice(["read", "write"]), annotations={},
    )  # fmt: skip
