"""Arguments for a tool that nobody knows, from its schema alone: closed lists, defaults, examples, formats and bounds,
what the work folder holds, what earlier calls said or showed; else words of ours that suit the parameter's name."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from synth.executors.protocol import PlaceTool
from synth.goals.words import split_words
from synth.live.probing import invent
from synth.live.probing.showing import Shown, fitting, is_id, names_something, nouns, scalar
from synth.live.words import some
from synth.places.schemas import kind_of, resolved

PLACES = frozenset({"file", "path", "new", "target", "destination", "output"})  # where something new shall lie
OPTIONAL = 0.25  # chance that an optional parameter is given
LINKED = {True: 0.95, False: 0.6}  # chance that a parameter takes what was shown or said: ids, other names
KNOWN = 0.7  # chance that an example or a default of the schema is taken
DEEPEST = 4
TRIES = 4  # draws, until one fits the schema


@dataclass(frozen=True)
class Drawn:
    """Arguments that fit the schema. `found`: what results showed, by JSON pointer."""

    arguments: dict[str, Any]
    found: dict[str, Shown]


@dataclass
class Memory:
    """What one walk knows. `said`: values of earlier calls that worked, by the last word of their parameter."""

    files: Sequence[str]
    shown: list[Shown] = field(default_factory=list)
    said: dict[str, list[Any]] = field(default_factory=dict)

    def hear(self, arguments: Any, name: str = "") -> None:
        """Remember what a call that worked was given."""
        if isinstance(arguments, dict):
            for key, value in arguments.items():
                self.hear(value, key)
        elif isinstance(arguments, list):
            for value in arguments:
                self.hear(value, name)
        elif scalar(arguments) and (words := split_words(name)) and names_something(words):
            known = self.said.setdefault(words[-1].removesuffix("s"), [])
            if arguments not in known:
                known.append(arguments)


class Drawer:
    """Draws for the tools of one server. `makes`: whether the tool brings something new about, so that names in it
    are new ones."""

    def __init__(
        self, rng: random.Random, memory: Memory, thing: tuple[str, ...], tool: PlaceTool, makes: bool
    ) -> None:
        self._rng, self._memory, self._thing, self._tool, self._makes = rng, memory, thing, tool, makes
        self._found: dict[str, Shown] = {}
        self._item: Shown | None = None  # ids of one call are those of one item

    def draw(self) -> Drawn | None:
        """None where nothing drawn fits the schema."""
        schema = self._tool.input_schema
        fits = _validator(schema)
        for _ in range(TRIES):
            self._found, self._item = {}, None
            arguments = self._object(schema, "", schema, 0)
            if fits is None or fits.is_valid(arguments):
                return Drawn(arguments, dict(self._found))
        return None

    def _object(self, node: Mapping[str, Any], at: str, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = set(node.get("required") or ())
        out: dict[str, Any] = {}
        for name, part in (node.get("properties") or {}).items():
            if not isinstance(part, dict) or not (name in required or self._rng.random() < OPTIONAL):
                continue
            if depth < DEEPEST:
                out[name] = self._value(name, resolved(part, root), f"{at}/{_escaped(name)}", root, depth)
        return out

    def _value(self, name: str, part: Mapping[str, Any], at: str, root: Mapping[str, Any], depth: int) -> Any:
        if "const" in part:
            return part["const"]
        if part.get("enum"):
            return self._rng.choice([v for v in part["enum"] if v is not None] or [None])
        kind = kind_of(part)
        if kind == "object":
            return self._object(part, at, root, depth + 1)
        if kind == "array":
            return self._array(name, part, at, root, depth)
        if kind == "boolean":
            return self._rng.random() < 0.5
        if kind == "null":
            return None
        given = [v for v in [*_list(part.get("examples")), part.get("default")] if scalar(v)]
        if given and self._rng.random() < KNOWN:
            return self._rng.choice(given)
        words = split_words(name)
        linked = self._linked(words, kind, at)
        if linked is not None:
            return linked
        if kind in ("integer", "number"):
            return invent.number(self._rng, words, part, whole=kind == "integer")
        about = {*split_words(self._tool.name), *self._thing}
        return invent.text(self._rng, words, part, invent.Around(self._memory.files, self._makes, frozenset(about)))

    def _linked(self, words: tuple[str, ...], kind: str, at: str) -> Any:
        """What was shown or said and may be meant, None where the parameter takes a value of its own."""
        if not names_something(words) or (self._makes and not is_id(words) and self._of_its_own(words)):
            return None
        if self._rng.random() >= LINKED[is_id(words)]:
            return None
        found = fitting(words, kind, self._thing, self._memory.shown)
        if self._item is not None:
            found = [s for s in found if (s.call, s.path and s.path[:-1]) == (self._item.call, self._item.path and
                     self._item.path[:-1])] or found  # fmt: skip
        said = [v for v in self._memory.said.get(words[-1].removesuffix("s"), []) if _is(v, kind)]
        if said and not is_id(words) and (not found or self._rng.random() < 0.5):
            return self._rng.choice(said)  # a person says it again
        if found:
            self._item = self._rng.choice(found)
            self._found[at] = self._item
            return self._item.value
        return None

    def _of_its_own(self, words: tuple[str, ...]) -> bool:
        """Whether a name is that of the thing itself, and not of another one: `entity_name` for an observation."""
        noun = nouns(words[:-1])
        return not noun or noun[-1:] == nouns(self._thing)[-1:] or bool(set(noun) & PLACES)

    def _array(self, name: str, part: Mapping[str, Any], at: str, root: Mapping[str, Any], depth: int) -> list[Any]:
        items = part.get("items")
        inner = resolved(items, root) if isinstance(items, dict) else {"type": "string"}
        low = int(part.get("minItems", 1))
        count = max(low, min(self._rng.randint(1, 2), int(part.get("maxItems", 2))))
        if inner.get("enum"):
            return some(self._rng, inner["enum"], min(count, len(inner["enum"])))
        made: list[Any] = []
        for n in range(count):
            value = self._value(name, inner, f"{at}/{n}", root, depth + 1)
            if value in made:
                self._found.pop(f"{at}/{n}", None)
            else:
                made.append(value)
        return made


def _validator(schema: Mapping[str, Any]) -> Any:
    """None for a schema that cannot be used: the server then has the last word."""
    try:
        return jsonschema_rs.validator_for(dict(schema))
    except (ValueError, jsonschema_rs.ValidationError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is(value: Any, kind: str) -> bool:
    wanted: dict[str, Any] = {"integer": int, "number": (int, float)}
    return isinstance(value, wanted.get(kind, str)) and not isinstance(value, bool)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
