"""Slots that wait for models: all of them on one event loop in the driver's process, those of many parts at once.

A model's cap on requests is then the run's, however many workers there are, and a model has a whole batch to compute
while single episodes wait. What only computes goes to the inner executor (Ray): whole parts, and of parts in which a
model plays beside a built-in policy the rest, once the model's slots are played. Without an inner executor all runs on
the loop, where computing holds up the others.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from synth.models.clients import inline
from synth.models.k2.asks import Pool
from synth.models.session import Models
from synth.work import Done, Executor, Job, asks_models, begin_part, do_part_asking, is_mixed

AHEAD = 2  # parts open for as many slots as may ask, and as many again: one ends while others still play
MOST_PARTS = 256


class SideBySide:
    """`room`: slots that may ask at once; `part_size`: slots of a part that ask; `pool_of` gives the workers of a k2
    model."""

    def __init__(
        self, inner: Executor | None, room: int, part_size: int, pool_of: Callable[[Any], Pool] = inline
    ) -> None:
        self.inner = inner
        self._parts = min(MOST_PARTS, AHEAD * -(-room // part_size) + 1)
        self._ended: queue.SimpleQueue[Done | Job] = queue.SimpleQueue()  # a job: begun, for the inner executor
        self._inside = 0  # jobs that the inner executor has
        self._open = 0  # jobs on the loop
        self._flying: set[Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._models = Models(pool_of)

    def takes(self, asking: bool) -> bool:
        if self.inner is not None and not asking:
            return self.inner.takes(asking)
        return self._open < self._parts

    def submit(self, job: Job) -> None:
        if self.inner is not None and not asks_models(job.module, job.settings):
            self._hand_in(self.inner, job)
            return
        begin = self.inner is not None and is_mixed(job.module, job.settings)
        work = begin_part(job, self._models) if begin else do_part_asking(job, self._models)
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._started())
        self._open += 1
        self._flying.add(future)
        future.add_done_callback(lambda f: self._left(job, f))

    def wait(self, seconds: float) -> Done | None:
        until = time.monotonic() + seconds
        while True:
            try:
                left = self._ended.get(timeout=0 if self._inside else max(0.0, until - time.monotonic()))
            except queue.Empty:
                if self.inner is None or not self._inside:
                    return None
                done = self.inner.wait(max(0.0, until - time.monotonic()))
                self._inside -= done is not None
                return done
            self._open -= 1
            if isinstance(left, Done):
                return left
            assert self.inner is not None
            self._hand_in(self.inner, left)

    def close(self) -> None:
        if self._loop is not None:
            for future in list(self._flying):
                future.cancel()
            # before Ray is: workers of models live there
            asyncio.run_coroutine_threadsafe(self._models.close(), self._loop).result(timeout=10)
            self._loop.call_soon_threadsafe(self._loop.stop)
        if self.inner is not None:
            self.inner.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="models", daemon=True).start()
        return self._loop

    def _hand_in(self, inner: Executor, job: Job) -> None:
        self._inside += 1
        inner.submit(job)

    def _left(self, job: Job, future: Future[Done | Job]) -> None:
        """A job left the loop, on whichever thread."""
        self._flying.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        self._ended.put(future.result() if error is None else Done(job, None, error=error))
