"""The sentence templates of users: `data/grammar.yaml` and `data/personas.yaml`, and for the split `eval` those of
`data/eval`, of which training sees none. A slot's value is never read as a template."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synth.packaged import HELD_OUT, packaged_words, packaged_yaml
from synth.records import rng_for

_SLOT = re.compile(r"\{([a-z_]+)\}")
_PART = re.compile(r"\[([A-Za-z]+)\]")


def grammar(split: str) -> dict[str, Any]:
    """Clauses, questions and how rows are named (as the split's people do), what assistants ask; read once."""
    return packaged_words("synth.goals", "grammar.yaml", split)


def forms(split: str) -> dict[str, Any]:
    """Whole ways of laying a request out (`data/forms.yaml`); the people of the split `eval` have none of these."""
    return {} if split == HELD_OUT else packaged_yaml("synth.goals", "data/forms.yaml")


def personas(split: str) -> dict[str, Any]:
    """The split's personas, the parts of their sentences, and how they mend and list, read once."""
    return packaged_yaml("synth.goals", f"data/{'eval/' if split == HELD_OUT else ''}personas.yaml")


def split_of_persona(name: str) -> str:
    """`eval` for a persona that only speaks there, else `train`."""
    return HELD_OUT if name in personas(HELD_OUT)["personas"] else "train"


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Fill `{name}` holes in one pass; KeyError for a slot nobody gave."""
    return _SLOT.sub(lambda m: slots[m.group(1)], template)


def expand(template: str, rng: random.Random, parts: Mapping[str, list[str]]) -> str:
    """Replace each `[part]` by one of its texts, as deep as they go; `[Part]` begins with a capital."""

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        text = expand(rng.choice(parts[name[0].lower() + name[1:]]), rng, parts)
        return text[:1].upper() + text[1:] if name[0].isupper() else text

    return _PART.sub(one, template)


def phrase(rng: random.Random, split: str, group: str, kind: str, **slots: str) -> str:
    """One of the templates of `group.kind`, filled."""
    return fill(rng.choice(grammar(split)[group][kind]), slots)


@dataclass(frozen=True)
class Voice:
    """How one task is worded. `salt` differs from task to task: what is drawn from it leaves the task's own stream
    alone, and the same thing is said in the same way throughout a task."""

    split: str
    salt: str = ""

    def pick(self, among: Sequence[Any], *what: str) -> Any:
        """One of `among`, the same for the same `what`."""
        return rng_for("words", self.salt, *what).choice(among)


def peeked(rng: random.Random) -> str:
    """A salt from a stream's state; the stream stays where it is."""
    twin = random.Random()
    twin.setstate(rng.getstate())
    return f"{twin.getrandbits(64):016x}"


def worded(voice: Voice, group: str, kind: str, /, **slots: str) -> str:
    """The template of `group.kind`, or one of several, filled. The parts of a request (`pieces`) keep one form in a
    task: a list of them is all of a kind."""
    return fill(form_of(voice, group, kind, **({} if group == "pieces" else slots)), slots)


def form_of(voice: Voice, group: str, kind: str, /, **slots: str) -> str:
    """The template of `group.kind` that the voice has for these slots, its parts drawn."""
    words = grammar(voice.split)
    found: str | list[str] = words[group][kind]
    if isinstance(found, str):
        return found
    what = (group, kind, *(f"{k}={v}" for k, v in sorted(slots.items())))
    return expand(str(voice.pick(found, *what)), rng_for("parts", voice.salt, *what), words.get("parts", {}))


def plainest(voice: Voice, group: str, kind: str, /, **slots: str) -> str:
    """The first template of `group.kind`, which stands anywhere, filled."""
    found: str | list[str] = grammar(voice.split)[group][kind]
    return fill(found if isinstance(found, str) else found[0], slots)
