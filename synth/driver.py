"""The driver: hands parts to an executor, commits what comes back, and knows which committed parts still count.

A part counts when the digest of everything it was made from is what it would be made from now. Nothing here depends
on the number of workers or on the order in which parts finish.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from synth.pipeline import Pipeline
from synth.records import StageName, content_hash
from synth.reporting import Reporter
from synth.rounds import task_payload
from synth.stage import Context, Part
from synth.store.inputs import CommittedInputs, snapshot
from synth.store.parts import STAGE_TABLE, sum_usage
from synth.store.run_store import RunStore, StageState
from synth.work import Done, Executor, Job, asks_models

SLOW: tuple[StageName, ...] = ("worlds", "tools", "agents")  # made whole, in waves
STREAM: tuple[StageName, ...] = ("tasks", "rollouts", "judge")  # made part by part, each as soon as the one before
TABLES_READ: dict[StageName, tuple[str, ...]] = {
    "worlds": ("worlds",), "tools": ("worlds", "tools"), "agents": ("worlds", "tools", "agents"),
    "tasks": ("worlds", "tools", "agents"), "rollouts": ("worlds", "tools", "agents", "tasks"),
    "judge": ("worlds", "tools", "agents", "tasks", "trajectories"),
    "shards": ("worlds", "tools", "agents", "tasks", "trajectories", "verdicts"),
}  # fmt: skip


class Interrupted(Exception):
    """The user pressed Ctrl-C; everything finished is committed."""


class _Waiting:
    """Parts to hand over. What committed parts led to goes first, the newest before older ones; what waits for models
    holds up nothing that only computes, unless `depth_first`: then nothing new is begun while anything begun waits."""

    def __init__(self, parts: Iterable[Part], asks: Callable[[Part], bool], depth_first: bool) -> None:
        self._new = deque(parts)
        self._begun: dict[bool, deque[Part]] = {False: deque(), True: deque()}  # by whether they ask models
        self._asks, self._depth_first = asks, depth_first

    def __bool__(self) -> bool:
        return bool(self._new or any(self._begun.values()))

    def follow(self, parts: Iterable[Part]) -> None:
        for part in parts:
            self._begun[self._asks(part)].appendleft(part)

    def next(self, executor: Executor) -> Part | None:
        """The part to hand over now; None where there is none that the executor takes."""
        for asking, begun in self._begun.items():
            if begun and executor.takes(asking):
                return begun.popleft()
        if self._depth_first and any(self._begun.values()):
            return None
        return self._new.popleft() if self._new and executor.takes(self._asks(self._new[0])) else None


class Driver:
    """One run's moving parts. `draining` is set by the first Ctrl-C."""

    def __init__(
        self,
        pipeline: Pipeline,
        modules: Mapping[StageName, Any],
        store: RunStore,
        executor: Executor,
        report: Reporter,
    ) -> None:
        self.pipeline, self.modules, self.store, self.executor, self.report = pipeline, modules, store, executor, report
        self.draining = False
        self.made = 0
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.usage: dict[str, dict[str, float]] = {}  # by role, of everything that was paid for, kept or not
        self.visible: set[int] = set()  # parts of a slow stage's own table that its running wave may read
        self.shards_fingerprint = ""
        self.publish_shards: Callable[[Done], None] | None = (
            None  # set by the run loop: shards commit with a fingerprint
        )
        self._bases: dict[tuple[tuple[StageName, int], ...], str] = {}
        self._attempts: dict[tuple[StageName, int], int] = {}

    # -- what a part is made from -------------------------------------------------------------------------------

    def state(self, stage: StageName) -> StageState:
        return self.store.stages[stage]

    def base(self, *stages: StageName) -> str:
        """The digest of whole committed stages."""
        at = tuple((stage, self.state(stage).generation) for stage in stages)
        if at not in self._bases:
            if len(self._bases) > 64:
                self._bases.clear()
            self._bases[at] = content_hash([[stage, self.state(stage).digest()] for stage in stages])
        return self._bases[at]

    def context(self, stage: StageName) -> Context:
        """The context for questions the driver itself asks a stage (`waves`, `candidates`)."""
        return Context(self.pipeline.seed, self.pipeline.stage(stage), self._inputs(stage))

    def digest(self, part: Part) -> str:
        """The digest of everything a part is made from."""
        entries = (
            [self.state(s).parts.get(part.index) for s in STREAM[: STREAM.index(part.stage)]]
            if part.stage in STREAM
            else []
        )
        if part.stage in SLOW:
            at = SLOW.index(part.stage)
            return content_hash([self.base(*SLOW[:at]), part.start, part.stop, part.payload])
        if part.stage == "shards":
            return content_hash([self.shards_fingerprint, self.base(*SLOW, *STREAM), part.payload])
        own = [part.start, part.stop, part.payload] if part.stage == "tasks" else []
        return content_hash([self.base(*SLOW), own, [entry.digest() if entry else None for entry in entries]])

    def counts(self, part: Part, digest: str | None = None) -> bool:
        """Whether the committed part of this stage and index is the one that would be made now."""
        entry = self.state(part.stage).parts.get(part.index)
        return entry is not None and entry.inputs == (digest or self.digest(part))

    def _inputs(self, stage: StageName) -> CommittedInputs:
        """All committed rows a stage may read; of its own table only the waves before."""
        inputs = snapshot(self.store.run_dir, self.store.stages.values(), TABLES_READ[stage])
        if stage in SLOW:
            own = inputs.files[STAGE_TABLE[stage]]
            inputs.files[STAGE_TABLE[stage]] = {i: file for i, file in own.items() if i in self.visible}
        return inputs

    def _streamed_inputs(self, stage: StageName, index: int) -> CommittedInputs:
        """A streaming part reads whole worlds, tools and agents, and its own forerunners only."""
        inputs = snapshot(self.store.run_dir, [self.state(s) for s in SLOW], TABLES_READ[stage])
        for before in STREAM[: STREAM.index(stage)]:
            table, entry = STAGE_TABLE[before], self.state(before).parts.get(index)
            for file in entry.files if entry else []:
                if file.table == table:
                    inputs.files[table][index] = file
        return inputs

    # -- making and committing ------------------------------------------------------------------------------------

    def work(
        self,
        parts: list[Part],
        then: Callable[[Part], list[Part]] = lambda _: [],
        digest: Callable[[Part], str] | None = None,
        until: float | None = None,
    ) -> None:
        """Make and commit the parts, and after each what `then` says; parts that count already are passed over.
        After `until` (time.monotonic) no part of tasks is begun, what is begun is finished.
        Raises Interrupted after a Ctrl-C, once everything in flight is committed."""
        digest_of = digest or self.digest
        waiting, flying, told = _Waiting(parts, self.asks, depth_first=until is not None), 0, False
        while waiting or flying:
            if self.draining and flying and not told:
                told = True
                self.report.note(f"stopping: {flying} parts in flight are being finished (Ctrl-C again stops at once)")
            while not self.draining and (part := waiting.next(self.executor)) is not None:
                made_from = digest_of(part)
                if self.counts(part, made_from):
                    waiting.follow(then(part))
                    continue
                if until is not None and part.stage == "tasks" and time.monotonic() >= until:
                    continue
                self.executor.submit(self._job(part, made_from))
                flying += 1
            if not flying:
                break
            done = self.executor.wait(0.2)
            if done is not None:
                flying -= 1
                self._commit(done)
                waiting.follow(then(done.job.part))
        if self.draining:
            raise Interrupted

    def asks(self, part: Part) -> bool:
        """Whether slots of a part ask models."""
        return asks_models(self.modules[part.stage], self.pipeline.stage(part.stage))

    def _job(self, part: Part, digest: str) -> Job:
        attempt = self._attempts.get((part.stage, part.index), 0) + 1
        inputs = self._streamed_inputs(part.stage, part.index) if part.stage in STREAM else self._inputs(part.stage)
        return Job(
            self.modules[part.stage], part, self.pipeline.seed, self.pipeline.stage(part.stage), inputs, digest, attempt
        )

    def _commit(self, done: Done) -> None:
        if done.error is not None:
            raise done.error
        assert done.entry is not None
        stage, index = done.job.part.stage, done.entry.index
        if done.trouble:
            cause = done.trouble.strip().splitlines()[-1][:300]
            self.report.note(f"{stage} part {index} broke, its slots are infra failures: {cause}", trouble=done.trouble)
        if stage == "shards":
            assert self.publish_shards is not None, "the run loop makes shards, the driver alone cannot"
            self.publish_shards(done)
        else:
            self.store.publish(stage, done.entry)
        self.made += 1
        self.seconds[stage] = self.seconds.get(stage, 0.0) + done.seconds
        self.cpu[stage] = self.cpu.get(stage, 0.0) + done.cpu
        self.usage = sum_usage(self.usage, done.entry.usage)
        if stage in STREAM:
            self.sweep([index])
        state = self.state(stage)
        self.report.event(
            "part", stage=stage, part=index, parts=len(state.parts), rows=done.entry.rows, opened=done.entry.opened,
            dropped=done.entry.dropped, failed=done.entry.failed, seconds=round(done.seconds, 3),
            cpu=round(done.cpu, 3), usage=done.entry.usage,
            rows_total=state.count("rows"),
        )  # fmt: skip

    # -- taking back ----------------------------------------------------------------------------------------------

    def sweep(self, indexes: list[int] | None = None) -> None:
        """Retire streamed parts that were made from something that is no longer there."""
        for stage in STREAM:
            parts = self.state(stage).parts
            stale = [
                i
                for i in (indexes if indexes is not None else sorted(parts))
                if i in parts and not self._still_counts(stage, i)
            ]
            self.store.retire(stage, stale)

    def _still_counts(self, stage: StageName, index: int) -> bool:
        entry = self.state(stage).parts[index]
        before = STREAM[STREAM.index(stage) - 1] if stage != "tasks" else None
        if before is not None and index not in self.state(before).parts:
            return False
        payload = task_payload(index, entry.stop - entry.start) if stage == "tasks" else {}
        return self.counts(Part(stage, index, entry.start, entry.stop, payload))

    def reopen(self, class_: str) -> int:
        """Retire every part that holds failures of a class, so that its slots run again. Returns the slots."""
        slots = 0
        for stage, state in self.store.stages.items():
            failing = [i for i, entry in state.parts.items() if entry.failed.get(class_)]
            for index in failing:
                self._attempts[stage, index] = state.parts[index].attempt
                slots += state.parts[index].failed[class_]
            self.store.retire(stage, failing)
        return slots

    # -- Ctrl-C ---------------------------------------------------------------------------------------------------

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """First SIGINT drains, the second stops at once. Outside the main thread signals stay as they are."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            if self.draining:
                raise KeyboardInterrupt
            self.draining = True  # told in `work`: a handler may have come in the middle of a write

        try:
            before = signal.signal(signal.SIGINT, on_signal)
        except ValueError:  # not the main thread
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
