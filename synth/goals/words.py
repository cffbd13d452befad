"""Natural words for entities, fields and values. Nothing here draws: the same value always reads the same."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from synth.worlds.simulate import spoken
from synth.worlds.spec import FieldSpec, World

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDS = frozenset({"id", "ids", "uuid", "key", "iid", "gid", "guid", "sid"})
_UNITS = {"km": "km", "mb": "MB", "gb": "GB", "kb": "kB", "kg": "kg", "cm": "cm", "mm": "mm", "ms": "ms", "kwh": "kWh",
          "percent": "percent"}  # fmt: skip
_KINDS_OF_ID = frozenset({"external", "internal", "unique", "global", "public", "private", "foreign", "original"})
_EVENTS = {
    "created": "creation date", "updated": "date of the last update", "modified": "date of the last change",
    "closed": "closing date", "started": "start", "ended": "end", "finished": "finishing time",
    "completed": "completion date", "sent": "sending date", "received": "date of receipt",
    "published": "publication date", "joined": "joining date", "due": "due date", "expires": "expiry date",
    "opened": "opening date", "resolved": "resolution date", "paid": "payment date", "ordered": "order date",
    "shipped": "shipping date",
}  # fmt: skip
_FORMATS = ("pdf", "csv", "html", "json", "xml", "sql", "iso", "utc", "dicom", "fhir", "ast", "dag", "rss", "faq")
_NETWORK = ("url", "uri", "ip", "api", "ssh", "dns", "cpu", "gpu", "ssl", "tls", "ttl", "mac", "vpc", "aws", "arn",
            "vm", "s3", "vlan", "ssid", "aho", "gps", "llm")  # fmt: skip
_TRADE = ("ai", "acl", "sku", "vat", "iban", "isbn", "vin", "id", "bic", "sla", "kpi", "seo", "sms", "crm", "pii")
_ACRONYMS = frozenset({*_FORMATS, *_NETWORK, *_TRADE})
_HISSING = ("s", "x", "z", "ch", "sh")


@lru_cache(maxsize=20_000)
def split_words(name: str) -> tuple[str, ...]:
    """`dueDate`, `due_date`, `due-date` -> ("due", "date")."""
    return tuple(w.lower() for part in re.split(r"[^A-Za-z0-9]+", name) for w in _CAMEL.split(part) if w)


def field_words(name: str, entity: str = "") -> str:
    """A field's spoken name: `agent_id` -> "agent", `due_date` -> "due date", `ticket_status` of Ticket -> "status"."""
    words = list(split_words(name))
    while len(words) > 1 and words[-1] in _IDS and words[-2] not in _KINDS_OF_ID:
        words.pop()
    own = list(split_words(entity))
    if own and len(words) > len(own) and words[: len(own)] == own:
        words = words[len(own) :]
    if len(words) > 1 and words[-1] in ("at", "on") and words[0] != "is":
        words.pop()
    if len(words) > 1 and words[-1] in _UNITS:
        words = [*words[:-1], "in", _UNITS[words[-1]]]
    if len(words) == 1 and words[0] in _EVENTS:
        return _EVENTS[words[0]]
    return " ".join(w.upper() if w in _ACRONYMS else w for w in words)


def noun(world: World, entity: str) -> str:
    """What a person calls one row of `entity`."""
    words = spoken(world, entity).strip().split(" ")
    known = {e.lower() for e in world.entities}
    first = [w[:-1] if w.endswith("s") and w[:-1] in known else w for w in words[:-1]]  # "models prediction"
    return acronyms(" ".join([*first, words[-1]])) or "record"


def acronyms(phrase: str) -> str:
    """A phrase with its acronyms in capitals."""
    return " ".join(w.upper() if w in _ACRONYMS and w != "id" else w for w in phrase.split(" "))


def plural(world: World, entity: str) -> str:
    """What a person calls several rows of `entity`."""
    given = world.entities[entity].plural
    return acronyms(given) if given else plural_of(noun(world, entity))


def plural_of(word: str) -> str:
    """The usual English plural of a noun phrase."""
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word
    return word + ("es" if word.endswith(_HISSING) else "s")


def is_plural(words: str) -> bool:
    """Whether a field's spoken name takes a plural verb."""
    return words.endswith("s") and not words.endswith(("ss", "us", "is"))


def a(phrase: str) -> str:
    """`phrase` with its indefinite article."""
    first = phrase[:1].lower()
    silent = phrase.lower().startswith(("hour", "honest"))
    youish = phrase.lower().startswith(("user", "uni", "url", "use", "one", "eu", "usage"))
    return f"{'an' if (first in 'aeiou' and not youish) or silent else 'a'} {phrase}"


def joined(parts: list[str], word: str = "and") -> str:
    """`a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def say(value: Any, spec: FieldSpec | None = None) -> str:
    """A value as it stands in a sentence, literally: numbers as digits, texts quoted where they have several words,
    members of an enum with blanks. Money in minor units: see `synth.goals.money`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing"
    if isinstance(value, int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return joined([say(v) for v in value])
    if isinstance(value, dict):
        return joined([f"{field_words(k)} {say(v)}" for k, v in value.items()])
    text = str(value)
    if spec is not None and spec.type == "enum":
        return text.replace("_", " ")
    if spec is not None and spec.gen in ("person", "company", "city", "country") and '"' not in text:
        return text
    if re.fullmatch(r"[\w.@:/+%#&=?~-]*[\w/]", text):
        return text
    return f'"{text}"' if '"' not in text else f"“{text}”"


def sentence(text: str) -> str:
    """First letter up, a full stop at the end unless it has an end."""
    text = text.strip()
    if text.split(" ", 1)[0].strip(",.;:!?'").replace("'", "").isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ";")) else text + "."
