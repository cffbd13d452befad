"""Who plays the assistant, apart from the expert: nobody, chance, or a model behind the model seam."""

from __future__ import annotations

import json
import random
from typing import Any

from synth.executors.world import WorldExecutor
from synth.models.roles import Role
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

    def __init__(self, role: Role) -> None:
        self.name, self._role = role.model, role

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        return (await self._role.complete(conversation.messages, conversation.tools)).message

    def usage(self) -> Usage:
        return self._role.usage
