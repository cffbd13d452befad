"""User sentences: a persona wraps requests and questions into messages (`data/personas.yaml`)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from synth.goals.manner import spoken_as
from synth.goals.templates import expand, fill, grammar, personas
from synth.goals.words import sentence

INTRODUCED = 0.35  # share of users who say their name
STATED = 0.3  # share of requests said as statements, where people of the split do that


@dataclass(frozen=True)
class Slip:
    """A value that may be said wrongly at first: `said` stands once in the request, `decoy` would stand there too."""

    said: str
    decoy: str


@dataclass(frozen=True)
class Clause:
    """One request: `vp` is a verb phrase in base form ("change the ..."). A question has `q` (direct) and `i`
    (indirect) instead."""

    vp: str = ""
    q: str = ""
    i: str = ""
    answer: str = ""  # how an answer begins ("the number of ... is")
    raw: str = ""  # said as it stands: a remark, a change of mind
    slip: Slip | None = None
    stated: str = ""  # the request of `vp` as a whole statement: "the priority of ... should be high"


class Speaker:
    """One user: a persona of the split and a random stream. `kept`: values that stay as they are, in any manner."""

    def __init__(self, rng: random.Random, split: str, persona: str | None = None, kept: Sequence[str] = ()) -> None:
        self.rng, self.split, self.kept = rng, split, list(kept)
        self._all = personas(split)
        self.persona = persona or rng.choice(sorted(self._all["personas"]))
        self._own = self._all["personas"][self.persona]

    def of(self, what: str) -> str:
        """One of the persona's texts for `what`, in its own manner."""
        return self._out(self._raw(what))

    def _raw(self, what: str) -> str:
        return expand(self.rng.choice(self._own[what]), self.rng, self._all["parts"])

    def _out(self, text: str) -> str:
        return spoken_as(self._own.get("manner"), text, self.kept, self.rng)

    def intro(self, name: str, department: str) -> str:
        """A third of the users say who they are."""
        if self.rng.random() > INTRODUCED:
            return ""
        slots = {"name": name, "first": name.split(" ")[0], "department": department}
        self.kept += slots.values()
        return fill(self.rng.choice(grammar(self.split)["intros"]), slots)

    def opening(self, clauses: list[Clause], intro: str = "") -> str:
        """The first message: greeting, perhaps who speaks and why, the requests in order."""
        if all(c.raw for c in clauses):
            return self._out(self.body(clauses))
        greet, why, close = self._raw("greet"), self._raw("why"), self._raw("close")
        body = self.body(clauses)
        order = [why, body] if self.rng.random() < 0.6 else [body, why]
        parts = [p for p in [intro, *order] if p]
        if greet.endswith((",", ":")):
            named = parts[0] == intro and not intro.startswith(("This", "My", "It's", "You"))
            parts[0] = parts[0] if named else lowered(parts[0])
        return self._out(_put_together([greet, *parts, close]))

    def follow(self, clauses: list[Clause]) -> str:
        """A later message of the same user."""
        body = self.body(clauses)
        if clauses and clauses[0].raw:
            return self._out(body)
        return self._out(_put_together([fill(self._raw("follow"), {"s": body, "l": lowered(body)})]))

    def body(self, clauses: list[Clause]) -> str:
        """The requests as sentences, or several as a list."""
        if len(clauses) > 1 and not any(c.raw for c in clauses) and self.rng.random() < self._own.get("lists", 0.0):
            return self._listed(clauses)
        out, slipped = [], False
        for n, clause in enumerate(clauses):
            if clause.raw:
                out.append(clause.raw)
                continue
            if clause.q:
                text = fill(self._raw("question"), {"q": clause.q, "i": clause.i})
                out.append(sentence(text))
                continue
            slip = None if slipped or self.rng.random() >= self._own.get("mends", 0.0) else clause.slip
            stated = self._all.get("stated") if clause.stated and slip is None else None
            if stated and self.rng.random() < STATED:
                way = expand(self.rng.choice(stated), self.rng, self._all["parts"])
                asks = re.match(r"(?:can|could|is it) ", clause.stated) is not None and way.endswith("{c}.")
                out.append(sentence(fill(way.removesuffix(".") + "?" if asks else way, {"c": clause.stated})))
                continue
            vp = clause.vp if slip is None else _last(clause.vp, slip.said, slip.decoy)
            out.append(sentence(fill(self._raw("ask" if n == 0 else "more"), {"c": vp})))
            if slip is not None:
                slipped = True
                self.kept += [slip.said, slip.decoy]
                mend = expand(self.rng.choice(self._all["mends"]), self.rng, self._all["parts"])
                out.append(sentence(fill(mend, {"v": slip.said, "d": slip.decoy})))
        return " ".join(out)

    def _listed(self, clauses: list[Clause]) -> str:
        words = self._all["listing"]
        items = [c.vp or f"{self.rng.choice(words['find'])} {c.i}" for c in clauses]
        way = self.rng.choice(("dash", "dash", "letters", "inline", "first"))
        if way == "first":
            order = [words["first"], *[words["then"]] * (len(items) - 2), self.rng.choice(words["last"])]
            lines = ", ".join(f"{w} {i}" for w, i in zip(order, items, strict=True)) + "."
        elif way == "inline":
            lines = "; ".join(items) + "."
        else:
            several, dashes = isinstance(words["letters"][0], list), words["dash"]
            marks = (self.rng.choice(words["letters"]) if several else words["letters"]) if way == "letters" else ""
            dash = dashes if isinstance(dashes, str) else self.rng.choice(dashes)
            numbered = len(items) <= len(marks)
            lines = "".join(f"\n{marks[n] if numbered else dash} {item}" for n, item in enumerate(items)) + "\n"
        text = fill(expand(self.rng.choice(self._all["lists"]), self.rng, self._all["parts"]), {"lines": lines})
        return text if "\n" in text else sentence(text)

    def answer(self, fact: str, value: str) -> str:
        """The reply to a question that was put: a whole sentence with the value."""
        template = self._raw("answer")
        text = fill(template, {"f": fact, "g": lowered(fact), "v": value})
        return self._out(text if template.startswith("{v}") else sentence(text))  # a bare value keeps its case


def _put_together(parts: list[str]) -> str:
    """Parts with blanks between them; a list keeps its lines."""
    text = " ".join(p for p in parts if p)
    return re.sub(r"[ ]*\n[ ]*", "\n", text).strip()


def _last(text: str, old: str, new: str) -> str:
    head, _, tail = text.rpartition(old)
    return f"{head}{new}{tail}"


def lowered(text: str) -> str:
    """Without its capital, as it stands after a comma; "I" keeps its own."""
    return text if re.match(r"I\b|[A-Z]{2}", text) else text[:1].lower() + text[1:]
