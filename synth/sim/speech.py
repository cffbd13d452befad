"""How the expert talks: a small grammar (data/expert.json) over what was done and what is to be told."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

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


class Deed(NamedTuple):
    """One write as it is reported: `clause`, or with others of the same `group` as "I created 3 tickets"."""

    clause: str
    group: tuple[str, str]  # op, plural noun


def deed(tool: Offered, world: CompiledWorld, arguments: dict[str, Any], result: Any, rng: random.Random) -> Deed:
    """What one write did, as a clause: "I set the priority to high on the ticket "Printer jam"". No ids in it."""
    compiled = world.tool(tool.row.name)
    values = compiled.canonical(arguments)
    spec = compiled.spec
    if spec.op == "choose" and spec.cases:
        spec = spec.cases.get(str(values.get(str(spec.by))), spec)
    fields = _fields(world, spec if spec.params else compiled.spec, values)
    noun = spoken(world.world, spec.of) if spec.of else "record"
    holes = {
        "noun": noun,
        "label": _label(world, spec, values, result, fields),
        "changes": join([f"the {_words(k)} to {_shown(v)}" for k, v in fields]) if fields else "",
        "changes_now": join([f"the {_words(k)} {_shown(v)}" for k, v in fields]) if fields else "",
        "state": _state(world, spec, fields),
        "tool": f'"{_words(tool.name)}"',
    }
    op = _form(spec, fields, holes)
    clause = re.sub(r"\{(\w+)\}", lambda m: holes[m.group(1)], str(rng.choice(_grammar()["acts"][op])))
    return Deed(clause, (op, plural(world, spec, noun)))


def _form(spec: ToolSpec, fields: list[tuple[str, Any]], holes: dict[str, str]) -> str:
    """Which forms of the grammar can say it."""
    op = spec.op if spec.op in _grammar()["acts"] else "bare"
    if op in ("update", "setting") and not fields:
        return "changed" if spec.of else "bare"
    if op == "move" and not holes["state"]:
        return "changed" if spec.of else "bare"
    return op if spec.of else "bare"


def plural(world: CompiledWorld, spec: ToolSpec, noun: str) -> str:
    entity = world.world.entities.get(spec.of or "")
    if entity is not None and entity.plural:
        return entity.plural
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"


def gathered(deeds: list[Deed]) -> list[str]:
    """The clauses, with more than two deeds of one kind, or clauses that read the same, as one count."""
    groups: dict[tuple[str, str], list[Deed]] = {}
    for one in deeds:
        groups.setdefault(one.group, []).append(one)
    out = []
    counts = _grammar()["counts"]
    for (op, noun), found in groups.items():
        clauses = [d.clause for d in found]
        if op in counts and (len(found) > 2 or len(set(clauses)) < len(clauses)):
            out.append(counts[op].replace("{n}", str(len(found))).replace("{nouns}", noun))
        else:
            out += clauses
    return out


def _fields(world: CompiledWorld, spec: ToolSpec, values: dict[str, Any]) -> list[tuple[str, Any]]:
    """Payload fields that were given, few and in order; references are ids and are left out."""
    known = world.world.entities[spec.of].fields if spec.of else {}
    out = []
    for name, p in (spec.params or {}).items():
        field, value = p.field or name, values.get(name)
        is_id = (field in known and known[field].type == "ref") or field.lower().endswith("id")
        if p.role == "field" and value is not None and not is_id and not isinstance(value, dict | list):
            out.append((field, value))
    return out[:4]


def _state(world: CompiledWorld, spec: ToolSpec, fields: list[tuple[str, Any]]) -> str:
    cycle = world.world.entities[spec.of].lifecycle if spec.of else None
    state = spec.to or next((v for k, v in fields if cycle is not None and k == cycle.field), None)
    return _words(str(state)) if state else ""


def _label(
    world: CompiledWorld, spec: ToolSpec, values: dict[str, Any], result: Any, fields: list[tuple[str, Any]]
) -> str:
    """The name of the row, where it has one; not where it is what was just changed."""
    label = world.world.entities[spec.of].label if spec.of else None
    if label is None:
        return ""
    found = next((v for p, v in leaves(result) if p.endswith(f"/{label}") and isinstance(v, str)), None)
    found = found if found is not None else values.get(label)
    if spec.op in ("update", "setting") and found in [v for _, v in fields]:
        return ""
    return f' "{found}"' if isinstance(found, str) and 0 < len(found) <= LONG else ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        if len(value) > LONG:
            return "the text you gave"
        return f'"{value}"' if " " in value else _words(value) if value.isidentifier() and value.islower() else value
    return str(value)


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip().lower()
