"""One table while it grows: its fields by identity, its key, the readings that work on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from synth.worlds.lift.fields import norm, styled
from synth.worlds.lift.naming import Words
from synth.worlds.lift.read import Reading


@dataclass(slots=True)
class Table:
    """One entity while it grows. `fields`: identity of a field -> (its name, its spec)."""

    noun: Words
    name: str
    key: str = "id"
    natural: bool = False
    id: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    lifecycle: dict[str, Any] | None = None
    label: str | None = None
    singleton: bool = False
    link: tuple[str, str] | None = None
    readings: list[Reading] = field(default_factory=list)
    children: int = 0
    free_state: str | None = (
        None  # a two-valued state that updates may set too: no lifecycle, moves check it themselves
    )
    moves: dict[str, list[str]] = field(default_factory=dict)
    job: str | None = None  # rows stand for work: the field that the clock moves on
    ends: str | None = None  # of work: when it was done
    virtual: bool = False  # a curve: nothing stored, `key` is its time
    parts: list[str] = field(default_factory=list)  # virtual: what tells curves apart
    step: str = "day"
    ahead: bool = False

    def column(self, words: Words) -> str | None:
        """The name of the field with these words."""
        found = self.fields.get(norm(words))
        return found[0] if found else None

    def spec(self, name: str) -> dict[str, Any] | None:
        return next((s for n, s in self.fields.values() if n == name), None)

    def add(self, words: Words, spec: dict[str, Any], style: str) -> str:
        """The field of these words, made if it is not there; a stronger type (enum) replaces free text."""
        at = norm(words)
        if at in self.fields:
            name, old = self.fields[at]
            if old["type"] == "enum" and spec["type"] == "enum":
                old["of"] = list(dict.fromkeys([*old["of"], *spec["of"]]))[:60]
            elif old["type"] == "text" and spec["type"] == "enum" and name != self.key:
                kept = {k: v for k, v in old.items() if k == "null"}
                self.fields[at] = (name, {**spec, **kept})
            return name
        name = styled(words, style)
        taken = {n for n, _ in self.fields.values()} | {self.key}
        while name in taken:
            name += "_"
        self.fields[at] = (name, dict(spec))
        return name
