"""A worker: one model, one engine, many asks at once. It lives in the run's process or in a Ray actor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from synth.models.k2.asks import Answer, Ask, NoWorkers, Pool
from synth.models.k2.slots import Slots

logger = logging.getLogger(__name__)


class K2Worker:
    """`backend`: the settings of the model (`pipeline.K2Model`). `open` before anything else."""

    def __init__(self, backend: Any, slots: Slots) -> None:
        self._backend, self._slots = backend, slots
        self._loop: Any = None  # model_core.engine.EngineLoop
        self._assistant: Any = None  # model_core.assistant.Assistant
        self._working: dict[str, asyncio.Task[Answer]] = {}
        self._told: set[str] = set()  # tools that the enforcer cannot hold requests to

    async def open(self) -> str:
        """Load the model; what is wrong with it, in one sentence, or nothing."""
        return await asyncio.to_thread(self._open)

    async def answer(self, asks: Sequence[Ask]) -> AsyncIterator[list[Answer]]:
        """Answers as they are ready, those of one moment together; none for what is called off meanwhile."""
        ready: asyncio.Queue[asyncio.Task[Answer]] = asyncio.Queue()
        mine = {ask.ask_id: asyncio.create_task(self._one(ask), name=ask.ask_id) for ask in asks}
        self._working.update(mine)
        for task in mine.values():
            task.add_done_callback(ready.put_nowait)
        left = len(mine)
        try:
            while left:
                ended = [await ready.get()]
                while not ready.empty():
                    ended.append(ready.get_nowait())
                left -= len(ended)
                if told := [_answer_of(task) for task in ended if not task.cancelled()]:
                    yield told
        finally:
            for ask_id, task in mine.items():
                task.cancel()
                self._working.pop(ask_id, None)

    async def cancel(self, ask_ids: Sequence[str]) -> None:
        """Call off asks, wherever they are; ids that have ended say nothing."""
        for ask_id in ask_ids:
            if ask_id in self._working:
                self._working[ask_id].cancel()

    async def close(self) -> None:
        if self._loop is not None:
            await asyncio.to_thread(self._loop.close)

    def _open(self) -> str:
        import torch

        from model_core import ModelError
        from model_core.assistant import Assistant
        from model_core.engine import Engine, EngineLoop
        from model_core.opening import open_checkpoint

        backend, slots = self._backend, self._slots
        if slots.device == "cuda" and not torch.cuda.is_available():
            return "the model asks for a GPU and torch sees none; write `device: cpu`, or give this machine a driver"
        if slots.device == "cpu":
            torch.set_num_threads(1)  # decoding is many small operations: more threads would wait for each other
        try:
            opened = open_checkpoint(named(backend), slots.device, slots.dtype, seed=backend.seed)
            engine = Engine(
                opened.model, opened.tokenizer, max_batch=backend.max_batch, cache_tokens=backend.cache_tokens
            )
        except ModelError as error:
            return str(error)
        self._loop = EngineLoop(engine)
        self._assistant = Assistant(self._loop, opened.tokenizer, opened.name)
        return ""

    async def _one(self, ask: Ask) -> Answer:
        from model_core import ModelError
        from model_core.assistant import calls_made

        blank = Answer(ask.ask_id, None)
        try:
            request = self._request(ask)
        except ModelError as error:  # the conversation cannot be shown, or the tools not be held to
            return replace(blank, fault="refused", detail=str(error))
        try:
            done = await self._loop.complete(request)
        except ModelError as error:
            return replace(blank, fault="unavailable", detail=str(error))
        counted = replace(
            blank, text=done.text, prompt_tokens=done.prompt_tokens, cached_tokens=done.cached_tokens,
            completion_tokens=len(done.ids), model_steps=done.model_steps,
        )  # fmt: skip
        if done.finish_reason in ("error", "cancelled"):
            return replace(counted, fault="unavailable", detail=done.error or "the engine was closed")
        message, end = self._assistant.read(done, calls_made(ask.messages))
        if faults := message.pop("faults", None):
            kinds = ", ".join(sorted({str(fault["kind"]) for fault in faults}))
            return replace(counted, fault="malformed", detail=f"a tool call is malformed ({kinds})")
        return replace(counted, message=message, finish_reason=end)

    def _request(self, ask: Ask) -> Any:
        from model_core.assistant import heard
        from model_core.enforcer import SchemaRefused
        from model_core.engine import SamplingParams

        backend = self._backend
        params = SamplingParams(
            temperature=ask.temperature, top_p=ask.top_p, max_tokens=ask.max_tokens, seed=ask.seed, stop=ask.stop
        )
        wanted = None
        if ask.schema is not None and backend.enforcer:
            wanted = {"type": "json_schema", "json_schema": {"schema": ask.schema}}
        prepare = partial(self._assistant.prepare, ask.messages, ask.tools, params, request_id=ask.ask_id, fit=True)
        try:
            grounded = heard(ask.messages) if backend.grounded else None
            return prepare(response_format=wanted, enforce=backend.enforcer, grounded=grounded)
        except SchemaRefused as refused:  # better free than without the tool; what comes is checked when it is run
            self._tell(str(refused.tool), str(refused))
            return prepare(enforce=False)

    def _tell(self, tool: str, why: str) -> None:
        """Once for each tool: a run asks thousands of times."""
        if tool not in self._told:
            self._told.add(tool)
            logger.warning("requests with this tool are not held to their schemas: %s", why)


def _answer_of(task: asyncio.Task[Answer]) -> Answer:
    """A bug under one request is its own: the others of the batch are answered."""
    error = task.exception()
    if error is None:
        return task.result()
    logger.error("a request failed", exc_info=error)
    return Answer(task.get_name(), None, fault="unavailable", detail=f"{type(error).__name__}: {error}"[:2000])


def named(backend: Any) -> str:
    """The checkpoint as `model_core.opening` knows it."""
    return f"random:{backend.config}" if backend.checkpoint == "random" else str(backend.checkpoint)


class Inline(Pool):
    """The one worker of a run without Ray, in the run's own process. It dies with the run, never before."""

    def __init__(self, backend: Any, slots: Slots, made_of: type[K2Worker] = K2Worker) -> None:
        self._worker = made_of(backend, slots)

    async def start(self) -> int:
        if told := await self._worker.open():
            raise NoWorkers(told)
        return 1

    def answer(self, worker: int, asks: Sequence[Ask]) -> AsyncIterator[list[Answer]]:
        return self._worker.answer(asks)

    async def cancel(self, worker: int, ask_ids: Sequence[str]) -> None:
        await self._worker.cancel(ask_ids)

    async def restart(self, worker: int) -> None:
        raise NoWorkers("the worker in this process is gone; give the command again")

    async def close(self) -> None:
        await self._worker.close()
