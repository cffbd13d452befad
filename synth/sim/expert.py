"""The expert: knows the plan, but finds every value it sends in what was said or shown, and reads what comes back."""

from __future__ import annotations

import functools
import json
import random
import re
from typing import Any

from rubrics.normal import Text, flat_text, leaves, mentions
from synth.errors import TaskFailure
from synth.executors.protocol import PlaceExecutor
from synth.executors.world import WorldExecutor
from synth.places.schemas import may_choose
from synth.records import Call, Usage, canonical
from synth.sim import grounding, speech
from synth.sim.environment import Environment
from synth.sim.episode import NO_USAGE, Conversation
from synth.sim.faults import notice_of
from synth.sim.roles import free_choice
from synth.taskspec import Ask, Goal, Look, Plan, Reply, Step, Tell, UserProfile

TRIES = 4  # of one call that fails for a passing reason
_PASSING = re.compile(r"try again|retry|sent again|too many requests", re.IGNORECASE)
_WARNS = 0.5  # share of closing reports that mention a text that gives orders
_TALKS = 0.4  # share of messages with calls that also say something


def carried_out(look: Look, call: Call) -> bool:
    """What a read says of a write in doubt."""
    if not call.ok:
        return look.fails
    values = {canonical(v) for _, v in leaves(call.result)}
    return (
        not look.fails
        and all(canonical(v) in values for v in look.shown)
        and not any(canonical(v) in values for v in look.gone)
    )


def _own_work(pointer: str, value: Any) -> bool:
    """In a workspace the assistant writes what it likes."""
    return True


_BRIEF = 0.5  # share of single answers that do not repeat what was asked


