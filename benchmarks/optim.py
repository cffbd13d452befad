"""MuonClip against AdamW on a run's own conversations: steps and CPU time to the same held-out loss, and the cost.

    python benchmarks/optim.py race --shards runs/tooluse/sft --out race.json
    python benchmarks/optim.py cost

Both optimizers see the same windows in the same order for each seed, warm up over ten steps and keep their rate. The
rate of each is the best of one grid at seed 0; the goal is the mean loss of the best AdamW at its last step. CPU
seconds are those of forward, backward and step, one thread, without the evaluations.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from model_core import Model, ModelConfig, OwnTokenizer, empty, gate_scale, next_token_loss
from model_core.attention import LatentAttention
from model_core.optim import MuonClip
from model_core.training.shards import rendered, rows_of, texts_of

WARM_UP, LOOK_EVERY = 10, 10
SMALL = ModelConfig(
    vocab_size=1024,
    hidden_size=96,
    intermediate_size=256,
    moe_intermediate_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    q_lora_rank=48,
    kv_lora_rank=48,
    qk_nope_head_dim=24,
    qk_rope_head_dim=8,
    v_head_dim=24,
    n_routed_experts=8,
    num_experts_per_tok=2,
    routed_scaling_factor=gate_scale(8, 2),
    max_position_embeddings=1024,
    tie_word_embeddings=True,
)


@dataclass(frozen=True)
class Lap:
    """One look at the held-out loss."""

    step: int
    cpu_s: float
    loss: float


def optimizer_of(kind: str, model: Model, lr: float) -> Optimizer:
    """The contender, with the decay and betas of the published recipe; AdamW on every weight."""
    if kind == "muonclip":
        return MuonClip.from_model(model, lr)
    return AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.1, fused=True)


def windows(
    shards: Path, split: str, tokenizer: OwnTokenizer | None, documents: int, length: int
) -> tuple[Tensor, OwnTokenizer]:
    """The first rows of a split as windows [N, length + 1] of one stream; a vocabulary is learned if none is given."""
    if tokenizer is None:
        tokenizer = OwnTokenizer.train(texts_of(shards, split), SMALL.vocab_size)
    rows = rendered(islice(rows_of(shards, split), documents), tokenizer)
    ids = [token for _, tokens, _ in rows for token in tokens]
    count = len(ids) // (length + 1)
    return torch.tensor(ids[: count * (length + 1)]).view(count, length + 1), tokenizer


def batches(data: Tensor, rows: int, seed: int) -> Iterator[Tensor]:
    """Windows without return until all were seen, then again in another order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for chosen in torch.randperm(len(data), generator=generator).split(rows):
            if len(chosen) == rows:
                yield data[chosen]


def one_run(job: tuple[str, float, int, int, Tensor, Tensor, int]) -> list[Lap]:
    """Held-out losses along one run."""
    kind, lr, seed, steps, data, held_out, rows = job
    torch.set_num_threads(1)
    model = empty(SMALL).initialise(seed)
    optimizer = optimizer_of(kind, model, lr)
    stream, laps, cpu = batches(data, rows, seed), [], 0.0
    for step in range(1, steps + 1):
        began = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, step / WARM_UP)
        loss = next_token_loss(model, next(stream))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cpu += time.process_time() - began
        if step % LOOK_EVERY == 0 or step == steps:
            with torch.no_grad():
                seen = [next_token_loss(model, part).item() for part in held_out.split(rows)]
            laps.append(Lap(step, cpu, statistics.fmean(seen)))
    return laps


def reached(laps: list[Lap], loss: float) -> Lap | None:
    """When the run first came down to `loss`, between two looks on a straight line; None if it never did."""
    before = None
    for lap in laps:
        if lap.loss <= loss:
            if before is None:
                return lap
            part = (before.loss - loss) / (before.loss - lap.loss)
            step = before.step + part * (lap.step - before.step)
            return Lap(round(step), before.cpu_s + part * (lap.cpu_s - before.cpu_s), loss)
        before = lap
    return None


