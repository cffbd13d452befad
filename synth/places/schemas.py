"""What can be told of a parameter of a place's tool from its schema alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rubrics.normal import same
from synth.sim.roles import at_pointer
from synth.worlds.lift.opening import Opener


def schema_roles(schema: Any) -> dict[str, dict[str, Any]]:
    """{"/pointer": {role, enum, default}} of the parameters, nested ones included; no role is known."""
    out: dict[str, dict[str, Any]] = {}
    _walk(schema, "", out, 0)
    return out


def _walk(schema: Any, at: str, out: dict[str, dict[str, Any]], depth: int) -> None:
    if not isinstance(schema, dict) or depth > 4:
        return
    for name, part in (schema.get("properties") or {}).items():
        if not isinstance(part, dict):
            continue
        pointer = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
        items = part.get("items")
        enum = part.get("enum") or (items.get("enum") if isinstance(items, dict) else None)
        out[pointer] = {"role": None, "enum": list(enum) if enum else None, "default": part.get("default")}
        _walk(part, pointer, out, depth + 1)


def may_choose(schema: Any, pointer: str, value: Any) -> bool:
    """Whether an assistant may pick `value` without anybody having named it: switches, numbers, members of a closed
    list, defaults."""
    if value is None or isinstance(value, bool | int | float) or value == "":
        return True
    info = at_pointer(schema_roles(schema), pointer)
    return value in (info.get("enum") or ()) or same(value, info.get("default"))


def resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A fragment with its reference followed, its union narrowed to one branch that is not null, its parts (`allOf`)
    joined; as the lifter reads it."""
    return Opener(root).resolve(part)[0]


def kind_of(part: Mapping[str, Any]) -> str:
    """The JSON type that a fragment asks for, its first one that is not null."""
    kind = part.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), "string")
    if isinstance(kind, str):
        return kind
    return "object" if part.get("properties") else "string"
