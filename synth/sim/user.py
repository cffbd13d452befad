"""The simulated user: knows what its profile says, says what it has to say turn by turn, and reveals a fact only when
the assistant asks for it.

The user reads messages as a person who is not looking at the tools: a question is answered, a promise is waved
through, everything else counts as a report and brings the next turn or the end.
"""

from __future__ import annotations

import json
import random
import re
from functools import cache
from importlib import resources
from typing import Any

from rubrics.normal import Text, flat_text, mentions, squash
from synth.goals.templates import split_of_persona
from synth.packaged import HELD_OUT
from synth.records import Call
from synth.taskspec import Fact, UserAct, UserProfile

PATIENCE = 4  # answers without progress before the user leaves
THANKS = 0.35  # share of conversations that the user closes with a word of thanks

_CLOSING = re.compile(
    r"anything else|something else|else (?:i|we|that i) can|else you"
    r"|(?:can|could|may) i (?:also )?help (?:you )?(?:further|with)"
    r"|further (?:help|assistance|questions)|let me know if|feel free|happy to help"
    r"|how (?:else )?(?:can|may) i (?:help|assist)|what (?:else )?(?:can|may) i (?:do|help)"
)
_REQUEST = re.compile(
    r"\b(?:please|could you|can you|would you|i need you to|kindly)\b.{0,20}"
    r"\b(?:tell|give|provide|share|specify|confirm|clarify|say)\b"
    r"|\blet me know (?:which|what|who|when|where|how|the|your)\b"
    r"|\bi(?:'ll| will)? need (?:to know|your|the|a few|some|more)\b|\bi(?:'d| would) need\b"
)
_CONFIRM = re.compile(
    r"^(?:so |just to confirm,? |ok(?:ay)?,? )*(?:shall|should|do you want|would you like|can i|may i"
    r"|is (?:that|this|it)|are you|do i|did you mean|ready|ok(?:ay)? to|correct|right|does that|do you mean"
    r"|want me to|you want)\b"
)
_PROMISE = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|all right|alright|got it|great|thanks|thank you)?[\s,.!:-]*"
    r"(?:let me|i'll|i will|i am going to|i'm going to|one moment|just a moment|hold on|please wait|give me a moment"
    r"|working on)"
)
_DONE = re.compile(
    r"\b(?:done|i have|i've|has been|have been|is now|are now|was|were|completed|finished|there (?:is|are)|unable|can't"
    r"|cannot)\b"
)
_INSTRUCTS = re.compile(
    r"\b(?:please|go ahead|kindly|(?:could|can|would) you|you (?:can|may|will|need|should|have to))\b"
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:\.(?=\S)[^.!?\n]*)*[.!?]*", re.DOTALL)
_STEM = re.compile(r"(?:ies|es|s|ing|ed)$")


@cache
def _phrases(split: str) -> dict[str, Any]:
    """What people of a split say besides their profile: by sort, then by style where a sort has them."""
    file = f"data/{'eval/' if split == HELD_OUT else ''}user.json"
    found: dict[str, Any] = json.loads(resources.files("synth.sim").joinpath(file).read_text(encoding="utf-8"))
    return found


