"""The scan of a server's tools: every string by every rule, the schemas as shapes, and the tools beside others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools_catalog.scan import across, characters, encoded, instructions, shapes, values
from tools_catalog.scan.finding import Attack, Finding, visible
from tools_catalog.scan.strings import Said, strings_of

LOOKED_AT = 60_000  # characters of one string that are read; longer ones are oversize as it is
_LEAST = 12  # characters from which on a string can give an order


@dataclass(frozen=True)
class Before:
    """What is known besides the tools that are scanned. `sha256`: of what each tool said when it was last harvested.
    `others`: names of other servers' tools -> their server."""

    sha256: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


def scan_tools(server: str, tools: Sequence[dict[str, Any]], before: Before | None = None) -> list[Finding]:
    """Findings in the order of the tools, at most one per tool, kind and place. `tools` have the keys of a harvest line
    (`name, title, description, inputSchema, outputSchema, annotations`). Never raises on hostile content."""
    known = before or Before()
    own = frozenset(str(t.get("name")) for t in tools)
    plain = across.plain_names(n for n in known.others if n not in own)
    out: dict[tuple[str, Attack, str], Finding] = {}
    for tool in tools:
        name = str(tool.get("name"))
        found = [*_of_strings(server, name, tool), *_of_shapes(server, name, tool)]
        found += across.changed(server, tool, known.sha256)
        found += across.shadowing(server, tool, own, known.others)
        if name not in known.others:
            found += across.look_alike(server, name, plain)
        for one in found:
            out.setdefault((name, one.attack, one.where), one)
    return list(out.values())


def _of_shapes(server: str, name: str, tool: dict[str, Any]) -> Iterator[Finding]:
    for attack, where, told in shapes.of_tool(tool):
        yield Finding(server, name, attack, where, told)


def _of_strings(server: str, name: str, tool: dict[str, Any]) -> Iterator[Finding]:
    for said in strings_of(tool):
        text = said.text[:LOOKED_AT]
        for attack, at in _of_one(said, text):
            yield Finding(server, name, attack, said.where, visible(text, at))
        for found in encoded.decoded(text) if len(text) >= _LEAST and said.use != "pattern" else ():
            if found.sure or any(True for _ in instructions.of_text(found.text)):
                yield Finding(server, name, "encoded_payload", said.where, f"{found.way}: {visible(found.text)}")


def _of_one(said: Said, text: str) -> Iterator[tuple[Attack, int]]:
    if said.use == "name":
        yield from characters.of_name(text)
        yield from instructions.of_text(text.replace("_", " ").replace("-", " "))
        return
    yield from characters.of_text(text) if said.use != "pattern" else ()
    if len(text) >= _LEAST and said.use != "pattern":
        yield from instructions.of_text(text)
        yield from instructions.of_markup(text) if said.use == "text" else ()
    if said.use == "value" and (at := values.payload(text, said.under)) is not None:
        yield "default_payload", at
