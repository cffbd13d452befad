"""The episode loop: user, assistant, tools, until someone is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from synth.errors import ModelMalformed
from synth.records import Call, Checked, Usage
from synth.sim.environment import Environment
from synth.taskspec import UserAct

StopReason = Literal["done", "max_turns", "user_left", "policy_stopped"]
MAX_CALLS_PER_MESSAGE = 64
NO_USAGE = Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)


@dataclass
class Conversation:
    """What an assistant may look at. `calls` are the records behind the tool messages, in order."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    calls: list[Call] = field(default_factory=list)
    turns_at: list[int] | None = None  # which user messages made requests, where their words are not the profile's
    said_bye: bool = False  # the user has ended the talk, in other words than the profile's


class Policy(Protocol):
    """Plays the assistant of one episode."""

    name: str  # goes into `trajectories.policy`

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        """The next assistant message: `content`, and `tool_calls` where tools are called. The loop gives the ids."""
        ...

    def usage(self) -> Usage:
        """What the episode cost so far."""
        ...


class UserSays(Protocol):
    """Plays the user of one episode. `left`: they gave up."""

    left: bool
    said_bye: bool

    @property
    def turns_at(self) -> list[int] | None:
        """Which user messages made requests; None where they stand literally in the profile."""
        ...

    async def open(self) -> str: ...

    def acts_for(self, text: str) -> list[UserAct]:
        """What the user does, with tools of their own, before answering a message of the assistant."""
        ...

    def saw(self, act: UserAct, call: Call) -> None:
        """What came of an act."""
        ...

    async def reply(self, text: str) -> str | None:
        """The answer to a message of the assistant; None ends the conversation."""
        ...


@dataclass(frozen=True)
class Episode:
    messages: list[dict[str, Any]]
    calls: list[Call]
    user_calls: list[Call]
    state_diff: list[dict[str, Any]]
    end_state_sha256: str
    stop_reason: StopReason
    turns: int  # assistant messages
    usage: Usage
    checks: list[Checked]


async def run_episode(system_prompt: str, env: Environment, user: UserSays, policy: Policy, max_turns: int) -> Episode:
    """Play one episode. Exceptions of the policy or an executor go through: they are failures, not outcomes."""
    talk = Conversation([{"role": "system", "content": system_prompt}, {"role": "user", "content": await user.open()}],
                        env.functions(), env.records)  # fmt: skip
    _follow(talk, user)
    turn = 0
    stop: StopReason | None = None
    while stop is None:
        if turn >= max_turns:
            stop = "max_turns"
            break
        message = _numbered(await policy.act(talk), len(talk.calls))
        calls = message.get("tool_calls") or []
        if not calls and not message["content"].strip():
            stop = "policy_stopped"
            break
        talk.messages.append(message)
        for call in calls:
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            _, content = await env.call(turn, call["id"], name, arguments)
            talk.messages.append({"role": "tool", "tool_call_id": call["id"], "name": name, "content": content})
        turn += 1
        if not calls:
            for act in user.acts_for(message["content"]):
                user.saw(act, await env.user_call(turn - 1, act))
            answer = await user.reply(message["content"])
            if answer is None:
                stop = "user_left" if user.left else "done"
            else:
                talk.messages.append({"role": "user", "content": answer})
                _follow(talk, user)
    episode = Episode(
        talk.messages, list(talk.calls), list(env.user_records), env.diff(), env.digest(), stop, turn, policy.usage(),
        await env.checked(),
    )  # fmt: skip
    await env.close()
    return episode


def _follow(talk: Conversation, user: UserSays) -> None:
    """Let the assistant's side know what cannot be told from the words of a model-played user."""
    if user.turns_at is not None:
        talk.turns_at, talk.said_bye = user.turns_at, user.said_bye


def _numbered(message: dict[str, Any], made: int) -> dict[str, Any]:
    """The message in its stored form: only known keys, ids `functions.NAME:IDX` counted over the conversation."""
    out: dict[str, Any] = {"role": "assistant", "content": message.get("content") or ""}
    if message.get("reasoning_content"):
        out["reasoning_content"] = message["reasoning_content"]
    calls = message.get("tool_calls") or []
    if len(calls) > MAX_CALLS_PER_MESSAGE:
        raise ModelMalformed(f"{len(calls)} calls in one message", str(message)[:4000])
    if calls:
        out["tool_calls"] = [
            {"id": f"functions.{c['function']['name']}:{made + i}", "type": "function",
             "function": {"name": c["function"]["name"], "arguments": c["function"]["arguments"]}}
            for i, c in enumerate(calls)
        ]  # fmt: skip
    return out
