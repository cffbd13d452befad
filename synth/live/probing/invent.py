"""Values of our own for a parameter, by its format and the words of its name. Whatever comes of them is only tried."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synth.errors import SpecError
from synth.live.known import WORK
from synth.live.probing.starts import TABLE
from synth.live.words import CITIES, COLOURS, GOODS, ROOMS, TOPICS, VERBS, people
from synth.worlds.gens import uuid_of
from synth.worlds.patterns import pattern_drawer

YEAR = 2031  # far from any day on which a server is asked: the present day in a result is never one that we gave
_ZONES = ("Asia/Tokyo", "Africa/Nairobi", "Asia/Kolkata", "America/Bogota", "Etc/UTC")  # never change their clocks
_FOLDERS = frozenset({"directory", "dir", "folder", "directories", "folders", "tree", "repo", "repository", "root"})
_NEW = frozenset({"destination", "dest", "target", "new", "output", "to"})
_PAGING = frozenset(
    {"limit", "count", "max", "top", "page", "size", "n", "num", "per", "results", "depth", "lines", "head", "tail"}
)
_ZERO = frozenset({"offset", "skip", "start", "cursor", "since"})


@dataclass(frozen=True)
class Around:
    """`files` of the work folder, whether the tool `makes` something new, the words that it is `about`."""

    files: Sequence[str]
    makes: bool
    about: frozenset[str]


def number(rng: random.Random, words: tuple[str, ...], part: Mapping[str, Any], *, whole: bool) -> int | float:
    """A number within the bounds of the schema."""
    low, high = _bound(part, "minimum", "exclusiveMinimum", 1), _bound(part, "maximum", "exclusiveMaximum", -1)
    if low is None:
        low = 0.0 if set(words) & _ZERO else min(1.0, high) if high is not None else 1.0
    most = 1 if set(words) & _ZERO else 5 if set(words) & _PAGING else 60
    high = low + most if high is None else min(high, low + most)
    step = part.get("multipleOf")
    if isinstance(step, int | float) and step > 0:
        first = -(-low // step)
        value = step * rng.randint(int(first), max(int(first), int(high // step)))
        return int(value) if whole else float(value)
    if whole or (low.is_integer() and high - low >= 1):
        return rng.randint(math.ceil(low), max(math.ceil(low), int(high)))
    return round(rng.uniform(low, high), 1) if high - low > 1 else round((low + high) / 2, 3)


def _bound(part: Mapping[str, Any], inside: str, outside: str, away: int) -> float | None:
    if isinstance(part.get(inside), int | float):
        return float(part[inside])
    if isinstance(part.get(outside), int | float):
        return float(part[outside]) + away
    return None


def text(rng: random.Random, words: tuple[str, ...], part: Mapping[str, Any], around: Around) -> str:
    """A text within the bounds of the schema."""
    form = part.get("format")
    if form in _FORMS:
        return _FORMS[form](rng)
    if isinstance(part.get("pattern"), str):
        try:
            return pattern_drawer(part["pattern"])(rng)
        except SpecError:
            pass  # not of the forms that can be drawn: a plain text may fit
    value = _by_name(rng, words, around)
    least, most = int(part.get("minLength", 0)), int(part.get("maxLength", 200))
    while len(value) < least:
        value += f" {rng.choice(GOODS)}"
    return value[:most].strip() or value[:most]


def _by_name(rng: random.Random, words: tuple[str, ...], around: Around) -> str:
    last, known = words[-1] if words else "", set(words)
    if known & {"path", "paths", "file", "filename", "filepath", "source", "destination", "dest"} | known & _FOLDERS:
        return path(rng, known, around)
    if last in ("sql", "statement") or (
        last == "query" and around.about & {"sql", "database", "db", "sqlite", "table"}
    ):
        return f"SELECT {rng.choice(('name', 'city', 'price'))} FROM {TABLE} WHERE id = {rng.randint(1, 5)}"
    if last in ("pattern", "glob") and around.files and around.about & {"file", "files"}:
        name = rng.choice(around.files).rpartition("/")[2]
        return rng.choice((f"**/{name}", f"*.{name.rpartition('.')[2]}", f"**/*.{name.rpartition('.')[2]}"))
    for names, draw in _BY_NAME:
        if last in names or (known & names and last not in _PLAIN):
            return draw(rng)
    return f"{rng.choice(COLOURS)} {rng.choice(GOODS)}"


def path(rng: random.Random, known: set[str], around: Around) -> str:
    """A file or folder of the work folder, or a new one."""
    folders = sorted({f.rpartition("/")[0] for f in around.files if "/" in f})
    if known & _NEW or (around.makes and not known & {"source", "old", "from", "src"}):
        chosen = f"lists/{rng.choice(TOPICS)}-{rng.choice(GOODS)}" + ("" if known & _FOLDERS else ".txt")
    elif known & _FOLDERS or (around.about & _FOLDERS and not around.about & {"file", "files"}):
        chosen = rng.choice(["", *folders])
    else:
        chosen = rng.choice(around.files) if around.files else f"{rng.choice(TOPICS)}.txt"
    absolute = f"{WORK}/{chosen}".rstrip("/")
    return absolute if rng.random() < 0.75 or not chosen else chosen


def _title(rng: random.Random) -> str:
    return f"{rng.choice(COLOURS)} {rng.choice(GOODS)}".capitalize()


def _line(rng: random.Random) -> str:
    return f"{rng.choice(VERBS).capitalize()} the {rng.choice(COLOURS)} {rng.choice(GOODS)} in the {rng.choice(ROOMS)}"


def _date(rng: random.Random) -> str:
    return f"{YEAR}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _email(rng: random.Random) -> str:
    first, last = people(rng, 1)[0].lower().split(" ")
    return f"{first}.{last}@{rng.choice(TOPICS)}.example"


def _link(rng: random.Random) -> str:
    return f"https://{rng.choice(TOPICS)}.example/{rng.choice(GOODS)}"


def _moment(rng: random.Random) -> str:
    return f"{_date(rng)}T{rng.randint(8, 18):02d}:00:00Z"


def _time(rng: random.Random) -> str:
    return f"{rng.randint(8, 18):02d}:{rng.choice((0, 15, 30, 45)):02d}"


def _sum(rng: random.Random) -> str:
    return f"{rng.randint(12, 90)} {rng.choice('+-*')} {rng.randint(3, 40)}"


def _one_of(*pool: str) -> Callable[[random.Random], str]:
    return lambda rng: rng.choice(pool)


_FORMS: dict[Any, Callable[[random.Random], str]] = {
    "date": _date, "date-time": _moment, "time": lambda rng: f"{_time(rng)}:00Z", "email": _email, "uri": _link,
    "url": _link, "uuid": uuid_of,
}  # fmt: skip
_PLAIN = frozenset({"name", "title", "id", "type", "label"})
_BY_NAME: tuple[tuple[frozenset[str], Callable[[random.Random], str]], ...] = (
    (frozenset({"email", "mail", "recipient"}), _email),
    (frozenset({"url", "uri", "link", "website", "homepage"}), _link),
    (frozenset({"timezone", "tz", "zone"}), _one_of(*_ZONES)),
    (frozenset({"date", "day", "deadline", "due"}), _date),
    (frozenset({"datetime", "timestamp"}), _moment),
    (frozenset({"time", "hour"}), _time),
    (frozenset({"expression", "formula", "equation", "calculation"}), _sum),
    (frozenset({"colour", "color"}), _one_of(*COLOURS)),
    (frozenset({"language", "lang", "locale"}), _one_of("en", "de", "fr", "es")),
    (frozenset({"currency"}), _one_of("EUR", "USD", "CHF")),
    (frozenset({"city", "location", "place", "town"}), _one_of(*CITIES)),
    (frozenset({"room"}), _one_of(*ROOMS)),
    (frozenset({"table"}), _one_of(TABLE)),
    (frozenset({"tag", "tags", "category", "topic", "group", "project", "keyword", "keywords",
                "key"}), _one_of(*TOPICS)),
    (frozenset({"query", "search", "term", "pattern", "q"}), _one_of(*TOPICS, *GOODS)),
    (frozenset({"person", "author", "assignee", "owner", "user", "username", "customer"}),
     lambda rng: people(rng, 1)[0]),
    (frozenset({"title", "subject", "heading", "summary", "headline"}), _title),
    (frozenset({"content", "contents", "text", "body", "description", "message", "note", "notes", "comment", "thought",
                "observation", "observations", "prompt", "details", "value", "input"}), _line),
)  # fmt: skip
