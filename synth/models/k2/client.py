"""The client: requests of a few milliseconds go out as one batch per worker; what a dead worker leaves is asked again.

A request is sent to the worker that knows its conversation (`affinity`). Its random numbers hang on its own content
and on the seed of its slot, never on time or place, so that another worker, batch or run draws the same ones.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

from synth.errors import ModelError, ModelMalformed, ModelRefused, ModelUnavailable
from synth.models.k2.affinity import Affinity, digest_of, keys_of
from synth.models.k2.asks import Answer, Ask, NoWorkers, Pool, WorkerDied
from synth.models.protocol import Message, Reply, Sampling, read_message
from synth.records import Usage

GATHER_S = 0.002  # how long the first request of a batch waits for others
TRIES = 3  # workers that may die under one request
DEATHS = 6  # of workers in a row, without one answer between them: something is wrong with the model or the machine


class K2Client:
    """`backend`: the settings of the model (`pipeline.K2Model`)."""

    def __init__(self, pool: Pool, backend: Any) -> None:
        self.restarts = self.batches = self.requests = self.cached_tokens = 0
        self._pool, self._backend = pool, backend
        self._starting = asyncio.Lock()
        self._affinity: Affinity | None = None
        self._outbox: list[dict[str, tuple[Ask, asyncio.Future[Answer]]]] = []
        self._sent: dict[str, asyncio.Future[Answer]] = {}
        self._mending: list[asyncio.Lock] = []
        self._life: list[int] = []  # of each worker: how often it was started again
        self._deaths = 0
        self._broken = ""
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def complete(
        self,
        messages: list[Message],
        tools: list[dict[str, Any]],
        sampling: Sampling,
        response_schema: dict[str, Any] | None = None,
    ) -> Reply:
        """Raises as `ModelClient` says; every error carries what was spent on it."""
        tries = 0
        answer: Answer | None = None
        try:
            affinity = await self._started()
            ask, keys = self._ask(messages, tools, sampling, response_schema), keys_of(messages, tools)
            while answer is None:
                tries += 1
                answer = await self._tried(affinity, ask, keys, tries)
            return self._read(answer, tries)
        except ModelError as error:
            error.usage = _usage(answer, tries)
            raise

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pool.close()

    async def _started(self) -> Affinity:
        async with self._starting:
            if self._affinity is None and not self._broken:
                try:
                    workers = await self._pool.start()
                except NoWorkers as error:
                    self._broken = str(error)
                else:
                    self._outbox = [{} for _ in range(workers)]
                    self._mending = [asyncio.Lock() for _ in range(workers)]
                    self._life = [0] * workers
                    self._affinity = Affinity(workers, self._backend.max_batch)
        if self._broken or self._affinity is None:
            raise ModelUnavailable(self._broken)
        return self._affinity

    def _ask(
        self, messages: list[Message], tools: list[dict[str, Any]], sampling: Sampling, schema: dict[str, Any] | None
    ) -> Ask:
        backend = self._backend
        return Ask(
            ask_id=str(next(self._numbers)), messages=messages, tools=tools, schema=schema,
            temperature=backend.temperature if sampling.temperature is None else sampling.temperature,
            top_p=1.0 if sampling.top_p is None else sampling.top_p,
            max_tokens=min(backend.max_tokens, sampling.max_tokens or backend.max_tokens),
            seed=int(digest_of([sampling.seed, messages])[:15], 16) >> 1, stop=sampling.stop,
        )  # fmt: skip

    async def _tried(self, affinity: Affinity, ask: Ask, keys: tuple[str, str], tries: int) -> Answer | None:
        """The answer; None where the worker died and another try is due."""
        worker = affinity.enter(keys)
        life = self._life[worker]
        try:
            return await self._sent_to(worker, ask)
        except WorkerDied as died:
            await self._mended(affinity, worker, life)
            if tries == TRIES:
                raise ModelUnavailable(f"the worker died {tries} times under this request: {died}") from None
            return None
        finally:
            affinity.leave(worker)

    async def _sent_to(self, worker: int, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        outbox = self._outbox[worker]
        if not outbox:
            loop.call_later(GATHER_S, self._send, worker)
        outbox[ask.ask_id] = (ask, future)
        self.requests += 1
        try:
            return await future
        except asyncio.CancelledError:
            if outbox.pop(ask.ask_id, None) is None and self._sent.pop(ask.ask_id, None) is not None:
                self._spawn(self._pool.cancel(worker, [ask.ask_id]))
            raise

    def _send(self, worker: int) -> None:
        batch = list(self._outbox[worker].values())
        self._outbox[worker].clear()
        if not batch:  # all were called off meanwhile
            return
        self.batches += 1
        self._sent.update({ask.ask_id: future for ask, future in batch})
        ids = [ask.ask_id for ask, _ in batch]
        self._spawn(self._delivered(worker, [ask for ask, _ in batch])).add_done_callback(
            lambda task: self._left(ids, task)
        )

    async def _delivered(self, worker: int, asks: list[Ask]) -> None:
        async for answers in self._pool.answer(worker, asks):
            self._deaths = 0
            for answer in answers:
                future = self._sent.pop(answer.ask_id, None)
                if future is not None and not future.done():
                    future.set_result(answer)

    def _left(self, ids: list[str], task: asyncio.Task[None]) -> None:
        """Whoever of a batch has no answer when it is over gets the reason."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        for ask_id in ids:
            future = self._sent.pop(ask_id, None)
            if future is None or future.done():
                continue
            if isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error or WorkerDied("it ended a batch with requests unanswered"))

    async def _mended(self, affinity: Affinity, worker: int, life: int) -> None:
        """A live worker in the place of one that died, once however many noticed."""
        async with self._mending[worker]:
            if self._life[worker] != life or self._broken:
                return
            self._deaths += 1
            if self._deaths >= DEATHS:
                self._broken = f"workers died {self._deaths} times in a row without one answer; see `synth doctor`"
                return
            try:
                await self._pool.restart(worker)
            except NoWorkers as error:
                self._broken = str(error)
                return
            affinity.forget(worker)
            self._life[worker] += 1
            self.restarts += 1

    def _read(self, answer: Answer, tries: int) -> Reply:
        self.cached_tokens += answer.cached_tokens
        if answer.fault == "refused":
            raise ModelRefused(answer.detail)
        if answer.fault == "unavailable":
            raise ModelUnavailable(answer.detail)
        if answer.fault == "malformed":
            raise ModelMalformed(answer.detail, answer.text)
        message = read_message(answer.message, answer.text)
        return Reply(message, answer.finish_reason, _usage(answer, tries), answer.text)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _usage(answer: Answer | None, tries: int) -> Usage:
    """What an answer took; a worker that died told nothing. `cost_usd` is 0: nobody sends a bill."""
    prompt, completion = (answer.prompt_tokens, answer.completion_tokens) if answer else (0, 0)
    return Usage(requests=tries, prompt_tokens=prompt, completion_tokens=completion, cost_usd=0.0)
