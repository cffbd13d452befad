"""A user played by a model: it words the profile's requests, answers from what it knows, and ends the talk; every reply
is held to the profile (`synth.sim.held`), mended once, and otherwise a failure of the model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from synth.models.prompts import fill
from synth.models.roles import REPAIR, Judged, Role
from synth.records import Call
from synth.sim.held import Stand, faults
from synth.sim.user import PATIENCE
from synth.taskspec import Goal, UserAct, UserProfile

PROMPT = "user.j2"
PROMPTS = (PROMPT, REPAIR)
BOUNDARY = "sim.model_user"
SCHEMA = {
    "type": "object",
    "properties": {
        "say": {"type": "string", "maxLength": 4000}, "next": {"type": "boolean"}, "done": {"type": "boolean"},
    },
    "required": ["say", "next", "done"],
    "additionalProperties": False,
}  # fmt: skip
STYLES = {
    "plain": "plainly and politely", "terse": "in as few words as possible", "chatty": "warmly, with small talk",
    "formal": "formally", "hurried": "in a great hurry", "colleague": "like a colleague, relaxed",
    "impatient": "impatiently, a little annoyed", "non_native": "in simple English with the mistakes of a learner",
    "rambling": "with much background before coming to the point",
    "dictated": "as if dictated, without much punctuation",
    "casual": "in lower case, like a text message", "careless": "with a few typing mistakes, never in names or values",
    "methodical": "in an orderly way, item by item", "newcomer": "as somebody on their first day, a little unsure",
    "reporter": "as if reporting from a meeting", "caller": "as if on the phone", "emoji": "in lower case, with emojis",
    "elder": "kindly and old-fashioned", "tester": "soberly, like somebody who checks the system",
    "courteous": "with great courtesy", "blunt": "bluntly", "storyteller": "as if telling a story",
    "engineer": "like an engineer, in terse terms", "worried": "worriedly, afraid to do something wrong",
    "texter": "in lower case and text-message slang", "manager": "like a manager who hands out assignments",
    "hasty_typist": "with a few typing mistakes, never in names or values", "speaker": "as if dictated to a machine",
}  # fmt: skip


class ModelUser:
    """Raises TaskFailure("model") for a reply that stays wrong, and lets ModelErrors through."""

    def __init__(self, profile: UserProfile, goal: Goal, role: Role) -> None:
        self.profile, self._role = profile, role
        self.left = self.said_bye = False
        self.turns_at: list[int] = []  # which of the user's messages made which request
        self.refused: Counter[str] = Counter()  # replies that were sent back, by reason
        self.replies = 0
        self._stand = Stand(profile, goal)
        self._messages = 0
        self._stuck = 0

    async def open(self) -> str:
        """The first message: it makes the first request."""
        say, _, _ = await self._ask(first=True)
        return self._says(say, goes_on=True)

    async def reply(self, text: str) -> str | None:
        """The answer to a message that made no calls; None ends the conversation."""
        if self.said_bye:
            return None
        self._stand.talk.append(("Assistant", text))
        asked = self._stand.asked
        say, goes_on, done = await self._ask()
        if done:
            self.said_bye = True
            return self._says(say, goes_on=False) if say.strip() else None
        fresh = [f for f in asked if f.told is None]
        self._stand.answered |= {f.id for f in fresh}
        self._stuck = 0 if goes_on or fresh else self._stuck + 1
        if self._stuck > PATIENCE:
            self.left = True
            return None
        return self._says(say, goes_on)

    def acts_for(self, text: str) -> list[UserAct]:
        """None: users with tools of their own are not played by a model."""
        return []

    def saw(self, act: UserAct, call: Call) -> None:
        raise AssertionError(f"{act.id} was done, but this user does nothing")

    def trace(self) -> dict[str, Any]:
        """For the trajectory's row: who played, which of the user's messages make requests, what was refused."""
        return {"by": self._role.model, "turns_at": self.turns_at, "replies": self.replies,
                "refused": dict(sorted(self.refused.items()))}  # fmt: skip

    def _says(self, say: str, goes_on: bool) -> str:
        if goes_on:
            self._stand.turn += 1
            self.turns_at.append(self._messages)
        self._messages += 1
        self._stand.talk.append(("You", say))
        return say

    async def _ask(self, first: bool = False) -> tuple[str, bool, bool]:
        stand = self._stand
        now = {f.id for f in stand.asked} | stand.answered
        prompt = fill(
            PROMPT, person=self.profile.name, style=STYLES.get(self.profile.style, STYLES["plain"]),
            said=self.profile.turns[: stand.turn + 1], talk=stand.talk,
            coming=self.profile.turns[stand.turn + 1] if stand.has_next else "",
            known=[f.say for f in self.profile.facts if f.told is None or f.id in now],
        )  # fmt: skip

        def check(raw: dict[str, Any]) -> Judged[tuple[str, bool, bool]]:
            self.replies += 1
            goes_on = bool(raw["next"]) or first
            found = faults(stand, raw["say"], goes_on, raw["done"])
            self.refused.update({reason for reason, _ in found})
            if found:
                return Judged(None, reason=found[0][0], sentences=[sentence for _, sentence in found])
            return Judged((raw["say"].strip(), goes_on, raw["done"]))

        answer = await self._role.ask(prompt, SCHEMA, check)
        return answer.must(BOUNDARY)
