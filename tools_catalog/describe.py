"""Descriptions in our own words, rendered from facts alone: name, parameters, annotations.

Every server gets habits of its own (who speaks, whether parameters are named, whether reads are announced), drawn
from the hash of its id, so the catalog as a whole varies the way real servers do while one server stays consistent.
Deterministic: the same facts give the same text on every machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from tools_catalog.effects import Effect, effect_of
from tools_catalog.params import describe_parameter
from tools_catalog.words import (
    VERBS,
    article,
    find_verb,
    human,
    is_plural,
    plural,
    singular,
    split_words,
    third_person,
    with_articles,
)

Voice = Literal["imperative", "third", "use", "tool"]
Notice = Literal["none", "sentence", "tag"]
Listing = Literal["none", "required", "inline", "block", "dashes"]

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "get": ("get", "retrieve", "fetch", "return", "look up"),
    "list": ("list", "return", "show", "enumerate"),
    "search": ("search", "search for", "find", "look for"),
    "find": ("find", "look up", "locate"),
    "create": ("create", "add", "make"),
    "add": ("add", "create"),
    "update": ("update", "change", "edit"),
    "delete": ("delete", "remove", "permanently delete"),
    "remove": ("remove", "delete"),
    "set": ("set", "change"),
    "send": ("send", "deliver"),
    "fetch": ("fetch", "retrieve", "get"),
    "read": ("read", "get"),
    "describe": ("describe", "show details of"),
    "run": ("run", "execute"),
    "execute": ("execute", "run"),
    "check": ("check", "look at"),
    "query": ("query", "search"),
    "modify": ("modify", "change", "update"),
    "edit": ("edit", "change", "update"),
    "generate": ("generate", "produce"),
    "lookup": ("look up",),
    "status": ("show the status of", "report the status of"),
    "info": ("show information about",),
    "stats": ("show statistics for", "report statistics of"),
    "history": ("show the history of",),
    "log": ("log", "record"),
    "logs": ("show the logs of", "return the logs of"),
    "new": ("create", "add"),
    "upsert": ("create or update",),
    "manage": ("manage", "administer"),
    "is": ("check whether it is",),
    "has": ("check whether it has",),
    "whoami": ("show the signed-in account",),
    "init": ("initialise",),
    "setup": ("set up",),
    "login": ("log in to",),
    "logout": ("log out of",),
    "overview": ("give an overview of",),
    "summary": ("summarise",),
    "metrics": ("return metrics for",),
    "version": ("show the version of",),
    "schema": ("show the schema of",),
    "bulk": ("process in bulk the", "handle many"),
    "batch": ("process as a batch the", "handle a batch of"),
}  # fmt: skip
_VERSION = re.compile(r"v[0-9.]+")
_MANY = frozenset({"list", "search", "query", "find"})


@dataclass(frozen=True, slots=True)
class Habits:
    """How one server writes."""

    voice: Voice
    listing: Listing
    notice: Notice
    service: bool  # whether the service is named
    identified: bool  # whether "by its ID" is said
    synonym: int


@lru_cache(maxsize=4096)
def habits_of(server: str) -> Habits:
    """The habits of one server, from the hash of its id."""
    raw = hashlib.sha256(f"habits:{server}".encode()).digest()
    voices: tuple[Voice, ...] = ("imperative", "imperative", "imperative", "third", "third", "use", "tool")
    listings: tuple[Listing, ...] = ("none", "none", "none", "required", "inline", "inline", "block", "dashes")
    notices: tuple[Notice, ...] = ("none", "none", "sentence", "tag")
    return Habits(
        voice=voices[raw[0] % len(voices)],
        listing=listings[raw[1] % len(listings)],
        notice=notices[raw[2] % len(notices)],
        service=raw[3] % 5 < 2,
        identified=raw[4] % 2 == 0,
        synonym=raw[5],
    )


@lru_cache(maxsize=4096)
def service_label(server: str) -> str:
    """A service's name for a sentence, from the id: `gmail-someone` -> `Gmail`, `aws-s3-tables` -> `AWS S3 tables`."""
    words = [w for w in server.replace("_", "-").split("-") if w and w not in ("ref", "mcp", "server", "old")]
    if not words:
        return server
    if len(words[0]) > 4 and len(words) > 1:
        words = words[:1]
    text = human(words)
    return text if text[:1].isupper() else text[:1].upper() + text[1:]


