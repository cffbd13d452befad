"""Warm containers: started ahead, each handed to one tenant and never to a second."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from synth.sandbox.docker_container import Place
from synth.sandbox.engine import SandboxError


class Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closes)


class Pool(Generic[T]):
    """Hands out what `make` makes, and keeps `warm` ready of the form that was asked for last.

    `at_most` may be out at once; who takes one more waits until one is given back. At most `starting` are made at the
    same time: an engine that has to start fifty containers at once starts none in good time.
    """

    def __init__(self, make: Callable[[Place], T], warm: int, at_most: int, starting: int) -> None:
        self._make, self._warm = make, warm
        self._out = threading.BoundedSemaphore(at_most)
        self._starting = threading.BoundedSemaphore(starting)
        self._lock = threading.Lock()
        self._ready: deque[T] = deque()
        self._place: Place | None = None
        self._coming = 0
        self._threads: set[threading.Thread] = set()
        self._closed = False

    def take(self, place: Place) -> T:
        """One for a new tenant. Raises what `make` raises."""
        self._out.acquire()
        try:
            got = self._from_ready(place)
            if got is None:
                with self._starting:
                    got = self._make(place)
        except BaseException:
            self._out.release()
            raise
        self._fill()
        return got

    def give_back(self, used: T | None) -> None:
        """Its tenant has gone: it ends (None: it broke, and has ended already)."""
        try:
            if used is not None:
                used.close()
        finally:
            self._out.release()

    def close(self) -> None:
        """End what is ready or being made; what is out is its taker's."""
        with self._lock:
            self._closed = True
            threads = list(self._threads)
        for thread in threads:
            thread.join()
        self._drop_ready()

    def _from_ready(self, place: Place) -> T | None:
        with self._lock:
            if self._closed:
                raise SandboxError("the docker engine is closed")
            same, self._place = place == self._place, place
            if same:
                return self._ready.popleft() if self._ready else None
        self._drop_ready()
        return None

    def _drop_ready(self) -> None:
        with self._lock:
            dropped = list(self._ready)
            self._ready.clear()
        for one in dropped:
            one.close()

    def _fill(self) -> None:
        """Make as many as are missing, behind the caller's back."""
        with self._lock:
            missing = 0 if self._closed else self._warm - len(self._ready) - self._coming
            if self._place is None or missing <= 0:
                return
            self._coming += missing
            fresh = [threading.Thread(target=self._add, args=(self._place,), daemon=True) for _ in range(missing)]
            self._threads.update(fresh)
        for thread in fresh:
            thread.start()

    def _add(self, place: Place) -> None:
        made: T | None = None
        try:
            with self._starting:
                if not self._closed:
                    made = self._make(place)
        except SandboxError:
            pass  # whoever takes the next one makes it himself, and hears of it
        with self._lock:
            self._coming -= 1
            self._threads.discard(threading.current_thread())
            if made is not None and place == self._place and not self._closed:
                self._ready.append(made)
                return
        if made is not None:
            made.close()
