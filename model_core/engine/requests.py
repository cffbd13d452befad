"""What the engine is asked and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from model_core.errors import ModelError

FinishReason = Literal["stop", "length", "cancelled", "error"]


@dataclass(frozen=True)
class SamplingParams:
    """How the next token is drawn, and when to stop. Raises `ModelError` for a value out of its range.

    `temperature=0` is greedy. `presence_penalty` and `frequency_penalty` count what was generated,
    `repetition_penalty` the prompt too. `seed=None` takes the seed from the request's id. `stop` strings end the text
    before them; `stop_ids` end it as `<|im_end|>` always does. `top_logprobs=n` asks for logprobs: of each token, and
    of the n likeliest.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stop_ids: tuple[int, ...] = ()
    top_logprobs: int | None = None

    def __post_init__(self) -> None:
        _need(0 <= self.temperature <= 100, f"temperature is {self.temperature}; it must be from 0 to 100")
        _need(0 < self.top_p <= 1, f"top_p is {self.top_p}; it must be above 0 and at most 1")
        _need(0 <= self.min_p <= 1, f"min_p is {self.min_p}; it must be from 0 to 1")
        for name in ("presence_penalty", "frequency_penalty"):
            _need(-2 <= getattr(self, name) <= 2, f"{name} is {getattr(self, name)}; it must be from -2 to 2")
        _need(0 < self.repetition_penalty <= 10, "repetition_penalty must be above 0 and at most 10")
        _need(self.max_tokens >= 1, f"max_tokens is {self.max_tokens}; it must be at least 1")
        _need(all(self.stop), "a stop string is empty; leave it out")
        _need(self.top_logprobs is None or 0 <= self.top_logprobs <= 20, "top_logprobs must be from 0 to 20")

    @property
    def penalised(self) -> bool:
        """Whether what was said before changes the odds."""
        return bool(self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1)


class Constraint(Protocol):
    """What one request may say: stateful, and its own. Ids are the tokenizer's."""

    def mask(self, out: np.ndarray) -> None:
        """Fill a packed int32 bitmask [ceil(V / 32)], lowest bit first: 1 where a token may come next."""
        ...

    def forced(self) -> list[int]:
        """Tokens that must come next, perhaps none; the engine accepts them and feeds them as one chunk."""
        ...

    def accept(self, ids: Sequence[int]) -> None:
        """These tokens came."""
        ...

    @property
    def done(self) -> bool:
        """Nothing may follow."""
        ...


@dataclass
class Request:
    """A prompt to be continued. `request_id` is unique among the requests in the engine."""

    request_id: str
    prompt: list[int]
    params: SamplingParams = field(default_factory=SamplingParams)
    constraint: Constraint | None = None


@dataclass(frozen=True)
class TokenLogprob:
    """Natural log of the model's own probability of a token (before temperature, penalties and constraint).

    `top` are the likeliest tokens, best first. A token forced by a constraint has logprob 0 and no `top`: no
    alternative was weighed.
    """

    id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass
class Completion:
    """A request's end. `ids` are all generated tokens, the one that ended it included; `text` stops before it.

    `cached_tokens` of the `prompt_tokens` were not computed again. `model_steps` are the passes of the model that this
    request took part in after its prompt; `error` is one sentence where `finish_reason` is "error".
    """

    request_id: str
    ids: list[int]
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    model_steps: int
    logprobs: list[TokenLogprob] | None = None
    error: str | None = None


@dataclass
class Event:
    """News of one request: tokens and text since the last event; the completion when it has ended.

    Text trails the tokens where a character or a stop string may still be unfinished.
    """

    request_id: str
    ids: list[int] = field(default_factory=list)
    text: str = ""
    logprobs: list[TokenLogprob] = field(default_factory=list)
    completion: Completion | None = None


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ModelError(otherwise)
