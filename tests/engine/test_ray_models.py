"""k2 workers as Ray actors: batches go in, answers stream out, and a death is told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from synth.models.k2.asks import Answer, Ask, NoWorkers, WorkerDied
from synth.models.k2.client import K2Client
from synth.models.k2.slots import Slots
from synth.models.k2.worker import K2Worker
from synth.models.protocol import Sampling
from synth.models.settings import K2Model
from synth.ray_exec import Cluster
from synth.ray_models import RayPool

pytestmark = pytest.mark.slow
BACKEND = K2Model(kind="k2", checkpoint="random", workers=2, max_batch=4)
HERE = str(Path(__file__).parent)


class Echo(K2Worker):
    """A worker that says who it is, sleeps when told to, and dies when told to."""

    def __init__(self, backend: Any, slots: Slots) -> None:
        super().__init__(backend, slots)
        self.off: list[str] = []

    async def open(self) -> str:
        return ""

    async def _one(self, ask: Ask) -> Answer:
        text = ask.messages[-1]["content"]
        if text == "die":
            os._exit(1)
        if text == "raise":
            raise ZeroDivisionError("a bug")
        if text.startswith("sleep"):
            await asyncio.sleep(float(text.split()[1]))
        said = f"{os.getpid()} {' '.join(self.off)}"
        return Answer(ask.ask_id, {"role": "assistant", "content": said})

    async def cancel(self, ask_ids: Sequence[str]) -> None:
        await super().cancel(ask_ids)
        self.off += ask_ids


class Shut(Echo):
    async def open(self) -> str:
        return "the weights are torn"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([HERE, *sys.path]))
        cluster = Cluster(2)
        yield cluster
        cluster.close()


def run(pool: RayPool, work: Any) -> Any:
    async def go() -> Any:
        client = K2Client(pool, BACKEND)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(go())


def say(client: K2Client, text: str, system: str = "") -> Coroutine[Any, Any, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return client.complete(messages, [], Sampling())


def test_answers_stream_before_their_batch_is_over_and_actors_share_the_work(cluster: Cluster) -> None:
    async def work(client: K2Client) -> Any:
        await say(client, "hello")
        began = time.monotonic()
        slow = asyncio.create_task(say(client, "sleep 5", "a"))
        quick = [asyncio.create_task(say(client, f"q{n}", "a")) for n in range(12)]
        await asyncio.gather(*quick)
        assert not slow.done() and time.monotonic() - began < 5
        replies = await asyncio.gather(slow, *quick)
        assert client.batches < 8
        return {reply.message["content"].split()[0] for reply in replies}

    assert len(run(RayPool(cluster, BACKEND, Echo), work)) == 2


def test_a_killed_actor_is_replaced_and_nothing_is_lost(cluster: Cluster) -> None:
    async def work(client: K2Client) -> Any:
        first = (await say(client, "hello")).message["content"].split()[0]
        asked = [asyncio.create_task(say(client, f"sleep 0.{n}")) for n in range(1, 9)]
        await asyncio.sleep(0.4)
        os.kill(int(first), signal.SIGKILL)
        replies = await asyncio.gather(*asked)
        assert client.restarts == 1
        return first, replies

    first, replies = run(RayPool(cluster, BACKEND, Echo), work)
    assert len(replies) == 8 and any(reply.usage.requests == 2 for reply in replies)
    assert first not in {reply.message["content"].split()[0] for reply in replies if reply.usage.requests == 2}


def test_bugs_and_deaths_are_told_apart_and_a_model_that_does_not_open_is_told(cluster: Cluster) -> None:
    async def ask(pool: RayPool, text: str) -> list[Any]:
        one = Ask("1", [{"role": "user", "content": text}], [], None, 1.0, 1.0, 8, 0)
        return [answers async for answers in pool.answer(0, [one])]

    async def go() -> None:
        pool = RayPool(cluster, BACKEND, Echo)
        assert await pool.start() == 2
        ((answer,),) = await ask(pool, "raise")
        assert answer.fault == "unavailable" and answer.detail == "ZeroDivisionError: a bug"
        with pytest.raises(WorkerDied):
            await ask(pool, "die")
        await pool.cancel(0, ["7"])  # a dead one has nothing to call off
        await pool.restart(0)
        await pool.cancel(0, ["7"])
        ((answer,),) = await ask(pool, "hello")
        assert answer.message is not None and answer.message["content"].endswith(" 7")
        await pool.close()
        with pytest.raises(NoWorkers, match="the weights are torn"):
            await RayPool(cluster, BACKEND, Shut).start()
        with pytest.raises(NoWorkers, match="more than the 0 that Ray has"):
            await RayPool(cluster, BACKEND.model_copy(update={"gpus_per_worker": 1.0, "device": "cuda"})).start()

    asyncio.run(go())
