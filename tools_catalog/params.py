"""Parameter descriptions in our own words, from name, type, format, enum, bounds and default."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tools_catalog.words import VERBS, human, is_plural, plural, singular, split_words

_KNOWN: dict[str, tuple[str, ...]] = {
    "limit": ("Maximum number of results to return.", "How many results to return at most."),
    "max_results": ("Maximum number of results.", "Upper limit on results."),
    "offset": ("Number of results to skip.", "How many results to skip first."),
    "page": ("Page number.", "Which page of results to return."),
    "page_size": ("Number of results per page.", "Results per page."),
    "per_page": ("Number of results per page.", "Results per page."),
    "cursor": ("Cursor from the previous page.", "Pagination cursor."),
    "page_token": ("Token of the page to return.", "Token from the previous page."),
    "query": ("Search query.", "What to search for."),
    "q": ("Search query.", "What to search for."),
    "sort": ("Sort order.", "How to sort the results."),
    "sort_by": ("Field to sort by.", "What to sort the results by."),
    "order": ("Sort order.", "Order of the results."),
    "order_by": ("Field to order by.", "What to order the results by."),
    "filter": ("Filter to apply.", "Which results to keep."),
    "filters": ("Filters to apply.", "Which results to keep."),
    "fields": ("Fields to return.", "Which fields to include."),
    "name": ("Name.", "The name to use."),
    "title": ("Title.", "The title to use."),
    "description": ("Description.", "A short description."),
    "email": ("Email address.", "An email address."),
    "url": ("URL.", "The URL to use."),
    "path": ("Path.", "The path to work on."),
    "timeout": ("Timeout.", "How long to wait."),
    "force": ("Skip safety checks.", "Go ahead without asking."),
    "dry_run": ("Only show what would happen.", "Do not change anything, only report."),
    "verbose": ("Return more detail.", "Whether to return more detail."),
    "to": ("Recipient.", "Who or what it goes to."),
    "from": ("Sender.", "Where it comes from."),
    "id": ("ID of the item.", "Which item, by ID."),
    "ids": ("IDs of the items.", "Which items, by ID."),
}
_ADJECTIVES = frozenset(
    ("friendly", "full", "first", "last", "middle", "display", "user", "file", "short", "long", "new", "old", "host",
     "domain", "start", "end", "target", "source")
)  # fmt: skip
_ATTRIBUTES = frozenset(("name", "title", "type", "status", "code", "key", "number"))
_FORMATS = {
    "date": "as YYYY-MM-DD",
    "date-time": "as an ISO 8601 date and time",
    "time": "as HH:MM:SS",
    "uuid": "as a UUID",
    "uri": "as a URL",
    "email": "as an email address",
}


@lru_cache(maxsize=65536)
def _draw(server: str, name: str, count: int) -> int:
    return hashlib.sha256(f"param:{server}:{name}".encode()).digest()[0] % count


def describe_parameter(name: str, schema: Any, required: bool = False, server: str = "") -> str:
    """One sentence or two on one parameter; `server` chooses among equal phrasings. Deterministic, never empty."""
    facts: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    facts = _unwrap(facts)
    words = split_words(name) or (name,)
    parts = [_noun_sentence("_".join(words), words, facts, server, name)]
    parts += _value_notes(facts)
    if required and _draw(server, "", 4) == 0:
        parts.append("Required.")
    return " ".join(parts)


def _unwrap(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one non-null branch of `anyOf: [X, null]`, with the default kept."""
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, list):
        real = [b for b in branches if isinstance(b, Mapping) and b.get("type") != "null"]
        if len(real) == 1:
            return {**real[0], **({"default": schema["default"]} if "default" in schema else {})}
    return schema


def _kind(facts: Mapping[str, Any]) -> str:
    kind = facts.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    return kind if isinstance(kind, str) else "any"


def _noun_sentence(key: str, words: tuple[str, ...], facts: Mapping[str, Any], server: str, name: str) -> str:
    kind = _kind(facts)
    pick = _draw(server, name, 2)
    if kind == "boolean":
        return _boolean(words, pick)
    if key in _KNOWN:
        return _KNOWN[key][pick]
    last, before = words[-1], words[:-1]
    if last in ("id", "uuid", "guid") and before:
        return (f"ID of the {human(before)}.", f"Which {human(before)}, by ID.")[pick]
    if last == "ids" and before:
        many = human([*before[:-1], plural(before[-1])])
        return (f"IDs of the {many}.", f"Which {many}, by ID.")[pick]
    if kind == "array":
        many = human([*before, plural(last)])
        return (f"List of {many}.", f"{_capital(many)} to use.")[pick]
    noun = human(words)
    if last in _ATTRIBUTES and before and before[-1] not in _ADJECTIVES:
        return (f"{_capital(human([last]))} of the {human(before)}.", f"{_capital(noun)}.")[pick]
    if words[0] in ("start", "from", "since", "after") and len(words) > 1:
        return (f"{_capital(noun)}: beginning of the range.", f"{_capital(noun)}.")[pick]
    if words[0] in ("end", "until", "before") and len(words) > 1:
        return (f"{_capital(noun)}: end of the range.", f"{_capital(noun)}.")[pick]
    if words[0] in ("max", "min") and len(words) > 1:
        bound = "Maximum" if words[0] == "max" else "Minimum"
        return f"{bound} {human(words[1:])}."
    verb = "are" if is_plural(last) and singular(last) != last else "is"
    return (f"{_capital(noun)}.", f"{_capital(noun)} to use.", f"What the {noun} {verb}.")[_draw(server, name, 3)]


def _boolean(words: tuple[str, ...], pick: int) -> str:
    if words[0] in ("is", "has", "are") and len(words) > 1:
        return (f"Whether it {words[0]} {human(words[1:])}.", f"True if it {words[0]} {human(words[1:])}.")[pick]
    if len(words) > 1 and (words[0] in VERBS or words[0] in ("include", "exclude", "allow", "use", "ignore", "keep")):
        return (f"Whether to {human(words)}.", f"Set to true to {human(words)}.")[pick]
    return (f"Whether {human(words)} applies.", f"Turns {human(words)} on or off.")[pick]


def _value_notes(facts: Mapping[str, Any]) -> list[str]:
    notes = []
    source = facts.get("items") if isinstance(facts.get("items"), Mapping) else facts
    members = source.get("enum") if isinstance(source, Mapping) else None
    if isinstance(members, list):
        shown = [str(m) for m in members if m is not None]
        if 0 < len(shown) <= 8:
            notes.append(f"One of: {', '.join(shown)}.")
    fmt = facts.get("format")
    if isinstance(fmt, str) and fmt in _FORMATS:
        notes.append(f"Given {_FORMATS[fmt]}.")
    low, high = facts.get("minimum"), facts.get("maximum")
    if low is not None and high is not None and abs(high) < 10**9:
        notes.append(f"From {low} to {high}.")
    elif high is not None and abs(high) < 10**9:
        notes.append(f"At most {high}.")
    elif low is not None and low > 0:
        notes.append(f"At least {low}.")
    default = facts.get("default")
    if default is not None and default not in ("", [], {}):
        notes.append(f"Defaults to {str(default).lower() if isinstance(default, bool) else default}.")
    return notes


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
