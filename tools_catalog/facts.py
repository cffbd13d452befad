"""The catalog in Python: frozen records of real tools and servers, and how they are loaded.

Shipped: `data/catalog.jsonl.xz`, facts only, descriptions rendered by `describe`. A user's own harvest (see
`tools_catalog.harvest`) can be preferred: it carries the servers' own descriptions, from the user's cache.
"""

from __future__ import annotations

import gc
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from tools_catalog.cache import cache_dir, cached_files, read_record
from tools_catalog.describe import describe_tool
from tools_catalog.effects import Effect, effect_of
from tools_catalog.originals import original_sha256, read_harvest
from tools_catalog.quarantine import kept_apart
from tools_catalog.reduce import reduce_annotations
from tools_catalog.words import common_prefix

SHIPPED = Path(__file__).parent / "data" / "catalog.jsonl.xz"


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """One real tool. The schemas are shared, not copied: read them, never change them."""

    server: str
    package: str
    registry: str
    version: str
    licence: str
    category: str
    name: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    annotations: dict[str, bool]
    sha256: str
    description: str

    @property
    def effect(self) -> Effect:
        """`read` or `write`, see `tools_catalog.effects`."""
        return effect_of(self.name, self.annotations)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One real MCP server, as far as its tools are in the catalog."""

    id: str
    package: str
    registry: str
    version: str
    licence: str
    category: str
    tool_names: tuple[str, ...]


class Catalog:
    """All tools by server, in catalog order. Immutable; look-ups are O(1)."""

    def __init__(self, tools: Iterable[ToolFacts]) -> None:
        self.tools: tuple[ToolFacts, ...] = tuple(tools)
        grouped: dict[str, dict[str, ToolFacts]] = {}
        for tool in self.tools:
            grouped.setdefault(tool.server, {})[tool.name] = tool
        self._by_server = grouped

    @cached_property
    def servers(self) -> tuple[ServerFacts, ...]:
        """Servers in catalog order."""
        out = []
        for server, tools in self._by_server.items():
            one = next(iter(tools.values()))
            out.append(
                ServerFacts(server, one.package, one.registry, one.version, one.licence, one.category, tuple(tools))
            )
        return tuple(out)

    def tools_of(self, server: str) -> tuple[ToolFacts, ...]:
        """The tools of one server. Raises KeyError for an unknown server."""
        return tuple(self._by_server[server].values())

    def find(self, server: str, name: str) -> ToolFacts | None:
        """One tool, or None."""
        return self._by_server.get(server, {}).get(name)

    def server(self, server: str) -> ServerFacts | None:
        """One server, or None."""
        return next((s for s in self.servers if s.id == server), None)

    def __len__(self) -> int:
        return len(self.tools)

    def __iter__(self) -> Iterator[ToolFacts]:
        return iter(self.tools)


def load_catalog(path: Path | str | None = None, *, prefer_cache: bool = False) -> Catalog:
    """The catalog of real tools (about 11,400 tools; about a second).

    `path`: another catalog file of facts, or a harvest (`.jsonl`, `.jsonl.xz`, or a cache folder) whose own
    descriptions and full schemas are then used. `prefer_cache`: servers that the user has harvested successfully come
    from the user's cache, with their own texts, less the tools that the poison scan keeps apart; all others as shipped.

    Raises OSError where a named file cannot be read, ValueError where it is not a catalog.
    """
    if path is not None:
        source = Path(path)
        return Catalog(_from_harvest(source) if _is_harvest(source) else _quietly(source))
    shipped = _quietly(SHIPPED)
    if not prefer_cache:
        return Catalog(shipped)
    own: dict[str, list[ToolFacts]] = {}
    for file in cached_files(cache_dir()):
        apart = kept_apart(read_record(file) or {})
        for tool in _from_harvest(file):
            if tool.name not in apart:
                own.setdefault(tool.server, []).append(tool)
    kept: list[ToolFacts] = []
    replaced: set[str] = set()
    for tool in shipped:
        if tool.server not in own:
            kept.append(tool)
        elif tool.server not in replaced:
            replaced.add(tool.server)
            kept.extend(own[tool.server])
    for server, tools in own.items():
        if server not in replaced:
            kept.extend(tools)
    return Catalog(kept)


def _quietly(path: Path) -> list[ToolFacts]:
    """`_from_facts` without garbage collections: half a million small objects that all stay would trigger many, each
    walking everything made so far (a fifth of the time)."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return list(_from_facts(path))
    finally:
        if collecting:
            gc.enable()


def _from_facts(path: Path) -> Iterator[ToolFacts]:
    """Lines of the shipped form; raises ValueError naming the file where one cannot be read."""
    try:
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        rows = [from_json(line) for line in data.splitlines() if line]
        prefixes = _prefixes((row["server"], row["name"]) for row in rows)
        for row in rows:
            server, name, schema, hints = row["server"], row["name"], row["input_schema"], row["annotations"]
            yield ToolFacts(
                server=server,
                package=row["package"],
                registry=row["registry"],
                version=row["version"],
                licence=row["licence"],
                category=row["category"],
                name=name,
                input_schema=schema,
                output_schema=row["output_schema"],
                annotations=hints,
                sha256=row["sha256"],
                description=describe_tool(server, name, schema, hints, prefixes[server]),
            )
    except (lzma.LZMAError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} is not a tool catalog: {error}") from error


def _prefixes(names: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    grouped: dict[str, list[str]] = {}
    for server, name in names:
        grouped.setdefault(server, []).append(name)
    return {server: common_prefix(group) for server, group in grouped.items()}


def _is_harvest(path: Path) -> bool:
    if path.is_dir() or path.suffix == ".json":
        return True
    first = next(read_harvest(path), {})
    return "inputSchema" in first


def _from_harvest(path: Path) -> Iterator[ToolFacts]:
    rows = list(read_harvest(path))
    prefixes = _prefixes((row["server_id"], row["name"]) for row in rows)
    for row in rows:
        hints = reduce_annotations(row.get("annotations"))
        schema = row.get("inputSchema") or {"type": "object"}
        text = row.get("description") or describe_tool(
            row["server_id"], row["name"], schema, hints, prefixes[row["server_id"]]
        )
        yield ToolFacts(
            server=row["server_id"],
            package=row["package"],
            registry=row["registry"],
            version=row["version"],
            licence=row.get("license") or "unknown",
            category=row.get("domain") or "unknown",
            name=row["name"],
            input_schema=schema,
            output_schema=row.get("outputSchema"),
            annotations=hints,
            sha256=original_sha256(row),
            description=text,
        )
