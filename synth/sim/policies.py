"""Who plays the assistant, apart from the expert: the lazy ones that a judge must not pass, and a model."""

from __future__ import annotations

import json
import random
from typing import Any

from synth.executors.protocol import PlaceExecutor
from synth.executors.world import WorldExecutor
from synth.models.roles import Role
from synth.records import Usage
from synth.sim.environment import Environment, Offered
from synth.sim.episode import NO_USAGE, Conversation
from synth.worlds.draw import draw_arguments

RUNS = (WorldExecutor, PlaceExecutor)  # what these policies call: no model has to answer
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
        self._heard: list[str] = []  # words of the conversation, for tools that say nothing of what they take

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        self._heard = str(conversation.messages[-1]["content"]).split()[:200]
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
        runnable = [t for t in self._env.offered.values() if isinstance(t.executor, RUNS)]
        if not runnable:
            return None
        tool: Offered = self._rng.choice(runnable)
        executor = tool.executor
        if isinstance(executor, WorldExecutor):
            arguments = draw_arguments(executor.compiled, tool.row.name, executor.state, self._rng, self._split)
        else:
            words = self._rng.sample(self._heard, len(self._heard))
            arguments = fitting(tool.function["function"]["parameters"], words)
        if arguments is None:
            return None
        return {"function": {"name": tool.name, "arguments": json.dumps(arguments, ensure_ascii=False)}}


class Refuser(Idle):
    """Says that it cannot help, whatever is asked."""

    name = "refuser"

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        return {"content": "I'm sorry, but I can't do that: none of my tools allow it. I haven't changed anything."}


class Asker(Idle):
    """Asks for more, whatever is said."""

    name = "asker"
    _QUESTIONS = ("Could you tell me which one you mean?", "What is the ID?", "Which name should it have?",
                  "Could you give me more details, please?")  # fmt: skip

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        said = sum(m["role"] == "assistant" for m in conversation.messages)
        return {"content": self._QUESTIONS[said % len(self._QUESTIONS)]}


class Parrot(Idle):
    """Says again what the user said last."""

    name = "parrot"

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        return {"content": next(m["content"] for m in reversed(conversation.messages) if m["role"] == "user")}


class FirstTool(Idle):
    """Calls the first tool that runs, once per user turn, with arguments that its schema allows and words of the user
    where it asks for texts; then hands on what came back."""

    name = "first_tool"

    def __init__(self, env: Environment) -> None:
        self._tool = next((t for t in env.offered.values() if isinstance(t.executor, RUNS)), None)

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        last = conversation.messages[-1]
        if last["role"] == "tool":
            return {"content": f"Done. Here is the result: {last['content'][:400]}"}
        if self._tool is None:
            return {"content": "Done."}
        text = next(m["content"] for m in reversed(conversation.messages) if m["role"] == "user")
        arguments = fitting(self._tool.function["function"]["parameters"], text.split())
        call = {"function": {"name": self._tool.name, "arguments": json.dumps(arguments, ensure_ascii=False)}}
        return {"content": "", "tool_calls": [call]}


def fitting(schema: Any, words: list[str]) -> Any:
    """A value that the schema allows, of required members only; texts are taken from `words`."""
    if not isinstance(schema, dict):
        return {}
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return fitting(schema[key][0], words)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [fitting(schema.get("items", {}), words)] * max(1, int(schema.get("minItems", 1)))
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    if kind == "string":
        keys = [w.strip(".,!?\"'") for w in words if any(c.isdigit() for c in w)]
        return keys[0] if keys else " ".join(words[:6])
    wanted = schema.get("required") or ()
    return {name: fitting(part, words) for name, part in schema.get("properties", {}).items() if name in wanted}


class Endpoint:
    """A model behind the model seam. Its errors go through: they end as failed rows of class `infra` or `model`."""

    def __init__(self, role: Role) -> None:
        self.name, self._role = role.model, role

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        return (await self._role.complete(conversation.messages, conversation.tools)).message

    def usage(self) -> Usage:
        return self._role.usage
