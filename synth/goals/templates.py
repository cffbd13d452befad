"""The sentence templates of users: `data/grammar.yaml` and `data/personas.yaml`. A slot's value is never read as a
template."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

from synth.packaged import packaged_yaml

_SLOT = re.compile(r"\{([a-z_]+)\}")
_PART = re.compile(r"\[([A-Za-z]+)\]")


def grammar() -> dict[str, Any]:
    """Clauses, questions and asks, read once."""
    return packaged_yaml("synth.goals", "data/grammar.yaml")


def personas() -> dict[str, Any]:
    """Personas, the parts of their sentences, and how they mend and list, read once."""
    return packaged_yaml("synth.goals", "data/personas.yaml")


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Fill `{name}` holes in one pass; KeyError for a slot nobody gave."""
    return _SLOT.sub(lambda m: slots[m.group(1)], template)


def expand(template: str, rng: random.Random, parts: Mapping[str, list[str]] | None = None) -> str:
    """Replace each `[part]` by one of its texts, as deep as they go; `[Part]` begins with a capital. Without `parts`:
    those of the personas."""
    known = personas()["parts"] if parts is None else parts

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        text = expand(rng.choice(known[name[0].lower() + name[1:]]), rng, known)
        return text[:1].upper() + text[1:] if name[0].isupper() else text

    return _PART.sub(one, template)


def phrase(rng: random.Random, group: str, kind: str, **slots: str) -> str:
    """One of the templates of `group.kind`, filled."""
    return fill(expand(rng.choice(grammar()[group][kind]), rng), slots)
