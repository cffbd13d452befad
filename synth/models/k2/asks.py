"""What travels between the client and a worker. Plain values: they cross processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from synth.models.protocol import Message


@dataclass(frozen=True)
class Ask:
    """One request. `seed` is its own: the same ask gives the same answer, but for rounding (`docs/models.md`)."""

    ask_id: str
    messages: list[Message]
    tools: list[dict[str, Any]]
    schema: dict[str, Any] | None
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What became of an ask. Without a message `fault` says of what kind the failure is and `detail` why, in one
    sentence; `text` is what the model wrote. Tokens are counted whatever became of it."""

    ask_id: str
    message: Message | None
    finish_reason: str = "stop"
    fault: Literal["", "refused", "malformed", "unavailable"] = ""
    detail: str = ""
    text: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    model_steps: int = 0


class WorkerDied(Exception):
    """A worker is gone, and what it was asked is unanswered."""


class NoWorkers(Exception):
    """No worker can be had: one sentence says why."""


class Pool(Protocol):
    """Where workers live: this process, or Ray. They are numbered from 0."""

    async def start(self) -> int:
        """Open the model everywhere; how many workers there are. Raises NoWorkers."""
        ...

    def answer(self, worker: int, asks: Sequence[Ask]) -> AsyncIterator[list[Answer]]:
        """Answers of one batch as they are ready. Raises WorkerDied."""
        ...

    async def cancel(self, worker: int, ask_ids: Sequence[str]) -> None:
        """Nobody waits for these any more."""
        ...

    async def restart(self, worker: int) -> None:
        """Another worker in the place of one that died. Raises NoWorkers."""
        ...

    async def close(self) -> None: ...
