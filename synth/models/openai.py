"""Any OpenAI-compatible endpoint.

Retried: transport errors and 5xx (with backoff), 429 after the pause the server asks for, and twice a request that was
never answered. Nothing else: a wrong key or address makes the endpoint unavailable, any other 4xx is a refusal, a reply
that cannot be read is malformed and kept with its text. Every request counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import OrderedDict
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from pydantic_core import PydanticSerializationError, to_json

from synth.errors import ModelError, ModelMalformed, ModelRefused, ModelUnavailable, UsageError
from synth.models.limit import Adaptive
from synth.models.posting import Answer, Poster
from synth.models.protocol import Message, Reply, Sampling, read_message
from synth.records import Usage

ATTEMPTS = 6  # of one request, over transport errors and 5xx: about six seconds with the default backoff
MOST_BACKOFF_S = 5.0
HANGS = 3  # tries of a request that is not answered: one in a hundred that hangs costs no row
NOT_SERVED = frozenset({401, 402, 403, 404, 405, 407})  # key, account, address: says nothing about the request
MAX_PAUSE_S = 60.0
MAX_REPLY_BYTES = 16 << 20
WRITTEN = 1024  # sets of tools whose JSON is kept


class _Passing(Exception):
    """A transport error or a 5xx: worth another try."""


class _Slow(Exception):
    """A 429: wait `pause` seconds."""

    def __init__(self, pause: float) -> None:
        super().__init__(f"429, wait {pause} s")
        self.pause = pause


class OpenAIClient:
    """`timeout_s` is how long one `complete` waits for a reply, retries included and waiting for room not; a request
    that is not answered by then is given up and sent again, twice at most."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        max_concurrency: int = 64,
        timeout_s: float = 120.0,
        usd_per_mtoken_in: float = 0.0,
        usd_per_mtoken_out: float = 0.0,
        backoff_s: float = 0.2,
    ) -> None:
        self.model, self.timeout_s = model, timeout_s
        self.requests = 0  # sent over the life of the client, failed ones included
        self.room = Adaptive(max_concurrency)
        self._prices = (usd_per_mtoken_in, usd_per_mtoken_out)
        self._backoff = backoff_s
        auth = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._poster = Poster(base_url.rstrip("/") + "/chat/completions", auth, max_concurrency)
        self._tools = WrittenTools()

    async def complete(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]],
        sampling: Sampling,
        response_schema: dict[str, Any] | None = None,
    ) -> Reply:
        """Raises as `ModelClient` says; every error carries what was spent on it."""
        body = self._tools.joined(request_body(self.model, messages, sampling, response_schema), tools)
        spent, data = [0], None
        try:
            try:
                data, answer = await self._in_time(body, spent)
            except TimeoutError:
                raise ModelUnavailable(f"no reply within {self.timeout_s} s ({spent[0]} requests)") from None
            except (_Passing, _Slow) as error:
                raise ModelUnavailable(f"{error} ({spent[0]} requests)") from None
            return self._read(data, answer, spent[0])
        except ModelError as error:
            error.usage = self._usage(data, spent[0])
            raise

    async def close(self) -> None:
        await self._poster.close()

    async def _in_time(self, body: bytes, spent: list[int]) -> tuple[Any, Answer]:
        """Raises TimeoutError where the deadline passed on the last try."""
        for _ in range(HANGS - 1):
            with suppress(TimeoutError):
                return await self._sent(body, spent)
        return await self._sent(body, spent)

    async def _sent(self, body: bytes, spent: list[int]) -> tuple[Any, Answer]:
        async with asyncio.timeout(self.timeout_s) as deadline:
            return await self._over_429(body, spent, deadline)

    async def _over_429(self, body: bytes, spent: list[int], deadline: asyncio.Timeout) -> tuple[Any, Answer]:
        while True:  # 429 is no failure of the request: it goes on until the deadline
            try:
                return await self._retried(body, spent, deadline)
            except _Slow as slow:
                await asyncio.sleep(slow.pause)

    async def _retried(self, body: bytes, spent: list[int], deadline: asyncio.Timeout) -> tuple[Any, Answer]:
        for wait in range(ATTEMPTS - 1):
            try:
                return await self._once(body, spent, deadline)
            except _Passing:
                jitter = random.uniform(0, self._backoff / 2)
                await asyncio.sleep(min(MOST_BACKOFF_S, self._backoff * 2**wait + jitter))
        return await self._once(body, spent, deadline)

    async def _once(self, body: bytes, spent: list[int], deadline: asyncio.Timeout) -> tuple[Any, Answer]:
        async with self.room.slot(deadline) as epoch:
            spent[0] += 1
            self.requests += 1
            try:
                answer = await self._poster.post(body)
            except aiohttp.ClientError as error:
                raise _Passing(f"{type(error).__name__}: {error}") from None
            self._check(answer, epoch)
        if len(answer.body) > MAX_REPLY_BYTES:
            raise ModelMalformed("the reply is too large", answer.text[:4000])
        try:
            return json.loads(answer.body), answer
        except (ValueError, RecursionError):
            raise ModelMalformed("the reply is not JSON", answer.text[:4000]) from None

    def _check(self, answer: Answer, epoch: int) -> None:
        """Raises what a status other than 200 means."""
        if answer.status == 200:
            self.room.faster()
            return
        if answer.status == 429:
            pause = retry_after(answer.headers.get("retry-after"), self._backoff)
            self.room.slower(epoch, pause)
            raise _Slow(pause)
        told = f"HTTP {answer.status}: {_line(answer.text)}"
        if answer.status >= 500:
            raise _Passing(told)
        if answer.status in NOT_SERVED:
            raise ModelUnavailable(told)
        if answer.status >= 400:
            raise ModelRefused(told)
        raise ModelMalformed(f"HTTP {answer.status}", answer.text[:4000])

    def _read(self, data: Any, answer: Answer, requests: int) -> Reply:
        choices = data.get("choices") if isinstance(data, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise ModelMalformed("the reply has no choices", answer.text[:4000])
        choice = choices[0]
        reason = str(choice.get("finish_reason") or "stop")
        if reason == "content_filter":
            raise ModelRefused("the endpoint's content filter stopped the reply")
        return Reply(read_message(choice.get("message"), answer.text[:4000]), reason, self._usage(data, requests))

    def _usage(self, data: Any, requests: int) -> Usage:
        """What a reply says it took; nothing where it says nothing."""
        found = data.get("usage") if isinstance(data, dict) else None
        told = found if isinstance(found, dict) else {}
        tokens_in, tokens_out = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
        cost = (tokens_in * self._prices[0] + tokens_out * self._prices[1]) / 1_000_000
        return Usage(requests=requests, prompt_tokens=tokens_in, completion_tokens=tokens_out, cost_usd=cost)


def request_body(
    model: str,
    messages: list[Message],
    sampling: Sampling,
    response_schema: dict[str, Any] | None,
) -> dict[str, Any]:
    """The JSON body of a chat completion without its tools; absent options are left out."""
    body: dict[str, Any] = {"model": model, "messages": messages}
    for name in ("temperature", "top_p", "max_tokens", "seed"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if response_schema is not None:
        named = {"name": "reply", "schema": response_schema, "strict": closed(response_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def closed(schema: Any) -> bool:
    """Whether a schema keeps to what `strict` allows: objects of known keys, all of them required."""
    if isinstance(schema, list):
        return all(map(closed, schema))
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("properties", {})) != set(schema.get("required", []))
    ):
        return False
    return all(map(closed, schema.values()))


def retry_after(header: str | None, default: float) -> float:
    """Seconds to wait as the header asks (seconds or an HTTP date), bounded; `default` without a readable one."""
    if header is None:
        return default
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (TypeError, ValueError):
            return default
    if seconds != seconds:  # NaN
        return default
    return min(max(seconds, 0.0), MAX_PAUSE_S)


def api_key_from(env_name: str | None) -> str | None:
    """The key in the named environment variable. Raises UsageError where it is named and missing."""
    if env_name is None:
        return None
    key = os.environ.get(env_name)
    if not key:
        raise UsageError(f"the environment variable {env_name} has no API key; export it")
    return key


class WrittenTools:
    """The JSON of tools, written once: the tools are most of a request, and every call of a conversation sends them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], tuple[list[dict[str, Any]], bytes]] = OrderedDict()

    def joined(self, body: dict[str, Any], tools: list[dict[str, Any]]) -> bytes:
        """The bytes of a body with its tools. What `tools` holds must not be changed afterwards."""
        written = _json(body)
        return b'%b,"tools":%b}' % (written[:-1], self._of(tools)) if tools else written

    def _of(self, tools: list[dict[str, Any]]) -> bytes:
        at = tuple(map(id, tools))
        found = self._kept.get(at)
        if found is None:
            found = self._kept[at] = (list(tools), _json(tools))  # held, so that an id stays the id of that tool
            if len(self._kept) > WRITTEN:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(at)
        return found[1]


def _json(value: Any) -> bytes:
    """A long conversation goes out with each call: pydantic's writer takes a fifth of the time."""
    try:
        return to_json(value)
    except PydanticSerializationError:  # half a surrogate pair, which a model may have written
        return json.dumps(value).encode()


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