class Expert:
    """Plays the plan of one task. Raises TaskFailure("task") where the plan does not hold."""

    name = "expert"

    def __init__(
        self,
        profile: UserProfile,
        goal: Goal,
        plan: Plan,
        env: Environment,
        rng: random.Random,
        cautious: bool = False,
    ) -> None:
        """`cautious`: the prompt wants a go-ahead before anything is deleted."""
        self._cautious = cautious
        self._confirmed = -1  # the last user turn for which there is a go-ahead
        self._profile, self._goal, self._plan, self._env, self._rng = profile, goal, plan, env, rng
        self._results: dict[int, Any] = {}
        self._given_up: set[int] = set()
        self._tries: dict[int, int] = {}
        self._pending: list[tuple[Step, dict[str, Any]]] = []
        self._doubts: list[tuple[Step, dict[str, Any]]] = []  # writes that nobody answered
        self._looking = False  # whether the pending calls only look what became of the writes in doubt
        self._asked: set[int] = set()
        self._told: set[str] = set()
        self._news: list[speech.Deed] = []  # writes not reported yet
        self._read = 0  # records read so far
        self._remark = ""  # what the next message opens with: a retry, a way round
        self._heard = ""  # what the user said so far

    def usage(self) -> Usage:
        return NO_USAGE

    async def act(self, conversation: Conversation) -> dict[str, Any]:
        user = [m["content"] for m in conversation.messages if m["role"] == "user"]
        self._heard = "\n".join(user)
        if conversation.turns_at is not None:  # the user words the requests anew
            spoken = [user[i] for i in conversation.turns_at]
            turns = [*spoken, *self._profile.turns[len(spoken) :]]
            self._profile = self._profile.model_copy(update={"turns": turns})
        self._read_results(conversation.calls)
        if conversation.said_bye or (user[-1] == self._profile.thanks and user[-1] not in self._profile.turns):
            return {"content": speech.pick("closing", self._rng)}
        turn = self._turn(user)
        heard = grounding.Heard(
            Text(conversation.messages[0]["content"]), Text(self._heard), self._profile, self._results
        )  # fmt: skip
        if self._doubts:
            return self._looks()
        ready = self._ready(turn, heard)
        if ready and self._needs_permission(turn, ready):
            self._confirmed = turn
            return {"content": speech.pick("permission", self._rng)}
        if ready:
            return self._calls([(step, grounding.arguments(step, heard, self._may_choose(step))) for step in ready])
        asks = self._asks(turn, heard)
        if asks:
            return {"content": " ".join(a.question for a in asks)}
        left = [s.id for s in self._plan.steps if s.turn <= turn and not self._closed(s.id)]
        if left:
            raise TaskFailure("task", "sim.expert", f"steps {left} of turn {turn} can never start")
        return {"content": self._report(turn, conversation)}

    # -- where the conversation stands --

    def _turn(self, user: list[str]) -> int:
        """The user turn that was said last."""
        turn, at = -1, 0
        for text in user:
            if at < len(self._profile.turns) and self._profile.turns[at] in text:
                turn, at = at, at + 1
        return turn

    def _needs_permission(self, turn: int, ready: list[Step]) -> bool:
        """Whether the person has to be asked first: once per turn, and not where the plan has a question of its own."""
        if not self._cautious or self._confirmed >= turn or any(a.turn == turn for a in self._plan.asks):
            return False
        return any(s.effect == "write" and self._deletes(s) for s in ready)

    def _deletes(self, step: Step) -> bool:
        tool = self._env.offered.get(step.tool)
        if tool is None or not isinstance(tool.executor, WorldExecutor):
            return False
        compiled = tool.executor.compiled.tool(tool.row.name)
        spec = compiled.spec
        if spec.op == "choose" and spec.cases:
            case = compiled.canonical(step.arguments).get(str(spec.by))
            spec = spec.cases.get(str(case), spec)
        return spec.op == "delete"

    def _closed(self, step: int) -> bool:
        return step in self._results or step in self._given_up

    def _ready(self, turn: int, heard: grounding.Heard) -> list[Step]:
        """Steps that can be taken now; they do not depend on each other."""
        return [
            s for s in self._plan.steps
            if s.turn <= turn
            and not self._closed(s.id)
            and all(self._closed(a) for a in s.after)
            and self._known(s, heard)
        ]  # fmt: skip

    def _known(self, step: Step, heard: grounding.Heard) -> bool:
        """Whether the sources of the step have spoken: results are in, facts were said."""
        facts = {f.id: f for f in self._profile.facts}
        for source in step.sources.values():
            if source.kind == "result" and source.step is not None and source.step not in self._results:
                if source.step in self._given_up:
                    raise TaskFailure("task", "sim.expert", f"step {step.id} needs step {source.step}, which failed")
                return False
            fact = facts.get(source.fact) if source.kind == "user" and source.fact else None
            if fact is not None and not grounding.said(fact, heard.user, self._profile):
                return False
        return all(grounding.said(facts[f], heard.user, self._profile) for f in step.waits)

    def _may_choose(self, step: Step) -> grounding.MayChoose:
        tool = self._env.offered.get(step.tool)
        if tool is None or tool.executor is None:
            raise TaskFailure("task", "sim.expert", f"step {step.id} calls {step.tool}, which the agent cannot run")
        if isinstance(tool.executor, WorldExecutor):
            return functools.partial(free_choice, tool.executor.compiled.tool(tool.row.name))
        if tool.row.origin == "workspace":
            return _own_work
        return functools.partial(may_choose, tool.row.input_schema)

    def _asks(self, turn: int, heard: grounding.Heard) -> list[Ask]:
        """Questions whose time has come. An answer that did not help is not asked for twice."""
        facts = {f.id: f for f in self._profile.facts}
        steps = {s.id: s for s in self._plan.steps}
        out = []
        for i, ask in enumerate(self._plan.asks):
            after = ask.after if ask.before is None else steps[ask.before].after
            open_ = [f for f in ask.facts if not grounding.said(facts[f], heard.user, self._profile)]
            if i in self._asked or ask.turn > turn or not open_ or not all(self._closed(a) for a in after):
                continue
            self._asked.add(i)
            out.append(ask)
        return out

    # -- calls --

    def _calls(self, ready: list[tuple[Step, dict[str, Any]]]) -> dict[str, Any]:
        self._pending = ready
        text, self._remark = self._remark, ""
        text = " ".join(filter(None, [text, *(step.say for step, _ in ready)]))
        if not text and not any(self._real(step) for step, _ in ready) and self._rng.random() < _TALKS:
            text = speech.pick("write" if all(s.effect == "write" for s, _ in ready) else "look", self._rng)
        return {
            "content": text,
            "tool_calls": [
                {"function": {"name": s.tool, "arguments": json.dumps(arguments, ensure_ascii=False)}}
                for s, arguments in ready
            ],
        }

    def _read_results(self, calls: list[Call]) -> None:
        fresh = calls[self._read :]
        self._read = len(calls)
        if self._looking:
            self._see(fresh)
            return
        for (step, arguments), call in zip(self._pending, fresh, strict=True):
            self._tries[step.id] = self._tries.get(step.id, 0) + 1
            notice = notice_of(call.result) if call.ok else None
            if call.error == "no_answer" and step.effect == "write":
                self._doubts.append((step, arguments))
            elif notice is not None and self._tries[step.id] < TRIES:
                self._remark = speech.pick("again", self._rng)
            elif call.ok:
                self._results[step.id] = call.result
                if step.effect == "write":
                    self._news.append(self._deed(step, arguments, call.result))
            elif _PASSING.search(flat_text(call.result)) and self._tries[step.id] < TRIES:
                self._remark = speech.pick("retry", self._rng)
            else:
                self._given_up.add(step.id)
                self._remark = self._remark or speech.pick("around", self._rng)
        self._pending = []

    def _looks(self) -> dict[str, Any]:
        """Before a write whose answer was lost is sent again, a read has to show that it was not carried out."""
        self._looking = True
        looks = [self._look(step) for step, _ in self._doubts]
        return {
            "content": speech.pick("doubt", self._rng),
            "tool_calls": [
                {"function": {"name": k.tool, "arguments": json.dumps(k.arguments, ensure_ascii=False)}} for k in looks
            ],
        }

    def _look(self, step: Step) -> Look:
        found = next((k for k in self._plan.looks if k.step == step.id), None)
        if found is None:
            raise TaskFailure("task", "sim.expert", f"nothing shows whether step {step.id} was carried out")
        return found

    def _see(self, calls: list[Call]) -> None:
        """Close the writes in doubt that were carried out; the others are open again."""
        self._looking = False
        for (step, arguments), call in zip(self._doubts, calls, strict=True):
            if carried_out(self._look(step), call):
                self._results[step.id] = None
                self._news.append(self._deed(step, arguments, None))
        self._doubts = []

    def _deed(self, step: Step, arguments: dict[str, Any], result: Any) -> speech.Deed:
        tool = self._env.offered[step.tool]
        if isinstance(tool.executor, WorldExecutor):
            return speech.deed(tool, tool.executor.compiled, arguments, result, self._rng, self._heard)
        return speech.Deed(f"I ran {step.tool}", ("bare", step.tool))

    # -- words --

    def _report(self, turn: int, conversation: Conversation) -> str:
        """What was done and what there is to tell since the last report."""
        tells = [t for t in self._goal.tell if t.turn <= turn and t.id not in self._told]
        for tell in tells:
            self._check(tell, conversation)
            self._told.add(tell.id)
        out = []
        found = next((r for r in self._plan.replies if r.turn == turn), None)
        if found is not None:
            reply = self._filled(found)
            out = [self._done()] if self._news and not any(map(self._real, self._plan.steps)) else []
            out += [speech.sentence(t.say) for t in tells if not mentions(t.value, Text(reply))]
            self._news = []
            return " ".join([*out, reply])
        if self._news:
            out.append(self._done())
        if tells:
            kind = "told" if not self._news else "nothing"
            brief = len(tells) == 1 and not out and bool(tells[0].short) and self._rng.random() < _BRIEF
            clauses = [speech.moment(t.short if brief else t.say, t.value, self._rng) for t in tells]
            out.append(speech.report("told", "tell", clauses, self._rng) if kind == "told" else
                       " ".join(speech.sentence(c) for c in clauses))  # fmt: skip
        if not out:
            last = turn + 1 == len(self._profile.turns)
            refuse = self._goal.refuse and last
            chat = not self._plan.steps and not self._goal.changes
            gone = "outage" if self._given_up else "refuse"
            out.append(speech.pick(gone if refuse else "chat" if chat else "nothing", self._rng))
        self._news = []
        if self._goal.forbidden and turn + 1 == len(self._profile.turns) and self._rng.random() < _WARNS:
            out.append(speech.pick("odd_text", self._rng))
        if self._rng.random() < 0.2:
            out.append(speech.pick("offer", self._rng))
        return " ".join(out)

    def _real(self, step: Step) -> bool:
        """Whether the call really runs: its words are the task's own."""
        tool = self._env.offered.get(step.tool)
        return tool is not None and isinstance(tool.executor, PlaceExecutor)

    def _filled(self, reply: Reply) -> str:
        """The reply with what results show in its slots."""
        text = reply.text
        for name, source in reply.slots.items():
            try:
                value = grounding.at(self._results[source.step or 0], source.path)
            except (KeyError, IndexError, TypeError):
                raise TaskFailure("task", "sim.expert", f"no result shows the {name} that is to be told") from None
            text = text.replace("{" + name + "}", str(value))
        return text

    def _done(self) -> str:
        return speech.report("done", "what", speech.gathered(self._news, self._rng), self._rng)

    def _check(self, tell: Tell, conversation: Conversation) -> None:
        """What is told must have been shown: names and dates literally, numbers also as a count or a sum of what was
        read. Without anything read there is nothing to tell."""
        shown = [c.result for c in conversation.calls if c.ok]
        if tell.source == "said":
            said = [m["content"] for m in conversation.messages if m["role"] in ("system", "user")]
            read = Text("\n".join([*said, flat_text(conversation.tools)]))
            if not all(mentions(v, read) for _, v in leaves(tell.value)):
                raise TaskFailure("task", "sim.expert", f"{tell.id} = {tell.value!r} was never said")
            return
        if not shown and self._plan.steps:
            raise TaskFailure("task", "sim.expert", f"{tell.id} is to be told, but nothing was read")
        if isinstance(tell.value, str):
            known = [*(Text(flat_text(r)) for r in shown), *(Text(m["content"]) for m in conversation.messages[:1])]
            if not any(mentions(v, t) for _, v in leaves(tell.value) for t in known):
                raise TaskFailure("task", "sim.expert", f"{tell.id} = {tell.value!r} was never shown")
