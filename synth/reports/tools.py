"""The tools that a report compares: read from a run, real ones also from a harvest with the servers' own texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from synth.errors import UsageError
from synth.records import rng_for
from synth.store.views import open_run
from tools_catalog import load_catalog
from tools_catalog.cache import cache_dir, cached_files

COLUMNS = (
    "tool_id", "world_id", "origin", "server", "category", "domain", "name", "description", "input_schema",
    "output_schema", "semantics", "effect", "annotations",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as a caller sees it. `server` is the real server, or the root server of its world."""

    tool_id: str
    world_id: str | None
    origin: str
    server: str
    category: str
    domain: str
    name: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    op: str | None  # surface operation; None for a real tool
    effect: str
    annotations: dict[str, Any]


def read_tools(run_dir: str | Path) -> list[Tool]:
    """All tools of a run in the order of their ids. UsageError where there is no run or it has no tools yet."""
    relation = open_run(run_dir).table("tools").select(", ".join(COLUMNS)).order("tool_id")
    tools = [_tool(dict(zip(COLUMNS, row, strict=True))) for row in relation.fetchall()]
    if not tools:
        raise UsageError(f"{run_dir} has no tools yet; `synth run` makes them")
    return tools


def _tool(row: dict[str, Any]) -> Tool:
    semantics = _parsed(row["semantics"])
    return Tool(
        tool_id=row["tool_id"], world_id=row["world_id"], origin=row["origin"], server=row["server"] or row["origin"],
        category=row["category"], domain=row["domain"], name=row["name"], description=row["description"],
        input_schema=_parsed(row["input_schema"]) or {}, output_schema=_parsed(row["output_schema"]),
        op=semantics.get("op", "body") if semantics else None, effect=row["effect"],
        annotations=_parsed(row["annotations"]) or {},
    )  # fmt: skip


def _parsed(text: str | None) -> Any:
    return None if text is None else from_json(text)


def own_texts(harvest: str | Path | None = None) -> list[Tool]:
    """Real tools with the servers' own texts: of `harvest`, else of the user's own harvests; empty where there is none.

    Raises UsageError where `harvest` cannot be read."""
    if harvest is None:
        harvested = {file.stem for file in cached_files(cache_dir())}
        return [t for t in _of_catalog(None, prefer_cache=True) if t.server in harvested] if harvested else []
    try:
        return _of_catalog(harvest)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{harvest} is not a harvest ({error}); `synth catalog harvest` makes one") from None


def _of_catalog(path: str | Path | None, *, prefer_cache: bool = False) -> list[Tool]:
    return [
        Tool(
            tool_id=f"{t.server} {t.name}", world_id=None, origin="real", server=t.server, category=t.category,
            domain=t.category, name=t.name, description=t.description, input_schema=t.input_schema,
            output_schema=t.output_schema, op=None, effect=t.effect, annotations=dict(t.annotations),
        )
        for t in load_catalog(path, prefer_cache=prefer_cache)
    ]  # fmt: skip


def sample(tools: Sequence[Tool], count: int, *key: object) -> list[Tool]:
    """`count` random tools in their order (all where there are fewer); the same for the same key."""
    if len(tools) <= count:
        return list(tools)
    chosen = rng_for("report", *key).sample(range(len(tools)), count)
    return [tools[i] for i in sorted(chosen)]


def of_origin(tools: Iterable[Tool], *origins: str) -> list[Tool]:
    """The tools of some origins, in their order."""
    return [t for t in tools if t.origin in origins]
