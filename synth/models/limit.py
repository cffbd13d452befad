"""Concurrency that adapts to the endpoint: additive increase, multiplicative decrease."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

RECOVERY = 16  # full windows in which a limit of 1 grows back to the ceiling


class Adaptive:
    """At most `limit` requests at once, in the order in which they asked; `limit` moves between 1 and `ceiling`.

    It begins at the ceiling: the setting means what it says. A 429 halves it, at most once per window: the requests
    that were in flight with the one that was refused tell nothing new. A window of successes adds a sixteenth of the
    ceiling, at least one.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.in_flight = 0
        self.peak = 0
        self._epoch = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._resume_at = 0.0

    @asynccontextmanager
    async def slot(self, deadline: asyncio.Timeout | None = None) -> AsyncIterator[int]:
        """Wait for room; yields the epoch that `slower` wants back. `deadline` stands still while there is none: a
        queue of our own making is not the endpoint's fault."""
        if self.in_flight < int(self.limit) and not self._waiting:
            self._enter()
        else:
            await self._queue(deadline)
        try:
            pause = self._resume_at - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
            yield self._epoch
        finally:
            self.in_flight -= 1
            self._admit()

    def faster(self) -> None:
        self.limit = min(float(self.ceiling), self.limit + max(1.0, self.ceiling / RECOVERY) / self.limit)
        self._admit()

    def slower(self, epoch: int, pause: float = 0.0) -> None:
        """A 429 came back. `pause`: seconds nobody sends (Retry-After)."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + pause)
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit / 2)

    def _enter(self) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)

    async def _queue(self, deadline: asyncio.Timeout | None) -> None:
        loop = asyncio.get_running_loop()
        until = deadline.when() if deadline is not None else None
        left = None if until is None else until - loop.time()
        if deadline is not None:
            deadline.reschedule(None)
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # admitted and called off in one breath
                self.in_flight -= 1
                self._admit()
            raise
        if deadline is not None and left is not None:
            deadline.reschedule(loop.time() + left)

    def _admit(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._enter()
                turn.set_result(None)
