"""The engine in its own thread answers callers of an event loop, and leaves none of them waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from engines import GREEDY, engine, greedily, prompt

from model_core import EngineLoop, ModelError, Request


def test_many_callers_get_their_own_answers() -> None:
    async def ask() -> None:
        loop = EngineLoop(engine(max_batch=4))
        done = await asyncio.gather(*(loop.complete(Request(str(n), prompt(n + 1, seed=n), GREEDY)) for n in range(12)))
        loop.close()
        assert all(c.ids == greedily(prompt(n + 1, seed=n), 12) for n, c in enumerate(done))

    asyncio.run(ask())


def test_leaving_a_stream_cancels_and_closing_ends_the_rest() -> None:
    async def ask() -> None:
        loop = EngineLoop(engine())
        stream = loop.stream(Request("a", prompt(9), replace(GREEDY, max_tokens=400)))
        async for event in stream:
            assert event.ids
            break
        await stream.aclose()
        said = await loop.complete(Request("b", prompt(9), GREEDY))
        assert said.ids == greedily(prompt(9), 12)
        assert not loop.engine.busy
        waits = asyncio.create_task(loop.complete(Request("c", prompt(9), replace(GREEDY, max_tokens=400))))
        await asyncio.sleep(0.05)
        loop.close()
        assert (await waits).finish_reason == "cancelled"
        with pytest.raises(ModelError, match="is closed"):
            await loop.complete(Request("d", prompt(9), GREEDY))

    asyncio.run(ask())


def test_a_refused_request_raises_in_its_caller() -> None:
    async def ask() -> None:
        loop = EngineLoop(engine())
        with pytest.raises(ModelError, match="empty prompt"):
            await loop.complete(Request("a", [], GREEDY))
        loop.close()

    asyncio.run(ask())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_breaks_leaves_nobody_waiting() -> None:
    async def ask() -> None:
        loop = EngineLoop(engine())

        def breaks(pieces: object) -> None:
            raise KeyError("a bug")

        loop.engine.cache.forward = breaks  # type: ignore[method-assign, assignment]
        said = await asyncio.wait_for(loop.complete(Request("a", prompt(9), GREEDY)), 20)
        assert (said.finish_reason, said.error) == ("error", "the engine stopped; its log says why")
        loop.close()

    asyncio.run(ask())