def race(args: argparse.Namespace) -> None:
    """The grid at seed 0, the best rate of each at the other seeds, and where they cross."""
    data, tokenizer = windows(args.shards, "train", None, args.documents, args.length)
    held_out = windows(args.shards, "validation", tokenizer, 64, args.length)[0][: 4 * args.rows]
    print(
        f"{data.numel():,} training tokens, {held_out.numel():,} held out, {args.rows * args.length} a step", flush=True
    )
    grid = [(kind, lr, 0) for lr in args.rates for kind in ("adamw", "muonclip")]
    done: dict[tuple[str, float, int], list[Lap]] = {}

    def run(runs: list[tuple[str, float, int]]) -> None:
        with get_context("spawn").Pool(args.jobs) as pool:
            work = [(*one, args.steps, data, held_out, args.rows) for one in runs]
            for one, laps in zip(runs, pool.imap(one_run, work), strict=True):
                done[one] = laps
                print(
                    *one,
                    f"held-out {laps[-1].loss:.4f} after {laps[-1].step} steps, {laps[-1].cpu_s:.0f} CPU s",
                    flush=True,
                )

    run(grid)
    best = {k: min(args.rates, key=lambda lr: done[k, lr, 0][-1].loss) for k in ("adamw", "muonclip")}
    run([(kind, best[kind], seed) for seed in range(1, args.seeds) for kind in best])
    runs = {kind: [done[kind, best[kind], seed] for seed in range(args.seeds)] for kind in best}
    goal = statistics.fmean(laps[-1].loss for laps in runs["adamw"])
    print(f"\ngoal: {goal:.4f}, AdamW's mean after {args.steps} steps; rates tried: {args.rates}")
    for kind, of_seed in runs.items():
        print(f"{kind} at {best[kind]}: final {' '.join(f'{laps[-1].loss:.4f}' for laps in of_seed)}")
        for seed, laps in enumerate(of_seed):
            lap = reached(laps, goal)
            print(f"  seed {seed}: " + (f"{lap.step} steps, {lap.cpu_s:.1f} CPU s" if lap else "not reached"))
    laps_to_goal = [reached(laps, goal) for laps in runs["muonclip"]]
    crossed = [lap for lap in laps_to_goal if lap]
    if len(crossed) == len(laps_to_goal):
        steps = statistics.fmean(lap.step for lap in crossed) / args.steps
        cpu = statistics.fmean(lap.cpu_s for lap in crossed) / statistics.fmean(r[-1].cpu_s for r in runs["adamw"])
        print(f"muonclip needs {steps:.2f} of AdamW's steps and {cpu:.2f} of its CPU seconds")
    if args.out:
        table = [{"kind": k, "lr": lr, "seed": s, "laps": [asdict(lap) for lap in v]} for (k, lr, s), v in done.items()]
        args.out.write_text(json.dumps({"goal": goal, "best": best, "runs": table}))


def cost(args: argparse.Namespace) -> None:
    """CPU seconds of one step of the `tiny` preset at 16,384 tokens: model, recording of logits, optimizers."""
    torch.set_num_threads(1)
    config = ModelConfig.preset("tiny")
    model = empty(config).initialise(0)
    ids = torch.randint(0, config.vocab_size, (args.rows, args.length + 1), generator=torch.Generator().manual_seed(0))
    share = args.rows * args.length / 16384
    optimizers = {
        "AdamW": AdamW(model.parameters(), lr=1e-4, fused=True),
        "MuonClip, fp32": MuonClip.from_model(model, 1e-4),
        "MuonClip, bf16": MuonClip.from_model(model, 1e-4, ns_dtype=torch.bfloat16),
    }
    attentions = [module for module in model.modules() if isinstance(module, LatentAttention)]
    rows = [attention.max_logits_H for attention in attentions]
    seconds: dict[str, list[float]] = {}

    def passes(recording: bool) -> None:
        for attention, row in zip(attentions, rows, strict=True):
            attention.max_logits_H = row if recording else None
        model.zero_grad()
        next_token_loss(model, ids).backward()

    for round_ in range(args.rounds + 1):
        for name, work in {
            "model": lambda: passes(False),
            "model, recording": lambda: passes(True),
            **{name: optimizer.step for name, optimizer in optimizers.items()},
        }.items():
            began = time.process_time()
            work()
            if round_:  # the first warms up
                seconds.setdefault(name, []).append(time.process_time() - began)
    whole = statistics.median(seconds["model"]) / share
    print(
        f"tiny, {args.length} tokens a row; CPU seconds of one thread per step of 16,384 tokens, share of the model's"
    )
    for name, taken in seconds.items():
        per_step = statistics.median(taken) / (share if name.startswith("model") else 1)
        over = per_step - whole if name == "model, recording" else per_step
        print(f"  {name:18} {per_step:7.2f}  {100 * over / whole:5.1f} %")


def main() -> None:
    """`race` or `cost`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    racing = parts.add_parser("race")
    racing.set_defaults(work=race)
    racing.add_argument("--shards", type=Path, required=True)
    racing.add_argument("--out", type=Path)
    racing.add_argument("--documents", type=int, default=400)
    racing.add_argument("--steps", type=int, default=150)
    racing.add_argument("--seeds", type=int, default=3)
    racing.add_argument("--jobs", type=int, default=2)
    racing.add_argument("--rates", type=float, nargs="+", default=[1e-3, 2e-3, 4e-3, 8e-3, 16e-3, 32e-3])
    racing.add_argument("--rows", type=int, default=8)
    racing.add_argument("--length", type=int, default=256)
    costing = parts.add_parser("cost")
    costing.set_defaults(work=cost)
    costing.add_argument("--rows", type=int, default=4)
    costing.add_argument("--length", type=int, default=512)
    costing.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    args.work(args)


if __name__ == "__main__":
    main()
