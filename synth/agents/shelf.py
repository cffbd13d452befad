"""The worlds and tools that agents of one split are made of, indexed by what makes two tools look alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from synth.goals.words import split_words
from synth.places.rows import is_place
from synth.records import Split, ToolRow, WorldRow
from synth.stage import Inputs

GOOD_WORLD = 4  # admitted tools, a write and a read among them


@dataclass
class Shelf:
    """What agents of one split are made of."""

    worlds: dict[str, WorldRow] = field(default_factory=dict)
    tools: dict[str, list[ToolRow]] = field(default_factory=dict)  # admitted, by world
    by_server: dict[str, list[str]] = field(default_factory=dict)  # usable worlds by root server and origin
    by_verb: dict[str, list[ToolRow]] = field(default_factory=dict)  # first word of the name
    by_noun: dict[str, list[ToolRow]] = field(default_factory=dict)  # last word of the name
    by_shape: dict[str, list[ToolRow]] = field(default_factory=dict)  # operation and parameters
    real: list[ToolRow] = field(default_factory=list)


_shelves: list[tuple[tuple[Any, Any], dict[Split, Shelf]]] = []


def shelves_of(inputs: Inputs) -> dict[Split, Shelf]:
    """Tools and worlds by split, sorted once per process while the tables stay the same."""
    worlds, tools = inputs.table("worlds"), inputs.table("tools")
    if not _shelves or _shelves[0][0][0] is not worlds or _shelves[0][0][1] is not tools:
        _shelves[:] = [((worlds, tools), shelve(worlds, tools))]
    return _shelves[0][1]


def shelve(worlds: list[WorldRow], tools: list[ToolRow]) -> dict[Split, Shelf]:
    out: dict[Split, Shelf] = {"train": Shelf(), "validation": Shelf(), "eval": Shelf()}
    worlds = [w for w in worlds if not is_place(w)]  # these have agents of their own
    tools = [t for t in tools if not is_place(t)]
    for w in worlds:
        out[w.split].worlds[w.world_id] = w
    lifted = {p for t in tools if t.world_id is not None for p in t.parents}
    for t in tools:
        if isinstance(t.semantics, dict) and t.semantics.get("side") == "user":
            continue  # only the user can call it
        shelf = out[t.split]
        if t.world_id is None or t.semantics is None:
            if t.tool_id not in lifted:
                shelf.real.append(t)
        elif t.world_id in shelf.worlds:
            shelf.tools.setdefault(t.world_id, []).append(t)
            words = split_words(t.name) or ("",)
            shelf.by_verb.setdefault(words[0], []).append(t)
            shelf.by_noun.setdefault(words[-1], []).append(t)
            shelf.by_shape.setdefault(shape_of(t), []).append(t)
    for shelf in out.values():
        good = [world_id for world_id in shelf.worlds if usable(shelf.tools.get(world_id, []))]
        for world_id in good or [w for w in shelf.worlds if shelf.tools.get(w)]:
            row = shelf.worlds[world_id]
            shelf.by_server.setdefault(f"{row.origin} {row.server or row.domain}", []).append(world_id)
    return out


def usable(tools: list[ToolRow]) -> bool:
    return len(tools) >= GOOD_WORLD and {t.effect for t in tools} == {"read", "write"}


def shape_of(tool: ToolRow) -> str:
    """What the tool does and how many values of which type it takes; the same shape in another domain is a twin."""
    op = tool.semantics.get("op") if isinstance(tool.semantics, dict) else None
    given = (tool.input_schema.get("properties") or {}).values()
    types = sorted(str(p.get("type")) for p in given if isinstance(p, dict))
    needed = len(tool.input_schema.get("required") or ())
    return f"{op} {needed} {' '.join(types)}"


def squeezed(tool: ToolRow) -> str:
    """The name without case and separators: two of these in one set would be one tool to a reader."""
    return "".join(split_words(tool.name))


def noun_of(tool: ToolRow) -> str:
    """The entity a tool works on, else the last word of its name."""
    of = tool.semantics.get("of") if isinstance(tool.semantics, dict) else None
    return str(of or (split_words(tool.name) or ("",))[-1])
