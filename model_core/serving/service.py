"""A request, once it is checked: through the engine, into an answer or a stream of chunks. No HTTP in here."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from model_core.assistant import DEFAULT_TOKENS, Assistant, answer_end, calls_made, heard, message_of
from model_core.enforcer import SchemaRefused
from model_core.engine import Completion, EngineLoop, Event, Request, SamplingParams, TokenLogprob
from model_core.errors import ModelError
from model_core.parser import ParsedReply, parse_tool_calls
from model_core.serving.metrics import Metrics
from model_core.serving.refusals import RequestRefused
from model_core.serving.replies import ChoiceStream, Json, choice, logprobs_json, usage, whole
from model_core.serving.wire import ChatRequest


@dataclass(frozen=True)
class Asked:
    """A request on its way: a `Request` of the engine for each choice."""

    head: Json  # id, created, model: the same in every chunk
    requests: list[Request]
    first_call: int
    logprobs: bool
    include_usage: bool
    began: float  # time.monotonic()


class Service:
    """Answers requests with one engine. At most `max_queue` choices wait or run; more are refused with 429.
    `answer_tokens` bounds an answer whose request does not."""

    def __init__(
        self,
        assistant: Assistant,
        loop: EngineLoop,
        *,
        enforcer: bool = True,
        max_queue: int = 1024,
        answer_tokens: int = DEFAULT_TOKENS,
    ) -> None:
        self.assistant, self.metrics = assistant, Metrics()
        self.created = int(time.time())
        self.draining = False
        self._loop, self._enforcer = loop, enforcer
        self._max_queue, self._answer_tokens = max_queue, answer_tokens
        self.in_flight = 0  # choices
        # Tokens and grammars are made beside the event loop, one request at a time.
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="prepare")

    @asynccontextmanager
    async def admitted(self, request: ChatRequest, fields: Json) -> AsyncIterator[Asked]:
        """The request, checked against the model, the queue and the enforcer; it is in the queue until the block ends.
        Raises `RequestRefused`."""
        if request.model != self.assistant.name:
            raise RequestRefused(
                f"there is no model {request.model[:100]!r} here; it serves {self.assistant.name!r}",
                status=404, param="model", code="model_not_found",
            )  # fmt: skip
        self._check_room(request.n)
        self.in_flight += request.n
        self.metrics.in_flight.set(self.in_flight)
        try:
            preparing = asyncio.get_running_loop().run_in_executor(self._preparing, self._prepare, request, fields)
            try:
                asked = await preparing
            except ModelError as error:
                raise RequestRefused(str(error), code=_code(error)) from error
            yield asked
        finally:
            self.in_flight -= request.n
            self.metrics.in_flight.set(self.in_flight)

    async def answer(self, asked: Asked) -> Json:
        """The whole `chat.completion`; cancelled, it cancels its choices. Raises `RequestRefused`."""
        running = [asyncio.create_task(self._complete(one)) for one in asked.requests]
        try:
            completions = await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
        choices = []
        for index, completion in enumerate(completions):
            reply = parse_tool_calls(completion.text)
            reason = self._ended(asked, completion, reply)
            message = message_of(reply, asked.first_call)
            choices.append(choice(index, message, reason, self._logprobs(asked, completion.logprobs)))
        return whole(asked.head, choices, completions)

    async def stream(self, asked: Asked) -> AsyncGenerator[Json]:
        """Chunks of all choices as they come; closed early, it cancels them. Raises `RequestRefused` if one fails."""
        streams = {one.request_id: ChoiceStream(at, asked.first_call) for at, one in enumerate(asked.requests)}
        completions: list[Completion] = []
        for one in streams.values():
            yield one.chunk(asked.head, {"role": "assistant", "content": ""})
        async with aclosing(self._events(asked.requests)) as events:
            async for event in events:
                for chunk in self._chunks(asked, streams[event.request_id], event):
                    yield chunk
                if event.completion is not None:
                    completions.append(event.completion)
        if asked.include_usage:
            yield {**asked.head, "object": "chat.completion.chunk", "choices": [], "usage": usage(completions)}

    def close(self) -> None:
        """No more requests; what is in flight ends now, as cancelled."""
        self.draining = True
        self._preparing.shutdown(cancel_futures=True)
        self._loop.close()

    def _check_room(self, more: int) -> None:
        if self.draining:
            raise RequestRefused("the server is stopping; ask another, or later", status=503)
        if self.in_flight + more > self._max_queue:
            raise RequestRefused(
                f"{self.in_flight} answers are in the queue, which takes {self._max_queue}; ask again later",
                status=429, code="queue_full", headers={"Retry-After": "1"},
            )  # fmt: skip

    def _prepare(self, request: ChatRequest, fields: Json) -> Asked:
        messages = [_as_rendered(message) for message in fields["messages"]]
        enforce = self._enforcer if request.enforcer is None else request.enforcer
        answer_id = f"chatcmpl-{uuid.uuid4().hex}"
        requests = [
            self.assistant.prepare(
                messages, fields.get("tools", []), _params(request, index, self._answer_tokens),
                request_id=f"{answer_id}-{index}",
                tool_choice=request.choice, response_format=fields.get("response_format"), enforce=enforce,
                parallel=request.parallel_tool_calls, fit=request.budget is None,
                grounded=heard(messages) if request.grounded else None,
            )
            for index in range(request.n)
        ]  # fmt: skip
        head = {"id": answer_id, "created": int(time.time()), "model": self.assistant.name}
        options = request.stream_options
        usage_too = options is not None and options.include_usage
        return Asked(head, requests, calls_made(messages), request.logprobs, usage_too, time.monotonic())

    async def _complete(self, request: Request) -> Completion:
        try:
            return await self._loop.complete(request)
        except ModelError as error:
            raise RequestRefused(str(error), status=503) from error

    async def _events(self, requests: list[Request]) -> AsyncGenerator[Event]:
        """Of all choices, as they come; closed early, it cancels them."""
        news: asyncio.Queue[Event | ModelError] = asyncio.Queue()

        async def forward(request: Request) -> None:
            try:
                async with aclosing(self._loop.stream(request)) as events:
                    async for event in events:
                        news.put_nowait(event)
            except ModelError as error:
                news.put_nowait(error)

        running = [asyncio.create_task(forward(request)) for request in requests]
        try:
            left = len(requests)
            while left:
                event = await news.get()
                if isinstance(event, ModelError):
                    raise RequestRefused(str(event), status=503) from event
                left -= event.completion is not None
                yield event
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _chunks(self, asked: Asked, one: ChoiceStream, event: Event) -> Iterator[Json]:
        delta = one.feed(event.text)
        logprobs = self._logprobs(asked, event.logprobs or None)
        if delta or logprobs:
            yield one.chunk(asked.head, delta, logprobs=logprobs)
        if event.completion is not None:
            delta = one.finish()
            reason = self._ended(asked, event.completion, one.reader.reply)
            yield one.chunk(asked.head, delta, reason)

    def _ended(self, asked: Asked, completion: Completion, reply: ParsedReply) -> str:
        """Count a choice and say why it ended. Raises `RequestRefused` where that was not its own doing."""
        reason = answer_end(completion, reply)
        self.metrics.ended(completion, reason, reply.faults, time.monotonic() - asked.began)
        if reason == "cancelled":
            raise RequestRefused("the server stopped before the answer was done; ask again", status=503)
        if reason == "error":
            raise RequestRefused(completion.error or "the engine failed", status=500)
        return reason

    def _logprobs(self, asked: Asked, found: list[TokenLogprob] | None) -> Json | None:
        return logprobs_json(self.assistant.tokenizer, found) if asked.logprobs and found is not None else None


def _params(request: ChatRequest, index: int, answer_tokens: int) -> SamplingParams:
    return SamplingParams(
        temperature=request.temperature, top_p=request.top_p, min_p=request.min_p,
        presence_penalty=request.presence_penalty, frequency_penalty=request.frequency_penalty,
        repetition_penalty=request.repetition_penalty, max_tokens=request.budget or answer_tokens,
        seed=None if request.seed is None else request.seed + index, stop=request.stops,
        top_logprobs=request.top_logprobs if request.logprobs else None,
    )  # fmt: skip


def _as_rendered(message: Json) -> Json:
    """A developer speaks as the system."""
    return {**message, "role": "system"} if message["role"] == "developer" else message


def _code(error: ModelError) -> str:
    return "schema_refused" if isinstance(error, SchemaRefused) else "refused"
