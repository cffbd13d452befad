"""What a model is for: proposer, writer, paraphraser, user, tools, assistant, judge.

`Role.ask` is the one way to a schema-bound answer: ask, read, validate, check; what is wrong goes back once as
sentences; after that there is no answer, and the caller records why. A role counts what it spends, failed requests
included, so each slot makes roles of its own around shared clients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, get_args

from synth.errors import FailureClass, ModelError, TaskFailure
from synth.models.prompts import fill
from synth.models.protocol import Message, ModelClient, Reply, Sampling
from synth.models.reading import Unreadable, read_reply
from synth.records import Usage

RoleName = Literal["proposer", "writer", "paraphraser", "user", "tools", "assistant", "judge"]
ROLES: tuple[RoleName, ...] = get_args(RoleName)
REPAIR = "repair.j2"  # the prompt of the second try; in the fingerprint of every stage that asks
REPAIRS = 1
MAX_SENTENCES = 12  # of one repair
_ECHO = 40_000  # characters of an own reply that the model is shown again
NO_USAGE = Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)

T = TypeVar("T")


@dataclass(frozen=True)
class Judged(Generic[T]):
    """What became of a readable reply. `value` may be usable though `sentences` name what is wrong; `score` compares
    values of several replies. No sentences: nothing is left to mend."""

    value: T | None
    score: int = 0
    reason: str = ""
    sentences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Answer(Generic[T]):
    """The best value of all replies; without one, why the last reply was none. `text` is that reply."""

    value: T | None
    reason: str
    detail: str
    replies: int
    usage: Usage
    text: str = ""

    def must(self, boundary: str, class_: FailureClass = "model") -> T:
        """The value. Raises TaskFailure with what was wrong and what the model wrote."""
        if self.value is None:
            raise TaskFailure(class_, boundary, f"{self.reason}: {self.detail}; it wrote: {self.text[:1200]}")
        return self.value


class Role:
    """One model in one role, for one slot. `model` is what rows say about who wrote them."""

    def __init__(self, name: RoleName, client: ModelClient, model: str, sampling: Sampling = Sampling()) -> None:
        self.name, self.client, self.model, self.sampling = name, client, model, sampling
        self.usage = NO_USAGE

    async def complete(
        self, messages: list[Message], tools: list[dict[str, Any]], schema: dict[str, Any] | None = None
    ) -> Reply:
        """One reply as it is. ModelErrors go through; what they cost is counted."""
        try:
            reply = await self.client.complete(messages, tools, self.sampling, schema)
        except ModelError as error:
            if error.usage is not None:
                self.usage = added(self.usage, error.usage)
            raise
        self.usage = added(self.usage, reply.usage)
        return reply

    async def ask(
        self,
        prompt: str | Sequence[Message],
        schema: dict[str, Any],
        check: Callable[[dict[str, Any]], Judged[T]],
    ) -> Answer[T]:
        """A JSON object under `schema` that passes `check`, mended at most once. ModelErrors go through.

        `prompt` is the text of one user message (`prompts.fill`), or whole messages. `check` gets the validated object
        and says in `Judged.sentences` what is wrong with it, for the model to read."""
        messages: list[Message] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
        best: Judged[T] | None = None
        last: Judged[T] = Judged(None)
        before, text, replies = self.usage, "", 0
        for _ in range(1 + REPAIRS):
            reply = await self.complete(messages, [], schema)
            replies += 1
            text = str(reply.message.get("content") or "")
            try:
                last = check(read_reply(text, schema, cut_off=reply.finish_reason == "length"))
            except Unreadable as wrong:
                last = Judged(None, reason=wrong.reason, sentences=[wrong.sentence])
            if last.value is not None and (best is None or last.score > best.score):
                best = last
            if not last.sentences:
                break
            told = fill(REPAIR, sentences=last.sentences[:MAX_SENTENCES], more=len(last.sentences) - MAX_SENTENCES)
            messages += [{"role": "assistant", "content": text[:_ECHO]}, {"role": "user", "content": told}]
        spent = less(self.usage, before)
        detail = f"{' | '.join(last.sentences)[:600]} (replies: {replies}, {told_of(spent)})"
        return Answer(best.value if best else None, last.reason, detail, replies, spent, text)


def added(a: Usage, b: Usage) -> Usage:
    return Usage(
        requests=a.requests + b.requests, prompt_tokens=a.prompt_tokens + b.prompt_tokens,
        completion_tokens=a.completion_tokens + b.completion_tokens, cost_usd=round(a.cost_usd + b.cost_usd, 9),
    )  # fmt: skip


def less(a: Usage, b: Usage) -> Usage:
    return Usage(
        requests=a.requests - b.requests, prompt_tokens=a.prompt_tokens - b.prompt_tokens,
        completion_tokens=a.completion_tokens - b.completion_tokens, cost_usd=round(a.cost_usd - b.cost_usd, 9),
    )  # fmt: skip


def told_of(usage: Usage) -> str:
    return f"tokens: {usage.prompt_tokens} in, {usage.completion_tokens} out"
