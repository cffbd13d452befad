"""The hierarchy that synthetic tools grow into: categories, application domains, and the nouns of each domain.

`data/taxonomy.json` is written by hand in a compact notation. A noun is one line: its name, a slot letter, an optional
`@lifecycle`, then fields. A field is a name with a mark for its type (none text, `#` whole number, `%` number, `$`
money, `!` date, `^` time, `?` yes/no, `*` list, `=a|b|c` one of these) and perhaps `~gen`, a value generator. A
lifecycle is a list of `from>to:verb`. Things of an abstract category (software, money) take the `abstract` fields of
their slot: they have no colour, weight or street. The categories are the sixteen that the K2 report names for synthetic
tools and the labels under which public MCP directories file servers; domains and words are our own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

FieldKind = Literal["text", "int", "number", "money", "date", "time", "bool", "list", "enum"]
_MARKS: dict[str, FieldKind] = {
    "#": "int", "%": "number", "$": "money", "!": "date", "^": "time", "?": "bool", "*": "list"
}  # fmt: skip


@dataclass(frozen=True)
class FieldWord:
    """One field a noun typically has."""

    name: str
    kind: FieldKind
    members: tuple[str, ...] = ()  # of an enum
    gen: str | None = None


@dataclass(frozen=True)
class LifecycleWords:
    """States in order of life, legal moves, and the verb of each move."""

    name: str
    states: tuple[str, ...]
    moves: tuple[tuple[str, str, str], ...]  # (from, to, verb)

    def verb_to(self, state: str) -> str:
        return next(verb for _, to, verb in self.moves if to == state)

    @property
    def targets(self) -> tuple[str, ...]:
        """States that some move leads to."""
        return tuple(dict.fromkeys(to for _, to, _ in self.moves))


@dataclass(frozen=True)
class Noun:
    """One kind of thing in a domain. `slot` says what it can stand in for: person, org, place, asset, item, document,
    event, money, group, message, record, job."""

    name: str
    plural: str
    slot: str
    lifecycle: LifecycleWords | None
    fields: tuple[FieldWord, ...]  # its own first, then those of its slot


@dataclass(frozen=True)
class Domain:
    name: str
    category: str
    nouns: tuple[Noun, ...]


class Taxonomy:
    """All domains by name, in file order."""

    def __init__(self, domains: tuple[Domain, ...], children: tuple[Noun, ...]) -> None:
        self.domains = domains
        self.children = children  # nouns that can hang on any other: comments, attachments, reminders
        self._by_name = {d.name: d for d in domains}

    def __len__(self) -> int:
        return len(self.domains)

    def get(self, name: str) -> Domain:
        """KeyError where there is none."""
        return self._by_name[name]

    def domain_names(self) -> list[str]:
        return list(self._by_name)

    def categories(self) -> list[str]:
        return list(dict.fromkeys(d.category for d in self.domains))


@cache
def load_taxonomy() -> Taxonomy:
    """The shipped taxonomy; read once per process."""
    raw = json.loads(resources.files("tools_catalog").joinpath("data/taxonomy.json").read_text("utf-8"))
    lifecycles = {name: _lifecycle(name, text) for name, text in raw["lifecycles"].items()}
    read, abstract = _NounReader(raw["slots"], lifecycles), set(raw["abstract_categories"].split())
    domains = [
        Domain(name, category, tuple(read(line, category in abstract) for line in lines))
        for category, body in raw["categories"].items()
        for name, lines in body["domains"].items()
    ]
    names = [d.name for d in domains]
    if len(set(names)) < len(names):  # two categories file the same domain: the later is told apart by its category
        seen: set[str] = set()
        for i, d in enumerate(domains):
            if d.name in seen:
                domains[i] = Domain(f"{d.name} ({d.category.replace('-', ' ').replace('_', ' ')})", d.category, d.nouns)
            seen.add(d.name)
    return Taxonomy(tuple(domains), tuple(read(line) for line in raw["children"]))


def _lifecycle(name: str, text: str) -> LifecycleWords:
    moves = []
    for part in text.split():
        path, _, verb = part.partition(":")
        source, _, target = path.partition(">")
        moves.append((source, target, verb))
    states = tuple(dict.fromkeys(s for a, b, _ in moves for s in (a, b)))
    return LifecycleWords(name, states, tuple(moves))


class _NounReader:
    def __init__(self, slots: dict[str, dict[str, Any]], lifecycles: dict[str, LifecycleWords]) -> None:
        self.slots = {
            letter: (body["name"], _fields(body["fields"]), _fields(body.get("abstract", body["fields"])))
            for letter, body in slots.items()
        }
        self.lifecycles = lifecycles

    def __call__(self, line: str, abstract: bool = False) -> Noun:
        tokens = line.split()
        at = next(i for i, t in enumerate(tokens) if i and t in self.slots)
        name, _, given = " ".join(tokens[:at]).partition("/")
        slot, bodily, bodiless = self.slots[tokens[at]]
        common = bodiless if abstract else bodily
        cycle = next((self.lifecycles[t[1:]] for t in tokens[at + 1 :] if t.startswith("@")), None)
        own = [read_field(t) for t in tokens[at + 1 :] if not t.startswith("@")]
        names = {f.name for f in own}
        return Noun(name, given or pluralise(name), slot, cycle, (*own, *(f for f in common if f.name not in names)))


def _fields(text: str) -> tuple[FieldWord, ...]:
    return tuple(read_field(f.strip()) for f in text.split(","))


def read_field(token: str) -> FieldWord:
    """`rate%`, `kind=a|b`, `name~person` -> FieldWord."""
    body, _, gen = token.partition("~")
    name, equals, members = body.partition("=")
    if equals:
        return FieldWord(name, "enum", tuple(members.split("|")))
    kind = _MARKS.get(name[-1])
    return FieldWord(name[:-1] if kind else name, kind or "text", (), gen or None)


def pluralise(noun: str) -> str:
    """English plural of a noun phrase (its last word)."""
    head, space, last = noun.rpartition(" ")
    irregular = {"person": "people", "child": "children", "datum": "data", "staff": "staff", "series": "series"}
    irregular |= {w: w for w in ("feedback", "mail", "equipment", "baggage", "software", "news", "media")}
    if last in irregular:
        many = irregular[last]
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        many = last if last in ("minutes", "goods", "premises", "news") else last + "es"
    elif last in ("shelf", "leaf", "half", "loaf", "calf"):
        many = last[:-1] + "ves"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = last[:-1] + "ies"
    else:
        many = last + "s"
    return f"{head}{space}{many}"