class SimulatedUser:
    """One user of one episode. Deterministic in (profile, rng)."""

    def __init__(self, profile: UserProfile, rng: random.Random) -> None:
        self.profile, self._rng = profile, rng
        self.left = self.said_bye = False
        self.turns_at: list[int] | None = None
        self._turn = 0
        self._answered: set[str] = set()
        self._stuck = 0
        self._done: dict[str, Call] = {}  # acts of their own, by id
        self._thanked = rng.random() >= THANKS  # True: leaves without a word

    async def open(self) -> str:
        return self.profile.turns[0]

    async def reply(self, text: str) -> str | None:
        """Answer a message that made no calls; None ends the conversation."""
        if self._turn >= len(self.profile.turns):
            return None  # thanks were said: whatever comes now is small talk
        if self.profile.talk:
            return self._next()
        sentences = _matter(text)
        questions = self._questions(sentences)
        if questions:
            return self._answer(questions)
        if _promises(sentences):
            return self._patiently(self._pick("nudge"))
        return self._next()

    def acts_for(self, text: str) -> list[UserAct]:
        """The acts that a message asks for and that were not done yet."""
        if not self.profile.acts or self._turn >= len(self.profile.turns):
            return []
        facts = asked_for(self._known(), self._questions(_matter(text)))
        wanted = dict.fromkeys(i for f in facts for i in f.by if i not in self._done)
        acts = {a.id: a for a in self.profile.acts}
        return [acts[i] for i in wanted]

    def saw(self, act: UserAct, call: Call) -> None:
        self._done[act.id] = call

    def _questions(self, sentences: list[str]) -> list[str]:
        """What is to be answered. Who has things to do is also asked by being told to ("please restart it")."""
        told = [f for f in self._known() if f.by]
        return [
            s for s in sentences
            if is_question(s) or (told and _INSTRUCTS.search(squash(s)) and asked_for(told, [s]))
        ]  # fmt: skip

    def _sayable(self, fact: Fact) -> bool:
        """Whether what has to be done for it was done, and showed it."""
        calls = [self._done[i] for i in fact.by if i in self._done]
        if len(calls) < len(fact.by) or not all(c.ok for c in calls):
            return False
        return not fact.shown or mentions(fact.value, Text(flat_text(calls[-1].result)))

    def _next(self) -> str | None:
        self._stuck = 0
        self._turn += 1
        if self._turn < len(self.profile.turns):
            return self.profile.turns[self._turn]
        if self._thanked:
            return None
        self._thanked = True
        return self.profile.thanks

    def _answer(self, questions: list[str]) -> str | None:
        facts = asked_for(self._known(), questions)
        new = [f for f in facts if f.told is None and f.id not in self._answered]
        facts = new or facts  # what was said already need not be said again beside it
        facts = [f for f in facts if not f.by or self._sayable(f)]
        if facts:
            fresh = [f for f in facts if f.id not in self._answered]
            self._answered |= {f.id for f in facts}
            said = " ".join(sentence(f.say) for f in facts)
            if fresh:
                self._stuck = 0
                if not all(f.say[:1].islower() for f in facts):
                    return said  # a whole sentence has the persona's own voice already
                return self._pick("answer").replace("{facts}", said)
            return self._patiently(self._pick("again").replace("{facts}", said))
        if any(_CONFIRM.search(squash(q)) for q in questions):
            return self._patiently(self._pick("go_ahead"))
        return self._patiently(self.profile.unknown)

    def _known(self) -> list[Fact]:
        """What the user can be asked for by now: a fact of a later turn has not come up yet."""
        return [f for f in self.profile.facts if f.told is None or f.told <= self._turn]

    def _patiently(self, answer: str) -> str | None:
        """Give `answer`, or leave when there was no progress for too long."""
        self._stuck += 1
        if self._stuck > PATIENCE:
            self.left = True
            return None
        return answer

    def _pick(self, kind: str) -> str:
        forms = _phrases(split_of_persona(self.profile.style))[kind]
        if isinstance(forms, dict):
            forms = forms.get(self.profile.style, forms["plain"])
        return str(self._rng.choice(forms))


def _matter(text: str) -> list[str]:
    """The sentences of a message, without those that only offer more help."""
    return [s for s in sentences_of(text) if not _CLOSING.search(squash(s))]


def sentences_of(text: str) -> list[str]:
    return [s.strip() for s in _SENTENCE.findall(text) if s.strip(" .!?\n")]


def is_question(text: str) -> bool:
    return text.rstrip(" \"')*").endswith("?") or bool(_REQUEST.search(squash(text)))


def _promises(sentences: list[str]) -> bool:
    """Whether a message only announces work."""
    norms = [squash(s) for s in sentences]
    return any(_PROMISE.search(n) for n in norms) and not any(_DONE.search(n) for n in norms)


def asked_for(facts: list[Fact], questions: list[str]) -> list[Fact]:
    """The facts whose `about` words stand in one of the questions. Of two facts that match by nested words ("name" in
    "customer name") only the closer one is meant."""
    found: list[tuple[Fact, frozenset[str]]] = []
    for question in questions:
        words = _stems(question)
        hits = [(f, b) for f in facts if (b := _best(f, words)) is not None]
        found += [(f, b) for f, b in hits if not any(b < other for _, other in hits)]
    seen: dict[str, Fact] = {}
    for fact, _ in found:
        seen.setdefault(fact.id, fact)
    return list(seen.values())


def _best(fact: Fact, words: frozenset[str]) -> frozenset[str] | None:
    """The longest of the fact's `about` phrases whose words all occur."""
    hits = [p for about in fact.about if (p := _stems(about)) and p <= words]
    return max(hits, key=lambda p: (len(p), sorted(p)), default=None)


def _stems(text: str) -> frozenset[str]:
    return frozenset(_STEM.sub("", w) if len(w) > 3 else w for w in re.findall(r"[^\W_]+", squash(text)))


def sentence(clause: str) -> str:
    """A clause as a sentence: capital at the front unless the first word is a name of its own, a stop at the end."""
    text = clause.strip()
    first = text.split(" ", 1)[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if text[-1:] in ".!?" else text + "."
