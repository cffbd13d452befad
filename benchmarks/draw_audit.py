"""Draws real tools for hand labelling: `python benchmarks/draw_audit.py [--sample development|regression|fresh]`.

Three disjoint samples of the shipped catalog: one to develop on, one that guards against regressions, and a fresh one
for a figure on tools that no rule was written against. In each, half of the tools are drawn uniformly from all tools,
half by drawing a server uniformly and then one of its tools uniformly, so that neither a few large servers nor many
small ones decide the audit. Prints one JSON line per tool: sample, drawn_by, server, tool. A sample depends on those
before it only by leaving out their tools, so one added at the end changes none of the others.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from synth.records import rng_for
from tools_catalog import Catalog, load_catalog

SAMPLES = {"development": (3, 120), "regression": (3, 200), "fresh": (5, 150)}  # seed, number of tools


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn tool; `drawn_by` is `tool` or `server`."""

    sample: str
    drawn_by: str
    server: str
    tool: str


def draw(catalog: Catalog) -> Iterator[Drawn]:
    """The samples in order; no tool twice. Same catalog, same draws."""
    taken: set[tuple[str, str]] = set()
    for sample, (seed, size) in SAMPLES.items():
        rng = rng_for("audit", seed, sample)
        halves: list[tuple[str, int, Callable[[Catalog, random.Random], tuple[str, str]]]] = [
            ("tool", size // 2, any_tool),
            ("server", size - size // 2, tool_of_any_server),
        ]
        for drawn_by, count, pick in halves:
            for server, tool in _fresh(catalog, rng, count, pick, taken):
                yield Drawn(sample, drawn_by, server, tool)


def any_tool(catalog: Catalog, rng: random.Random) -> tuple[str, str]:
    """Server and name of a tool, each tool equally likely."""
    tool = rng.choice(catalog.tools)
    return tool.server, tool.name


def tool_of_any_server(catalog: Catalog, rng: random.Random) -> tuple[str, str]:
    """Server and name of a tool, each server equally likely."""
    server = rng.choice(catalog.servers)
    return server.id, rng.choice(server.tool_names)


def _fresh(
    catalog: Catalog,
    rng: random.Random,
    count: int,
    pick: Callable[[Catalog, random.Random], tuple[str, str]],
    taken: set[tuple[str, str]],
) -> Iterator[tuple[str, str]]:
    """`count` picks not in `taken`, which grows; a repeated pick is drawn again."""
    while count:
        one = pick(catalog, rng)
        if one not in taken:
            taken.add(one)
            count -= 1
            yield one


def main() -> None:
    """Prints the drawn tools as JSON lines."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sample", choices=sorted(SAMPLES), help="only this sample")
    wanted = parser.parse_args().sample
    for one in draw(load_catalog()):
        if wanted in (None, one.sample):
            sys.stdout.write(json.dumps(asdict(one)) + "\n")


if __name__ == "__main__":
    main()
