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

_SLOT = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Clause:
    """One request: `vp` is a verb phrase in base form ("change the ..."). A question has `q` (direct) and `i`
    (indirect) instead."""

    vp: str = ""
    q: str = ""
    i: str = ""
    answer: str = ""  # how an answer begins ("the number of ... is")


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

    def opening(self, clauses: list[Clause], extra: str = "") -> str:
        """The first message: greeting, perhaps a reason, the requests in order."""
        greet = self.of("greet")
        body = self.body(clauses)
        if extra:
            body = f"{body} {extra}"
        why = self.of("why")
        close = self.of("close")
        if greet.endswith((",", ":")):
            parts = [greet, lowered(body)] if not why or self.rng.random() < 0.5 else [greet, lowered(why), body]
            return " ".join(p for p in [*parts, close] if p)
        order = [why, body] if self.rng.random() < 0.6 else [body, why]
        return " ".join(p for p in [greet, *order, close] if p)

    def follow(self, clauses: list[Clause], extra: str = "") -> str:
        """A later message of the same user."""
        body = " ".join(p for p in [self.body(clauses), extra] if p)
        return fill(self.of("follow"), {"s": body, "l": lowered(body)})

    def body(self, clauses: list[Clause]) -> str:
        """The requests as sentences."""
        out = []
        for n, clause in enumerate(clauses):
            if clause.q:
                slots = {"q": clause.q, "i": clause.i}
                text = fill(self.of("question"), slots)
            else:
                text = fill(self.of("ask" if n == 0 else "more"), {"c": clause.vp})
            out.append(sentence(text))
        return " ".join(out)

    def answer(self, fact: str, value: str) -> str:
        """The reply to a question that was put: a whole sentence with the value."""
        return sentence(fill(self.of("answer"), {"f": fact, "g": lowered(fact), "v": value}))


def lowered(text: str) -> str:
    """Without its capital, as it stands after a comma; "I" keeps its own."""
    return text if re.match(r"I\b|[A-Z]{2}", text) else text[:1].lower() + text[1:]
