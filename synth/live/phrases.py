"""What a person says to have a tool called that nobody knows: made of the words in its name and its parameters'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from synth.goals.words import field_words, joined, say, split_words
from synth.live.probing.hands import Name
from synth.live.probing.records import Found
from synth.live.probing.showing import NAMES, nouns
from synth.live.probing.walking import MAKES
from tools_catalog.words import human, with_articles

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
NAMED_BY = NAMES | {"id", "key"}


@dataclass(frozen=True)
class Request:
    """One call as it is asked for: `vps` are verb phrases that say the same."""

    vps: tuple[str, ...]


def request(name: Name, arguments: Mapping[str, Any], found: Mapping[str, Found], *, found_by: bool) -> Request:
    """The request for one call. `found_by`: what was found is named by another field of its item; else it is what the
    step before gives."""
    said = {k: v for k, v in arguments.items() if f"/{k}" not in found and v not in (None, "", [], {})}
    verb, thing = name.verb, name.said
    objects = [_pointed(name, pointer, one, found_by) for pointer, one in found.items()]
    if objects:
        return Request((f"{verb} {joined(objects)}{_with(said, name)}",))
    if verb in MAKES and thing:
        return Request(
            (f"{verb} {with_articles(name.thing)}{_with(said, name)}", f"{verb} {_the(name.thing)}{_with(said, name)}")
        )
    key = next((k for k in said if _names(k, name)), None)
    if key is not None and thing:
        rest = {k: v for k, v in said.items() if k != key}
        named = f"{thing} {say(said[key])}"
        return Request((f"{verb} the {named}{_with(rest, name)}", f"{verb} {named}{_with(rest, name)}"))
    if not thing:
        return Request((f"{verb} {joined(list(_parts(said, name)))}" if said else f"run {verb}",))
    return Request(
        (f"{verb} {_the(name.thing)}{_with(said, name)}", f"{verb} {_the(name.thing)}{_with(said, name, 'for')}")
    )


def _names(param: str, name: Name) -> bool:
    """Whether a parameter names the thing that the tool is about: `path`, `title`, `note_id` of `read_note`."""
    words = split_words(param)
    return words[-1] in NAMED_BY and (len(words) == 1 or nouns(words[:-1])[-1:] == nouns(name.thing)[-1:])


def _pointed(name: Name, pointer: str, one: Found, found_by: bool) -> str:
    words = split_words(pointer.rpartition("/")[2])
    if not words or words[-1].isdigit():
        words = split_words(pointer.split("/")[1])
    noun = nouns(words[:-1]) or nouns(name.thing) or words
    if found_by and one.label:
        return f"the {human(noun)} whose {field_words(one.label, ' '.join(noun))} is {say(one.value)}"
    thing = f"{_the(name.thing)} for " if name.thing and noun != nouns(name.thing) else ""
    place = next((p for p in one.path or () if isinstance(p, int)), None)
    return f"{thing}the {'' if place is None else _ORDINALS[place] + ' '}{human(noun)} that this gives"


def _with(said: Mapping[str, Any], name: Name, word: str = "with") -> str:
    parts = list(_parts(said, name))
    return f" {word} {joined(parts)}" if parts else ""


def _parts(said: Mapping[str, Any], name: Name) -> Iterator[str]:
    for key, value in said.items():
        same = split_words(key) == name.thing and len(said) == 1
        yield _spoken(value) if same else f"{_label(key)} {_spoken(value)}"


def _label(key: str) -> str:
    return field_words(key) or key


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return f"({', '.join(f'{_label(k)} {_spoken(v)}' for k, v in value.items() if v not in (None, '', [], {}))})"
    if isinstance(value, list):
        return joined([_spoken(v) for v in value])
    return say(value)


def _the(words: tuple[str, ...]) -> str:
    return f"the {human(words)}"
