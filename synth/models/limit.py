"""Concurrency that adapts to the endpoint: additive increase, multiplicative decrease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Adaptive:
    """At most `limit` requests at once; `limit` moves between 1 and `ceiling`.

    A success adds 1/limit, so that a full window of successes adds one. A 429 halves it, at most once per window: the
    requests that were in flight with the one that was refused tell nothing new.
    """

    def __init__(self, ceiling: int, start: int | None = None) -> None:
        self.ceiling = ceiling
        self.limit = float(min(ceiling, start if start is not None else 8))
        self.in_flight = 0
        self.peak = 0
        self._epoch = 0
        self._room = asyncio.Condition()
        self._resume_at = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Wait for room; yields the epoch that `slower` wants back."""
        async with self._room:
            await self._room.wait_for(lambda: self.in_flight < int(self.limit))
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        try:
            pause = self._resume_at - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
            yield self._epoch
        finally:
            async with self._room:
                self.in_flight -= 1
                self._room.notify_all()

    def faster(self) -> None:
        self.limit = min(float(self.ceiling), self.limit + 1.0 / self.limit)

    def slower(self, epoch: int, pause: float = 0.0) -> None:
        """A 429 came back. `pause`: seconds nobody sends (Retry-After)."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + pause)
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit / 2)
