"""The user's turns in a model's words, held to what the task needs: every value survives, nothing leaks in."""

from __future__ import annotations

import re
from typing import Any

from rubrics.normal import Text, mentions
from synth.models.prompts import fill
from synth.models.roles import Answer, Judged, Role
from synth.taskspec import Goal, UserProfile

PROMPT = {"writer": "writer.j2", "paraphraser": "paraphraser.j2"}
MOST_LONGER = 600  # characters that a turn may gain
_DIGITS = re.compile(r"\d+(?:[.,:/-]\d+)*")
_QUOTED = re.compile(r"[\"“]([^\"“”]{2,})[\"”]")
_IDENTIFIER = re.compile(r"\b\w*(?:_\w+|\d[A-Za-z]\w*|[A-Za-z]+\d)\w*\b")
_ASSISTANT = re.compile(
    r"\b(?:as an (?:ai|assistant)|how can i help|i have (?:updated|created|deleted))\b", re.IGNORECASE
)


async def reworded(role: Role, profile: UserProfile, goal: Goal) -> Answer[UserProfile]:
    """The profile with its turns in the role's words; no value where both replies break a rule."""
    prompt = fill(PROMPT[role.name], style=profile.style, person=profile.name, turns=profile.turns)
    return await role.ask(prompt, schema_of(len(profile.turns)), lambda raw: check(profile, goal, raw["turns"]))


def schema_of(turns: int) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": 4000}
    turn = {"type": "array", "items": text, "minItems": turns, "maxItems": turns}
    return {"type": "object", "properties": {"turns": turn}, "required": ["turns"], "additionalProperties": False}


def check(profile: UserProfile, goal: Goal, turns: list[str]) -> Judged[UserProfile]:
    """The first thing wrong with each turn, as sentences."""
    wrong = []
    for n, (old, new) in enumerate(zip(profile.turns, turns, strict=True)):
        fault = _lost(profile, n, old, new) or _added(profile, goal, n, old, new)
        if fault:
            wrong.append(f"turn {n + 1} {fault}")
    if wrong:
        return Judged(None, reason="words_refused", sentences=wrong)
    return Judged(profile.model_copy(update={"turns": [t.strip() for t in turns]}))


def _lost(profile: UserProfile, n: int, old: str, new: str) -> str | None:
    for fact in profile.facts:
        plain = fact.value is not None and not isinstance(fact.value, bool)
        if fact.told == n and plain and mentions(fact.value, Text(old)) and not mentions(fact.value, Text(new)):
            return f"must hold {fact.value!r} exactly so"
    kept = [*_QUOTED.findall(old), *_DIGITS.findall(old), *_IDENTIFIER.findall(old)]
    missing = next((text for text in kept if text not in new), None)
    return f"must hold {missing!r} exactly so" if missing is not None else None


def _added(profile: UserProfile, goal: Goal, n: int, old: str, new: str) -> str | None:
    if not new.strip():
        return "is empty"
    if len(new) > len(old) + MOST_LONGER:
        return f"is too long; at most {len(old) + MOST_LONGER} characters"
    if _ASSISTANT.search(new):
        return "is spoken by the assistant; it must be the person"
    fresh = next((t for t in [*_IDENTIFIER.findall(new), *_DIGITS.findall(new)] if t not in old), None)
    if fresh is not None:
        return f"holds {fresh!r}, which the draft has not"
    before = Text("\n".join(profile.turns[: n + 1]))
    hidden = [f.value for f in profile.facts if f.told is None or f.told > n] + [t.value for t in goal.tell]
    for value in hidden:
        if value is None or isinstance(value, bool):
            continue
        if mentions(value, Text(new)) and not mentions(value, before):
            return f"holds {str(value)[:60]!r}, which the person does not say there"
    return None
