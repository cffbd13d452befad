"""The client of k2 workers, over workers of its own: batches, affinity, deaths, cancellation, seeds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from synth.errors import ModelError, ModelMalformed, ModelRefused, ModelUnavailable
from synth.models.k2.affinity import Affinity, keys_of
from synth.models.k2.asks import Answer, Ask, NoWorkers, Pool, WorkerDied
from synth.models.k2.client import DEATHS, TRIES, K2Client
from synth.models.protocol import Reply, Sampling
from synth.models.settings import K2Model

Say = Callable[[int, Ask], Answer]


def echo(worker: int, ask: Ask) -> Answer:
    said = {"role": "assistant", "content": f"{worker}: {ask.messages[-1]['content']}"}
    return Answer(ask.ask_id, said, prompt_tokens=7, cached_tokens=4, completion_tokens=3)


class Fake(Pool):
    """Workers that answer by `say` after `delay`; `deaths[worker]` batches of a worker end in its death first."""

    def __init__(self, workers: int = 1, say: Say = echo, delay: float = 0.0, deaths: dict[int, int] | None = None):
        self.workers, self.say, self.delay, self.deaths = workers, say, delay, deaths or {}
        self.batches: list[tuple[int, list[Ask]]] = []
        self.cancelled: list[str] = []
        self.restarted: list[int] = []
        self.opens = 0

    async def start(self) -> int:
        self.opens += 1
        return self.workers

    async def answer(self, worker: int, asks: Sequence[Ask]) -> AsyncIterator[list[Answer]]:
        self.batches.append((worker, list(asks)))
        first, *others = asks
        if self.deaths.get(worker, 0):
            self.deaths[worker] -= 1
            if others:  # the first is answered before the end
                yield [self.say(worker, first)]
            raise WorkerDied("gone")
        await asyncio.sleep(self.delay)
        for ask in asks:
            yield [self.say(worker, ask)]

    async def cancel(self, worker: int, ask_ids: Sequence[str]) -> None:
        self.cancelled += ask_ids

    async def restart(self, worker: int) -> None:
        self.restarted.append(worker)

    async def close(self) -> None:
        return None


def client_of(pool: Pool, **settings: Any) -> K2Client:
    return K2Client(pool, K2Model(kind="k2", checkpoint="random", **settings))


def talk(text: str, system: str = "be kind") -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": text}]


def run(pool: Pool, work: Callable[[K2Client], Coroutine[Any, Any, Any]], **settings: Any) -> tuple[Any, K2Client]:
    async def go() -> tuple[Any, K2Client]:
        client = client_of(pool, **settings)
        try:
            return await work(client), client
        finally:
            await client.close()

    return asyncio.run(go())


async def many(client: K2Client, texts: Sequence[str], system: str = "be kind") -> list[Any]:
    asks = (client.complete(talk(text, system), [], Sampling(seed=1)) for text in texts)
    return await asyncio.gather(*asks, return_exceptions=True)


def texts_of(replies: Sequence[Reply]) -> list[str]:
    return [reply.message["content"].partition(": ")[2] for reply in replies]


def test_requests_of_a_moment_are_one_batch_and_each_gets_its_own_answer() -> None:
    pool = Fake()
    texts = [f"t{n}" for n in range(50)]
    replies, client = run(pool, lambda client: many(client, texts), max_batch=64)
    assert texts_of(replies) == texts
    assert [len(batch) for _, batch in pool.batches] == [50] and pool.opens == 1
    assert replies[0].usage.model_dump() == {
        "requests": 1, "prompt_tokens": 7, "completion_tokens": 3, "cost_usd": 0.0
    }  # fmt: skip
    assert client.cached_tokens == 200


def test_what_a_dead_worker_leaves_is_asked_again_and_what_it_answered_is_not() -> None:
    pool = Fake(deaths={0: 1})
    replies, client = run(pool, lambda client: many(client, ["a", "b", "c"]))
    assert texts_of(replies) == ["a", "b", "c"]
    assert [len(batch) for _, batch in pool.batches] == [3, 2]
    assert pool.restarted == [0] and client.restarts == 1
    assert [reply.usage.requests for reply in replies] == [1, 2, 2]


def test_a_request_outlives_so_many_workers_and_no_more() -> None:
    for deaths, lives in ((TRIES - 1, True), (TRIES, False)):
        (reply,), _ = run(Fake(deaths={0: deaths}), lambda client: many(client, ["a"]))
        assert isinstance(reply, Reply) is lives
        if not lives:
            assert isinstance(reply, ModelUnavailable) and f"died {TRIES} times under this request: gone" in str(reply)
            assert reply.usage is not None and reply.usage.requests == TRIES


def test_a_model_that_only_kills_its_workers_is_given_up() -> None:
    async def one_after_another(client: K2Client) -> list[Any]:
        return [(await many(client, [str(n)]))[0] for n in range(20)]

    pool = Fake(deaths={0: 10**9})
    replies, _ = run(pool, one_after_another)
    assert "in a row" in str(replies[-1])
    assert len(pool.batches) == DEATHS


def test_deaths_with_answers_between_them_are_no_reason_to_give_up() -> None:
    async def one_after_another(client: K2Client) -> list[Any]:
        replies = []
        for n in range(2 * DEATHS):
            pool.deaths = {0: 1}
            replies += await many(client, [str(n)])
        return replies

    pool = Fake()
    replies, client = run(pool, one_after_another)
    assert texts_of(replies) == [str(n) for n in range(2 * DEATHS)] and client.restarts == 2 * DEATHS


def test_a_model_that_cannot_be_opened_fails_each_request_with_the_sentence_and_is_tried_once() -> None:
    class Shut(Fake):
        async def start(self) -> int:
            await super().start()
            raise NoWorkers("the weights are torn; fetch them again")

    pool = Shut()
    replies, _ = run(pool, lambda client: many(client, ["a", "b"]))
    assert [str(reply) for reply in replies] == ["the weights are torn; fetch them again"] * 2
    assert pool.opens == 1


def test_a_bug_of_a_worker_reaches_whoever_waits() -> None:
    def broken(worker: int, ask: Ask) -> Answer:
        raise ZeroDivisionError("a bug")

    replies, _ = run(Fake(say=broken), lambda client: many(client, ["a", "b"]))
    assert [type(reply) for reply in replies] == [ZeroDivisionError] * 2


@pytest.mark.parametrize(
    ("fault", "kind"), [("refused", ModelRefused), ("malformed", ModelMalformed), ("unavailable", ModelUnavailable)]
)
def test_faults_are_typed_and_cost_what_they_cost(fault: Any, kind: type[ModelError]) -> None:
    def bad(worker: int, ask: Ask) -> Answer:
        return Answer(ask.ask_id, None, fault=fault, detail="why", text="<|odd", prompt_tokens=9, completion_tokens=2)

    (reply,), _ = run(Fake(say=bad), lambda client: many(client, ["a"]))
    assert type(reply) is kind and str(reply) == "why"
    assert reply.usage.prompt_tokens == 9 and reply.usage.completion_tokens == 2
    if isinstance(reply, ModelMalformed):
        assert reply.text == "<|odd"


def test_what_is_called_off_is_called_off_at_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synth.models.k2.client.GATHER_S", 0.3)
    pool = Fake(delay=2.0)

    async def work(client: K2Client) -> Any:
        early, late, kept = (asyncio.create_task(client.complete(talk(t), [], Sampling())) for t in "abc")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        early.cancel()  # not sent yet: nobody hears of it
        while not pool.batches:
            await asyncio.sleep(0.01)
        late.cancel()
        return await kept

    reply, _ = run(pool, work)
    assert reply.message["content"] == "0: c"
    assert [[ask.messages[-1]["content"] for ask in batch] for _, batch in pool.batches] == [["b", "c"]]
    assert pool.cancelled == [pool.batches[0][1][0].ask_id]


def test_a_conversation_stays_with_its_worker_and_strangers_are_spread() -> None:
    pool = Fake(workers=3)

    async def work(client: K2Client) -> None:
        for turn in range(4):  # four turns of six conversations, two of each agent
            talks = [[*talk(f"q{n}", f"agent {n % 3}"), {"role": "user", "content": str(turn)}] for n in range(6)]
            await asyncio.gather(*(client.complete(messages, [], Sampling()) for messages in talks))

    run(pool, work)
    homes: dict[str, set[int]] = {}
    for worker, batch in pool.batches:
        for ask in batch:
            homes.setdefault(ask.messages[0]["content"], set()).add(worker)
    assert sorted(map(sorted, homes.values())) == [[0], [1], [2]]


def test_new_conversations_of_one_agent_spread_and_known_ones_stay_until_their_worker_is_swamped() -> None:
    affinity = Affinity(workers=2, batch=8)
    keys = [keys_of(talk(f"q{n}"), []) for n in range(12)]
    chosen = [affinity.enter(one) for one in keys]
    assert chosen[:2] == [0, 0]  # the tools are in its cache
    assert chosen.count(0) in (6, 7)  # a quarter of a batch more than the idlest is enough
    for worker in chosen:
        affinity.leave(worker)
    known = [one for one, worker in zip(keys, chosen, strict=True) if worker == 0]
    assert [affinity.enter(one) for one in known] == [0] * len(known)  # their own turns are
    assert [affinity.enter(known[0]) for _ in range(4)] == [0] * (8 - len(known)) + [1] * (len(known) - 4)


def test_a_worker_that_was_started_again_has_no_home() -> None:
    affinity = Affinity(workers=2, batch=8)
    keys = keys_of(talk("a"), [])
    assert affinity.enter(keys) == 0
    affinity.forget(0)
    assert affinity.enter(keys) == 1


def test_tools_and_system_prompt_are_the_beginning() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert keys_of(talk("a"), tools)[1] == keys_of(talk("b"), tools)[1] != keys_of(talk("a"), [])[1]
    assert keys_of(talk("a"), tools)[0] != keys_of(talk("b"), tools)[0]
    assert keys_of([*talk("a"), {"role": "user", "content": "\ud800"}], tools)[0] == keys_of(talk("a"), tools)[0]


def test_seeds_hang_on_the_slot_and_the_conversation_alone() -> None:
    def seeds(seed: int | None, delay: int) -> list[int]:
        pool = Fake(workers=2)

        async def work(client: K2Client) -> None:
            client.requests = delay
            for text in ("a", "b", "a"):
                await client.complete(talk(text), [], Sampling(seed=seed))

        run(pool, work)
        return [ask.seed for _, batch in pool.batches for ask in batch]

    first = seeds(5, 0)
    assert first[0] == first[2] != first[1]
    assert seeds(5, 9) == first
    assert not set(seeds(6, 0)) & set(first)
    assert all(0 <= seed < 2**63 for seed in first)


def test_a_role_overrides_what_the_model_says() -> None:
    pool = Fake()

    async def work(client: K2Client) -> None:
        await client.complete(talk("a"), [], Sampling())
        await client.complete(talk("a"), [], Sampling(temperature=0.0, top_p=0.5, max_tokens=9, stop=("x",)))

    run(pool, work, temperature=0.8, max_tokens=100)
    first, second = (batch[0] for _, batch in pool.batches)
    assert (first.temperature, first.top_p, first.max_tokens, first.stop) == (0.8, 1.0, 100, ())
    assert (second.temperature, second.top_p, second.max_tokens, second.stop) == (0.0, 0.5, 9, ("x",))
