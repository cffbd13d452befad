"""How the expert talks: a small grammar (data/expert.json) over what was done and what is to be told."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Any

from rubrics.normal import leaves
from synth.sim.environment import Offered
from synth.sim.user import sentence as sentence
from synth.worlds.simulate import CompiledWorld, spoken
from synth.worlds.spec import ToolSpec

LONG = 60  # characters from which a text value is not repeated


@cache
def _grammar() -> dict[str, Any]:
    text = resources.files("synth.sim").joinpath("data/expert.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def pick(kind: str, rng: random.Random) -> str:
    return str(rng.choice(_grammar()[kind]))


def join(clauses: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])} and {clauses[-1]}"


def report(kind: str, name: str, clauses: list[str], rng: random.Random) -> str:
    """A sentence of the grammar with `{name}` (as sentences) or `{name_low}` (run on) filled in, in one pass."""
    whole = " ".join(sentence(c) for c in clauses)
    first = clauses[0]
    low = " ".join([first if first[-1:] in ".!?" else first + ".", *(sentence(c) for c in clauses[1:])])
    fillers = {f"{{{name}}}": whole, f"{{{name}_low}}": low}
    return re.sub(r"\{\w+\}", lambda m: fillers[m.group(0)], pick(kind, rng))


def done_clause(tool: Offered, world: CompiledWorld, arguments: dict[str, Any], result: Any, rng: random.Random) -> str:
    """What one write did, as a clause: "I set the priority to high on the ticket "Printer jam"". No ids in it."""
    compiled = world.tool(tool.row.name)
    values = compiled.canonical(arguments)
    spec = compiled.spec
    if spec.op == "choose" and spec.cases:
        action = str(values.get(str(spec.by)))
        spec = spec.cases.get(action, spec)
    forms = _grammar()["acts"]
    fields = _fields(spec if spec.params else compiled.spec, values)
    op = spec.op if spec.op in forms else "bare"
    holes = {
        "noun": spoken(world.world, spec.of) if spec.of else "record",
        "label": _label(world, spec, values, result),
        "changes": join([f"the {_words(k)} to {_shown(v)}" for k, v in fields]) if fields else "",
        "changes_now": join([f"the {_words(k)} {_shown(v)}" for k, v in fields]) if fields else "",
        "state": _state(world, spec, fields),
        "tool": f'"{_words(tool.name)}"',
    }
    if (op in ("update", "setting") and not fields) or (op == "move" and not holes["state"]) or spec.of is None:
        op = "bare"
    return re.sub(r"\{(\w+)\}", lambda m: holes[m.group(1)], str(rng.choice(forms[op])))


def _fields(spec: ToolSpec, values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Payload fields that were given, few and in order."""
    params = spec.params or {}
    found = [(p.field or n, values[n]) for n, p in params.items() if p.role == "field" and values.get(n) is not None]
    return [(k, v) for k, v in found if not isinstance(v, dict | list)][:4]


def _state(world: CompiledWorld, spec: ToolSpec, fields: list[tuple[str, Any]]) -> str:
    cycle = world.world.entities[spec.of].lifecycle if spec.of else None
    state = spec.to or next((v for k, v in fields if cycle is not None and k == cycle.field), None)
    return _words(str(state)) if state else ""


def _label(world: CompiledWorld, spec: ToolSpec, values: dict[str, Any], result: Any) -> str:
    label = world.world.entities[spec.of].label if spec.of else None
    if label is None:
        return ""
    found = next((v for p, v in leaves(result) if p.endswith(f"/{label}") and isinstance(v, str)), None)
    found = found if found is not None else values.get(label)
    return f' "{found}"' if isinstance(found, str) and 0 < len(found) <= LONG else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        if len(value) > LONG:
            return "the text you gave"
        return f'"{value}"' if " " in value else _words(value) if value.isidentifier() and value.islower() else value
    return str(value)


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip().lower()
