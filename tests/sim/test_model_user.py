"""A user played by a model: held to its profile reply by reply, mended once, a failed row otherwise."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import desk
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "proposing"))
from endpoint import Endpoint

from synth.errors import TaskFailure
from synth.models.roles import Role
from synth.models.scripted import Script, ScriptedClient
from synth.models.settings import OpenAIModel
from synth.pipeline_stages import JudgeSettings, RolloutsSettings
from synth.records import TaskRow, TrajectoryRow
from synth.sim.held import Stand, faults
from synth.sim.model_user import ModelUser
from synth.stage import Context, Part
from synth.stages import judge, rollouts
from synth.taskspec import Goal, UserProfile


def said(say: str, goes_on: bool = False, done: bool = False) -> dict[str, Any]:
    return {"content": json.dumps({"say": say, "next": goes_on, "done": done})}


def user(task: TaskRow, *replies: dict[str, Any]) -> ModelUser:
    client = ScriptedClient(Script.model_validate({"replies": list(replies)}))
    role = Role("user", Replies(client), "scripted:u")  # type: ignore[arg-type]
    return ModelUser(UserProfile.model_validate(task.user), Goal.model_validate(task.goal), role)


class Replies:
    """The script read in the order of the requests, not of the messages of one prompt."""

    def __init__(self, client: ScriptedClient) -> None:
        self._client, self.prompts = client, []  # type: ignore[var-annotated]

    async def complete(self, messages: list[Any], *rest: Any) -> Any:
        self.prompts.append(messages[-1]["content"])
        told = [{"role": "assistant", "content": ""}] * (len(self.prompts) - 1)
        return await self._client.complete([*told, messages[-1]], *rest)

    async def close(self) -> None:
        return None


def stand(task: TaskRow, turn: int = -1, *talk: tuple[str, str]) -> Stand:
    return Stand(
        UserProfile.model_validate(task.user), Goal.model_validate(task.goal), turn=turn, talk=list(talk)
    )  # fmt: skip


def reasons(at: Stand, say: str, goes_on: bool = False, done: bool = False) -> list[str]:
    return [reason for reason, _ in faults(at, say, goes_on, done)]


def test_the_first_message_states_the_facts_of_its_turn_and_no_more() -> None:
    task = desk.clarify()
    at = stand(task)
    facts = {f.id: f for f in at.profile.facts}
    hidden = next(f for f in facts.values() if f.told is None)
    opening = at.profile.turns[0]
    assert reasons(at, opening, goes_on=True) == []
    assert reasons(at, f"{opening} {hidden.say}", goes_on=True) == ["leak"]
    if any(f.told == 0 for f in facts.values()):
        assert "unsaid" in reasons(at, "Please help me.", goes_on=True)


def test_a_hidden_fact_is_said_when_asked_and_only_then() -> None:
    task = desk.clarify()
    profile = UserProfile.model_validate(task.user)
    hidden = next(f for f in profile.facts if f.told is None)
    asked = stand(task, 0, ("You", profile.turns[0]), ("Assistant", f"Which {hidden.about[0]} should it have?"))
    assert reasons(asked, hidden.say) == []
    assert reasons(asked, "No idea, you choose.") == ["evasive"]
    unasked = stand(task, 0, ("You", profile.turns[0]), ("Assistant", "Which colour do you like?"))
    assert reasons(unasked, hidden.say) == ["leak"]


@pytest.mark.parametrize(
    ("say", "done", "reason"),
    [("", False, "empty"), ("   ", True, "early_stop"), ("Thanks, bye!", True, "early_stop"),
     ("Done. Is there anything else I can help with?", False, "role_flip"),
     ("I've updated the ticket for you.", False, "role_flip"),
     ('functions.get_ticket:0 {"id": "TCK-1"}', False, "role_flip"),
     ("Use ticket TCK-ZZ99ZZ then.", False, "invented"), ("Write to kim@nowhere.example.", False, "invented")],
)  # fmt: skip
def test_what_no_user_may_say(say: str, done: bool, reason: str) -> None:
    task = desk.multi_turn()
    at = stand(task, 0, ("You", task.user["turns"][0]), ("Assistant", "Done."))
    found = reasons(at, say, done=done)
    assert reason in found or (not say.strip() and found == ["empty"])


def test_what_belongs_to_a_later_request_or_to_the_tools_is_a_leak() -> None:
    task = desk.multi_turn()
    at = stand(task)
    later = [
        f for f in at.profile.facts if f.told and not isinstance(f.value, bool) and f.value not in at.profile.turns[0]
    ]
    for fact in later:
        assert "leak" in reasons(at, f"{at.profile.turns[0]} {fact.say}", goes_on=True)
    for tell in at.goal.tell:
        assert reasons(at, f"{at.profile.turns[0]} I think {tell.say}", goes_on=True)


def test_one_of_the_things_said_before_will_do_and_common_words_give_nothing_away() -> None:
    task = desk.clarify()
    off = {"id": "t", "turn": 0, "say": "it is off", "value": "off"}
    task = task.model_copy(update={"goal": task.goal | {"tell": [off]}})
    profile = UserProfile.model_validate(task.user)
    at = stand(task, 0, ("You", profile.turns[0]), ("Assistant", "Which contact, by name, and which priority?"))
    hidden = next(f for f in profile.facts if f.told is None)
    assert reasons(at, f"A load off my mind: {hidden.say}") == []
    at.answered = {hidden.id}
    assert reasons(at, "As I said.") == ["evasive"]
    assert reasons(at, next(f.say for f in profile.facts if f.told == 0)) == []


def play(make: Callable[[], TaskRow], *replies: dict[str, Any]) -> tuple[ModelUser, list[str]]:
    """The user's messages while the assistant reports after every one."""

    async def go() -> tuple[ModelUser, list[str]]:
        model = user(make(), *replies)
        heard = [await model.open()]
        while (answer := await model.reply("That is done.")) is not None:
            heard.append(answer)
        return model, heard

    return asyncio.run(go())


