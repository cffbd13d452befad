"""Training on several ranks: one Ray actor each, gradients added through `torch.distributed` (NCCL, or gloo on CPUs).

Every rank holds the whole model, sees its own batches, and computes its share of Muon's orthogonalisations.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.errors import SynthError, UsageError
from synth.ray_exec import Cluster

if TYPE_CHECKING:
    from model_core.training import Job


class Rank:
    """One process of the run, in an actor."""

    def place(self) -> str:
        """Where rank 0 can be met: its address and a free port."""
        import ray

        with socket.socket() as probe:
            probe.bind(("", 0))
            here = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
            return f"tcp://{here}:{probe.getsockname()[1]}"

    def train(self, job: Job, out: str, rank: int, ranks: int, meet: str) -> str:
        """Join the others and train; returns the checkpoint folder."""
        import torch
        from torch import distributed

        from model_core.training import run_job

        on_gpu = job.settings.device != "cpu" and torch.cuda.is_available()
        if not on_gpu:
            torch.set_num_threads(1)
        distributed.init_process_group("nccl" if on_gpu else "gloo", meet, rank=rank, world_size=ranks)
        try:
            return str(run_job(job, out))
        finally:
            distributed.destroy_process_group()


def train_on_ranks(job: Job, out: Path, ranks: int, say: Callable[[str], None], address: str | None = None) -> Path:
    """Run a job on `ranks` actors, a GPU each where Ray has as many; `say` gets the lines of `out/metrics.jsonl`.

    Raises UsageError for a job that is wrong, and SynthError when a rank dies: the same command goes on then.
    """
    import ray

    from model_core.errors import ModelError

    cluster = Cluster(None if address else ranks, address)
    cluster.start()
    actors: list[Any] = []
    try:
        gpus = cluster.has("GPU")
        gpu = 1 if gpus and job.settings.device != "cpu" else 0
        if gpu and gpus < ranks:
            raise UsageError(
                f"{ranks} ranks want a GPU each, Ray has {gpus:g}; lower `ranks`, or give `training.device: cpu`"
            )
        actor: Any = ray.remote(Rank).options(num_cpus=1, num_gpus=gpu, max_restarts=0)
        actors = [actor.remote() for _ in range(ranks)]
        meet = ray.get(actors[0].place.remote())
        waiting = [one.train.remote(job, str(out.absolute()), rank, ranks, meet) for rank, one in enumerate(actors)]
        told = _lines(out)
        while waiting:
            done, waiting = ray.wait(waiting, timeout=1.0)
            for ref in done:
                ray.get(ref)
            told = _tell(out, told, say)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ModelError):
            raise error.cause from None
        raise
    except ray.exceptions.RayActorError as error:
        raise SynthError(
            f"a rank died ({' '.join(str(error).split())[:160]}); give the same command again, it goes on from the "
            "last checkpoint"
        ) from None
    finally:
        for one in actors:
            ray.kill(one)
        cluster.close()
    return out / "model"


def _lines(out: Path) -> int:
    path = out / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.is_file() else 0


def _tell(out: Path, told: int, say: Callable[[str], None]) -> int:
    """Hand on the lines of metrics after the first `told`; returns how many there are."""
    from model_core.training.metrics import read

    rows = read(out)
    for row in rows[told:]:
        say(" ".join(f"{name} {value:.6g}" for name, value in row.items()))
    return max(told, len(rows))
