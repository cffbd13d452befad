"""What a request to a k2 worker costs beside the model, and how many a worker answers.

    python benchmarks/k2_workers.py                  # this process and Ray: overhead, then random weights
    python benchmarks/k2_workers.py --no-ray --requests 32

Overhead: a worker that answers at once, so that all that is left is the client, the call and the stream back. Model:
conversations of one agent with ten tools, each asked for 32 tokens; the second turn finds the first in the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from synth.models.clients import inline
from synth.models.k2.asks import Answer, Ask, Pool
from synth.models.k2.client import K2Client
from synth.models.k2.slots import cpus_here
from synth.models.k2.worker import Inline, K2Worker
from synth.models.protocol import Sampling
from synth.models.settings import K2Model

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"{verb}_{thing}",
            "description": f"{verb.capitalize()}s a {thing} of the workspace, by its id or its name.",
            "parameters": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["id"],
            },
        },
    }
    for verb in ("create", "update", "delete", "find", "list")
    for thing in ("ticket", "invoice")
]


class AtOnce(K2Worker):
    """A worker without a model."""

    async def open(self) -> str:
        return ""

    async def _one(self, ask: Ask) -> Answer:
        return Answer(ask.ask_id, {"role": "assistant", "content": "yes"}, prompt_tokens=1, completion_tokens=1)


def messages(number: int) -> list[dict[str, Any]]:
    return [
        {"role": "system", "content": "You help with tickets and invoices. Be short."},
        {"role": "user", "content": f"Please find ticket {number} and say what is open."},
    ]


async def turn(client: K2Client, talks: list[list[dict[str, Any]]], at_once: int) -> None:
    """One reply to each conversation, put at its end."""
    gate = asyncio.Semaphore(at_once)

    async def one(talk: list[dict[str, Any]], number: int) -> None:
        async with gate:
            reply = await client.complete(talk, TOOLS, Sampling(seed=number))
        talk += [{"role": "assistant", "content": reply.message["content"]}, {"role": "user", "content": "And now?"}]

    await asyncio.gather(*(one(talk, number) for number, talk in enumerate(talks)))


async def measure(what: str, pool: Pool, backend: K2Model, requests: int, at_once: int) -> None:
    client = K2Client(pool, backend)
    try:
        await turn(client, [messages(-1)], 1)
        talks = [messages(number) for number in range(requests)]
        for name in ("first turn", "second turn"):
            before, cached, batches = (time.perf_counter(), time.process_time()), client.cached_tokens, client.batches
            await turn(client, talks, at_once)
            wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
            found = (client.cached_tokens - cached) / requests
            print(
                f"{what:<22}{name:<13}{requests / wall:>9,.1f} requests/s{1000 * cpu / requests:>9.2f} ms CPU here"
                f"{requests / (client.batches - batches):>7.1f} a call{found:>9,.0f} tokens cached"
            )
    finally:
        await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=64, help="conversations that the model answers")
    parser.add_argument("--overhead", type=int, default=4000, help="requests to a worker without a model")
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-ray", action="store_true")
    told = parser.parse_args()
    backend = K2Model(
        kind="k2", checkpoint="random", workers=told.workers, max_tokens=32, temperature=1.0, max_batch=told.at_once
    )
    slots = backend.slots(cpus_here(), 0)
    quick = Inline(backend, slots, made_of=AtOnce)
    asyncio.run(measure("overhead, in process", quick, backend, told.overhead, told.at_once))
    asyncio.run(measure("tiny, in process", inline(backend), backend, told.requests, told.at_once))
    if told.no_ray:
        return
    from synth.ray_exec import Cluster
    from synth.ray_models import RayPool

    cluster = Cluster()
    cluster.start()
    try:
        pools = (("overhead", AtOnce, told.overhead), ("tiny", K2Worker, told.requests))
        for what, made_of, requests in pools:
            pool = RayPool(cluster, backend, made_of)
            asyncio.run(measure(f"{what}, {told.workers} in Ray", pool, backend, requests, told.at_once))
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
