"""One rank or several: same weights, divided work and momentum, and a state that fits any number of ranks."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from small import small_model

from model_core.optim import MuonClip


def steps_on_rank(folder: Path, rank: int, ranks: int, steps: range, resume: Path | None) -> None:
    """Steps by made-up gradients (the same on all ranks, as averaging leaves them); each rank sees its own logits."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks)
    model = small_model()
    optimizer = MuonClip.from_model(model, lr=1e-2, tau=3.0, group=dist.group.WORLD)
    if resume is not None:
        kept = torch.load(resume, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for p in model.parameters():
            p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
        assert optimizer._clip is not None
        seen_LH = 8 * torch.rand(optimizer._clip.maxima_LH.shape, generator=generator, dtype=torch.float64)
        mine = torch.arange(seen_LH.numel()).view_as(seen_LH) % ranks == rank  # the largest is on one rank only
        optimizer._clip.maxima_LH.copy_(torch.where(mine, seen_LH, seen_LH - 1))
        optimizer.step()
    held = sum(bucket.momentum_knm.numel() for bucket in optimizer._buckets)
    result = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "held": held}
    torch.save(result, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


def run(folder: Path, ranks: int, steps: range, resume: Path | None = None) -> list[dict[str, Any]]:
    folder.mkdir()
    small_model()  # what torch imports on first use is then paid once, not by every child
    fork = multiprocessing.get_context("fork")  # torch is imported already; no gradients are computed in the children
    jobs = [fork.Process(target=steps_on_rank, args=(folder, r, ranks, steps, resume)) for r in range(ranks)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=120)
    assert [job.exitcode for job in jobs] == [0] * ranks
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(ranks)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("ranks") / "one", 1, range(3))[0]


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    for name, weight in a["model"].items():
        torch.testing.assert_close(b["model"][name], weight, atol=1e-10, rtol=0, msg=name)
    for name, momentum in a["optimizer"]["momentum"].items():
        torch.testing.assert_close(b["optimizer"]["momentum"][name], momentum, atol=1e-10, rtol=0, msg=name)


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_give_the_update_of_one(alone: dict[str, Any], tmp_path: Path, ranks: int) -> None:
    results = run(tmp_path / "many", ranks, range(3))
    same(alone, results[0])
    for other in results[1:]:
        assert all(torch.equal(other["model"][name], weight) for name, weight in results[0]["model"].items())
    shares = [result["held"] for result in results]
    assert sum(shares) == alone["held"]
    assert max(shares) < 1.3 * alone["held"] / ranks


def test_a_state_goes_to_another_number_of_ranks(alone: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path / "two", 2, range(2))
    same(alone, run(tmp_path / "four", 4, range(2, 3), resume=tmp_path / "two" / "rank1.pt")[3])