def test_a_wrong_reply_is_mended_once_and_counted() -> None:
    turns = desk.multi_turn().user["turns"]
    model, heard = play(desk.multi_turn, said("Help!", True), said(turns[0], True), *[said(t, True) for t in turns[1:]],
                        said("Thanks, bye!", done=True))  # fmt: skip
    assert heard == [*turns, "Thanks, bye!"]
    assert model.trace()["refused"]["unsaid"] >= 1
    assert model.trace()["turns_at"] == list(range(len(turns)))
    assert model.said_bye and not model.left


def test_wrong_twice_is_a_failure_of_the_model() -> None:
    with pytest.raises(TaskFailure, match="role_flip") as failed:
        play(desk.multi_turn, said("How can I help you today?", True))
    assert (failed.value.class_, failed.value.boundary) == ("model", "sim.model_user")


def test_who_gets_nowhere_leaves() -> None:
    turns = desk.multi_turn().user["turns"]
    model, heard = play(desk.multi_turn, said(turns[0], True), said("Hm."))
    assert model.left and len(heard) < 10


def test_the_prompt_holds_back_what_comes_later() -> None:
    task = desk.clarify()
    model = user(task, said(task.user["turns"][0], True))
    asyncio.run(model.open())
    prompt = model._role.client.prompts[0]  # type: ignore[attr-defined]
    assert task.user["turns"][0] in prompt
    two = desk.multi_turn()
    model = user(two, said(two.user["turns"][0], True))
    asyncio.run(model.open())
    assert two.user["turns"][1] not in model._role.client.prompts[0]  # type: ignore[attr-defined]


def obedient(prompt: str) -> str:
    """What a model that keeps to its prompt would reply."""
    coming = prompt.partition("THEIR NEXT REQUEST")[2].partition("\n")[2].partition("\n\n")[0]
    talk = prompt.partition("THE CONVERSATION SO FAR\n")[2].partition("\n\nRULES")[0]
    last = talk.rpartition("Assistant: ")[2]
    known = re.findall(r"^- (.*)$", prompt.partition("WHAT THEY ALSO KNOW")[2].partition("\n\n")[0], re.M)
    if "Assistant: " in talk and last.strip().endswith("?") and known:
        return json.dumps({"say": " ".join(known), "next": False, "done": False})
    if coming:
        return json.dumps({"say": f"Well then: {coming} That is what I need.", "next": True, "done": False})
    return json.dumps({"say": "Great, bye.", "next": False, "done": True})


def leaky(prompt: str) -> str:
    return json.dumps({"say": "How can I help you today?", "next": True, "done": False})


def run(answer: Callable[[str], str]) -> tuple[Any, Endpoint]:
    """Tasks of every sort with the expert and a user behind a real endpoint."""
    server = Endpoint(answer)
    server.start()
    backend = OpenAIModel(kind="openai", base_url=server.url, model="tiny", max_concurrency=4)
    settings = RolloutsSettings(user="tiny").model_copy(update={"backends": {"user": backend}})
    tasks = list(desk.tasks().values())
    try:
        out = rollouts.run(Context(3, settings, desk.Inputs(tasks=tasks)), Part("rollouts", 0, 0, len(tasks)))
    finally:
        server.stop()
    return out, server


def test_the_expert_and_a_user_behind_an_endpoint_pass_the_judge() -> None:
    out, server = run(obedient)
    assert not out.failed, out.failed
    assert all(body["response_format"] for body in server.asked)
    rows: list[TrajectoryRow] = out.rows
    by = {t.task_id: t for t in desk.tasks().values()}
    for row in rows:
        assert row.messages[1]["content"].startswith("Well then: ")
        assert row.played_user["by"] == "endpoint:tiny" and row.played_user["refused"] == {}
        assert row.stop_reason == "done"
        verdict = judge.judge(row, by[row.task_id], desk.catalog(), JudgeSettings())
        assert verdict.passed, (row.messages[1:], verdict.reasons)
    spent = [u for u in out.usage if u.role == "user"]
    assert len(spent) == len(rows)
    assert sum(u.requests for u in spent) == len(server.asked)


def test_a_user_out_of_its_role_ends_every_slot_as_a_failure_of_the_model() -> None:
    out, server = run(leaky)
    assert out.rows == []
    assert {(f.class_, f.boundary, f.detail.partition(":")[0]) for f in out.failed} == {
        ("model", "sim.model_user", "role_flip")
    }
    assert len(server.asked) == 2 * len(out.failed)  # asked, and once more
