"""What the parameters of a tool are for, by JSON pointer into its arguments."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rubrics.normal import same
from synth.worlds.simulate import CompiledTool
from synth.worlds.spec import Param

# What a caller chooses by itself, without saying anything about the world.
CHOICES = frozenset(
    {"limit", "offset", "page", "sort", "order", "projection", "confirm", "dry_run", "action", "idempotency"}
)
_OWN_TOKEN = re.compile(
    r"idempot|nonce|request_?(?:id|key)|client_?(?:token|request)|correlation|trace_?id", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def param_roles(tool: CompiledTool) -> dict[str, dict[str, Any]]:
    """{"/pointer": {role, enum, default}}; the parameters of the cases of a multiplexer included."""
    out: dict[str, dict[str, Any]] = {}
    for params in (tool.params, *(case.params or {} for case in (tool.spec.cases or {}).values())):
        for name, param in params.items():
            at = param.at or [name]
            out.setdefault(pointer(at), _info(tool.input_schema, at, param))
    return out


def pointer(at: list[str]) -> str:
    return "".join(f"/{p.replace('~', '~0').replace('/', '~1')}" for p in at)


def _info(schema: Any, at: list[str], param: Param) -> dict[str, Any]:
    for step in at:
        schema = schema.get("properties", {}).get(step, {}) if isinstance(schema, dict) else {}
    found = schema if isinstance(schema, dict) else {}
    items = found.get("items")
    enum = found.get("enum") or (items.get("enum") if isinstance(items, dict) else None)
    if enum is None and "const" in found:
        enum = [found["const"]]
    default = param.default if param.default is not None else found.get("default")
    return {"role": param.role, "enum": list(enum) if enum else None, "default": default}


def at_pointer(roles: dict[str, dict[str, Any]], where: str) -> dict[str, Any]:
    """The parameter that a pointer lies in; empty where there is none."""
    while where:
        if where in roles:
            return roles[where]
        where = where.rpartition("/")[0]
    return {}


def free_choice(tool: CompiledTool, where: str, value: Any) -> bool:
    """Whether an assistant may pick `value` without anybody having named it: paging and sorting, members of a closed
    list, defaults, switches and numbers, tokens of its own. Names, addresses and keys are never a choice."""
    if value is None or isinstance(value, bool | int | float) or value == "":
        return True
    info = at_pointer(param_roles(tool), where)
    if info.get("role") in CHOICES or _OWN_TOKEN.search(where):
        return True
    return (
        value in (info.get("enum") or ())
        or same(value, info.get("default"))
        or _listed(tool.input_schema, where, value)
    )


def _listed(schema: Any, where: str, value: Any) -> bool:
    """Whether the schema at the pointer itself lists the value."""
    for step in where.split("/")[1:]:
        if not isinstance(schema, dict):
            return False
        schema = schema.get("items", {}) if step.isdigit() else schema.get("properties", {}).get(step, {})
    if not isinstance(schema, dict):
        return False
    return value in (schema.get("enum") or ()) or value == schema.get("const") or value == schema.get("default")
