"""Workers of a k2 model as Ray actors: one call carries a batch, its answers stream back as they are ready.

An actor takes GPUs as its slots say, and no CPU slot: those are for parts, which would never run where actors held
them all. Ray starts none again: the client does, and asks again what was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from synth.errors import UsageError
from synth.models.k2.asks import Answer, Ask, NoWorkers, WorkerDied
from synth.models.k2.worker import K2Worker
from synth.ray_exec import Cluster

AT_ONCE = 10_000  # calls an actor takes side by side: they wait, the engine has the cap


class RayPool:
    """The workers of one model on a cluster. `backend`: its settings (`pipeline.K2Model`)."""

    def __init__(self, cluster: Cluster, backend: Any, made_of: type[K2Worker] = K2Worker) -> None:
        self._cluster, self._backend, self._made_of = cluster, backend, made_of
        self._actors: list[Any] = []
        self._make: Any = None

    async def start(self) -> int:
        import ray

        try:
            await asyncio.to_thread(self._cluster.start)
        except UsageError as error:
            raise NoWorkers(str(error)) from None
        slots = self._backend.slots(int(self._cluster.has("CPU")), self._cluster.has("GPU"))
        if slots.workers * slots.gpus > self._cluster.has("GPU"):
            raise NoWorkers(
                f"{slots.workers} workers with {slots.gpus:g} GPU each are more than the {self._cluster.has('GPU'):g} "
                "that Ray has here; write `workers: auto`, or `device: cpu`"
            )
        actor: Any = ray.remote(self._made_of).options(
            num_cpus=0, num_gpus=slots.gpus, max_restarts=0, max_concurrency=AT_ONCE, scheduling_strategy="SPREAD"
        )
        self._make = lambda: actor.remote(self._backend, slots)
        self._actors = [self._make() for _ in range(slots.workers)]
        await asyncio.gather(*(self._opened(one) for one in self._actors))
        return slots.workers

    async def answer(self, worker: int, asks: Sequence[Ask]) -> AsyncIterator[list[Answer]]:
        import ray

        try:
            async for ref in self._actors[worker].answer.remote(list(asks)):
                yield await ref
        except ray.exceptions.RayTaskError:  # the worker's own exception: a bug, and no reason to ask again
            raise
        except ray.exceptions.RayError as error:
            raise WorkerDied(_sentence(error)) from None

    async def cancel(self, worker: int, ask_ids: Sequence[str]) -> None:
        import ray

        try:
            await self._actors[worker].cancel.remote(list(ask_ids))
        except ray.exceptions.RayActorError:  # nothing of it is left to call off
            return

    async def restart(self, worker: int) -> None:
        import ray

        ray.kill(self._actors[worker])  # it may live, and only be out of reach
        self._actors[worker] = self._make()
        await self._opened(self._actors[worker])

    async def close(self) -> None:
        import ray

        for actor in self._actors:
            ray.kill(actor)
        self._actors = []

    async def _opened(self, actor: Any) -> None:
        import ray

        try:
            told: str = await actor.open.remote()
        except ray.exceptions.RayActorError as error:
            raise NoWorkers(f"a worker died while it loaded the model: {_sentence(error)}") from None
        if told:
            raise NoWorkers(told)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
