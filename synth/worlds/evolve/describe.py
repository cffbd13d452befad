"""Descriptions in our own words: what a tool does, what it wants, what goes wrong.

A world has one set of habits (voice, length, whether parameters are described, what else is mentioned), as a real
server has; habits differ between worlds, so the catalog does not speak with one voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from synth.records import rng_for
from synth.worlds.evolve.draft import DEntity, Draft, DTool
from synth.worlds.evolve.naming import plural
from synth.worlds.spec import FieldSpec, Param

Voice = Literal["imperative", "third", "use"]
Tail = Literal["none", "returns", "errors", "both"]
Length = Literal["brief", "sentences", "sections"]


@dataclass(frozen=True)
class Habits:
    """How one world's descriptions are written."""

    voice: Voice
    tail: Tail
    params: Literal["all", "all", "some", "none"]
    where: str  # "", or the name of the application, mentioned now and then
    stop: bool  # full stop at the end
    need: bool  # whether required inputs are spelled out in the description
    length: Length  # how much is said, see `wording`
    notes: bool  # parameters tell where ids come from, defaults, forms
    seed: int


def draw_habits(key: str, domain: str) -> Habits:
    rng = rng_for("habits", key)
    lengths: tuple[Length, ...] = ("brief", "sentences", "sections")
    length = rng.choices(lengths, (45, 30, 25))[0]
    tails: tuple[Tail, ...] = ("none", "none", "returns", "errors", "both") if length == "brief" else ("none", "errors")
    return Habits(
        voice=rng.choice(("imperative", "imperative", "third", "use")),
        tail=rng.choice(tails),
        params=rng.choice(("all", "all", "all", "some", "none")),
        where=rng.choice(("", "", f" in the {domain} system", f" in the {domain} workspace")),
        stop=rng.random() < 0.8,
        need=rng.random() < 0.3,
        length=length,
        notes=rng.random() < 0.5,
        seed=rng.getrandbits(32),
    )


_SAY: dict[str, tuple[str, ...]] = {
    "get": ("get one {noun} by its {key}", "retrieve the details of {a} {noun}", "look up {a} {noun}"),
    "by": ("find {a} {noun} by its {by}", "look up the {noun} with the given {by}"),
    "list": ("list {many}", "return {many} in the order they were added", "show {many}"),
    "search": ("search {many} by text", "find {many} by {texts}", "look for {many}"),
    "create": ("create {a} {noun}", "add a new {noun}", "register {a} {noun}"),
    "update": ("update {a} {noun}", "change fields of an existing {noun}", "edit {a} {noun}"),
    "set": ("set the {given} of {a} {noun}", "change the {given} of {a} {noun}"),
    "delete": ("delete {a} {noun}", "remove {a} {noun} for good", "permanently remove {a} {noun}"),
    "move": ("{verb} {a} {noun}; it becomes {to}", "move {a} {noun} to the state {to}", "mark {a} {noun} as {to}"),
    "aggregate": ("count {many}", "return how many {many} match", "tell the number of {many}"),
    "total": ("add up the {measure} of {many}", "return the total {measure} over {many}"),
    "group": ("count {many} per {group}", "break {many} down by {group}"),
    "copy": ("duplicate {a} {noun}", "make a copy of {a} {noun}"),
    "exists": ("check whether {a} {noun} exists", "tell whether there is such {a} {noun}"),
    "relate": ("link {left} and {right}", "connect {left} with {right}"),
    "unrelate": ("undo the link between {left} and {right}", "disconnect {left} from {right}"),
    "send": ("send {a} {noun}", "post {a} new {noun}"),
    "batch": ("{verb} several {many} at once", "{verb} a list of {many} in one call"),
    "overview": ("get {a} {noun} together with {joins}", "summarize {a} {noun}: {joins}"),
    "series": ("get {noun} values over a period", "return the {noun} series between two dates"),
    "latest": ("get the most recent {noun} values",),
    "transfer": ("move {amount} from one {noun} to another", "transfer {amount} between two {many}"),
    "job": ("start {a} {noun}; it finishes in the background", "queue {a} {noun} and return it at once"),
    "ready": ("create {a} {noun} that is {to} right away", "make a new {noun} and {verb} it in one step"),
    "choose": ("manage {many}: {actions}", "work with {many}; `action` is one of {actions}"),
}
_THIRD = {"be": "is", "have": "has", "undo": "undoes", "do": "does"}


