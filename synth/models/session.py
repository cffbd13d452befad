"""Everything that is asked in this process: one client per model, shared, so that a cap on requests is the run's."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from synth.models.clients import client_of, inline
from synth.models.k2.asks import Pool
from synth.models.protocol import ModelClient, Sampling
from synth.models.roles import Role, RoleName
from synth.models.said import said_by
from synth.records import StageName, UsageRow, canonical

T = TypeVar("T")
COLLECT_AFTER = 50_000  # new objects; Python's own 700 walk the open episodes at every few calls: 15 % of all CPU
UNBOUNDED = 64  # slots at once where no model has a cap (scripted ones answer at once)


class Models:
    """The clients of one run on one event loop. `pool_of` gives the workers of a k2 model."""

    def __init__(self, pool_of: Callable[[Any], Pool] = inline) -> None:
        self._pool_of = pool_of
        self._clients: dict[str, ModelClient] = {}
        self._gates: dict[int, asyncio.Semaphore] = {}
        gc.set_threshold(max(COLLECT_AFTER, gc.get_threshold()[0]), *gc.get_threshold()[1:])

    def client(self, backend: Any) -> ModelClient:
        """The client of a model, made once. Raises UsageError as `clients.client_of` does."""
        at = canonical(backend.model_dump(mode="json"))
        if at not in self._clients:
            self._clients[at] = client_of(backend, self._pool_of)
        return self._clients[at]

    def role(self, name: RoleName, backend: Any, called: str, sampling: Sampling = Sampling()) -> Role:
        """A role for one slot. `called`: the model's name in the pipeline file."""
        return Role(name, self.client(backend), said_by(backend, called), sampling)

    def gate(self, backends: Iterable[Any]) -> asyncio.Semaphore:
        """How many slots that ask these models may be open at once: as many as the models take requests together."""
        caps = {canonical(b.model_dump(mode="json")): getattr(b, "in_flight", UNBOUNDED) for b in backends}
        room = max(1, sum(caps.values()))
        return self._gates.setdefault(room, asyncio.Semaphore(room))

    async def side_by_side(
        self, backends: Iterable[Any], jobs: Iterable[Callable[[], Coroutine[Any, Any, T]]]
    ) -> list[T]:
        """The results of jobs that ask these models, in order; never more at once than the models take."""
        gate = self.gate(backends)

        async def one(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
            async with gate:
                return await job()

        return list(await asyncio.gather(*(one(job) for job in jobs)))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


def with_models(work: Callable[[Models], Coroutine[Any, Any, T]]) -> T:
    """Run `work` on a loop of its own with clients of its own."""

    async def go() -> T:
        models = Models()
        try:
            return await work(models)
        finally:
            await models.close()

    return asyncio.run(go())


def usage_rows(stage: StageName, row_id: str, roles: Iterable[Role | None]) -> list[UsageRow]:
    """What the roles of one slot spent, whatever became of the slot."""
    return [
        UsageRow(row_id=row_id, stage=stage, role=r.name, model=r.model, **r.usage.model_dump())
        for r in roles if r is not None and r.usage.requests
    ]  # fmt: skip
