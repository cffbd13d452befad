"""What holds a model-played user to its profile: each reply is checked before it is said.

A reply is refused when it
    empty        says nothing and does not end the talk
    role_flip    speaks as the assistant, or writes calls
    early_stop   ends the talk while a request is still to come
    leak         says what the user keeps until asked, what belongs to a later request, or what only the tools know
    invented     holds a code, address or long number that nobody has named
    unsaid       makes a request without its facts
    evasive      does not answer what it was asked and knows
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rubrics.normal import Text, leaves, mentions, squash
from synth.sim.user import asked_for, is_question, sentences_of
from synth.taskspec import Fact, Goal, UserProfile

REASONS = ("empty", "role_flip", "early_stop", "leak", "invented", "unsaid", "evasive")
_CODE = re.compile(r"[^\s\"'“”‘’()\[\]{}<>,;!?*`]+")
_FLIP = re.compile(
    r"\bas an ai\b|\bhow (?:can|may) i (?:help|assist)|\b(?:can|may) i help you\b|\banything else (?:i|you)\b"
    r"|\bis there anything else\b|\blet me know if you need\b|\bhappy to (?:help|assist)\b|\byour request has been\b"
    r"|\bi(?:'ve| have) (?:just )?(?:created|updated|deleted|removed|changed|added|set|sent|completed) "
    r"|\bi(?:'ll| will) (?:look that up|check that for you|take care of (?:that|it) for you)"
)
_TELLING = 4  # letters of a value from which on it is no common word
_QUOTED = re.compile(r"[\"“][^\"”]*[\"”]")
_MIXED = re.compile(r"[-_]\w*\d|\d\w*[-_]|[A-Z]\d|\d[A-Z]")
_CALL = re.compile(r"tool_calls?|functions\.\w|<\||</?tool|\"arguments\"\s*:|^\s*(?:assistant|user|system)\s*:", re.I)


@dataclass
class Stand:
    """Where the talk is: `turn` said last (-1: none), hidden facts that have come up, and what both sides wrote."""

    profile: UserProfile
    goal: Goal
    turn: int = -1
    answered: set[str] = field(default_factory=set)
    talk: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_next(self) -> bool:
        return self.turn + 1 < len(self.profile.turns)

    @property
    def asked(self) -> list[Fact]:
        """What the assistant's last message asks for, of what the user may tell by now, and has not in answer."""
        if not self.talk or self.talk[-1][0] == "You":
            return []
        questions = [s for s in sentences_of(self.talk[-1][1]) if is_question(s)]
        hidden = [f for f in self.profile.facts if f.told is None and f.id not in self.answered]
        return asked_for([*hidden, *(f for f in self.profile.facts if self._said(f))], questions)

    def _said(self, fact: Fact) -> bool:
        return fact.told is not None and fact.told <= self.turn


def faults(stand: Stand, say: str, goes_on: bool, done: bool) -> list[tuple[str, str]]:
    """(reason, sentence for the model) of all that is wrong with a reply; empty where it may be said."""
    if not say.strip():
        return [] if done and not stand.has_next else [("empty", "the message is empty")]
    out: list[tuple[str, str]] = []
    if _FLIP.search(squash(_QUOTED.sub(" ", say))) or _CALL.search(say):
        out.append(("role_flip", "you wrote as the assistant would; write as the person who asks"))
    if done and stand.has_next:
        out.append(("early_stop", "a request is still to come, so do not end the conversation"))
    if goes_on and not stand.has_next:
        out.append(("unsaid", 'there is no further request: set "next" to false'))
    text, asked = Text(say), stand.asked
    allowed = _allowed(stand, goes_on, asked)
    heard = Text("\n".join([*stand.profile.turns[: stand.turn + 1 + goes_on], *(t for _, t in stand.talk)]))
    for value, own in _secrets(stand, allowed):
        if _stated(value, text) and not _stated(value, heard):
            out.append(("leak", f"do not mention {value!r} yet" if own else f"you cannot know {value!r}"))
    known = Text("\n".join([heard.raw, stand.profile.name, *(f.say for f in allowed)]))
    out += [("invented", f"nobody has named {code!r}; leave it out") for code in _codes(say) if not _named(code, known)]
    if goes_on and stand.has_next:
        out += [("unsaid", f"the request must also say: {f.say}") for f in stand.profile.facts
                if f.told == stand.turn + 1 and not _silent(f) and not mentions(f.value, text)]  # fmt: skip
    elif not done:
        out += _unanswered(asked, text)
    return out


def _unanswered(asked: Sequence[Fact], text: Text) -> list[tuple[str, str]]:
    """All that comes up now has to be said; of what was said before, one thing will do."""
    new = [f for f in asked if f.told is None]
    missing = [f for f in new or asked if not _silent(f) and not mentions(f.value, text)]
    if not new and len(missing) < len(asked):
        return []
    return [("evasive", f"you were asked for this and know it: {f.say}") for f in missing]


def _silent(fact: Fact) -> bool:
    """A yes or no has no words of its own to look for."""
    return isinstance(fact.value, bool) or fact.value is None


def _allowed(stand: Stand, goes_on: bool, asked: Sequence[Fact]) -> list[Fact]:
    """Facts that may stand in the reply."""
    now, ids = stand.turn + goes_on, {f.id for f in asked} | stand.answered
    return [f for f in stand.profile.facts if f.id in ids or (f.told is not None and f.told <= now)]


def _secrets(stand: Stand, allowed: Sequence[Fact]) -> list[tuple[Any, bool]]:
    """(value, the user's own): what must not be said now."""
    ids = {f.id for f in allowed}
    own: list[tuple[Any, bool]] = [(f.value, True) for f in stand.profile.facts if f.id not in ids and not _silent(f)]
    hidden: list[tuple[Any, bool]] = [(t.value, False) for t in stand.goal.tell]
    hidden += [(v, False) for c in stand.goal.changes for _, v in leaves([c.key, c.fields])]
    mine = [f.value for f in stand.profile.facts]
    return own + [(v, t) for v, t in hidden if v not in mine and _telling(v)]


def _telling(value: Any) -> bool:
    """Whether saying the value gives something away: "off" and 1 are words of any message."""
    if value is None or isinstance(value, bool):
        return False
    return len(value) >= _TELLING if isinstance(value, str) else value not in (0, 1)


def _stated(value: Any, text: Text) -> bool:
    return mentions(value, text, claimed=True)


def _codes(say: str) -> list[str]:
    """Words with a digit that name something: codes, addresses, numbers from three digits on."""
    return [w for found in _CODE.findall(say) if _is_code(w := found.strip(".:-"))]


def _is_code(word: str) -> bool:
    if "@" in word or "://" in word or len(re.findall(r"\d", word)) > 2:
        return True
    return len(word) > 3 and bool(
        re.search(r"[A-Za-z]", word) and re.search(r"[-_]\w*\d|\d\w*[-_]|[A-Z]\d|\d[A-Z]", word)
    )


def _named(code: str, known: Text) -> bool:
    if squash(code) in known.norm:
        return True
    said = Text(code)
    found = bool(said.numbers or said.dates)
    return found and said.numbers.keys() <= known.numbers.keys() and said.dates <= known.dates
