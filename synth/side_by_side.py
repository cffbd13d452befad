"""Parts whose slots wait for models: all of them on one event loop in the driver's process, many parts at once.

A model's cap on requests is then the run's, however many workers there are, and an endpoint stays busy while single
episodes wait. Parts that only compute go to the inner executor (Ray); without one they run on the loop as well, where
they hold up the others.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from synth.models.clients import inline
from synth.models.k2.asks import Pool
from synth.models.session import Models
from synth.work import Done, Executor, Job, asks_models, do_part_asking

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
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._inside = 0
        self._flying: set[Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._models = Models(pool_of)

    @property
    def slots(self) -> int:
        return (self.inner.slots if self.inner else 0) + self._parts

    def submit(self, job: Job) -> None:
        if self.inner is not None and not asks_models(job):
            self._inside += 1
            self.inner.submit(job)
            return
        future = asyncio.run_coroutine_threadsafe(do_part_asking(job, self._models), self._started())
        self._flying.add(future)
        future.add_done_callback(lambda f: self._ended(job, f))

    def wait(self, seconds: float) -> Done | None:
        try:
            return self._done.get_nowait() if self._inside else self._done.get(timeout=seconds)
        except queue.Empty:
            done = self.inner.wait(seconds) if self.inner and self._inside else None
            self._inside -= done is not None
            return done

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

    def _ended(self, job: Job, future: Future[Done]) -> None:
        self._flying.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        self._done.put(future.result() if error is None else Done(job, None, error=error))
