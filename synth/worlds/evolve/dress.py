"""A world's schemas and hints written as its host writes: nulls, defaults, bounds, enums, declared results.

Only the form changes. A null counts as not given, a default is what the operation does anyway, an enum that is not
declared is still checked by the world and named in the text.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from synth.records import rng_for
from synth.worlds import schema as sch
from synth.worlds.evolve.hosts import Host, OutputForm, ParamForm
from synth.worlds.lower import lower
from synth.worlds.params import explicit, paging_of
from synth.worlds.spec import Param, ToolSpec, World

Json = dict[str, Any]
_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_STIFF = frozenset({"action", "sort", "order", "projection", "confirm", "dry_run"})  # their members stay declared
_DEFAULTS: dict[str, Any] = {"offset": 0, "page": 1, "order": "asc", "dry_run": False, "confirm": False}
_USUAL = 0.12  # share of an evolved world's text parameters that could be enums
_LONGEST = 2000


def dress(world: World, host: Host, seed: object) -> World:
    """`world` in the form of `host`; tools keep names, parameters, roles and meaning."""
    rng = rng_for("dress", seed)
    output = _output_habit(host, rng)
    tools = {}
    for name, tool in world.tools.items():
        dressed = _tool(world, tool, host, rng)
        wanted = output if rng.random() < 0.85 else _one_output(host, dressed, rng)
        tools[name] = dressed.model_copy(
            update={
                "output_schema": _declared(world, dressed, name, wanted, rng),
                "annotations": _hints(tool, host, rng_for("hints", seed, tool.writes)),
            }
        )
    return world.model_copy(update={"tools": tools, "closed": host.closed})


def _tool(world: World, tool: ToolSpec, host: Host, rng: random.Random) -> ToolSpec:
    if tool.op == "choose":
        cases = {n: _tool(world, case, host, rng) for n, case in (tool.cases or {}).items()}
        return tool.model_copy(update={"cases": cases})
    params = {n: _param(world, tool, p, host, rng) for n, p in explicit(world, tool).items()}
    return tool.model_copy(update={"params": params})


# --- parameters -------------------------------------------------------------------------------------------------------


def _param(world: World, tool: ToolSpec, param: Param, host: Host, rng: random.Random) -> Param:
    base = sch.param_schema(world, tool, param)
    kind = base.get("type")
    if not isinstance(kind, str) or "properties" in base:
        return param
    form = _like(host, "number" if kind == "integer" and host.whole_numbers == "number" else kind, param, rng)
    text = base.pop("description", None)
    out, note = _plain(base, kind, param, form, host, paging_of(tool).max if param.role == "limit" else 0, rng)
    default = _default(tool, param, form)
    if not param.required and form.nullable and param.role not in _STIFF:
        out = {"anyOf": [out, {"type": "null"}]} if form.nullable == "union" else _may_be_null(out)
        if default is None and form.default == "null":
            out["default"] = None
    if default is not None:
        out["default"] = default
    said = " ".join(t for t in (_ended(text) if text and note else text, note) if t)
    return param.model_copy(update={"schema_": out | ({"description": said} if said else {}), "description": None})


def _like(host: Host, kind: str, param: Param, rng: random.Random) -> ParamForm:
    """The form of one of the host's parameters of this kind, required or not as ours is."""
    pool = host.params.get((kind, param.required)) or host.params.get(("string", param.required)) or ()
    return rng.choice(pool) if pool else ParamForm(kind, "", "", False, False, False, False, False)


def _plain(
    base: Json, kind: str, param: Param, form: ParamForm, host: Host, most: int, rng: random.Random
) -> tuple[Json, str | None]:
    """The fragment without null and default, and what the text has to say instead."""
    out, note = dict(base), None
    if kind == "integer":
        out["type"] = host.whole_numbers
        if not form.low:
            out.pop("minimum", None)
        if form.high and param.role == "limit":
            out["maximum"] = most
    if "enum" in out and param.role not in _STIFF and rng.random() > host.enum_share / _USUAL:
        note = "One of " + ", ".join(str(m) for m in out.pop("enum") if m is not None)
    if kind == "string" and "enum" not in out and param.role in ("field", "query"):
        if form.shortest and param.required:
            out["minLength"] = 1
        if form.longest:
            out["maxLength"] = _LONGEST
    if "format" in out and rng.random() < 0.7:  # said in the text; the world checks it
        del out["format"]
    return out, note