def describe_tool(draft: Draft, tool: DTool, habits: Habits, ordinal: int) -> str:
    """One or two sentences for `tool`; `ordinal` varies the wording between tools of the world a little."""
    entity = draft.entities[tool.of]
    kind = _kind(draft, tool)
    options = _SAY[kind]
    steady = rng_for("say", habits.seed, kind)  # a world words its lists alike
    text = options[steady.randrange(len(options))].format(**_words(draft, entity, tool))
    if tool.view:
        text += f" that are {human(tool.view[1])}"
    text = _voiced(text, habits.voice)
    if ordinal % 3 == 0:
        text += habits.where
    sentences = [text, *_more(draft, entity, tool, habits)]
    joined = ". ".join(s[0].upper() + s[1:] for s in sentences)
    return joined + ("." if habits.stop or len(sentences) > 1 else "")


def _kind(draft: Draft, tool: DTool) -> str:
    if tool.batch:
        return "batch"
    if tool.joins:
        return "overview"
    if tool.preset:
        return "ready"
    if tool.op == "get" and draft.entities[tool.of].virtual:
        return "latest"
    if tool.op == "get" and tool.by:
        return "by"
    if tool.op == "update" and len(tool.needs) == 1 and not tool.may:
        return "set"
    if tool.op == "aggregate":
        return "total" if tool.measure else "group" if tool.group else "aggregate"
    return tool.op


def _words(draft: Draft, entity: DEntity, tool: DTool) -> dict[str, str]:
    ends = entity.link or ("", "")
    verb = tool.verb or entity.verbs.get(tool.to or "", tool.op if tool.batch and tool.op != "move" else "move")
    to = tool.preset[1] if tool.preset else tool.to or ""
    joins = enumerate_words([human(j.name) for j in tool.joins], "and")
    return {
        "noun": entity.noun, "many": plural(entity), "a": article(entity.noun), "key": "id", "by": human(tool.by or ""),
        "texts": enumerate_words([human(t) for t in tool.texts[:3]], "or") or "text",
        "given": human(tool.needs[0]) if tool.needs else "", "verb": human(verb), "to": human(to),
        "joins": joins, "amount": human(tool.amount or ""),
        "measure": human(tool.measure or ""), "group": human(tool.group or ""), "left": _end(draft, entity, ends[0]),
        "right": _end(draft, entity, ends[1]), "actions": ", ".join(c.verb or c.op for c in tool.cases),
    }  # fmt: skip


def _end(draft: Draft, entity: DEntity, field: str) -> str:
    if not field:
        return ""
    noun = draft.entities[str(entity.fields[field].to)].noun
    return f"{article(noun)} {noun}"


def _voiced(text: str, voice: Voice) -> str:
    verb, _, rest = text.partition(" ")
    if voice == "third" and verb.endswith("ly"):  # permanently remove
        return f"{verb} {_voiced(rest, voice)}"
    if voice == "third":
        return f"{third(verb)} {rest}"
    if voice == "use":
        return f"use this to {text}"
    return text


def third(verb: str) -> str:
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


