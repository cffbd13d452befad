"""What somebody may say by mistake in place of a value, before they put it right."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from typing import Any

from synth.goals.words import say
from synth.worlds.spec import FieldSpec


def decoy(value: Any, said: str, spec: FieldSpec | None, rng: random.Random) -> str | None:
    """Another value of the same kind as it would be said; None where there is none near at hand."""
    if spec is None or isinstance(value, bool):
        return None
    if spec.type == "enum":
        others = [v for v in spec.of or () if v != value] if isinstance(spec.of, list) else []
        return say(rng.choice(others), spec) if others else None
    if spec.type in ("int", "number", "money") and re.fullmatch(r"\d+(\.\d+)?", said):
        at = rng.randrange(len(said.split(".", maxsplit=1)[0]))
        digit = rng.choice([d for d in "123456789" if d != said[at]])
        return said[:at] + digit + said[at + 1 :]
    if spec.type == "date" and isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) and said == value:
        return (date.fromisoformat(value) + timedelta(days=rng.choice((-7, -2, -1, 1, 2, 7)))).isoformat()
    return None
