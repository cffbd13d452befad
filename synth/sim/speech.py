"""How the expert talks: a small grammar (data/expert.json) over what was done and what is to be told."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from rubrics.normal import leaves
from synth.goals.clauses import tool_words
from synth.goals.money import in_major_units
from synth.goals.templates import expand
from synth.goals.verbs import action, past_of
from synth.goals.words import acronyms
from synth.sim.environment import Offered
from synth.sim.user import sentence as sentence
from synth.worlds.simulate import CompiledWorld, spoken
from synth.worlds.spec import ToolSpec

_UNSAID = "the text you gave"
LONG = 60  # characters from which a text value is not repeated
_MOST_NAMED = 4  # new rows whose labels are listed behind their number
_LITERAL = 0.4  # share of dates and times that are told as the tool shows them
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d):\d\d(?:\.\d+)?Z)?")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_PLAIN_PAST = {"create": "created", "delete": "deleted", "send": "sent", "copy": "copied"}
_COUNTED_AS = {"update_one": "update", "moved": "move"}


@cache
def _grammar() -> dict[str, Any]:
    text = resources.files("synth.sim").joinpath("data/expert.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def pick(kind: str, rng: random.Random) -> str:
    """One text of the grammar, its parts filled in."""
    text = expand(str(rng.choice(_grammar()[kind])), rng, _grammar()["parts"])
    return text[:1].upper() + text[1:]


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
    """One write as it is reported: `clause`, or with others of the same `group` as "I created 3 tickets: A, B, C"."""

    clause: str
    group: tuple[str, str]  # op, plural noun
    label: str = ""


def deed(
    tool: Offered, world: CompiledWorld, arguments: dict[str, Any], result: Any, rng: random.Random, heard: str = ""
) -> Deed:
    """What one write did, as a clause: "I set the priority to high on the ticket "Printer jam"". No ids in it. `heard`:
    what the user said."""
    compiled = world.tool(tool.row.name)
    values = compiled.canonical(arguments)
    spec = compiled.spec
    if spec.op == "choose" and spec.cases:
        spec = spec.cases.get(str(values.get(str(spec.by))), spec)
    fields = _fields(world, spec if spec.params else compiled.spec, values)
    fields = [(name, in_major_units(v) if _as_heard(v, heard) else v) for name, v in fields]
    noun = acronyms(spoken(world.world, spec.of)) if spec.of else "record"
    label = _label(world, spec, values, result, fields)
    own = action(spec.op, tool.row.name, spec.of, spec.to)
    given = [(k, v) for k, v in fields if _shown(v) not in label and not isinstance(v, bool)]
    most = given[: rng.choice((0, 1, 2, 2))]
    said = join([f"{_words(k)} {_shown(v)}" for k, v in most]) if most else ""
    op = _form(spec, fields, _state(world, spec, fields), own)
    holes = {
        "noun": noun,
        "label": label,
        "changes": join([f"the {_words(k)} to {_shown(v)}" for k, v in fields]) if fields else "",
        "changes_now": join([f"the {_words(k)} {_shown(v)}" for k, v in fields]) if fields else "",
        "field": _words(fields[0][0]) if fields else "",
        "value": _shown(fields[0][1]) if fields else "",
        "given": f" with {said}" if said else "",
        "given_tail": f", with {said}" if said else "",
        "state": _state(world, spec, fields),
        "past": past_of(own) if own else _PLAIN_PAST.get(spec.op, "changed"),
        "bare": _bare(tool.row.name, spec.of, noun),
    }
    clause = re.sub(r"\{(\w+)\}", lambda m: holes[m.group(1)], str(rng.choice(_grammar()["acts"][op])))
    return Deed(clause, (_COUNTED_AS.get(op, op), plural(world, spec, noun)), label.strip())


def _as_heard(value: Any, heard: str) -> bool:
    """Whether the user gave an amount in major units: then it is repeated so."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 100 and (
        re.search(rf"(?<![\d.]){re.escape(in_major_units(value))}(?!\d)", heard) is not None
    )  # fmt: skip


def _bare(tool: str, of: str | None, noun: str) -> str:
    """ "rebuilt the droplet" for `droplet_rebuild`."""
    verb, _, rest = tool_words(tool, [], None, noun).partition(" ")
    return f"{past_of(verb)} {rest or ('the ' + noun if of else 'it')}"


def _form(spec: ToolSpec, fields: list[tuple[str, Any]], state: str, own: str | None) -> str:
    """Which forms of the grammar can say it."""
    op = spec.op if spec.op in _grammar()["acts"] else "bare"
    if not spec.of:
        return "bare"
    if op in ("update", "setting") and not fields:
        return "changed"
    if op == "update" and len(fields) == 1 and not isinstance(fields[0][1], bool):
        return "changed" if _shown(fields[0][1]) == _UNSAID else "update_one"
    if op == "move":
        return "changed" if not state else "moved" if own else "move"
    return op


def plural(world: CompiledWorld, spec: ToolSpec, noun: str) -> str:
    entity = world.world.entities.get(spec.of or "")
    if entity is not None and entity.plural:
        return entity.plural
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else noun + "s"


def gathered(deeds: list[Deed], rng: random.Random) -> list[str]:
    """The clauses, with more than two deeds of one kind, or clauses that read the same, as one count."""
    groups: dict[tuple[str, str], list[Deed]] = {}
    for one in deeds:
        groups.setdefault(one.group, []).append(one)
    out = []
    counts = _grammar()["counts"]
    for (op, noun), found in groups.items():
        clauses = [d.clause for d in found]
        if op in counts and (len(found) > 2 or len(set(clauses)) < len(clauses)):
            count = str(rng.choice(counts[op])).replace("{n}", str(len(found))).replace("{nouns}", noun)
            labels = [d.label for d in found]
            named = all(labels) and len(set(labels)) == len(labels) <= _MOST_NAMED
            out.append(f"{count}: {join(labels)}" if named else count)
        else:
            out += clauses
    return out


def moment(say: str, value: Any, rng: random.Random) -> str:
    """A clause to tell whose ISO date or time is said as people say it, now and then."""
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None or rng.random() < _LITERAL or say.count(value) != 1:
        return say
    year, month, day, clock = found.groups()
    name = _MONTHS[int(month) - 1]
    words = rng.choice((f"{int(day)} {name} {year}", f"{name} {int(day)}, {year}"))
    if clock is None:
        return say.replace(value, words)
    words += rng.choice((f" at {clock} UTC", f", {clock} UTC"))
    return say.replace(f" at {value}", f" on {words}").replace(value, words)


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
        return "enabled" if value else "disabled"
    if isinstance(value, str):
        if len(value) > LONG:
            return _UNSAID
        return f'"{value}"' if " " in value else _words(value) if value.isidentifier() and value.islower() else value
    return str(value)


def _words(name: str) -> str:
    return acronyms(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").strip().lower())
