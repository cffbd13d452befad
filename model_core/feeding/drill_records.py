"""Records of a system that nobody has seen, as a list that a tool returns: ids, names that resemble each other, fields.

The forms are those of the worlds: a bare list or one in an envelope, ids of one make, snake_case or camelCase.
"""

from __future__ import annotations

import json
import random
import string
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from model_core.feeding.vary import invented

Words = tuple[str, ...]
_NOUNS = ("account", "album", "asset", "badge", "batch", "board", "booking", "campaign", "case", "channel", "claim",
          "client", "contract", "course", "device", "document", "event", "file", "folder", "form", "group", "invoice",
          "item", "job", "lead", "lesson", "list", "member", "meter", "note", "order", "page", "parcel", "payment",
          "plan", "policy", "project", "record", "report", "room", "rule", "sample", "segment", "session", "shift",
          "site", "stage", "task", "team", "template", "ticket", "topic", "trip", "unit", "visit")  # fmt: skip
_STATES = ("open", "closed", "draft", "active", "paused", "done", "queued", "archived", "pending", "cancelled")
_NAME_FIELDS = {"person": ("full_name", "name", "contact"), "file": ("filename", "name", "file_name"),
                "slug": ("name", "key", "label"), "title": ("name", "title", "subject", "label")}  # fmt: skip
_ENDS = ("csv", "pdf", "md", "txt", "xlsx", "png")
ENVELOPES = ("data", "items", "results", "records", "")  # "": the records' own plural


@dataclass(frozen=True)
class Listing:
    """Records of one kind. `owner`: the field that points to a record of another kind, and that kind's words."""

    noun: Words
    case: str
    id_field: str
    name_field: str
    records: list[dict[str, Any]]
    owner: tuple[str, Words]


def joined(words: Sequence[str], case: str) -> str:
    """Words as one name: snake, kebab, camel or pascal."""
    if case in ("snake", "kebab"):
        return ("_" if case == "snake" else "-").join(words)
    text = "".join(word.capitalize() for word in words)
    return text if case == "pascal" else text[0].lower() + text[1:]


def plural(words: Words) -> Words:
    """The words with the last one in the plural."""
    last = words[-1]
    return (*words[:-1], last[:-1] + "ies" if last.endswith("y") else last + ("es" if last[-1] in "sxh" else "s"))


class Maker:
    """Draws words, names, ids and records. `rare`: words of real examples, beside invented ones."""

    def __init__(self, rng: random.Random, rare: Sequence[str]) -> None:
        self.rng, self._rare = rng, rare

    def word(self) -> str:
        """A word, seen or not."""
        return self.rng.choice(self._rare) if self._rare and self.rng.random() < 0.6 else invented(self.rng)

    def noun(self) -> Words:
        """What a kind of record is called: one word or two."""
        last = self.rng.choice(_NOUNS) if self.rng.random() < 0.6 else self.word()
        return (self.word(), last) if self.rng.random() < 0.4 else (last,)

    def phrase(self, least: int = 2, most: int = 6) -> str:
        """A few words, the first with a capital."""
        return " ".join(self.word() for _ in range(self.rng.randint(least, most))).capitalize()

    def ids(self, noun: Words) -> Callable[[], str | int]:
        """Makes ids of one make."""
        rng = self.rng
        letters = "".join(c for c in noun[-1].upper() if c not in "AEIOU")[:3] or "ID"

        def drawn(alphabet: str, length: int) -> str:
            return "".join(rng.choices(alphabet, k=length))

        digits = rng.randint(4, 7)
        capital, small = string.ascii_uppercase + string.digits, string.ascii_letters + string.digits
        return rng.choice((
            lambda: drawn("0123456789abcdef", 10),
            lambda: f"{letters}-{drawn(capital, 6)}",
            lambda: rng.randrange(10 ** (digits - 1), 10**digits),
            lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            lambda: f"{letters.lower()}_{drawn(small, 12)}",
            lambda: drawn(capital, 5),
        ))  # fmt: skip

    def names(self, count: int) -> tuple[str, list[str]]:
        """The make of the names, and that many different ones, of few words, so that many look alike."""
        rng = self.rng
        make = rng.choice(("title", "title", "title", "person", "slug", "file"))
        pool = [self.word() for _ in range(max(4, 2 * count))]
        found: dict[str, None] = {}
        while len(found) < count:
            some = rng.sample(pool, rng.randint(2, 4) if make == "title" else 2)
            if make == "title":
                name = " ".join(
                    [some[0].capitalize(), *(w.capitalize() if rng.random() < 0.3 else w for w in some[1:])]
                )
            elif make == "person":
                name = " ".join(word.capitalize() for word in some)
            elif make == "slug":
                name = "-".join([*some, str(rng.randint(1, 99))][: rng.randint(2, 3)])
            else:
                name = f"{some[0]}-{some[1]}-{rng.randint(1, 99)}.{rng.choice(_ENDS)}"
            found[name] = None
        return make, list(found)

    def listing(self, count: int, fields: int) -> Listing:
        """`count` records with `fields` fields beside id, name and owner."""
        rng = self.rng
        noun, case = self.noun(), rng.choice(("snake", "snake", "camel"))
        id_field = "id" if rng.random() < 0.4 else joined((*noun, "id"), case)
        make, names = self.names(count)
        name_field = joined(rng.choice(_NAME_FIELDS[make]).split("_"), case)
        other = self.noun()
        owner = joined((*other, "id") if rng.random() < 0.7 else other, case)
        new, new_other = self.ids(noun), self.ids(other)
        makers = {
            joined(self.noun(), case) + ("At" if case == "camel" else "_at") * (kind == "time"): self.value(kind)
            for kind in rng.choices(("state", "time", "day", "count", "flag", "words", "word", "mail"), k=fields)
        }
        order = [name_field, owner, *makers]
        if rng.random() < 0.6:
            order = [name_field, *rng.sample(order[1:], len(order) - 1)]
        else:
            rng.shuffle(order)
        order.insert(rng.choice((0,) * 8 + (len(order) // 2, len(order))), id_field)
        records = []
        for name in names:
            values = {id_field: new(), name_field: name, owner: new_other()} | {f: made() for f, made in makers.items()}
            records.append({field: values[field] for field in dict.fromkeys(order)})
        return Listing(noun, case, id_field, name_field, records, (owner, other))

    def value(self, kind: str) -> Callable[[], Any]:
        """Makes values of one kind of field."""
        rng = self.rng
        states = rng.sample(_STATES, 4)
        makers: dict[str, Callable[[], Any]] = {
            "state": lambda: rng.choice(states),
            "day": lambda: f"202{rng.randint(4, 6)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            "time": lambda: f"202{rng.randint(4, 6)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
                            f"T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z",
            "count": lambda: rng.randint(1, 20_000),
            "flag": lambda: rng.random() < 0.5,
            "words": lambda: self.phrase(3, 8) if rng.random() < 0.8 else None,
            "word": self.word,
            "mail": lambda: f"{self.word()}.{self.word()}@{self.word()}.example.net",
        }  # fmt: skip
        return makers[kind]


def returned(listing: Listing, records: Sequence[dict[str, Any]], envelope: str | None) -> str:
    """A list as a tool returns it; `envelope` None: bare."""
    if envelope is None:
        return json.dumps(records, ensure_ascii=False)
    key = envelope or joined(plural(listing.noun), listing.case)
    return json.dumps({key: records, "total": len(records)}, ensure_ascii=False)
