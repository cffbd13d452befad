"""The run: execute what is not done, commit, stop when every kind has its target.

`_loop` is the whole run, in order. What is committed under the same stage fingerprint is kept; what a changed setting
makes stale moves to `_old/`. The driver (synth.driver) commits; workers only ever write attempts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synth.budget import Spent
from synth.driver import SLOW, STREAM, Driver, Interrupted
from synth.errors import RefusedError
from synth.fingerprints import Fingerprint, fingerprints
from synth.issuing import Issuing, prior_price
from synth.measured import read_rates
from synth.pipeline import Pipeline, load_pipeline
from synth.pipeline_stages import ShardsSettings
from synth.places.hands import sweep
from synth.records import SCHEMA_VERSION, STAGES, StageName, content_hash
from synth.reporting import Face, Reporter, Silent, now
from synth.run_folder import check_owner, move_aside
from synth.side_by_side import SideBySide
from synth.stage import Part
from synth.stages import load
from synth.store.files import locked, read_json, write_json
from synth.store.parts import sum_usage
from synth.store.run_store import RunStore
from synth.work import Done, Executor, InProcess

CODE_VERSION = "0.1.0"


@dataclass
class RunResult:
    """How a run ended: `exit_code` 0 done, 3 fewer rows than asked, 130 stopped (a refusal is raised)."""

    run_dir: Path
    exit_code: int
    status: str
    text: str
    made: int = 0  # parts made by this call
    rows: dict[str, int] = field(default_factory=dict)  # accepted rows per kind


@dataclass(frozen=True)
class Options:
    """What the command line adds to a pipeline. `workers` 0 runs in this process, None uses every CPU."""

    out: Path | None = None
    fresh: bool = False
    limit: int | None = None
    retry: str | None = None
    workers: int | None = None
    ray_address: str | None = None


def run_pipeline(
    pipeline: Pipeline | str | Path, options: Options = Options(), stages: Mapping[StageName, Any] | None = None,
    face: Face | None = None, executor: Executor | None = None,
) -> RunResult:  # fmt: skip
    """Run or resume a pipeline (a `Pipeline`, or the path of its file) and say how it ended.

    `stages` replaces the seven stage modules. Raises UsageError for what the user can mend, RefusedError where the
    folder belongs to another run or too many slots failed."""
    if not isinstance(pipeline, Pipeline):
        pipeline = load_pipeline(pipeline)
    modules = stages or load()
    prints = fingerprints(pipeline, modules)
    run_dir = options.out or Path("runs") / pipeline.name
    if options.fresh:
        move_aside(run_dir)
    check_owner(run_dir, pipeline)
    with locked(run_dir):
        executor = executor or _executor(options, pipeline)
        try:
            with Reporter(run_dir, face or Silent()) as report:
                driver = Driver(pipeline, modules, RunStore(run_dir), executor, report)
                result = _Run(driver, prints, options).go()
        finally:
            executor.close()
        if pipeline.executors.real and result.made:  # workers of Ray end without a word
            sweep(pipeline.executors)
    return result


class _Run:
    def __init__(self, driver: Driver, prints: Mapping[StageName, Fingerprint], options: Options) -> None:
        self.driver, self.prints, self.options = driver, prints, options
        self.store, self.report, self.pipeline = driver.store, driver.report, driver.pipeline
        self.wanted: ShardsSettings = self.pipeline.stages.shards
        self.keeping: list[str] = self.pipeline.stage("shards").order  # type: ignore[attr-defined]
        self.run_dir = self.store.run_dir
        self.issuing = Issuing(self.pipeline, options.limit, prior_price(self.pipeline, read_rates()["model"]))
        minutes = self.wanted.caps.minutes
        self.until = time.monotonic() + 60 * minutes if minutes else None
        self.started = now()
        self._played: tuple[float, int] = (0.0, 0)  # seconds and slots of the rounds of this call
        self._candidates: dict[tuple[int, str], list[Any]] = {}
        driver.shards_fingerprint = prints["shards"].digest
        driver.publish_shards = self._publish_shards

    def _loop(self) -> RunResult:
        """Worlds, tools and agents in waves; rounds of tasks, rollouts and verdicts; then the shards."""
        self._keep_or_reset()
        if self._nothing_to_do():
            return self._ended("nothing to do: everything is made")
        for stage in (*SLOW, *STREAM):  # what a later stage lacks is said before an earlier one spends an hour
            if not self.driver.state(stage).complete:
                getattr(self.driver.modules[stage], "ready", lambda _: None)(self.pipeline.stage(stage))
        for stage in SLOW:
            self._waves(stage)
            self._refuse_if_broken(stage)
        self.driver.sweep()
        issuing = self.issuing
        while new := issuing.open():
            self._say_opening(new)
            while new and not issuing.stopped:
                now, new = issuing.affordable(new)
                self._play(now)
            issuing.learn(self._candidates_of(issuing.parts), self._choose(issuing.parts))
            self._say_round()
        self._settle_extras({part.index for part in issuing.parts})
        self._refuse_if_broken(*STREAM)
        self.driver.work([self._shards_part(part.index for part in issuing.parts)])
        return self._ended("done")

    def go(self) -> RunResult:
        """The loop, with its end written to run.json whatever it is."""
        self._write_run_json("running")
        try:
            with self.driver.interruptible():
                result = self._loop()
        except (Interrupted, KeyboardInterrupt):
            text = "stopped; what is finished is committed, the same command goes on from here"
            result = RunResult(self.run_dir, 130, "interrupted", text, self.driver.made)
        except RefusedError:
            self._write_run_json("refused", 4)
            raise
        except BaseException:
            self._write_run_json("failed", 1)
            raise
        self._write_run_json(result.status, result.exit_code, result.rows)
        self.report.event("end", status=result.status, exit_code=result.exit_code, made=result.made, rows=result.rows)
        return result

    # -- before -----------------------------------------------------------------------------------------------------

    def _keep_or_reset(self) -> None:
        """Keep stages made under today's fingerprint, put others aside (old shards stay until new ones are built)."""
        for lost in self.store.remade:
            self.report.note(f"{lost} was missing or damaged on disk and is made again")
        for stage in (*SLOW, *STREAM):
            state = self.driver.state(stage)
            if state.fingerprint != self.prints[stage].digest:
                if state.parts:
                    self.report.note(
                        f"{stage}: settings or code changed; {len(state.parts)} parts move to _old and are made again"
                    )
                self.store.reset(stage, self.prints[stage].digest)
        if self.options.retry:
            slots = self.driver.reopen(self.options.retry)
            self.report.note(f"--retry {self.options.retry}: {slots} failed slots are open again")

    def _nothing_to_do(self) -> bool:
        """Whether the shards were made from exactly what is there, by a run that tried as hard as this one may."""
        state = self.driver.state("shards")
        part = self._shards_part(state.extra.get("planned", []))
        if state.fingerprint != self.prints["shards"].digest or not self.driver.counts(part):
            return False
        if not all(self.driver.state(stage).complete for stage in (*SLOW, *STREAM)):
            return False
        if not state.extra.get("short"):
            return True
        return state.extra.get("effort") == self._effort() and self.until is None

    def _effort(self) -> list[Any]:
        caps = self.wanted.caps.model_dump(mode="json")
        return [self.options.limit, self.wanted.max_rounds, self.pipeline.stages.tasks.oversample, caps]

    @staticmethod
    def _shards_part(planned: Iterable[int]) -> Part:
        return Part("shards", 0, 0, 1, {"parts": sorted(planned)})

    # -- stages made whole --------------------------------------------------------------------------------------------

    def _waves(self, stage: StageName) -> None:
        """Make a stage wave by wave; a wave is made from all before it, so its digest covers the waves before."""
        driver, state = self.driver, self.driver.state(stage)
        inputs = driver.base(*SLOW[: SLOW.index(stage)])
        if state.complete and state.extra.get("inputs") == inputs:
            self.report.event("stage", stage=stage, kept=len(state.parts), to_make=0, rows=state.count("rows"))
            return
        driver.visible = set()
        waves: list[list[Part]] = driver.modules[stage].waves(driver.context(stage))
        self.store.retire(stage, set(state.parts) - {part.index for wave in waves for part in wave})
        earlier: list[Part] = []
        for wave in waves:
            own = [state.parts[part.index].digest() for part in earlier]
            made_from = {part.index: content_hash([driver.digest(part), own]) for part in wave}
            kept = sum(driver.counts(part, made_from[part.index]) for part in wave)
            self.report.event(
                "stage", stage=stage, kept=kept + len(earlier), to_make=len(wave) - kept, rows=state.count("rows")
            )
            driver.visible = {part.index for part in earlier}
            self.store.retire(stage, [p.index for p in wave if not driver.counts(p, made_from[p.index])])
            driver.work(wave, digest=lambda part, made_from=made_from: made_from[part.index])  # type: ignore[misc]
            earlier += wave
        self.store.complete(stage, inputs)

    # -- rounds ------------------------------------------------------------------------------------------------

    def _next_part(self, part: Part) -> list[Part]:
        """What follows a committed part: its rollouts, then their verdicts."""
        at = STREAM.index(part.stage)
        return [Part(STREAM[at + 1], part.index, part.start, part.stop)] if at + 1 < len(STREAM) else []

    def _play(self, parts: list[Part]) -> None:
        """Tasks, rollouts and verdicts of some parts; what a cap on minutes left unmade is not part of the run."""
        began, made = time.monotonic(), self.driver.made
        self.driver.work(parts, then=self._next_part, until=self.until)
        judged = self.driver.state("judge").parts
        played = [part for part in parts if part.index in judged]
        if len(played) < len(parts):
            self.issuing.stopped = f"the cap of {self.wanted.caps.minutes:g} minutes is reached"
        if self.driver.made - made >= len(STREAM) * len(played):  # parts kept from before say nothing of the time
            slots = sum(part.stop - part.start for part in played)
            self._played = (self._played[0] + time.monotonic() - began, self._played[1] + slots)
        self.issuing.add(played, self._spent(played))

    def _candidates_of(self, parts: list[Part]) -> list[Any]:
        """The judged trajectories of the parts, found as the shards stage will find them."""
        shards = self.driver.modules["shards"]
        inputs = self.driver.context("shards").inputs
        found = []
        for part in parts:
            entry = self.driver.state("judge").parts.get(part.index)
            if entry is not None:
                key = (part.index, entry.inputs + entry.digest())
                if key not in self._candidates:
                    self._candidates[key] = shards.candidates(inputs, part.index, bool(self.wanted.shares))
                found += self._candidates[key]
        return found

    def _spent(self, parts: list[Part]) -> Spent:
        """What the parts cost: all roles of models by the ledger of usage, built-in policies by their messages."""
        total = Spent()
        for part in parts:
            entries = [self.driver.state(stage).parts[part.index] for stage in STREAM]
            total += Spent.of_roles(sum_usage(*(entry.usage for entry in entries)))
            for one in self._candidates_of([part]):
                if not one.asked:
                    total += Spent(one.calls)
        return total

    def _choose(self, parts: list[Part]) -> Any:
        shards, wanted = self.driver.modules["shards"], self.wanted
        return shards.choose(self._candidates_of(parts), wanted.target, wanted.dedup, wanted.shares, self.keeping)

    def _say_opening(self, new: list[Part]) -> None:
        slots = sum(part.stop - part.start for part in new)
        self.report.event("opening", round=self.issuing.round, parts=len(new), slots=slots,
                          parts_open=len(self.issuing.parts) + len(new))  # fmt: skip

    def _say_round(self) -> None:
        """What the round gave and what is to come; kept in run.json for `synth status`."""
        issuing, accepted = self.issuing, self._choose(self.issuing.parts).accepted()
        forecast = self._forecast()
        self.report.event(
            "round", round=issuing.round, parts=len(issuing.parts), slots=sum(p.stop - p.start for p in issuing.parts),
            accepted=sum(accepted.values()), asked=sum(self.wanted.target.values()),
            by_kind=dict(sorted(accepted.items())), cells=issuing.cells(), forecast=forecast, stopped=issuing.stopped,
            spent={"calls": issuing.spent.calls, "tokens": issuing.spent.tokens, "usd": round(issuing.spent.usd, 6)},
        )  # fmt: skip
        self._write_run_json("running", rows=dict(accepted))

    def _forecast(self) -> dict[str, Any]:
        seconds, slots = self._played
        return self.issuing.forecast(seconds / slots if slots else None)

    def _settle_extras(self, planned: set[int]) -> None:
        """Parts that an earlier, larger target opened: judged where they were played, put aside where they were not."""
        tasks, rollouts = self.driver.state("tasks").parts, self.driver.state("rollouts").parts
        extras = sorted(set(tasks) - planned)
        unplayed = [index for index in extras if index not in rollouts]
        for stage in STREAM:
            self.store.retire(stage, unplayed)
        self.driver.work([Part("judge", i, tasks[i].start, tasks[i].stop) for i in extras if i in rollouts])
        for stage in STREAM:
            self.store.complete(stage, self.driver.base(*SLOW))

    # -- the end -----------------------------------------------------------------------------------------------

    def _refuse_if_broken(self, *stages: StageName) -> None:
        """Too many infra failures mean that the rows left are a biased sample: no export unless told to."""
        for stage in stages:
            state = self.driver.state(stage)
            broken = sum(entry.failed.get("infra", 0) for entry in state.parts.values())
            opened = state.count("opened")
            if broken > self.wanted.max_infra_share * opened and not self.wanted.allow_infra:
                raise RefusedError(
                    f"{broken} of {opened} slots of {stage} are infra failures, over the limit of "
                    f"{self.wanted.max_infra_share:.0%}; "
                    f'`synth sql {self.run_dir} "select * from failed"` shows them, --retry infra runs them again, '
                    "--set stages.shards.allow_infra=true exports all the same"
                )

    def _publish_shards(self, done: Done) -> None:
        assert done.entry is not None
        built = dict(done.built)
        name = built.pop("built")
        planned = done.job.part.payload["parts"]
        extra = {**built, "short": bool(self.issuing.short()), "effort": self._effort(), "planned": planned}
        self.store.publish_shards(done.entry, self.prints["shards"].digest, name, extra)

    def _ended(self, text: str) -> RunResult:
        """The result, from what is committed."""
        issuing = self.issuing
        if not issuing.parts:  # nothing was to do
            tasks = self.driver.state("tasks").parts
            planned = self.driver.state("shards").extra["planned"]
            issuing.add([Part("tasks", i, tasks[i].start, tasks[i].stop) for i in planned if i in tasks], Spent())
            issuing.learn(self._candidates_of(issuing.parts), self._choose(issuing.parts))
        rows = dict(self._choose(issuing.parts).accepted())
        short, total = issuing.short(), sum(rows.values())
        if short:
            lacking = ", ".join(f"{name} {have:,} of {want:,}" for name, (have, want) in short.items())
            why = f" ({issuing.why_short()})" if issuing.round else ""
            text = f"{text}: {total:,} of {sum(self.wanted.target.values()):,} rows; short: {lacking}{why}"
            return RunResult(self.run_dir, 3, "short", text, self.driver.made, rows)
        return RunResult(
            self.run_dir, 0, "done", f"{text}: {total:,} rows in {self.run_dir / 'sft'}", self.driver.made, rows
        )

    def _write_run_json(self, status: str, exit_code: int | None = None, rows: dict[str, int] | None = None) -> None:
        before = read_json(self.run_dir / "run.json") or {}
        final = exit_code is not None
        seconds = _added(before.get("seconds", {}), self.driver.seconds if final else {})
        cpu = _added(before.get("cpu", {}), self.driver.cpu if final else {})
        write_json(self.run_dir / "run.json", {
            "schema_version": SCHEMA_VERSION, "code_version": CODE_VERSION, "status": status, "exit_code": exit_code,
            "started": self.started, "ended": now() if final else None,
            "pipeline": self.pipeline.model_dump(mode="json"),
            "stages": {s: {"fingerprint": self.prints[s].digest, "covers": self.prints[s].covers} for s in STAGES},
            "rows": rows or before.get("rows", {}), "seconds": seconds, "cpu": cpu,
            "usage": sum_usage(before.get("usage", {}), self.driver.usage if final else {}),
            **(
                {"cells": self.issuing.cells(), "short": self.issuing.short(), "forecast": self._forecast()}
                if self.issuing.seen
                else {name: before.get(name) for name in ("cells", "short", "forecast")}
            ),
        })  # fmt: skip


def _added(before: Mapping[str, float], more: Mapping[str, float]) -> dict[str, float]:
    """Seconds per stage."""
    return {stage: round(before.get(stage, 0.0) + more.get(stage, 0.0), 3) for stage in [*before, *more]}


def _executor(options: Options, pipeline: Pipeline) -> Executor:
    room, part_size = pipeline.slots_asking(), max(1, round(pipeline.stages.tasks.part_size * pipeline.share_asking()))
    if options.workers == 0:
        return SideBySide(None if room else InProcess(), room, part_size)
    from synth.ray_exec import Cluster, RayExecutor
    from synth.ray_models import RayPool

    cluster = Cluster(options.workers, options.ray_address)
    inner = RayExecutor(cluster)
    return SideBySide(inner, room, part_size, lambda backend: RayPool(cluster, backend)) if room else inner
