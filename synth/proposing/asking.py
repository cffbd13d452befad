"""One question to a model, and at most two repairs: what is wrong with a reply goes back as sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from synth.models.protocol import Message, ModelClient, Sampling
from synth.proposing.prompts import fill
from synth.proposing.reading import Unreadable, read_reply
from synth.records import Usage

REPAIRS = 2
MAX_SENTENCES = 12  # of one repair
_ECHO = 40_000  # characters of an own reply that the model is shown again

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
    """The best value of all replies; without one, why the last reply was none."""

    value: T | None
    reason: str
    detail: str
    replies: int
    usage: Usage


async def ask(
    client: ModelClient, sampling: Sampling, prompt: str, schema: dict[str, Any],
    judge: Callable[[dict[str, Any]], Judged[T]],
) -> Answer[T]:  # fmt: skip
    """Ask, read, judge; send back what is wrong until nothing is or the repairs are used up. ModelErrors go through."""
    messages: list[Message] = [{"role": "user", "content": prompt}]
    best: Judged[T] | None = None
    last: Judged[T] = Judged(None)
    spent = Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)
    replies = 0
    for _ in range(1 + REPAIRS):
        reply = await client.complete(messages, [], sampling, schema)
        replies, spent = replies + 1, added(spent, reply.usage)
        text = str(reply.message.get("content") or "")
        try:
            last = judge(read_reply(text, schema, cut_off=reply.finish_reason == "length"))
        except Unreadable as wrong:
            last = Judged(None, reason=wrong.reason, sentences=[wrong.sentence])
        if last.value is not None and (best is None or last.score > best.score):
            best = last
        if not last.sentences:
            break
        told = fill(
            "propose_repair.j2", sentences=last.sentences[:MAX_SENTENCES], more=len(last.sentences) - MAX_SENTENCES
        )
        messages += [{"role": "assistant", "content": text[:_ECHO]}, {"role": "user", "content": told}]
    detail = " | ".join(last.sentences)[:600]
    return Answer(
        best.value if best else None, last.reason, f"{detail} (replies: {replies}, {told_of(spent)})", replies, spent
    )


def added(a: Usage, b: Usage) -> Usage:
    return Usage(
        requests=a.requests + b.requests, prompt_tokens=a.prompt_tokens + b.prompt_tokens,
        completion_tokens=a.completion_tokens + b.completion_tokens, cost_usd=round(a.cost_usd + b.cost_usd, 9),
    )  # fmt: skip


def told_of(usage: Usage) -> str:
    return f"tokens: {usage.prompt_tokens} in, {usage.completion_tokens} out"
