"""One request on its way through the engine."""

from __future__ import annotations

from collections.abc import Sequence as Many

from model_core.engine.guessing import Lookup
from model_core.engine.requests import Completion, Event, FinishReason, Request, TokenLogprob
from model_core.engine.sampling import Row, new_row
from model_core.engine.text import TextReader
from model_core.tokens import Tokenizer


class Sequence:
    """`ids` are prompt and generated tokens; the first `computed` of them are in the cache, in `pages`."""

    def __init__(self, request: Request, tokenizer: Tokenizer, end_ids: frozenset[int], limit: int) -> None:
        self.request = request
        self.ids = list(request.prompt)
        self.pages: list[int] = []
        self.computed = 0
        self.filled = 0  # tokens in pages that can be found again
        self.row: Row = new_row(request)
        self.lookup = Lookup()
        self.cached = 0  # prompt tokens that others computed
        self.preempted = False
        self.model_steps = 0
        self.finished: FinishReason | None = None
        self.error: str | None = None
        self._end_ids = end_ids | frozenset(request.params.stop_ids)
        self._limit = min(limit, len(request.prompt) + request.params.max_tokens)
        self._reader = TextReader(tokenizer, request.params.stop)
        self._logprobs: list[TokenLogprob] = []
        self._event = Event(request.request_id)

    @property
    def generated(self) -> list[int]:
        return self.ids[len(self.request.prompt) :]

    @property
    def room(self) -> int:
        """How many tokens it may still say."""
        return self._limit - len(self.ids)

    def force(self) -> None:
        """Take up what the constraint leaves no choice about."""
        constraint = self.request.constraint
        while constraint is not None and self.finished is None:
            if constraint.done:
                self.finish("stop")
                return
            forced = constraint.forced()
            if not forced:
                return
            constraint.accept(forced)
            self.extend(forced, [TokenLogprob(token, 0.0) for token in forced])

    def choose(self, token: int, logprob: TokenLogprob | None) -> None:
        """Take up a token that was drawn, and what follows from it."""
        if self.request.constraint is not None:
            self.request.constraint.accept([token])
        self.extend([token], [logprob] if logprob else [])
        self.force()

    def extend(self, tokens: Many[int], logprobs: Many[TokenLogprob]) -> None:
        """Tokens one by one, until one of them ends it."""
        for at, token in enumerate(tokens):
            self.ids.append(token)
            self.row.said[token] += 1
            self._event.ids.append(token)
            if self.request.params.top_logprobs is not None:
                self._logprobs.append(logprobs[at])
                self._event.logprobs.append(logprobs[at])
            if token in self._end_ids:
                self.finish("stop")
                return
            self._event.text += self._reader.feed([token])
            if self._reader.stopped:
                self.finish("stop")
                return
            if len(self.ids) >= self._limit:
                self.finish("length")
                return

    def finish(self, reason: FinishReason, error: str | None = None) -> None:
        """Nothing more comes."""
        self.finished, self.error = reason, error
        self._event.text += self._reader.end()

    def news(self) -> Event | None:
        """What happened since the last call; None if nothing."""
        event, self._event = self._event, Event(self.request.request_id)
        if self.finished is not None:
            event.completion = Completion(
                request_id=self.request.request_id,
                ids=self.generated,
                text=self._reader.text,
                finish_reason=self.finished,
                prompt_tokens=len(self.request.prompt),
                cached_tokens=self.cached,
                model_steps=self.model_steps,
                logprobs=self._logprobs if self.request.params.top_logprobs is not None else None,
                error=self.error,
            )
        return event if event.ids or event.text or event.completion else None
