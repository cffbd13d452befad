"""Whether calls come out the same in two fresh instances, and what shows that they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rubrics.normal import leaves
from synth.errors import TaskFailure
from synth.executors.masking import as_shown
from synth.executors.protocol import Outcome
from synth.live.probing.hands import Bench, content, failure_of, holds_now
from synth.live.probing.records import Course, Found, ProbedCall, ReadBack
from synth.live.probing.showing import Shown, label_of
from synth.live.probing.walking import Candidate, Made, Walk, without
from synth.records import canonical
from synth.taskspec import GoalChange, PlaceStart

RESULTS_DIFFER = "results_differ"
STATE_DIFFERS = "state_differs"
HOLDS_THE_TIME = "holds_the_time"  # it would differ tomorrow
NOTHING_SEEN = "no_change_seen"  # it says that it writes, and nothing shows it
STATE_PERSISTS = "state_persists"  # a fresh instance still shows what an earlier one did
ORDER_MATTERS = "order_matters"
MOST_LOOKS = 6


@dataclass(frozen=True)
class _Run:
    outcomes: list[Outcome]
    changed: list[bool]  # by call: whether the work folder was another one afterwards
    diff: list[dict[str, Any]]
    digest: str
    looks: list[str]  # contents of the looks afterwards


@dataclass
class Confirmer:
    """Confirms what one walk found."""

    bench: Bench
    walk: Walk
    _without: dict[str, list[str]] = field(default_factory=dict)  # start -> contents of the looks with nothing done

    async def confirm(self, candidate: Candidate) -> Course | str:
        """The course, or the reason why there is none."""
        backwards = candidate.kind == "parallel"  # neither call needs the other
        try:
            one = await self._run(candidate)
            two = await self._run(candidate, backwards=backwards)
        except _Fails as fails:
            return fails.reason
        if [self._text(o) for o in one.outcomes] != [self._text(o) for o in two.outcomes]:
            return ORDER_MATTERS if backwards else RESULTS_DIFFER
        if (canonical(one.diff), one.digest) != (canonical(two.diff), two.digest):
            return ORDER_MATTERS if backwards else STATE_DIFFERS
        if holds_now(canonical([[e["key"], e["after"]] for e in one.diff])) or any(
            holds_now(self._text(o)) for o in one.outcomes
        ):
            return HOLDS_THE_TIME
        try:
            backs = await self._read_backs(candidate, one, two) if self._unseen(candidate, one) else []
        except _Fails as fails:
            return fails.reason
        return backs if isinstance(backs, str) else _course(self.bench, candidate, one, backs)

    def _writes(self, candidate: Candidate) -> bool:
        return any(self.bench.tools[c.tool].effect == "write" for c in candidate.calls)

    def _unseen(self, candidate: Candidate, run: _Run) -> bool:
        """Whether some call is said to write and left nothing in the work folder."""
        both = zip(candidate.calls, run.changed, strict=True)
        return any(self.bench.tools[c.tool].effect == "write" and not changed for c, changed in both)

    async def _idle(self, candidate: Candidate) -> list[str]:
        looks = self._chosen(candidate)
        key = canonical([candidate.start.model_dump(mode="json"), [k.number for k in looks]])
        if key not in self._without:
            self._without[key] = await self._looked(candidate.start, looks)
        return self._without[key]

    async def _looked(self, start: PlaceStart, looks: Sequence[Made]) -> list[str]:
        async with self.bench.instance(start) as executor:
            try:
                return [self._text(await executor.call(k.tool, k.arguments)) for k in looks]
            except TaskFailure as failure:
                raise _Fails("not_started") from failure

    def _chosen(self, candidate: Candidate) -> list[Made]:
        """Looks that may show what was done: those at the same things first, then one of each tool, then others."""
        named = {v for c in candidate.calls for _, v in leaves(c.arguments) if isinstance(v, str)}
        looks = sorted(self.walk.looks, key=lambda k: len(canonical(k.arguments)))
        same = [k for k in looks if named & {v for _, v in leaves(k.arguments) if isinstance(v, str)}]
        each = list({k.tool: k for k in reversed(looks)}.values())[::-1]
        return list({k.number: k for k in [*same[: MOST_LOOKS // 2], *each, *looks]}.values())[:MOST_LOOKS]

    async def _run(self, candidate: Candidate, *, backwards: bool = False) -> _Run:
        async with self.bench.instance(candidate.start) as executor:
            try:
                outcomes, digests = [], [""]
                for made in reversed(candidate.calls) if backwards else candidate.calls:
                    outcome = await executor.call(made.tool, made.arguments)
                    if reason := failure_of(outcome):
                        raise _Fails(reason)
                    outcomes.append(outcome)
                    digests.append(await asyncio.to_thread(executor.digest))
                diff = executor.diff()
                after = self._chosen(candidate) if self._writes(candidate) else []
                seen = [self._text(await executor.call(k.tool, k.arguments)) for k in after]
            except TaskFailure as failure:
                raise _Fails("not_started") from failure
        changed = [a != b for a, b in pairwise(digests)]
        way = -1 if backwards else 1
        return _Run(outcomes[::way], changed[::way], diff, digests[-1], seen)

    async def _read_backs(self, candidate: Candidate, one: _Run, two: _Run) -> list[ReadBack] | str:
        """What shows the writes where no file does."""
        looks, before = self._chosen(candidate), await self._idle(candidate)
        shows = [n for n, idle in enumerate(before)
                 if one.looks[n] == two.looks[n] != idle and not holds_now(one.looks[n])]  # fmt: skip
        if not shows:
            return [] if all(map(self._answers, candidate.calls)) else NOTHING_SEEN
        again = await self._looked(candidate.start, looks)
        if any(again[n] != before[n] for n in shows):
            return STATE_PERSISTS
        return [ReadBack(tool=looks[n].tool, arguments=looks[n].arguments, value=one.looks[n]) for n in shows]

    def _answers(self, made: Made) -> bool:
        """Whether a tool that changes nothing to be seen is there for its answers: they differ with the question, and
        not in its own words alone."""
        if self.bench.tools[made.tool].effect == "read":
            return True
        made_so = [m for m in [*self.walk.setup, *self.walk.changes] if m.tool == made.tool]
        return len({without(m.outcome.content, [str(v) for _, v in leaves(m.arguments)]) for m in made_so}) > 1

    def _text(self, outcome: Outcome) -> str:
        return as_shown(outcome, self.bench.masks)


class _Fails(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _course(bench: Bench, candidate: Candidate, run: _Run, backs: list[ReadBack]) -> Course:
    calls = [
        ProbedCall(
            tool=made.tool, arguments=made.arguments, result=content(outcome),
            found={p: found_of(s) for p, s in made.found.items()},
            writes=changed or (bool(backs) and bench.tools[made.tool].effect == "write"),
        )
        for made, outcome, changed in zip(candidate.calls, run.outcomes, run.changed, strict=True)
    ]  # fmt: skip
    changes = [_change(e) for e in run.diff]
    return Course(kind=candidate.kind, start=candidate.start, calls=calls, changes=changes, read_backs=backs)


def _change(entry: dict[str, Any]) -> GoalChange:
    after = entry["after"] or {}
    fields = {f: after.get(f) for f in entry["changed"]} if entry["kind"] == "update" else after
    return GoalChange(world_id="", entity=entry["entity"], kind=entry["kind"], key=entry["key"], fields=fields)


def found_of(shown: Shown) -> Found:
    """Where a value was found, and how a person names its item."""
    label, value = label_of(shown)
    path = None if shown.path is None else list(shown.path)
    return Found(call=shown.call, path=path, label=label, value=value)