def _may_be_null(out: Json) -> Json:
    both = out | {"type": [out["type"], "null"]}
    return both | {"enum": [*out["enum"], None]} if "enum" in out else both


def _default(tool: ToolSpec, param: Param, form: ParamForm) -> Any:
    """What the operation does where the parameter is left out, if this host says so."""
    if param.required or form.default != "value":
        return None
    if param.role == "limit":
        return paging_of(tool).default
    return _DEFAULTS.get(param.role)


def _ended(text: str) -> str:
    return text if text.endswith(".") else text + "."


# --- results ----------------------------------------------------------------------------------------------------------


def _output_habit(host: Host, rng: random.Random) -> OutputForm:
    every = [f for fs in host.outputs.values() for f in fs]
    return rng.choice(every) if every else OutputForm("none")


def _one_output(host: Host, tool: ToolSpec, rng: random.Random) -> OutputForm:
    pool = host.outputs.get("write" if tool.writes else "read")
    return rng.choice(pool) if pool else OutputForm("none")


def _declared(world: World, tool: ToolSpec, name: str, form: OutputForm, rng: random.Random) -> Json | None:
    """The output schema as declared: {} says nothing (the result is checked all the same), None the whole derived."""
    if form.kind == "none":
        return {}
    derived = lower(world, tool, name).output_schema
    if derived is None or (form.kind == "free" and derived.get("type") == "object"):
        return {"type": "object"} | ({"additionalProperties": True} if form.closed else {})
    if tool.batch_over is not None:  # what an item's entry holds depends on how it went
        form = form._replace(closed=None)
    return _written(derived, form, rng)


def _written(schema: Json, form: OutputForm, rng: random.Random) -> Json:
    """A derived schema in the host's keywords, at every level."""
    if "anyOf" in schema:
        return schema | {"anyOf": [_written(s, form, rng) for s in schema["anyOf"]]}
    out = dict(schema)
    if "items" in out and isinstance(out["items"], dict):
        out["items"] = _written(out["items"], form, rng)
    if "properties" in out:
        out["properties"] = {n: _value(s, form, rng) for n, s in out["properties"].items()}
        listed = list(out.pop("required", []))
        kept = {"all": listed, "none": [], "some": [r for r in listed if rng.random() < 0.6]}[form.required]
        if kept:
            out["required"] = kept
        if form.closed is not None:
            out["additionalProperties"] = form.closed
    return out


def _value(schema: Any, form: OutputForm, rng: random.Random) -> Any:
    if not isinstance(schema, dict):
        return schema
    out = _written(schema, form, rng)
    kinds = out.get("type")
    if "enum" in out and not form.enum:
        del out["enum"]
    if not (isinstance(kinds, list) and "null" in kinds):
        return out
    rest = [k for k in kinds if k != "null"]
    if form.union and len(rest) == 1:
        plain = out | {"type": rest[0]}
        if "enum" in plain:
            plain["enum"] = [m for m in plain["enum"] if m is not None]
        return {"anyOf": [plain, {"type": "null"}]}
    return out


# --- hints ------------------------------------------------------------------------------------------------------------


def _hints(tool: ToolSpec, host: Host, rng: random.Random) -> Json:
    """The hints that the host gives to such tools, with values that are true of ours."""
    pool = host.hints.get("write" if tool.writes else "read")
    given: Mapping[str, Any] = rng.choice(pool) if pool else {}
    truth = {
        "readOnlyHint": not tool.writes,
        "destructiveHint": tool.op in ("delete", "unrelate"),
        "idempotentHint": not tool.writes or tool.op in ("update", "delete", "setting"),
        "openWorldHint": given.get("openWorldHint"),
    }
    return {k: v for k, v in truth.items() if k in given}
