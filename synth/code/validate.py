"""Tries code tasks out: tests fail before, the expert passes, lazy policies fail, hidden tests differ from the visible
ones. Everything is run in a sandbox, as it is run in a pipeline. What is refused is counted and replaced."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from synth.code.check import check
from synth.code.families import Supply
from synth.code.lazy import lazy
from synth.code.similar import nearest, shape
from synth.code.task import CodeTask, ToolCall, start_files
from synth.code.wording import speak
from synth.executors.protocol import Outcome
from synth.executors.workspace import WorkspaceExecutor
from synth.sandbox import Engine, Limits, Ran, Sandbox
from synth.sandbox import Probe as SandboxProbe


@dataclass
class Tried:
    """What became of one task; `wrong` is empty where all is as it has to be."""

    task: CodeTask
    family: str
    group: str
    difficulty: int
    hidden: int
    calls: int
    shown: bool  # whether the visible tests fail before
    cpu: float = 0.0  # seconds: of all programs in the sandbox, and of this thread
    wrong: list[str] = field(default_factory=list)


class Wiped:
    """An engine that gives the same sandbox again and again, emptied: opening one costs more than all that is run in
    it here. Only for one tenant, and one after the other. `cpu`: seconds of all programs that ran in it."""

    def __init__(self, engine: Engine) -> None:
        self.name, self._engine, self.cpu = engine.name, engine, 0.0
        self._sandbox = engine.open(Limits(seconds=20.0))

    def probe(self) -> SandboxProbe:
        return self._engine.probe()

    def open(self, limits: Limits, *, mounts: Mapping[str, Path] | None = None, system: bool = False) -> Sandbox:
        self._sandbox.put(dict.fromkeys(self._sandbox.get()))
        return _Kept(self._sandbox, self)

    def clean(self) -> int:
        return self._engine.clean()

    def close(self) -> None:
        self._sandbox.close()


class _Kept:
    """The sandbox, without its end; its runs are counted."""

    def __init__(self, sandbox: Sandbox, count: Wiped) -> None:
        self.id, self.put, self.get, self.popen = sandbox.id, sandbox.put, sandbox.get, sandbox.popen
        self._sandbox, self._count = sandbox, count

    def run(self, argv: Sequence[str], **more: Any) -> Ran:
        return self._counted(self._sandbox.run(argv, **more))

    def python(self, source: str, **more: Any) -> Ran:
        return self._counted(self._sandbox.python(source, **more))

    def _counted(self, ran: Ran) -> Ran:
        self._count.cpu += ran.cpu_seconds or 0.0
        return ran

    def close(self) -> None:
        return None


def try_out(task: CodeTask, engine: Engine) -> Tried:
    """Play the expert and every lazy policy, and check what each leaves."""
    shared, began = Wiped(engine), time.thread_time()
    try:
        tried = _try_out(task, shared)
        tried.cpu = shared.cpu + time.thread_time() - began
        return tried
    finally:
        shared.close()


def _try_out(task: CodeTask, engine: Engine) -> Tried:
    tried = Tried(task, task.family, task.group, task.difficulty, len(task.hidden.probes),
                  sum(len(step.calls) for step in task.plan), False)  # fmt: skip
    tried.wrong += _overlap(task)
    expert, outcomes, said = _expert(task, engine)
    first = check(task.hidden, start_files(task), engine)
    if first.passed:
        tried.wrong.append("the hidden tests pass before")
    last = check(task.hidden, expert, engine)
    if not last.passed:
        tried.wrong.append(f"the expert fails {last.failures[0].name}: {last.failures[0].reason}")
    tried.wrong += [f"expert's call: {one.value}" for one in outcomes if not one.ok]
    if "{ran}" in said:
        tried.wrong.append(f"the report has an open placeholder: {said}")
    for policy, calls in lazy(task).items():
        files, ran = _play(task, calls, engine)
        tried.shown |= policy == "idle" and not ran[-1].value["ok"]
        if policy == "hard_code" and not (ran[-1].ok and ran[-1].value["ok"]):
            tried.wrong.append("hard-coding does not pass the visible tests, so it tells nothing")
        if check(task.hidden, files, engine).passed:
            tried.wrong.append(f"{policy} passes")
    return tried


def _expert(task: CodeTask, engine: Engine) -> tuple[dict[str, bytes], list[Outcome], str]:
    place = WorkspaceExecutor("place", engine, start_files(task))
    outcomes: list[Outcome] = []
    said = ""
    try:
        for step in task.plan:
            said = speak(step, outcomes)
            outcomes += [place.call_now(call.tool, call.arguments) for call in step.calls]
        return place.tree(), outcomes, said
    finally:
        place.close_now()


def _play(task: CodeTask, calls: Sequence[ToolCall], engine: Engine) -> tuple[dict[str, bytes], list[Outcome]]:
    place = WorkspaceExecutor("place", engine, start_files(task))
    try:
        outcomes = [place.call_now(call.tool, call.arguments) for call in calls]
        return place.tree(), outcomes
    finally:
        place.close_now()


def _overlap(task: CodeTask) -> list[str]:
    """Hidden tests whose code, or whose call, stands in a file that the assistant sees."""
    seen = "\n".join(task.files.values())
    return [
        f"hidden test {probe.name!r} stands in the visible files"
        for probe in task.hidden.probes
        if probe.code in seen or _called(probe.code) in seen
    ]


def _called(code: str) -> str:
    """The call that a hidden test of one case comes down to; all of the code where it is more."""
    lines = code.split("\n")
    return lines[1].removeprefix("result = ") if len(lines) == 2 and "(" in lines[1] else code


@dataclass
class Validation:
    """All that was tried, and where it came from."""

    tried: list[Tried]
    supply: Supply

    @property
    def valid(self) -> list[Tried]:
        return [one for one in self.tried if not one.wrong]


def validate(
    seed: int, count: int, engine: Engine, workers: int = 4, families: Sequence[str] | None = None
) -> Validation:
    """`count` distinct, valid tasks, several tried at a time; another is made for each that is refused. Fewer where the
    families are used up."""
    supply = Supply(seed, families)
    found = Validation([], supply)
    tasks = iter(supply)
    with ThreadPoolExecutor(workers) as pool:
        while batch := list(islice(tasks, count - len(found.valid))):
            found.tried += pool.map(lambda task: try_out(task, engine), batch)
    return found


COLUMNS = ("family", "tasks", "valid", "refused", "near duplicates", "difficulty", "hidden tests", "expert's calls",
           "visible tests fail", "CPU s a task")  # fmt: skip


def table(found: Validation) -> str:
    """A line of Markdown per family, and why tasks were refused. `near duplicates` were left out when tasks were made;
    CPU is that of making and trying a task, in the mean."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for name in [*found.supply.near, "all"]:
        own = [one for one in found.tried if name in ("all", one.family)]
        size = max(len(own), 1)
        valid = sum(not one.wrong for one in own)
        names = found.supply.near if name == "all" else [name]
        cpu = sum(one.cpu for one in own) + sum(found.supply.cpu[one] for one in names)
        near = sum(found.supply.near[one] for one in names)
        lines.append(
            f"| {name} | {len(own)} | {valid} | {len(own) - valid} | {near}"
            f" | {sum(one.difficulty for one in own) / size:.1f} | {sum(one.hidden for one in own) / size:.1f}"
            f" | {sum(one.calls for one in own) / size:.1f} | {sum(one.shown for one in own)} | {cpu / size:.2f} |"
        )
    for reason, count in Counter(why for one in found.tried for why in one.wrong).most_common(20):
        lines.append(f"\n{count} refused: {reason[:200]}")
    return "\n".join(lines)


def spread(tasks: Sequence[CodeTask]) -> tuple[float, float]:
    """How near the nearest other task is, over all tasks of all families: the mean and the largest."""
    shapes = [shape(task.essence) for task in tasks]
    near = [nearest(one, [other for j, other in enumerate(shapes) if j != i]) for i, one in enumerate(shapes)]
    return sum(near) / max(len(near), 1), max(near, default=0.0)
