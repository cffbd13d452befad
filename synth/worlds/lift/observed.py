"""Observed behaviour put into a lifted world: what an audit of the live server saw that its schemas do not tell."""

from __future__ import annotations

from typing import Any

from synth.worlds.params import arg, quote
from tools_catalog.observed import Observed

ERRORS = {
    "already_exists": {"status": 409, "say": "there is one already"},
    "incomplete_arguments": {"status": 400, "say": "an argument is missing that this needs"},
    "gone": {"status": 404, "say": "it is not there any more"},
    "wrong_state": {"status": 409, "say": "not possible in its present state"},
    "unknown_reference": {"status": 404, "say": "what the request refers to does not exist"},
}
Spec = dict[str, Any]


def apply_observed(world: Spec, observed: Observed) -> Spec:
    """`world` (the surface form, before it is loaded) with the facts of its tools. What does not fit the tool as it was
    read is left out."""
    for name, facts in observed.items():
        tool = world["tools"].get(name)
        entity = world["entities"].get(tool["of"]) if tool is not None and tool.get("of") else None
        if tool is None or entity is None:
            continue
        _existing(tool, entity, facts)
        _demanded(tool, facts)
        _references(tool, entity, facts, world["entities"])
        _refused(tool, entity, facts, world)
    used = {r["else"] for t in world["tools"].values() for r in t.get("require", ())} & ERRORS.keys()
    if used:
        world["errors"] = {**world.get("errors", {}), **{code: ERRORS[code] for code in sorted(used)}}
    return world


def _existing(tool: Spec, entity: Spec, facts: Any) -> None:
    if tool["op"] != "create":
        return
    if facts.get("existing") == "overwrites" and entity["key"] in entity["fields"]:
        tool["op"] = "upsert"
        blank = {  # what the new row is not given, the old one does not keep
            p["field"]: arg(n)
            for n, p in tool["params"].items()
            if p["role"] == "field" and not p.get("required") and _plain(entity["fields"].get(p.get("field")))
        }
        tool["init"] = {**blank, **tool.get("init", {})}
    fields = {p: tool["params"].get(p, {}).get("field") for p in facts.get("unique", ())}
    if facts.get("existing") == "refused" and fields and all(f in entity["fields"] for f in fields.values()):
        same = " && ".join(f"row[{quote(str(f))}] == {arg(p)}" for p, f in fields.items())
        _require(tool, f"rows({tool['of']}).filter(row, {same}) == []", "already_exists")


def _plain(field: Any) -> bool:
    kind = field.get("type") if isinstance(field, dict) else str(field or "list").removesuffix("?")
    return kind not in ("list", "map", "record", "ref")


def _demanded(tool: Spec, facts: Any) -> None:
    groups = [*([p] for p in facts.get("required", ())), *facts.get("needs", ())]
    for group in groups:
        if all(p in tool["params"] for p in group):
            _require(tool, " || ".join(f"has({arg(p)})" for p in group), "incomplete_arguments")


def _references(tool: Spec, entity: Spec, facts: Any, entities: Spec) -> None:
    for p, target in facts.get("refers", {}).items():
        if p not in tool["params"] or target not in entities or isinstance(entities[target]["key"], list):
            continue
        field = entity["fields"].get(tool["params"][p].get("field"), {})
        if field.get("type") == "ref":
            continue  # checked already
        param = tool["params"][p]
        if param["role"] == "ignored" and param.get("schema", {}).get("type") == "string":
            tool["params"][p] = {**param, "role": "key", "entity": target}  # a key of another row: it must exist
            continue
        known = f"{arg(p)}.all(one, {target}[one] != null)" if field.get("type") == "list" else (
            f"{target}[{arg(p)}] != null"
        )  # fmt: skip
        _require(tool, f"!has({arg(p)}) || {known}", "unknown_reference")
    for p in facts.get("unchecked", ()):
        name = tool["params"].get(p, {}).get("field")
        if entity["fields"].get(name, {}).get("type") == "ref":
            entity["fields"][name] = {"type": "text", "null": 0.25}


def _refused(tool: Spec, entity: Spec, facts: Any, world: Spec) -> None:
    """States in which a tool refuses a row. Where a row cannot be read any more, lists leave it out, too."""
    cycle = entity.get("lifecycle")
    if cycle is None:
        return
    state = f"it[{quote(cycle['field'])}]"
    known = [s for s in facts.get("refused_in", {}) if s in cycle["moves"]]
    sources = {s for s, targets in cycle["moves"].items() if tool.get("to") in targets}
    if tool["op"] == "move" and tool.get("to") and sources <= set(known):
        return  # it would never succeed: what leads to the state that it wants was not lifted
    for s in known:
        code = "gone" if facts["refused_in"][s] == "not_found" else "wrong_state"
        _require(tool, f"{state} != {quote(s)}", code)
        if code == "gone" and tool["op"] == "get":
            for other in world["tools"].values():
                if other["op"] in ("list", "search") and other["of"] == tool["of"]:
                    other["where"] = [*other.get("where", ()), f"{state} != {quote(s)}"]


def _require(tool: Spec, that: str, otherwise: str) -> None:
    tool["require"] = [*tool.get("require", ()), {"that": that, "else": otherwise}]
