"""One part's work, the same in this process and in a Ray worker: read inputs, run the stage, write attempt files."""

from __future__ import annotations

import asyncio
import time
import traceback
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from synth.errors import CorruptRun, RefusedError, UsageError, classify
from synth.records import FailedRow, make_id
from synth.stage import Context, Output, Part
from synth.store.inputs import CommittedInputs
from synth.store.parts import PartEntry, write_part

# The table whose part i is the input of part i: its rows are the slots of the part.
PARENT_TABLE = {"rollouts": "tasks", "judge": "trajectories"}


@dataclass(frozen=True)
class Job:
    """One part to make. `module` is the stage (a module travels to a worker by name)."""

    module: Any
    part: Part
    seed: int
    settings: Any
    inputs: CommittedInputs
    digest: str  # of everything the part is made from
    attempt: int = 1
    begun: Output | None = None  # its slots that asked models, played already


@dataclass(frozen=True)
class Done:
    """What became of a job: written attempt files, ready to publish, or an error that stops the run."""

    job: Job
    entry: PartEntry | None
    seconds: float = 0.0
    error: BaseException | None = None
    trouble: str = ""  # traceback of an unexpected error; its slots became infra failures
    built: dict[str, Any] = field(default_factory=dict)  # shards: the folder built aside and its checksums
    cpu: float = 0.0  # CPU seconds of a process that did nothing else meanwhile; 0 where parts share one


class Executor(Protocol):
    """Where jobs run: this process, Ray on this machine, a cluster."""

    def takes(self, asking: bool) -> bool:
        """Whether it is worth handing over a job now; `asking`: one whose slots (or some of them) ask models."""
        ...

    def submit(self, job: Job) -> None: ...
    def wait(self, seconds: float) -> Done | None:
        """The next finished job, in any order; None when `seconds` pass first."""
        ...

    def close(self) -> None: ...


def do_part(job: Job) -> Done:
    """Run one part. A user's error or a broken ledger stops the run; anything else unexpected becomes an infra
    failure of every slot of the part, so that no slot is lost and `--retry infra` can reopen them."""
    began, cpu = time.perf_counter(), time.process_time()
    try:
        ctx = Context(job.seed, job.settings, job.inputs)
        output: Output = (
            job.module.run(ctx, job.part) if job.begun is None else job.module.finish(ctx, job.part, job.begun)
        )
    except Exception as error:  # noqa: BLE001 - the one boundary: classified, kept as failed rows, never swallowed
        return _broken(job, error, began)
    return replace(_written(job, output, began), cpu=time.process_time() - cpu)


async def do_part_asking(job: Job, models: Any) -> Done:
    """The same for a part whose slots wait for models (`module.arun`): many run side by side on one loop. Files are
    written on a thread, so that nobody's reply waits for a disk. Any other part is run at once."""
    if not asks_models(job.module, job.settings):
        return do_part(job)
    began = time.perf_counter()
    try:
        output: Output = await job.module.arun(Context(job.seed, job.settings, job.inputs), job.part, models)
    except Exception as error:  # noqa: BLE001 - as above
        return _broken(job, error, began)
    return await asyncio.to_thread(_written, job, output, began)


async def begin_part(job: Job, models: Any) -> Job | Done:
    """Of a part that is mixed (`is_mixed`) the slots that ask models; the job with them is for `do_part`, anywhere."""
    began = time.perf_counter()
    try:
        begun = await job.module.begin(Context(job.seed, job.settings, job.inputs), job.part, models)
    except Exception as error:  # noqa: BLE001 - as in do_part
        return await asyncio.to_thread(_broken, job, error, began)
    return replace(job, begun=begun)


def asks_models(module: Any, settings: Any) -> bool:
    """Whether slots of a stage ask models, by its settings."""
    return bool(getattr(module, "asks", lambda _: False)(settings))


def is_mixed(module: Any, settings: Any) -> bool:
    """Whether some slots of a stage ask models and others only compute: such a part is begun where models are asked
    and finished by a worker."""
    return bool(getattr(module, "mixed", lambda _: False)(settings))


def _broken(job: Job, error: Exception, began: float) -> Done:
    if isinstance(error, RefusedError | CorruptRun):  # no slot's failure: damage is noticed and mended by a next start
        return Done(job, None, error=error)
    if isinstance(error, UsageError):  # as its plain base: subclasses with other arguments cannot cross processes
        return Done(job, None, error=UsageError(str(error)))
    trouble = "".join(traceback.format_exception(error))
    return _written(job, lost_slots(job, *classify(error)), began, trouble)


def _written(job: Job, output: Output, began: float, trouble: str = "") -> Done:
    run_dir = job.inputs.run_dir
    try:
        entry = write_part(run_dir, job.part, output, job.digest, job.attempt)
        built = output.build(run_dir) if hasattr(output, "build") else {}
    except AssertionError as error:
        return Done(job, None, error=error)
    return Done(job, entry, time.perf_counter() - began, trouble=trouble, built=built)


def lost_slots(job: Job, class_: Any, detail: str) -> Output:
    """Every slot of a part as a failure: a stage or a worker broke before it could close them itself."""
    part = job.part
    parent = PARENT_TABLE.get(part.stage)
    if parent is None:
        slots = [(make_id("slot", job.seed, part.stage, n), "") for n in range(part.start, part.stop)]
    else:
        ids = [getattr(row, f"{_singular(parent)}_id") for row in job.inputs.part(parent, part.index)]
        slots = [(make_id("slot", job.seed, part.stage, row_id), row_id) for row_id in ids]
    failed = [
        FailedRow(stage=part.stage, row_id=row_id, parent_id=parent_id, class_=class_,
                  boundary=f"stages.{part.stage}", detail=detail[:2000], attempts=job.attempt)
        for row_id, parent_id in slots
    ]  # fmt: skip
    return Output(opened=len(failed), failed=failed)


def _singular(table: str) -> str:
    return {"tasks": "task", "trajectories": "trajectory"}[table]


class InProcess:
    """Runs jobs one after another in this process: for tests and for a debugger. Same results as any other."""

    def __init__(self) -> None:
        self._queue: list[Job] = []

    def takes(self, asking: bool) -> bool:
        return not self._queue

    def submit(self, job: Job) -> None:
        self._queue.append(job)

    def wait(self, seconds: float) -> Done | None:
        return do_part(self._queue.pop(0)) if self._queue else None

    def close(self) -> None:
        self._queue.clear()
