"""Parts on Ray; with `ray_models` the only room that knows Ray, on this machine by default, or a cluster by `address`.

A part is one Ray task in a reused worker process, so that worlds and tools are decoded once per worker. A worker that
dies costs its part another try; after `TRIES` the slots become infra failures in the ledger. Ray's own retries are
off: a part must not be counted twice.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from synth.errors import UsageError
from synth.store.parts import write_part
from synth.work import Done, Job, do_part, lost_slots

TRIES = 3
OBJECT_STORE_BYTES = 128 << 20  # rows travel as files, not as objects; Ray's default would take a third of the memory

STARTS = 3  # Ray gives its own processes half a minute, which a busy machine may not have
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


def _task(job: Job) -> Done:
    done = do_part(job)
    # the job (with its inputs snapshot) is known to the driver; send back only what is new
    return replace(done, job=None)  # type: ignore[arg-type]


class Cluster:
    """Ray on this machine, or a cluster. It starts when it is first wanted, so a run with nothing to do never pays for
    it; any thread may want it."""

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._address = address
        self._started = False
        self._keeper: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Raises UsageError where Ray cannot be reached."""
        with self._lock:
            if self._started:
                return
            if threading.current_thread() is threading.main_thread():
                self._start()
            else:  # Ray's processes die with the thread that started them: this one is kept until `close`
                self._keeper = ThreadPoolExecutor(1, "ray")
                self._keeper.submit(self._start).result()
            self._started = True

    def has(self, resource: str) -> float:
        """How much of a resource (`CPU`, `GPU`) there is in all."""
        import ray

        return float(ray.cluster_resources().get(resource, 0.0))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        import ray

        with self._lock:
            if self._started:
                ray.shutdown()
                self._started = False
            if self._keeper is not None:
                self._keeper.shutdown()
                self._keeper = None

    def _start(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")
        import ray

        try:
            if self._address:
                _knock(self._address)
                ray.init(address=self._address, **_QUIET)
                self.workers = max(1, int(self.has("CPU")))
            else:
                self._start_here()
        except Exception as error:  # noqa: BLE001 - Ray says that it could not start in plain Exceptions
            mend = "" if self._address else "; --workers 0 runs without Ray"
            where = f"the cluster at {self._address}" if self._address else "Ray on this machine"
            raise UsageError(f"{where} could not be reached: {' '.join(str(error).split())[:200]}{mend}") from None

    def _start_here(self) -> None:
        import ray

        for attempt in range(1, STARTS + 1):
            try:
                ray.init(address="local", num_cpus=self.workers, include_dashboard=False,
                         object_store_memory=OBJECT_STORE_BYTES, **_QUIET)  # fmt: skip
                return
            except Exception as error:
                ray.shutdown()
                if attempt == STARTS or "timed out" not in str(error):
                    raise


class RayExecutor:
    """Runs jobs as Ray tasks on a cluster, which it closes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._flying: dict[Any, tuple[Job, int]] = {}
        self._remote: Any = None

    def takes(self, asking: bool) -> bool:
        """One job running and one waiting per worker."""
        return len(self._flying) < 2 * self._cluster.workers

    def submit(self, job: Job) -> None:
        import ray

        self._cluster.start()
        if self._remote is None:
            self._remote = ray.remote(_task).options(num_cpus=1, max_retries=0)
        self._launch(job, 1)

    def wait(self, seconds: float) -> Done | None:
        import ray

        deadline = time.monotonic() + seconds
        while self._flying:
            ready, _ = ray.wait(list(self._flying), num_returns=1, timeout=max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            job, tries = self._flying.pop(ready[0])
            try:
                return replace(ray.get(ready[0]), job=job)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError,
                    ray.exceptions.LocalRayletDiedError, ray.exceptions.ObjectLostError) as error:  # fmt: skip
                if tries < TRIES:
                    self._launch(job, tries + 1)
                    continue
                return self._lost(job, f"the worker died {tries} times: {type(error).__name__}")
            except ray.exceptions.RayTaskError as error:
                return Done(job, None, error=error.cause if isinstance(error.cause, Exception) else error)
        return None

    def close(self) -> None:
        import ray

        for ref in self._flying:
            ray.cancel(ref, force=True)
        self._flying.clear()
        self._cluster.close()
        self._remote = None

    def _launch(self, job: Job, tries: int) -> None:
        self._flying[self._remote.remote(job)] = (job, tries)

    def _lost(self, job: Job, detail: str) -> Done:
        output = lost_slots(job, "infra", detail)
        entry = write_part(job.inputs.run_dir, job.part, output, job.digest, job.attempt)
        return Done(job, entry, trouble=detail)


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: `ray.init` itself would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


def ray_version() -> str:
    """For `synth doctor`."""
    import ray

    return str(ray.__version__)
