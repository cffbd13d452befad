"""Assistants that look as if they had done the task, over the real tasks of a small run: none passes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from synth.pipeline_stages import JudgeSettings
from synth.records import TaskRow, rng_for
from synth.run import RunResult
from synth.sim.environment import Environment
from synth.sim.episode import NO_USAGE, Conversation, run_episode
from synth.sim.expert import Expert
from synth.sim.setup import Catalog, environment
from synth.sim.user import SimulatedUser
from synth.stages.judge import judge
from synth.stages.rollouts import row_of
from synth.store.views import open_run
from synth.taskspec import Goal, Plan, UserProfile

SEED = 11
Message = dict[str, Any]


class Bent:
    """The expert, with its words bent. `bent`: there was something to bend."""

    name = "bent"

    def __init__(self, task: TaskRow, profile: UserProfile, env: Environment) -> None:
        goal, plan = Goal.model_validate(task.goal), Plan.model_validate(task.plan)
        self.task, self.bent = task, False
        self._expert = Expert(profile, goal, plan, env, rng_for(SEED, "expert"))

    def usage(self) -> Any:
        return NO_USAGE

    async def act(self, conversation: Conversation) -> Message:
        message = await self._expert.act(conversation)
        return message if message.get("tool_calls") else {"content": self.bend(message["content"])}

    def bend(self, text: str) -> str:
        for tell in self.task.goal["tell"]:
            value = tell["value"]
            if isinstance(value, int | float | str) and not isinstance(value, bool) and str(value) in text:
                self.bent = True
                pattern = rf"(?<![\w.]){re.escape(str(value))}(?!\w)"
                text = re.sub(pattern, lambda m, v=value: self.instead(v), text)  # type: ignore[misc]
        return text

    def instead(self, value: Any) -> str:
        raise NotImplementedError


class OneOfTwo(Bent):
    """Offers the right value and a wrong one."""

    def instead(self, value: Any) -> str:
        return f"Blue Heron or {value}" if isinstance(value, str) else f"{value + 7} or {value}"


class TakenBack(Bent):
    """Says the right value, then another one."""

    def instead(self, value: Any) -> str:
        return f"{value}. Actually, it is {'Blue Heron' if isinstance(value, str) else value + 7}"


class Words(Bent):
    """Makes no call: says what there is to be told, and claims the rest."""

    async def act(self, conversation: Conversation) -> Message:
        self.bent = True
        facts = " ".join(f"{tell['say']}." for tell in self.task.goal["tell"])
        return {"content": f"Done, I've taken care of it. {facts} If you don't have anything else, that is it."}


class Leap(Bent):
    """Knows the writes and their arguments by magic, and looks nothing up."""

    sent = False

    async def act(self, conversation: Conversation) -> Message:
        steps = [s for s in self.task.plan["steps"] if s["effect"] == "write"]
        reads = {s["id"] for s in self.task.plan["steps"] if s["effect"] == "read"}
        self.bent = any(x.get("step") in reads for s in steps for x in s["sources"].values())
        if steps and not self.sent:
            self.sent = True
            return {"content": "", "tool_calls": [
                {"function": {"name": s["tool"], "arguments": json.dumps(s["arguments"])}} for s in steps]}  # fmt: skip
        return {"content": " ".join(f"{t['say']}." for t in self.task.goal["tell"]) or "That is done."}


@pytest.mark.parametrize("adversary", [OneOfTwo, TakenBack, Words, Leap], ids=lambda a: a.__name__)
def test_no_pretender_passes(first: RunResult, adversary: type[Bent]) -> None:
    run = open_run(first.run_dir)
    catalog = Catalog.of(run.rows("agents"), run.rows("tools"), run.rows("worlds"))
    tried, passed = 0, []
    for task in run.rows("tasks"):
        profile = UserProfile.model_validate(task.user)
        env = environment(catalog, task, SEED, 0.0)
        policy = adversary(task, profile, env)
        user, prompt = SimulatedUser(profile, rng_for(SEED, "user")), catalog.agents[task.agent_id].system_prompt
        episode = asyncio.run(run_episode(prompt, env, user, policy, 40))
        if policy.bent:
            tried += 1
            row = row_of("traj_bent", task, 0, policy.name, episode, SEED)
            if judge(row, task, catalog, JudgeSettings()).passed:
                passed.append((task.task_id, row.messages[1:]))
    assert tried > 20
    assert not passed, passed[:2]
