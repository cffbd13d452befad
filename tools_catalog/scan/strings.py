"""Every string of a listed tool, with its place and what it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Use = Literal["name", "text", "value", "pattern"]  # of a thing; read by the model; taken as an argument; a regex
_VALUES = frozenset({"default", "const", "enum", "examples", "example"})
_TEXTS = frozenset({"description", "title", "$comment", "summary"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
MOST = 200_000  # strings looked at; what is beyond is a bomb anyway


class Said(NamedTuple):
    where: str
    use: Use
    text: str
    under: str  # the property whose schema it stands in, "" outside


def strings_of(tool: dict[str, Any]) -> Iterator[Said]:
    """Name, title and description first, then the schemas from the top down. No recursion: a nesting bomb is only
    long."""
    for key in ("name", "title", "description"):
        if isinstance(tool.get(key), str):
            yield Said(f"/{key}", "name" if key == "name" else "text", tool[key], "")
    pending: list[tuple[Any, str, Use, str]] = [
        (tool[key], f"/{key}", "text", "") for key in ("annotations", "outputSchema", "inputSchema") if key in tool
    ]
    given = 0
    while pending and given < MOST:
        node, where, use, under = pending.pop()
        if isinstance(node, str):
            given += 1
            yield Said(where, use, node, under)
        elif isinstance(node, list):
            pending += [(v, f"{where}/{i}", use, under) for i, v in reversed(list(enumerate(node)))]
        elif isinstance(node, dict):
            named = where.rpartition("/")[2] in _NAMED and use != "value"
            for key, value in reversed(node.items()):
                at = f"{where}/{_token(str(key))}"
                if named:
                    yield Said(at, "name", str(key), str(key))
                    given += 1
                inner: Use = use if use == "value" else "value" if not named and key in _VALUES else "text"
                if not named and key == "pattern" and isinstance(value, str):
                    inner = "pattern"
                pending.append((value, at, inner, str(key) if named else under))


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
