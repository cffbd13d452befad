"""Rendering of what `behave` adds: batches, joins, presets, fees, transfers, curves, jobs, policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synth.worlds.evolve.behave import REQUEST_KEY
from synth.worlds.evolve.draft import DEvent, DTool, Join
from synth.worlds.evolve.naming import entity_name
from synth.worlds.evolve.style import cased
from synth.worlds.params import quote

if TYPE_CHECKING:
    from synth.worlds.evolve.render import Renderer

Json = dict[str, Any]
FILES = "https://files.example.com/"


def more_of(r: Renderer, tool: DTool, params: Json) -> Json:
    """The spec keys of a tool that the plain operations do not have."""
    out: Json = {}
    names = r.fields[tool.of]
    if tool.batch:
        out |= {"batch_over": next(n for n, p in params.items() if p["role"] == "key"), "batch": tool.batch}
    if tool.joins:
        out["joins"] = {cased(j.name, r.style.fields): join(r, tool, j) for j in tool.joins}
    if tool.op == "transfer":
        left, right = (n for n, p in params.items() if p["role"] == "key")
        out |= {"field": names[str(tool.amount)], "left": left, "right": right}
    if "idempotency" in tool.extras:
        out["idempotent_by"] = next(n for n, p in params.items() if p["role"] == "idempotency")
    init = presets(r, tool)
    return out | ({"init": init} if init else {})


def presets(r: Renderer, tool: DTool) -> dict[str, str]:
    """Fields that a create sets by itself."""
    names, out = r.fields[tool.of], {}
    if tool.preset is not None:
        out[names[tool.preset[0]]] = quote(tool.preset[1])
    if tool.fee is not None:
        field, rate = tool.fee
        out[names["fee"]] = f"int(round(args[{quote(names[field])}] * {rate}))"
    return out


def join(r: Renderer, tool: DTool, j: Join) -> str:
    """The expression over `it` of one join."""
    names = r.fields[j.child]
    rows = f"by({entity_name(j.child)}, {quote(names[j.field])}, it[{quote(r.key_of(tool.of))}])"
    if j.kind == "sum":
        return f"{rows}.map(r, r[{quote(names[j.of])}]).sum()"
    if j.kind == "state":
        state = names[str(r.draft.entities[j.child].state)]
        return f"size({rows}.filter(r, r[{quote(state)}] == {quote(j.of)}))"
    return f"size({rows})"


def more_params(r: Renderer, tool: DTool, add: Any) -> None:
    """Parameters of transfers, curves and safe retries."""
    entity, names = r.draft.entities[tool.of], r.fields[tool.of]
    if tool.op == "transfer":
        for side in ("from", "to"):
            key = r.key_of(tool.of)
            add(cased(f"{side} {key}", r.style.fields), "key", key, required=True)
        add("amount", "amount", required=True)
    if entity.virtual and tool.op in ("series", "get"):
        add(names[entity.virtual[0]], "key", entity.virtual[0], required=True)
        if tool.op == "series":
            for role, default in (("from", "start_date"), ("until", "end_date"), ("every", "interval")):
                add(r.style.word(role, default), role)
            add(r.style.word("limit", "limit"), "limit")
    if "idempotency" in tool.extras:
        add(r.style.word("idempotency", "idempotency_key"), "idempotency", REQUEST_KEY)


def events(r: Renderer) -> list[Json]:
    return [_event(r, e) for e in r.draft.events]


def _event(r: Renderer, event: DEvent) -> Json:
    names = r.fields[event.of]
    state = names[str(r.draft.entities[event.of].state)]
    made = {
        "count": f"size(rows({entity_name(event.about)}))", "now": "now",
        "url": f"{quote(FILES)} + str(it[{quote(r.key_of(event.of))}])",
    }  # fmt: skip
    to = {state: quote(event.state)} | {names[f]: made[kind] for f, kind in event.left.items() if f in names}
    when = f"it[{quote(state)}] == {quote(event.before)}"
    return {"of": entity_name(event.of), "when": when, "after": event.after, "to": to}


def policies(r: Renderer, named: dict[str, DTool]) -> list[Json]:
    """Rules of the house over tools that still have a name."""
    out = []
    for policy in r.draft.policies:
        name = next((n for n, t in named.items() if t is policy.tool), None)
        that = r.condition(policy.tool, policy.rule) if name else None
        if that is not None:
            out.append({
                "id": policy.rule.code, "guards": [name], "allow_if": that, "held_by": policy.held_by,
                "otherwise": policy.otherwise, "text": _law(policy.rule.say),
            })  # fmt: skip
    return out


def _law(say: str) -> str:
    return f"The call is not allowed where {say}." if not say.startswith("a ") else say[0].upper() + say[1:] + "."
