"""Answers in OpenAI's form: whole, or as the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from model_core.assistant import call_message, fault_message
from model_core.engine import Completion, TokenLogprob
from model_core.parser import ReplyReader
from model_core.tokens import Tokenizer

Json = dict[str, Any]


def whole(head: Json, choices: list[Json], completions: Sequence[Completion]) -> Json:
    """A `chat.completion`."""
    return {**head, "object": "chat.completion", "choices": choices, "usage": usage(completions)}


def choice(index: int, message: Json, reason: str, logprobs: Json | None) -> Json:
    """One of its choices. Content is null where an answer only calls."""
    shown = {**message, "content": message["content"] or (None if message.get("tool_calls") else ""), "refusal": None}
    return {"index": index, "message": shown, "finish_reason": reason, "logprobs": logprobs}


def usage(completions: Sequence[Completion]) -> Json:
    """Tokens of the prompt, once for all choices, and of all answers."""
    prompt = completions[0].prompt_tokens
    generated = sum(len(one.ids) for one in completions)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
        # The first choice says what was there before this request; the others find its prompt.
        "prompt_tokens_details": {"cached_tokens": min(one.cached_tokens for one in completions)},
    }


def logprobs_json(tokenizer: Tokenizer, found: Iterable[TokenLogprob]) -> Json:
    """OpenAI's `logprobs`, for every generated token, those of calls and the end of the turn too."""

    def shown(token: int, logprob: float) -> Json:
        text = tokenizer.decode([token])
        return {"token": text, "logprob": max(logprob, -9999.0), "bytes": list(text.encode())}

    content = [
        {**shown(one.id, one.logprob), "top_logprobs": [shown(token, logprob) for token, logprob in one.top]}
        for one in found
    ]
    return {"content": content, "refusal": None}


class ChoiceStream:
    """The deltas of one choice. Text goes out as it becomes certain, a call when it is closed and well-formed: a client
    never gets half of a call that turns out malformed."""

    def __init__(self, index: int, first_call: int) -> None:
        self.index, self._first_call = index, first_call
        self.reader = ReplyReader()
        self._calls_sent = 0
        self._reasoning_sent = False

    def feed(self, text: str) -> Json:
        """The delta for more text; empty where nothing is certain yet."""
        fresh = self.reader.feed(text)
        return self._delta(fresh)

    def finish(self) -> Json:
        """The last delta, with what was malformed."""
        before = len(self.reader.reply.text)
        reply = self.reader.finish()
        delta = self._delta(reply.text[before:])
        if reply.faults:
            delta["faults"] = [fault_message(fault) for fault in reply.faults]
        return delta

    def chunk(self, head: Json, delta: Json, reason: str | None = None, logprobs: Json | None = None) -> Json:
        """A `chat.completion.chunk` of this choice."""
        one = {"index": self.index, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
        return {**head, "object": "chat.completion.chunk", "choices": [one]}

    def _delta(self, text: str) -> Json:
        delta: Json = {}
        reply = self.reader.reply
        if text:
            delta["content"] = text
        if reply.reasoning and not self._reasoning_sent:
            delta["reasoning_content"], self._reasoning_sent = reply.reasoning, True
        fresh = reply.calls[self._calls_sent :]
        if fresh:
            delta["tool_calls"] = [
                {"index": at, **call_message(call, self._first_call + at)}
                for at, call in enumerate(fresh, self._calls_sent)
            ]
            self._calls_sent = len(reply.calls)
        return delta
