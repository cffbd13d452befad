"""An engine in a thread of its own, for callers in an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable

from model_core.engine.engine import Engine
from model_core.engine.requests import Completion, Event, FinishReason, Request
from model_core.errors import ModelError

Deliver = Callable[[Event], None]


class EngineLoop:
    """Steps an engine while it has work. Any thread may ask; `close` ends what is unfinished as cancelled."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._asked: deque[Callable[[], None]] = deque()  # done by the engine's thread between two steps
        self._wake = threading.Condition()
        self._closing = False
        self._dead = False
        self._deliver: dict[str, Deliver] = {}
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    async def stream(self, request: Request) -> AsyncGenerator[Event]:
        """News of a request until its completion; leaving early cancels it. Raises `ModelError` as `Engine.add`."""
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Event | ModelError] = asyncio.Queue()

        def deliver(event: Event | ModelError) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.put_nowait, event)

        def begin() -> None:
            try:
                self.engine.add(request)
            except ModelError as error:
                deliver(error)
            else:
                self._deliver[request.request_id] = deliver

        self._ask(begin)
        ended = False
        try:
            while not ended:
                event = await news.get()
                if isinstance(event, ModelError):
                    ended = True
                    raise event
                ended = event.completion is not None
                yield event
        finally:
            if not ended and not self._dead:
                self._ask(lambda: self.engine.cancel(request.request_id))

    async def complete(self, request: Request) -> Completion:
        """The whole of it."""
        async for event in self.stream(request):
            if event.completion is not None:
                return event.completion
        raise ModelError(f"request {request.request_id!r} ended without a completion")

    def close(self) -> None:
        """Stop after the step in progress; requests in flight end as cancelled."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _ask(self, act: Callable[[], None]) -> None:
        with self._wake:
            if self._closing or self._dead:
                raise ModelError("the engine is closed; it takes no more requests")
            self._asked.append(act)
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self._next():
                pass
        finally:
            # Whatever ended the thread, nobody is left waiting.
            with self._wake:
                self._dead = True
                asked = list(self._asked)
            for act in asked:
                act()
            reason: FinishReason = "cancelled" if self._closing else "error"
            for request_id, deliver in list(self._deliver.items()):
                error = None if self._closing else "the engine stopped; its log says why"
                deliver(Event(request_id, completion=Completion(request_id, [], "", reason, 0, 0, 0, None, error)))

    def _next(self) -> bool:
        """One step, or sleep until there is work; False once closed."""
        with self._wake:
            while not (self._asked or self._closing or self.engine.busy):
                self._wake.wait()
            if self._closing:
                return False
            asked = list(self._asked)
            self._asked.clear()
        for act in asked:
            act()
        for event in self.engine.step():
            deliver = self._deliver.get(event.request_id)
            if event.completion is not None:
                self._deliver.pop(event.request_id, None)
            if deliver is not None:
                deliver(event)
        return True
