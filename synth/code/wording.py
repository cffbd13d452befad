"""What the user asks and what the expert says (`data/words.yaml`)."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from synth.code.task import ExpertStep
from synth.executors.protocol import Outcome

WORDINGS = 4  # of a request, besides the one of the eval split


@functools.cache
def words() -> dict[str, Any]:
    """The word file."""
    found: dict[str, Any] = yaml.safe_load((files("synth.code") / "data" / "words.yaml").read_text(encoding="utf-8"))
    return found


def filled(text: str, slots: Mapping[str, str]) -> str:
    """`text` with {slots} filled in one pass; `{ran}` stays for `speak`."""
    return text.format_map({"ran": "{ran}", **slots})


def requests(rng: random.Random, kind: str, group: str, slots: Mapping[str, str]) -> list[str]:
    """Wordings of the opening message; the last is one of the eval split's own. `kind`: an entry of the word file,
    `group` the one whose eval wordings are used."""
    pool = [*words()[kind]["ask"], *(words()[group]["ask"] if kind != group else [])]
    chosen = pool[: len(words()[kind]["ask"])] if kind != group else pool
    picked = rng.sample(chosen, min(WORDINGS, len(chosen)))
    while len(picked) < WORDINGS - 1:  # a kind of few words borrows from its group
        picked.append(rng.choice([one for one in pool if one not in picked]))
    return [filled(one, slots) for one in [*picked, rng.choice(words()[group]["eval"])]]


def say(rng: random.Random, what: str) -> str:
    """Words that go with calls; may be empty."""
    found: str = rng.choice(words()["say"][what])
    return found


def closing(rng: random.Random, group: str, slots: Mapping[str, str]) -> str:
    """The report at the end, with `{ran}` open."""
    return filled(rng.choice(words()["done"][group]), slots)


def speak(step: ExpertStep, outcomes: Sequence[Outcome]) -> str:
    """What a step says, with `{ran}` taken from the last run of tests. Raises ValueError where it needs one and none
    has passed: the expert claims nothing that it has not seen."""
    if "{ran}" not in step.say:
        return step.say
    runs = [o.value for o in outcomes if o.ok and isinstance(o.value, dict) and "ran" in o.value]
    if not runs or not runs[-1]["ok"]:
        raise ValueError("the tests have not passed, so they cannot be reported as passed")
    return step.say.replace("{ran}", str(runs[-1]["ran"]))
