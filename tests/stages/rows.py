"""Rows of small worlds, and inputs that hold them, for tests of the agent and task stages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from synth.records import Split, ToolRow, WorldRow, make_id
from synth.stage import Context
from synth.worlds.simulate import compile_world
from synth.worlds.spec import World

DATA = Path(__file__).parent.parent / "goals" / "data"
SPLITS: tuple[Split, ...] = ("train", "train", "validation", "eval")


class Tables:
    """`stage.Inputs` over rows in memory."""

    def __init__(self, **tables: list[Any]) -> None:
        self.tables = tables

    def table(self, name: str) -> list[Any]:
        return self.tables[name]

    def part(self, name: str, index: int) -> list[Any]:
        return self.tables[name]

    def columns(self, name: str, fields: list[str]) -> list[dict[str, Any]]:
        return [{field: getattr(row, field) for field in fields} for row in self.tables[name]]


def world_rows() -> list[WorldRow]:
    out = []
    for n, split in enumerate(SPLITS):
        for name in ("helpdesk", "library"):
            spec = yaml.safe_load((DATA / f"{name}.yaml").read_text()) | {"world": f"{name}{n}"}
            world = World.load(spec, name)
            out.append(
                WorldRow(
                    world_id=make_id("world", name, n), category=world.category, domain=world.domain,
                    origin="lifted" if n % 2 else "synthetic", split=split, server=f"{name}-{n}", parents=[],
                    roots=[f"{name}-{n}"], operators=[], spec=world.dump(),
                )
            )  # fmt: skip
    return out


def tool_rows(worlds: list[WorldRow]) -> list[ToolRow]:
    out = []
    for row in worlds:
        compiled = compile_world(World.load(row.spec, row.world_id))
        for name, tool in compiled.tools.items():
            out.append(_tool(row.world_id, row.origin, row.split, row.server, name, tool.input_schema, tool.effect,
                             row.spec["tools"][name]))  # fmt: skip
    for n, split in enumerate(SPLITS):
        for name in ("weather.now", "weather now", "render-scene", "x" * 80):
            out.append(_tool(None, "real", split, f"real-{n}", name, {"type": "object"}, "read", None))
    return out


def _tool(
    world_id: str | None,
    origin: Any,
    split: Split,
    server: str | None,
    name: str,
    schema: Any,
    effect: Any,
    semantics: Any,
) -> ToolRow:
    return ToolRow(
        tool_id=make_id("tool", world_id, server, name), world_id=world_id, origin=origin, split=split, server=server,
        category="c", domain="d", name=name, description=name, input_schema=schema, output_schema=None,
        semantics=semantics, effect=effect, annotations={}, parents=[], provenance={},
    )  # fmt: skip


def context(seed: int = 7, count: int = 60, **tables: list[Any]) -> Context:
    shares = SimpleNamespace(validation=0.15, eval=0.15)
    settings = SimpleNamespace(
        count=count,
        min_tools=4,
        max_tools=24,
        split=shares,
        surfaces=SimpleNamespace(share=0.0),
        backends={},
        variant=0,
    )
    return Context(seed, settings, Tables(**tables))
