"""Values that results showed, and which of them a parameter may mean: matched by name, as a person would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from synth.goals.words import split_words
from tools_catalog.words import singular

IDS = frozenset({"id", "ids", "uuid", "key", "keys", "ref", "slug", "handle", "number", "guid", "hash", "sha", "code"})
NAMES = frozenset({"name", "names", "title", "label", "path", "file", "filename", "tag", "email", "url", "table"})
MOST_LEAVES = 400  # of one result
MOST_ITEMS = 20  # of one list in it
_PAIR = re.compile(r'^[\s*•-]*"?([A-Za-z][\w -]{0,30}?)"?\s*[:=]\s*"?([^"\n,]{1,80}?)"?,?\s*$', re.MULTILINE)
_TOKEN = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[A-Za-z]{1,12}[-_]\d+\b|(?<=#)\d+\b|(?<=\bid )\d+\b",
    re.IGNORECASE,
)


_ID = re.compile(r"(?=.*\d)[\w.:-]{2,64}")  # what may be an identifier, whatever its field is called


@dataclass(frozen=True)
class Shown:
    """A scalar of a result: `name` of its field, `owner`: of what it is a field. `path` None: it stands in a text.
    `item`: the other scalars of the same item of a list, by name."""

    call: int
    path: tuple[str | int, ...] | None
    value: Any
    name: tuple[str, ...]
    owner: tuple[str, ...]
    item: dict[str, Any] = field(default_factory=dict, compare=False)


def shown_in(call: int, value: Any, thing: tuple[str, ...]) -> list[Shown]:
    """What a result shows. `thing`: what the tool's name says that it is about."""
    if isinstance(value, str):
        return list(_in_text(call, value, thing))
    out: list[Shown] = []
    for one in _leaves(call, value, (), thing, {}):
        out.append(one)
        if len(out) == MOST_LEAVES:
            break
    return out


def _leaves(
    call: int, value: Any, path: tuple[str | int, ...], owner: tuple[str, ...], item: dict[str, Any]
) -> Iterator[Shown]:
    if isinstance(value, dict):
        flat = {k: v for k, v in value.items() if scalar(v)}
        for key, inner in value.items():
            if scalar(inner):
                others = {k: v for k, v in flat.items() if k != key} if path and isinstance(path[-1], int) else {}
                yield Shown(call, (*path, key), inner, split_words(key), owner, others)
            else:
                yield from _leaves(call, inner, (*path, key), nouns(split_words(key)) or owner, flat)
    elif isinstance(value, list):
        for n, inner in enumerate(value[:MOST_ITEMS]):
            if scalar(inner):
                yield Shown(call, (*path, n), inner, owner, owner)
            else:
                yield from _leaves(call, inner, (*path, n), owner, item)


def _in_text(call: int, text: str, thing: tuple[str, ...]) -> Iterator[Shown]:
    for name, value in _PAIR.findall(text)[:MOST_ITEMS]:
        yield Shown(call, None, _number(value), split_words(name), thing)
    for token in list(dict.fromkeys(_TOKEN.findall(text)))[:MOST_ITEMS]:
        yield Shown(call, None, token, ("id",), thing)
        if token.isdigit():
            yield Shown(call, None, int(token), ("id",), thing)


def _number(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d{1,15}", text) else text


def label_of(shown: Shown) -> tuple[str, Any]:
    """The other field of its item by which a person would name it, and what stands there; empty where there is none."""
    named = [(k, v) for k, v in shown.item.items() if isinstance(v, str) and len(v) <= 60 and "\n" not in v]
    best = sorted(named, key=lambda kv: (kv[0].lower() not in ("title", "name", "label", "subject"), len(kv[1])))
    return best[0] if best else ("", None)


def scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def nouns(words: tuple[str, ...]) -> tuple[str, ...]:
    """The thing that words are about, in the singular: `("open", "notes")` -> `("open", "note")`."""
    return (*words[:-1], singular(words[-1])) if words else ()


def names_something(words: tuple[str, ...]) -> bool:
    """Whether a parameter is there to name something that exists: `note_id`, `title`."""
    return bool(words) and words[-1] in IDS | NAMES


def is_id(words: tuple[str, ...]) -> bool:
    return bool(words) and words[-1] in IDS


def fitting(words: tuple[str, ...], kind: str, thing: tuple[str, ...], shown: list[Shown]) -> list[Shown]:
    """What a parameter may mean of what was shown, the best matches only. `kind`: JSON type."""
    ranked: dict[int, list[Shown]] = {}
    for one in shown:
        rank = _rank(words, thing, one)
        if rank and _has_type(one.value, kind):
            ranked.setdefault(rank, []).append(one)
    return ranked[min(ranked)] if ranked else []


def _rank(words: tuple[str, ...], thing: tuple[str, ...], one: Shown) -> int:
    """1 is best, 0 none at all."""
    noun, owner = nouns(words[:-1]) or nouns(thing), nouns(one.owner)
    same_thing = bool(noun and owner) and (noun[-1] == owner[-1])
    single = (*words[:-1], singular(words[-1]))
    if is_id(words):
        if one.name in (words, single) and (len(words) > 1 or same_thing):
            return 1
        if is_id(one.name):
            own = nouns(one.name[:-1])
            if (own and noun and own[-1] == noun[-1]) or (not own and same_thing):
                return 2
            return 4 if not own or not noun else 0
        return 5 if same_thing and isinstance(one.value, str) and _ID.fullmatch(one.value) else 0
    if one.name in (words, single):
        return 1 if same_thing else 2
    if words[-1:] == one.name[-1:] or nouns(words) == nouns(one.name) or (one.name == one.owner and words[-1] in NAMES):
        return 3
    return 3 if one.name and nouns(words) == owner and one.name[-1] in NAMES else 0


def _has_type(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float)
    return isinstance(value, str) and len(value) <= 200 and "\n" not in value
