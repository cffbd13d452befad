"""What a person wants to hear of a result: one thing that it shows, that nobody said and that stays as it is."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rubrics.normal import Text, mentions
from synth.goals.words import field_words, is_plural, split_words
from synth.live.probing.hands import holds_now
from synth.live.probing.showing import IDS, MOST_ITEMS, NAMES, scalar

MOST_CHARACTERS = 80
_PAIR = re.compile(r"^[\s*•-]*([A-Za-z][\w -]{0,30}?)\s*:\s+(\S[^\n]{0,79}?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Telling:
    """`what` completes "tell me ..."; `say` is the answer as a clause with `value` in it. `rank`: 0 is what a person
    would ask for first."""

    what: str
    value: Any
    say: str
    rank: int = 0


def telling(rng: random.Random, result: Any, thing: str, said: str, masks: Sequence[re.Pattern[str]]) -> Telling | None:
    """One of the things that can be told, None where there is none. `said`: what the user has said, no news."""
    heard = Text(said)
    fit = [t for t in _all(result, thing) if _stays(t.value, masks) and not mentions(t.value, heard)]
    best = min((t.rank for t in fit), default=0)
    return rng.choice([t for t in fit if t.rank == best]) if fit else None


def _all(result: Any, thing: str) -> Iterator[Telling]:
    if isinstance(result, dict):
        yield from _of_object(result, thing)
    elif isinstance(result, list):
        yield from _of_list(result, thing)
    elif isinstance(result, str):
        yield from _of_text(result)


def _of_object(value: dict[str, Any], thing: str) -> Iterator[Telling]:
    for key, inner in value.items():
        label = field_words(key)
        if not label:
            continue
        if scalar(inner):
            yield _field(key, inner, str(inner))
        elif isinstance(inner, dict):
            yield from _of_object(inner, label)
        elif isinstance(inner, list):
            yield from _of_list(inner, label)


def _of_list(value: list[Any], thing: str) -> Iterator[Telling]:
    many = thing if is_plural(thing.split(" ")[-1]) else "entries"
    if len(value) > 1:
        yield Telling(f"how many {many} there are", len(value), f"there are {len(value)} {many}")
    items = [v for v in value[:MOST_ITEMS] if isinstance(v, dict)]
    for item, key in ((i, k) for i in items for k in i):
        name = item[key]
        if not isinstance(name, str) or sum(i.get(key) == name for i in items) > 1 or len(name) > MOST_CHARACTERS:
            continue
        for other, inner in item.items():
            if other != key and scalar(inner):
                of = f"the {field_words(other)} of the one with the {field_words(key)} {name}"
                rank = (split_words(key)[-1] not in NAMES) + (split_words(other)[-1] in IDS)
                yield Telling(f"what {of} is", inner, f"{of} is {inner}", rank)
    if value and isinstance(value[0], str):
        yield Telling(f"which of the {many} comes first", value[0], f"the first one is {value[0]}", 1)


def _of_text(text: str) -> Iterator[Telling]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for label, value in _PAIR.findall(text)[:MOST_ITEMS]:
        yield _field(label, _number(value), value)
    if len(lines) == 1:
        yield Telling("what comes out", _number(lines[0]), f"the answer is {lines[0]}", 1)
    elif lines:
        yield Telling("what the first line of the answer says", lines[0], f"the first line is {lines[0]}", 2)


def _field(key: str, value: Any, shown: str) -> Telling:
    label = field_words(key) or key
    rank = int(bool(IDS & set(split_words(key)[-1:])))
    if is_plural(label) and isinstance(value, int):
        return Telling(f"how many {label} there are", value, f"there are {shown} {label}", rank)
    verb = "are" if is_plural(label) else "is"
    return Telling(f"what the {label} {verb}", value, f"the {label} {verb} {shown}", rank)


def _number(text: str) -> Any:
    return int(text) if re.fullmatch(r"-?\d{1,12}", text) else text


def _stays(value: Any, masks: Sequence[re.Pattern[str]]) -> bool:
    text = str(value)
    if isinstance(value, str):
        if not 2 <= len(text) <= MOST_CHARACTERS or "\n" in text or not re.search(r"\w\w", text):
            return False
        if re.fullmatch(r"\[[^\]]*\]", text):  # stands for what is no text: an image, a resource
            return False
        if text[:1] in "{<" or text[:2] in ("[{", "[[") or '"' in text:
            return False
    return not holds_now(text) and not any(m.search(text) for m in masks)
