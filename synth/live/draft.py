"""A task of a live server while it is being written: what the user says, the expert's calls with the source of every
value, what stands there afterwards, worked out from the start state and never from the server."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from rubrics.normal import Text, leaves, mentions, squash
from synth.goals.rubric import success, thrift
from synth.goals.speech import Clause, Speaker
from synth.places.task import PlaceTask
from synth.records import Kind, Split
from synth.taskspec import (
    Ask,
    CriterionSpec,
    Fact,
    Goal,
    GoalChange,
    PlaceCheck,
    PlaceStart,
    Plan,
    Reply,
    Rubric,
    Source,
    Step,
    Tell,
    UserProfile,
)

T = TypeVar("T")
Said = Literal["quoted", "plain"]


class Draft:
    """One task. Turns are filled in order: `ask` and `question` add to the present one, `then` opens the next."""

    def __init__(self, rng: random.Random, split: Split) -> None:
        """`split`: users speak in the words of theirs."""
        self.rng, self.split = rng, split
        self.kind: Kind = "single"
        self.files: dict[str, str] = {}
        self.setup: dict[str, Any] = {}
        self.notes: list[str] = []
        self.text = ""
        self.refuse = False  # nothing that is offered can do it
        self._turns: list[list[Clause]] = [[]]
        self._replies: list[list[str]] = [[]]
        self._steps: list[Step] = []
        self._sources: list[dict[str, Source]] = []
        self._changes: list[GoalChange] = []
        self._tells: list[Tell] = []
        self._facts: list[Fact] = []
        self._asks: list[Ask] = []
        self._checks: list[PlaceCheck] = []
        self._kept: list[str] = []
        self._composed = False

    # -- the user --

    def pick(self, options: Sequence[T]) -> T:
        return self.rng.choice(list(options))

    def ask(self, *ways: str) -> None:
        """One request of the present turn, as a verb phrase in base form; one of several wordings."""
        self._turns[-1].append(Clause(vp=self.pick(ways)))

    def question(self, *ways: tuple[str, str]) -> None:
        """One question, direct and indirect, both without a mark at the end."""
        q, i = self.pick(ways)
        self._turns[-1].append(Clause(q=q, i=i))

    def then(self) -> None:
        """The next turn of the user."""
        self._turns.append([])
        self._replies.append([])

    def keep(self, *values: str) -> None:
        """Values that stay as they are, however the user talks."""
        self._kept += values

    def hidden(self, fact: str, say: str, value: Any, about: list[str], question: str, before: int) -> None:
        """Something the user tells only when asked, which the step `before` needs."""
        self._facts.append(Fact(id=fact, say=say, value=value, about=about, told=None))
        self._asks.append(Ask(turn=len(self._turns) - 1, before=before, facts=[fact], question=question))
        waiting = self._steps[before]
        self._steps[before] = waiting.model_copy(update={"waits": [*waiting.waits, fact]})
        self.keep(str(value))

    # -- the expert --

    def step(
        self,
        tool: str,
        arguments: dict[str, Any],
        effect: Literal["read", "write"] = "read",
        *,
        sources: Mapping[str, Source] | None = None,
        work: Sequence[str] = (),
        alone: bool = False,
    ) -> int:
        """A call after the one before it (`alone`: needing none). `sources` by pointer, where a value comes from a
        result or an answer; `work`: pointers of what the assistant composes. The rest must have been said."""
        number = len(self._steps)
        self._sources.append({**{p: Source(kind="free", why="work") for p in work}, **(sources or {})})
        self._composed = self._composed or bool(work)
        self._steps.append(
            Step(
                id=number,
                turn=len(self._turns) - 1,
                tool=tool,
                world_id="",
                arguments=arguments,
                sources={},
                after=[] if alone or not number else [number - 1],
                effect=effect,
            )
        )
        return number

    def of(self, step: int, *path: str | int) -> Source:
        """The value at a path of a step's result."""
        return Source(kind="result", step=step, path=list(path))

    def told(self, fact: str) -> Source:
        """What the user answers."""
        return Source(kind="user", fact=fact)

    def after(self, *steps: int) -> None:
        """The last step needs these, and not only the one before it."""
        self._steps[-1] = self._steps[-1].model_copy(update={"after": list(steps)})

    def say(self, *ways: str) -> None:
        """One sentence of the closing report of the present turn."""
        self._replies[-1].append(self.pick(ways))

    # -- the truth --

    def inserted(self, entity: str, key: str | None = None, **fields: Any) -> None:
        self._changes.append(GoalChange(world_id="", entity=entity, kind="insert", key=key, fields=fields))

    def updated(self, entity: str, key: str, **fields: Any) -> None:
        self._changes.append(GoalChange(world_id="", entity=entity, kind="update", key=key, fields=fields))

    def deleted(self, entity: str, key: str) -> None:
        self._changes.append(GoalChange(world_id="", entity=entity, kind="delete", key=key))

    def changed(self, change: GoalChange) -> None:
        """A change that was seen rather than worked out."""
        self._changes.append(change)

    def check(self, text: str, check: str, **params: Any) -> None:
        """A postcondition that the executor evaluates at the end."""
        self._checks.append(PlaceCheck(id=f"c{len(self._checks)}", text=text, check=check, params=params))

    def tell(self, value: Any, say: str) -> None:
        """A fact that the user must be told in this turn; `say` holds it."""
        self._tells.append(Tell(id=f"t{len(self._tells)}", turn=len(self._turns) - 1, say=say, value=value))

    # -- the whole --

    def finish(self, family: str) -> PlaceTask:
        """The task. Raises ValueError where a value of a call was neither said nor shown: a mistake of the maker."""
        strings = {v for s in self._steps for _, v in leaves(s.arguments) if isinstance(v, str) and len(v) > 1}
        words = " ".join(c.vp + c.q + c.i for turn in self._turns for c in turn)
        speaker = Speaker(self.rng, self.split, kept=[*self._kept, *sorted(v for v in strings if v in words)])
        turns = [speaker.opening(self._turns[0]), *(speaker.follow(turn) for turn in self._turns[1:])]
        told = [f.say for f in self._facts]
        steps = [
            step.model_copy(update={"sources": self._grounds(step, given, " ".join([*turns[: step.turn + 1], *told]))})
            for step, given in zip(self._steps, self._sources, strict=True)
        ]
        goal = Goal(
            changes=self._changes,
            tell=self._tells,
            checks=self._checks,
            refuse=self.refuse,
            text=self.text or f"What was asked for ({family}) is so",
        )
        plan = Plan(
            steps=steps,
            asks=self._asks,
            replies=[Reply(turn=n, text=" ".join(said)) for n, said in enumerate(self._replies) if said],
        )
        writes = sum(s.effect == "write" for s in steps)
        return PlaceTask(
            kind=self.kind,
            family=family,
            difficulty=min(5, 1 + len(steps) // 2 + (writes > 1) + bool(self._asks)),
            user=UserProfile(
                name="",
                style=speaker.persona,
                turns=turns,
                facts=self._facts,
                thanks=speaker.of("thanks"),
                unknown=speaker.of("unknown"),
            ),
            goal=goal,
            start=PlaceStart(files=self.files, setup=self.setup),
            plan=plan,
            rubric=_rubric(goal, plan, grounded=not self._composed),
            notes=self.notes,
        )

    def _grounds(self, step: Step, given: dict[str, Source], heard: str) -> dict[str, Source]:
        text, notes = Text(heard), Text(" ".join(self.notes))
        out = dict(given)
        for pointer, value in leaves(step.arguments):
            if any(pointer == p or pointer.startswith(p + "/") for p in given):
                continue
            if (
                value is None
                or isinstance(value, bool)
                or (isinstance(value, int | float) and not mentions(value, text))
            ):
                out[pointer] = Source(kind="free", why="a choice")
            elif mentions(value, text) and (not isinstance(value, str) or value in heard or squash(value) in text.norm):
                out[pointer] = Source(kind="user")
            elif isinstance(value, str) and value in self._notes():
                out[pointer] = Source(kind="prompt") if mentions(value, notes) else Source(kind="free", why="work")
            else:
                raise ValueError(f"{step.tool} {pointer} = {value!r} was neither said nor shown")
        return out

    def _notes(self) -> str:
        return " ".join(self.notes)


def _rubric(goal: Goal, plan: Plan, grounded: bool) -> Rubric:
    """What must be so, that what was hidden was asked for, and how it was gone about. Whether values were made up can
    only be told where none is composed by the assistant."""
    criteria = success(goal)
    criteria += [
        CriterionSpec(id=f"holds_{c.id}", part="success", check="checked", params={"check": c.id}, text=c.text)
        for c in goal.checks
    ]
    if grounded and plan.steps:
        criteria.append(
            CriterionSpec(
                id="grounded", part="pattern", check="grounded", text="Every value was said or shown before it was used"
            )
        )
    criteria += [
        CriterionSpec(
            id=f"asked_{n}",
            part="pattern",
            check="asked",
            params={"facts": list(ask.facts)},
            text=f"The user was asked for what they had not said: {ask.question}",
        )
        for n, ask in enumerate(plan.asks)
    ]
    return Rubric(criteria=[*criteria, *thrift(2 * len(plan.steps) + 4)])
