"""Several operations in one tool: the cases of a multiplexer become a `choose`, the items of a list a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from synth.worlds.lift.habits import draw
from synth.worlds.lift.read import Reading
from synth.worlds.lift.table import Table
from synth.worlds.lift.tools import Param, ToolBuilder
from synth.worlds.schema import field_schema
from synth.worlds.spec import FieldSpec, World

_SHARED = ("description", "annotations", "source")  # said once, of the whole tool
_NOWHERE = World(world="nowhere", entities={}, tools={})  # fields without references need no world


class Built(NamedTuple):
    """A tool, or one case of it: the table it works on, its spec, the names of all entities it touches."""

    own: Table
    spec: dict[str, Any]
    touched: set[str]


def operations(built: Built) -> Iterator[tuple[str, dict[str, Any]]]:
    """(entity, spec) of each operation of a tool: itself, or its cases."""
    cases = built.spec.get("cases")
    if cases is None:
        yield built.own.name, built.spec
        return
    for case in cases.values():
        yield case["of"], case


def choose(builder: ToolBuilder, whole: Reading, cases: Sequence[tuple[Reading, Built]]) -> Built:
    """One `choose` of the cases in `cases` (two or more)."""
    action = next(b.arg for b in whole.roles if b.role == "action")
    counts = Counter(b.own.name for _, b in cases)
    own = min((b.own for _, b in cases), key=lambda t: (t.noun != whole.entity, -counts[t.name], t.name))
    params: dict[str, Param] = {action.name: {"role": "action", "required": True}}
    if list(action.at) != [action.name]:
        params[action.name]["at"] = list(action.at)
    schemas: dict[str, list[dict[str, Any]]] = {}
    for _, b in cases:
        for name, p in b.spec["params"].items():
            params.setdefault(name, p)
            found = _schema(builder, b.own, p)
            if found not in schemas.setdefault(name, []):
                schemas[name].append(found)
    required = {b.arg.name for b in whole.roles if b.arg.required}
    for name, each in schemas.items():
        p = {k: v for k, v in params[name].items() if k not in ("required", "schema")}
        if name in required:
            p["required"] = True
        params[name] = {**p, "role": p["role"], "schema": each[0] if len(each) == 1 else {"anyOf": each}}
    places = {tuple(p.get("at") or [n]) for n, p in params.items()}
    opened = {place[:i] for place in places for i in range(1, len(place))}  # one case opens what another takes whole
    params = {n: p for n, p in params.items() if tuple(p.get("at") or [n]) not in opened}
    for arg in (b.arg for b in whole.roles):  # what no case understood is taken all the same
        if arg.at not in places | opened and arg.name not in params:
            params[arg.name] = builder.ignored(arg)
            if list(arg.at) != [arg.name]:
                params[arg.name]["at"] = list(arg.at)
    params = {n: builder.told(p, n, p.get("schema", {})) for n, p in params.items()}
    spec: dict[str, Any] = {
        "op": "choose", "by": action.name, "params": params, "source": whole.tool,
        "cases": {r.case: _case(b.spec, params) for r, b in cases},
    }  # fmt: skip
    builder.about(spec, whole.tool)
    return Built(own, spec, set().union(*(b.touched for _, b in cases)))


def batched(builder: ToolBuilder, r: Reading, built: Built) -> Built | None:
    """The operation of one item, done for each item of the list `r.batch`. None where the item names nothing."""
    assert r.batch is not None
    spec, name = dict(built.spec), r.batch.name
    params = dict(spec["params"])
    mode = ("all_or_nothing", "skip", "stop")[draw(builder.server, "batch", 3)]
    spec |= {"batch_over": name, "batch": mode, "params": params}
    if name in params:
        if params[name]["role"] not in ("key", "field"):
            return None
        inner = _schema(builder, built.own, params[name])
        params[name] = {**params[name], "required": True, "schema": {"type": "array", "items": inner, "minItems": 1}}
    else:
        if not any(tuple(p.get("at", ()))[: len(r.batch.at)] == r.batch.at for p in params.values()):
            return None
        whole: Param = {"role": "batch", "required": True}
        if list(r.batch.at) != [name]:
            whole["at"] = list(r.batch.at)
        spec["params"] = {name: whole, **params}  # the list stands before its members
    return Built(built.own, spec, built.touched)


def _schema(builder: ToolBuilder, own: Table, p: Param) -> dict[str, Any]:
    """The JSON Schema of a parameter, spelled out: the whole tool has no entity that could imply it."""
    if p.get("schema"):
        return dict(p["schema"])
    if p["role"] == "key" and p.get("entity"):
        target = next(t for t in builder.tables.by_noun.values() if t.name == p["entity"])
        return {"type": builder.key_class(target)}
    spec = own.spec(p["field"]) if p.get("field") else None
    if p.get("field") == own.key and (spec is None or p["role"] == "key"):
        return {"type": builder.key_class(own)}
    if spec is not None:
        out = _field(builder, spec)
        return {"type": "array", "items": out} if p.get("compare") == "in" else out
    if p["role"] in ("limit", "offset", "page"):
        return {"type": "integer", "minimum": 0 if p["role"] == "offset" else 1}
    return {"type": "array", "items": {"type": "string"}} if p["role"] == "projection" else {"type": "string"}


def _case(spec: dict[str, Any], outer: dict[str, Param]) -> dict[str, Any]:
    kept = {k: v for k, v in spec.items() if k not in _SHARED}
    params = {n: {k: v for k, v in p.items() if k != "description"} for n, p in kept["params"].items() if n in outer}
    return {**kept, "params": params}


def _field(builder: ToolBuilder, spec: dict[str, Any]) -> dict[str, Any]:
    many = str(spec.get("of", "")).removeprefix("ref ") if spec["type"] in ("list", "map") else ""
    target = spec.get("to") or many
    table = next((t for t in builder.tables.by_noun.values() if t.name == target), None)
    if table is None:
        return field_schema(_NOWHERE, FieldSpec.model_validate({**spec, "null": 0.0}))
    inner = {"type": builder.key_class(table)}
    return {"type": "array", "items": inner} if many else inner