def describe_tool(
    server: str,
    name: str,
    input_schema: Mapping[str, Any],
    annotations: Mapping[str, Any],
    prefix: str | None = None,
) -> str:
    """One tool's description. `prefix` is the word that all of the server's names begin with and that says nothing."""
    habits = habits_of(server)
    effect = effect_of(name, annotations)
    properties = _properties(input_schema)
    required = [p for p in input_schema.get("required", []) if p in properties]
    sentence = _lead(server, name, effect, properties, required, habits, prefix)
    parts = [sentence, *_notice(effect, annotations, habits)]
    text = " ".join(parts)
    return text + _parameters(server, properties, required, habits)


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _lead(
    server: str,
    name: str,
    effect: Effect,
    properties: dict[str, Any],
    required: list[str],
    habits: Habits,
    prefix: str | None,
) -> str:
    words = split_words(name)
    if prefix and len(words) > 1 and words[0] == prefix:
        words = words[1:]
    at = find_verb(words)
    if at is None and effect == "write" and len(words) > 1:
        verb, rest = words[0], words[1:]  # a verb we do not know
    elif at is None:
        verb, rest = ("get", words) if len(words) > 1 else ("run", (words or (name,)))
    else:
        verb, rest = words[at], words[:at] + words[at + 1 :]
    options = _SYNONYMS.get(verb, (verb,))
    phrase = options[habits.synonym % len(options)]
    if len(rest) > 2 and rest[0] in ("or", "and") and rest[1] in VERBS:
        phrase, rest = f"{verb} {rest[0]} {rest[1]}", rest[2:]
    rest = _tidy(rest)
    target = _object(verb, rest, properties, required, habits)
    body = f"{target} in {service_label(server)}" if habits.service and target else target
    head, _, tail = phrase.partition(" ")
    if phrase.startswith("permanently "):
        head, tail = "permanently", phrase.split(" ", 1)[1]
    spoken = _speak(head, tail, habits.voice)
    text = " ".join(part for part in (spoken, body) if part)
    return text[:1].upper() + text[1:] + "."


def _tidy(rest: tuple[str, ...]) -> tuple[str, ...]:
    """Version marks and words that a later word repeats say nothing: `iso public isos` -> `public isos`."""
    kept = [w for w in rest if not _VERSION.fullmatch(w)] or list(rest)
    ones = [singular(w) for w in kept]
    return tuple(w for i, w in enumerate(kept) if ones[i] not in ones[i + 1 :])


def _speak(head: str, tail: str, voice: Voice) -> str:
    if tail[:3] in ("or ", "and"):
        joint, second = tail.split(" ", 1)
        third, plain = f"{third_person(head)} {joint} {third_person(second)}", f"{head} {tail}"
    elif head == "permanently":
        third = f"permanently {third_person(tail)}"
        plain = f"permanently {tail}"
    else:
        third = f"{third_person(head)} {tail}".strip()
        plain = f"{head} {tail}".strip()
    return {"imperative": plain, "third": third, "use": f"use this to {plain}", "tool": f"this tool {third}"}[voice]


def _object(verb: str, rest: tuple[str, ...], properties: dict[str, Any], required: list[str], habits: Habits) -> str:
    if not rest:
        return _object_from_parameters(properties, required)
    if verb in _MANY and not is_plural(rest[-1]) and rest[-1] not in ("id", "by"):
        text = human([*rest[:-1], plural(rest[-1])]) if verb == "list" else with_articles(rest)
    else:
        text = with_articles(rest)
    if "by" not in rest and habits.identified and not is_plural(rest[-1]):
        keys = [p for p in required if split_words(p)[-1:] in (("id",), ("uuid",), ("key",), ("slug",))]
        own = next((p for p in keys if split_words(p)[:-1] and split_words(p)[-2] == singular(rest[-1])), None)
        key = own or (keys[0] if len(keys) == 1 and split_words(keys[0]) == ("id",) else None)
        if key:
            text += f" by its {human(split_words(key)[-1:])}"
    return text


def _object_from_parameters(properties: dict[str, Any], required: list[str]) -> str:
    for name in required or list(properties)[:1]:
        noun = human(split_words(name))
        if noun:
            last = split_words(name)[-1]
            return f"the given {noun}" if is_plural(last) or last == "id" else f"{article(noun)} {noun}"
    return ""


def _notice(effect: Effect, annotations: Mapping[str, Any], habits: Habits) -> list[str]:
    if habits.notice == "none":
        return []
    destructive = annotations.get("destructiveHint") is True and effect == "write"
    if habits.notice == "tag":
        return ["[read-only]"] if effect == "read" else ["[destructive]"] if destructive else []
    if effect == "read":
        return ["Does not change anything."] if habits.synonym % 2 else ["This is a read-only call."]
    return ["This cannot be undone."] if destructive else []


def _parameters(server: str, properties: dict[str, Any], required: list[str], habits: Habits) -> str:
    if not properties or habits.listing == "none":
        return ""
    optional = [p for p in properties if p not in required]
    if habits.listing == "required":
        return f" Requires {_enumerate(required)}." if required else ""
    if habits.listing == "inline":
        text = f" Takes {_enumerate(required)}." if required else ""
        more = ", ..." if len(optional) > 6 else ""
        return text + (f" Optional: {', '.join(optional[:6])}{more}." if optional else "")
    mark, head = ("- ", "Parameters:") if habits.listing == "dashes" else ("    ", "Args:")
    lines = []
    for name in [*required, *optional][:12]:
        note = describe_parameter(name, properties[name], name in required, server)
        lines.append(f"{mark}{name}: {note}")
    return "\n\n" + head + "\n" + "\n".join(lines)


def _enumerate(names: list[str]) -> str:
    shown = [f"`{n}`" for n in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
