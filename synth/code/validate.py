"""Tries code tasks out: tests fail before, the expert passes, lazy policies fail, hidden tests differ from the visible
ones. Everything is run in a sandbox, as it is run in a pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from synth.code.check import check
from synth.code.lazy import lazy
from synth.code.similar import nearest, shape
from synth.code.task import CodeTask, ToolCall, start_files
from synth.code.wording import speak
from synth.executors.protocol import Outcome
from synth.executors.workspace import WorkspaceExecutor
from synth.sandbox import Engine, Limits, Sandbox
from synth.sandbox import Probe as SandboxProbe


@dataclass
class Tried:
    """What became of one task; `wrong` is empty where all is as it has to be."""

    family: str
    group: str
    difficulty: int
    hidden: int
    calls: int
    shown: bool  # whether the visible tests fail before
    wrong: list[str] = field(default_factory=list)


class Wiped:
    """An engine that gives the same sandbox again and again, emptied: opening one costs more than all that is run in
    it here. Only for one tenant, and one after the other."""

    def __init__(self, engine: Engine) -> None:
        self.name, self._engine = engine.name, engine
        self._sandbox = engine.open(Limits(seconds=20.0))

    def probe(self) -> SandboxProbe:
        return self._engine.probe()

    def open(self, limits: Limits, *, mounts: Mapping[str, Path] | None = None, system: bool = False) -> Sandbox:
        self._sandbox.put(dict.fromkeys(self._sandbox.get()))
        return _Kept(self._sandbox)

    def clean(self) -> int:
        return self._engine.clean()

    def close(self) -> None:
        self._sandbox.close()


class _Kept:
    """The sandbox, without its end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.id, self.run, self.python, self.popen = sandbox.id, sandbox.run, sandbox.python, sandbox.popen
        self.put, self.get = sandbox.put, sandbox.get

    def close(self) -> None:
        return None


def try_out(task: CodeTask, engine: Engine) -> Tried:
    """Play the expert and every lazy policy, and check what each leaves."""
    shared = Wiped(engine)
    try:
        return _try_out(task, shared)
    finally:
        shared.close()


def _try_out(task: CodeTask, engine: Engine) -> Tried:
    tried = Tried(task.family, task.group, task.difficulty, len(task.hidden.probes),
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
    if "{" in said:
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


def try_all(tasks: Iterable[CodeTask], engine: Engine, workers: int = 4) -> list[Tried]:
    """The same for many, several at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda task: try_out(task, engine), tasks))


def table(tried: Sequence[Tried]) -> str:
    """A line per family: tasks, valid ones, mean difficulty, hidden tests, the expert's calls, and where visible tests
    fail before."""
    lines = [f"{'family':<18}{'tasks':>6}{'valid':>6}{'diff':>6}{'hidden':>8}{'calls':>7}{'shown':>7}"]
    for name in [*dict.fromkeys(one.family for one in tried), "all"]:
        own = [one for one in tried if name in ("all", one.family)]
        size = max(len(own), 1)
        lines.append(
            f"{name:<18}{len(own):>6}{sum(not one.wrong for one in own):>6}"
            f"{sum(one.difficulty for one in own) / size:>6.1f}{sum(one.hidden for one in own) / size:>8.1f}"
            f"{sum(one.calls for one in own) / size:>7.1f}{sum(one.shown for one in own):>7}"
        )
    for reason, count in Counter(why for one in tried for why in one.wrong).most_common(20):
        lines.append(f"  {count} x {reason[:200]}")
    return "\n".join(lines)


def spread(tasks: Sequence[CodeTask]) -> tuple[float, float]:
    """How near the nearest other task is, over all tasks of all families: the mean and the largest."""
    shapes = [shape(task.essence) for task in tasks]
    near = [nearest(one, [other for j, other in enumerate(shapes) if j != i]) for i, one in enumerate(shapes)]
    return sum(near) / max(len(near), 1), max(near, default=0.0)
