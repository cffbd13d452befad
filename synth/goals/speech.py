"""User sentences from the grammar in `data/grammar.yaml`. A slot's value is never read as a template."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from synth.goals.words import sentence

INTRODUCED = 0.35  # share of users who say their name
_SLOT = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Clause:
    """One request: `vp` is a verb phrase in base form ("change the ..."). A question has `q` (direct) and `i`
    (indirect) instead."""

    vp: str = ""
    q: str = ""
    i: str = ""
    answer: str = ""  # how an answer begins ("the number of ... is")
    raw: str = ""  # said as it stands: a remark, a change of mind


@lru_cache(maxsize=1)
def grammar() -> dict[str, Any]:
    """The grammar file, read once."""
    text = resources.files("synth.goals").joinpath("data/grammar.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Fill `{name}` holes in one pass; KeyError for a slot nobody gave."""
    return _SLOT.sub(lambda m: slots[m.group(1)], template)


def phrase(rng: random.Random, group: str, kind: str, **slots: str) -> str:
    """One of the templates of `group.kind`, filled."""
    return fill(rng.choice(grammar()[group][kind]), slots)


class Speaker:
    """One user: a persona and a random stream of its own."""

    def __init__(self, rng: random.Random, persona: str | None = None) -> None:
        self.rng = rng
        self.persona = persona or rng.choice(sorted(grammar()["personas"]))
        self._own = grammar()["personas"][self.persona]

    def of(self, what: str) -> str:
        """One of the persona's texts for `what`."""
        return str(self.rng.choice(self._own[what]))

    def intro(self, name: str, department: str) -> str:
        """A third of the users say who they are."""
        if self.rng.random() > INTRODUCED:
            return ""
        slots = {"name": name, "first": name.split(" ")[0], "department": department}
        return fill(self.rng.choice(grammar()["intros"]), slots)

    def opening(self, clauses: list[Clause], intro: str = "") -> str:
        """The first message: greeting, perhaps who speaks and why, the requests in order."""
        if all(c.raw for c in clauses):
            return self.body(clauses)
        greet, why, close = self.of("greet"), self.of("why"), self.of("close")
        body = self.body(clauses)
        order = [why, body] if self.rng.random() < 0.6 else [body, why]
        parts = [p for p in [intro, *order] if p]
        if greet.endswith((",", ":")):
            named = parts[0] == intro and not intro.startswith(("This", "My", "It's", "You"))
            parts[0] = parts[0] if named else lowered(parts[0])
        return " ".join(p for p in [greet, *parts, close] if p)

    def follow(self, clauses: list[Clause]) -> str:
        """A later message of the same user."""
        body = self.body(clauses)
        if clauses and clauses[0].raw:
            return body
        return fill(self.of("follow"), {"s": body, "l": lowered(body)})

    def body(self, clauses: list[Clause]) -> str:
        """The requests as sentences."""
        out = []
        for n, clause in enumerate(clauses):
            if clause.raw:
                out.append(clause.raw)
                continue
            if clause.q:
                slots = {"q": clause.q, "i": clause.i}
                text = fill(self.of("question"), slots)
            else:
                text = fill(self.of("ask" if n == 0 else "more"), {"c": clause.vp})
            out.append(sentence(text))
        return " ".join(out)

    def answer(self, fact: str, value: str) -> str:
        """The reply to a question that was put: a whole sentence with the value."""
        template = self.of("answer")
        text = fill(template, {"f": fact, "g": lowered(fact), "v": value})
        return text if template.startswith("{v}") else sentence(text)  # a bare value keeps its case


def lowered(text: str) -> str:
    """Without its capital, as it stands after a comma; "I" keeps its own."""
    return text if re.match(r"I\b|[A-Z]{2}", text) else text[:1].lower() + text[1:]