def _more(draft: Draft, entity: DEntity, tool: DTool, habits: Habits) -> list[str]:
    out: list[str] = []
    if tool.op in ("list", "search") and tool.filters:
        names = list(dict.fromkeys(human(f) for f, _, _ in tool.filters))
        if rng_for("filters", habits.seed).random() < 0.6:
            out.append(f"results can be narrowed by {enumerate_words(names[:4], 'and')}")
    if habits.need and tool.op in ("create", "send") and tool.needs:
        out.append(f"needs {enumerate_words([human(f) for f in tool.needs], 'and')}")
    if tool.op == "move" and entity.state:
        sources = [s for s, ts in entity.moves.items() if tool.to in ts]
        if habits.tail in ("errors", "both") and sources:
            states = enumerate_words([human(s) for s in sources], "or")
            out.append(f"only {article(entity.noun)} {entity.noun} that is {states} qualifies")
    if habits.tail in ("errors", "both"):
        out += [r.say if r.kind in ("not_in_state", "period", "needs_ref") else f"fails if {r.say}" for r in tool.rules]
    if habits.tail in ("returns", "both"):
        if tool.op in ("create", "update", "copy"):
            out.append(f"returns the {entity.noun} with its id")
        elif tool.op == "get":
            out.append("returns all of its fields")
    if "dry_run" in tool.extras:
        out.append("it can be tried without changing anything")
    if "confirm" in tool.extras:
        out.append("has to be confirmed")
    return out


def describe_param(draft: Draft, entity: DEntity, param: Param, field: str | None, habits: Habits) -> str | None:
    """Text for one parameter, or None where this world says nothing about it."""
    if habits.params == "none":
        return None
    if habits.params == "some" and rng_for("param", habits.seed, field or param.role).random() < 0.5:
        return None
    noun, many = entity.noun, plural(entity)
    fixed = {
        "key": f"Id of the {noun}", "query": f"Words to look for in the {many}",
        "limit": f"How many {many} to return at most",
        "offset": "How many results to skip", "page": "Page number, from 1", "cursor": "Marker from the previous page",
        "sort": "Field to sort by", "order": "Sort direction", "projection": "Fields to include in each result",
        "confirm": "Must be true for the change to happen", "dry_run": "Only check, change nothing",
        "action": f"What to do with the {many}", "from": "Start of the period", "until": "End of the period",
        "every": "Distance between two values, e.g. day or week", "amount": "How much to move",
        "idempotency": "A key of your own for this request; sent again, nothing new is made",
    }  # fmt: skip
    if param.role == "key" and field:
        return f"{human(field).capitalize()} of the {noun}"
    if param.role in fixed:
        return fixed[param.role]
    if field is None or field not in entity.fields:
        return None
    return _of_field(draft, entity, param, field, entity.fields[field])


def _of_field(draft: Draft, entity: DEntity, param: Param, field: str, spec: FieldSpec) -> str:
    name, noun = human(field), entity.noun
    if spec.type == "ref":
        target = draft.entities[str(spec.to)].noun
        other = draft.entities[str(spec.to)]
        key = human(str(other.label)).capitalize() if other.natural else "Id"
        said = f"{key} of the {target}" if human(target) == name else f"{key} of the {target} ({name})"
    elif spec.type == "bool":
        said = f"Whether the {noun} is {name}" if not name.startswith(("is ", "has ")) else f"Whether the {noun} {name}"
    elif spec.type == "money":
        said = f"{name.capitalize()} in the smallest currency unit"
    elif spec.type == "date":
        said = f"{name.capitalize()} (YYYY-MM-DD)"
    elif spec.type == "time":
        said = f"{name.capitalize()} (ISO 8601, UTC)"
    elif spec.type == "list":
        said = f"{name.capitalize()} of the {noun}"
    else:
        said = f"{name.capitalize()} of the {noun}"
    if param.role == "filter":
        return _filtered(name, noun, param, spec, said)
    return said


def _filtered(name: str, noun: str, param: Param, spec: FieldSpec, said: str) -> str:
    """What a condition of a list keeps."""
    low, high = ("Earliest", "Latest") if spec.type in ("date", "time") else ("Lowest", "Highest")
    if param.compare in ("ge", "gt", "le", "lt"):
        return f"{low if param.compare in ('ge', 'gt') else high} {name} to include"
    if param.compare == "in":
        return f"Any of these values of {name}"
    if param.compare == "contains":
        return f"Text that the {name} contains"
    return said if spec.type == "bool" else f"Only those with this {name}"


def human(name: str) -> str:
    return name.replace("_", " ").strip()


def article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" and not noun.startswith(("us", "uni", "eu")) else "a"


def enumerate_words(items: list[str], joint: str) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {joint} {items[-1]}" if items else ""
