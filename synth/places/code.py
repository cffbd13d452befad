"""Code tasks as tasks of a workspace: the folder, the request, the hidden tests, the expert's calls."""

from __future__ import annotations

import random
from typing import Any

from synth import code
from synth.code.task import CodeTask, ExpertStep
from synth.errors import TaskFailure
from synth.executors.workspace_tools import BY_NAME
from synth.goals.build import BuildFailed
from synth.goals.rubric import thrift
from synth.places.task import PlaceTask
from synth.records import Split, WorldRow
from synth.taskspec import (
    CriterionSpec,
    Goal,
    PlaceCheck,
    PlaceStart,
    Plan,
    Reply,
    Rubric,
    Source,
    Step,
    UserProfile,
)

HIDDEN = "hidden_tests"  # the one check of a workspace
# The same program is run again as often as one likes: that repeats no effect that anybody would mind.
WAIVED = ["standing.no_repeats"]
MOST_FAILURES = 3
RAN = "ran"  # of the last run of tests: how many there were
_THANKS = ("Thanks, that is all.", "Great, thank you.", "Perfect, thanks a lot.", "Thank you, that does it.",
           "Good work, thanks.", "Thanks!", "That is all I needed, thank you.")  # fmt: skip
_UNKNOWN = ("I don't know, look at the code.", "No idea; please go by what the files say.",
            "I can't tell you more than that.", "Not sure. Whatever the code and the request say.")  # fmt: skip


def make(world: WorldRow, seed: int, number: int, rng: random.Random) -> PlaceTask:
    """The task with this number, of a family that the place has; another number is another task. Raises BuildFailed
    where the family has none."""
    names = world.spec["families"]
    (name,) = rng.choices(names, [code.FAMILIES[one].room for one in names])
    try:
        task = code.make(name, seed, number)
    except TaskFailure as failure:
        raise BuildFailed(failure.detail) from failure
    steps, replies = plan_of(task.plan)
    return PlaceTask(
        kind="code", family=task.family, difficulty=task.difficulty, user=user_of(task, world.split, rng),
        goal=Goal(changes=[], tell=[], checks=[check_of(task)], text=f"The hidden tests of {task.family} pass."),
        start=PlaceStart(files=task.files, setup={"databases": task.databases}, essence=task.essence),
        plan=Plan(steps=steps, replies=replies), rubric=rubric_of(len(steps)),
    )  # fmt: skip


def user_of(task: CodeTask, split: Split, rng: random.Random) -> UserProfile:
    """Who asks. The last wording of a request is the eval split's own."""
    words = task.requests[-1] if split == "eval" else rng.choice(task.requests[:-1])
    return UserProfile(name="", style="plain", turns=[words], facts=[], thanks=rng.choice(_THANKS),
                       unknown=rng.choice(_UNKNOWN))  # fmt: skip


def check_of(task: CodeTask) -> PlaceCheck:
    return PlaceCheck(id=HIDDEN, check=HIDDEN, params=task.hidden.model_dump(mode="json"),
                      text="The hidden tests pass on the code that was left")  # fmt: skip


def plan_of(messages: list[ExpertStep]) -> tuple[list[Step], list[Reply]]:
    """The expert's messages as steps: the calls of one message wait for those of the message before. What the closing
    words say of a run is taken from it."""
    steps: list[Step] = []
    before: list[int] = []
    for message in messages[:-1]:
        made = []
        for n, call in enumerate(message.calls):
            sources = {f"/{name}": Source(kind="free", why="work") for name in call.arguments}
            steps.append(Step(
                id=len(steps), turn=0, tool=call.tool, world_id="", arguments=call.arguments, sources=sources,
                after=before, effect=effect_of(call.tool), say=message.say if n == 0 else "",
            ))  # fmt: skip
            made.append(steps[-1].id)
        before = made
    last = messages[-1].say  # may quote code, braces and all
    tested = [s.id for s in steps if s.tool == "run_tests"]
    slots = {RAN: Source(kind="result", step=tested[-1], path=[RAN])} if f"{{{RAN}}}" in last else {}
    return steps, [Reply(turn=0, text=last, slots=slots)]


def effect_of(tool: str) -> Any:
    return BY_NAME[tool]["effect"]


def rubric_of(calls: int) -> Rubric:
    """The hidden tests decide; how it was gone about is only scored."""
    return Rubric(waives=WAIVED, criteria=[
        CriterionSpec(id=HIDDEN, part="success", check="checked", params={"check": HIDDEN},
                      text="The hidden tests pass on the code that was left"),
        *thrift(2 * calls + 4),
    ])  # fmt: skip
