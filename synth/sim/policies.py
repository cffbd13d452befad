"""Who plays the assistant, apart from the expert: nobody, chance, or a model behind the model seam."""

from __future__ import annotations

import json
import random
from typing import Any

from synth.executors.world import WorldExecutor
from synth.models.protocol import ModelClient, Sampling
from synth.records import Usage
from synth.sim.environment import Environment, Offered
from synth.sim.episode import NO_USAGE, Conversation
from synth.worlds.draw import draw_arguments

RANDOM_CALLS = 8  # at most, per user turn


class Idle:
    """Says that it is done, and does nothing. A judge that lets it pass is broken."""

    name = "idle"

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        return {"content": "Done. I have taken care of everything you asked for."}

    def usage(self) -> Usage:
        return NO_USAGE


class Random:
    """Calls random offered tools with random valid arguments, then says that it is done."""

    name = "random"

    def __init__(self, env: Environment, rng: random.Random, split: str) -> None:
        self._env, self._rng, self._split = env, rng, split
        self._left = rng.randint(1, RANDOM_CALLS)

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        if self._left > 0:
            calls = [c for _ in range(self._rng.randint(1, 2)) if (c := self._call()) is not None]
            self._left -= max(1, len(calls))
            if calls:
                return {"content": "", "tool_calls": calls}
        self._left = self._rng.randint(1, RANDOM_CALLS)
        last = [m["content"] for m in conversation.messages if m["role"] == "tool"][-1:]
        return {"content": f"Done. This is what came back: {''.join(last)[:400]}"}

    def usage(self) -> Usage:
        return NO_USAGE

    def _call(self) -> dict[str, Any] | None:
        runnable = [t for t in self._env.offered.values() if isinstance(t.executor, WorldExecutor)]
        if not runnable:
            return None
        tool: Offered = self._rng.choice(runnable)
        executor = tool.executor
        assert isinstance(executor, WorldExecutor)
        arguments = draw_arguments(executor.compiled, tool.row.name, executor.state, self._rng, self._split)
        if arguments is None:
            return None
        return {"function": {"name": tool.name, "arguments": json.dumps(arguments, ensure_ascii=False)}}


class Endpoint:
    """A model behind the model seam. Its errors go through: they end as failed rows of class `infra` or `model`."""

    def __init__(self, name: str, client: ModelClient, sampling: Sampling) -> None:
        self.name, self._client, self._sampling = name, client, sampling
        self._requests = self._prompt = self._completion = 0
        self._cost = 0.0

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        reply = await self._client.complete(conversation.messages, conversation.tools, self._sampling)
        self._requests += reply.usage.requests
        self._prompt += reply.usage.prompt_tokens
        self._completion += reply.usage.completion_tokens
        self._cost += reply.usage.cost_usd
        return reply.message

    def usage(self) -> Usage:
        return Usage(requests=self._requests, prompt_tokens=self._prompt, completion_tokens=self._completion,
                     cost_usd=round(self._cost, 9))  # fmt: skip
