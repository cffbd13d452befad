"""The loop: the same numbers broken off or not; schedule, figures, balance, the folder it leaves."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from peer import BASE
from training_data import counting_tokens, row, small_vocabulary, write_shards

from model_core import Model, ModelError, empty, load, read_tokenizer
from model_core.packed import Documents
from model_core.training import (
    Batch,
    Feed,
    Job,
    OptimizerSettings,
    Settings,
    TokenFile,
    Trainer,
    batch_of,
    run_job,
    tokenise,
)
from model_core.training.balance import Balancer
from model_core.training.job import first_model
from model_core.training.objective import InBf16, InFull, Objective
from model_core.training.schedule import lr_share

SIZES = {"hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 16, "num_hidden_layers": 2,
         "num_attention_heads": 2, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
         "v_head_dim": 16, "n_routed_experts": 4}  # fmt: skip


def settings(kind: str = "muonclip", **changes: Any) -> Settings:
    plain: dict[str, Any] = {
        "steps": 8, "batch_tokens": 256, "accumulate": 2, "warmup": 2, "log_every": 2, "held_out_every": 4,
        "checkpoint_every": 3, "optimizer": OptimizerSettings(kind=kind, lr=3e-3),  # type: ignore[arg-type]
    }  # fmt: skip
    return Settings(**plain | changes)


def small() -> Model:
    return empty(dataclasses.replace(BASE, num_hidden_layers=2))


def train(folder: Path, told: Settings, tokens: TokenFile, model: Model | None = None) -> Model:
    model = model or small().initialise(seed=0)
    stream = Feed(tokens, told.batch_tokens, told.prompt_weight, told.seed)
    return Trainer(model, stream, told, folder, [stream.batch([0, 1, 2])]).run()


def same(a: Model, b: Model) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("kind", ["adamw", "muonclip"])
def test_it_learns(tmp_path: Path, kind: str) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    train(tmp_path / "run", settings(kind, steps=40, checkpoint_every=100), tokens)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["loss"] > 4.0
    assert lines[-1]["held_out_loss"] < 1.5
    assert [line["step"] for line in lines] == list(range(2, 41, 2))
    assert all(line["tokens_per_s"] > 0 and line["expert_load"] >= 1.0 for line in lines)
    assert ("max_logit" in lines[0]) == (kind == "muonclip")


@pytest.mark.parametrize("kind", ["adamw", "muonclip"])
def test_a_run_taken_up_again_is_equal_to_the_bit(tmp_path: Path, kind: str) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    whole = train(tmp_path / "whole", settings(kind), tokens)
    model = small().initialise(seed=0)
    broken = Trainer(model, Feed(tokens, 256, 0.0, 0), settings(kind), tmp_path / "broken")
    for _ in range(5):
        broken.train_step()
        if broken.step == 3:
            broken.keep()  # and two steps more, which are lost
    taken_up = train(tmp_path / "broken", settings(kind), tokens)
    assert same(whole, taken_up)


def test_another_run_in_the_same_folder_is_refused_by_what_changed(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    train(tmp_path / "run", settings("adamw", steps=2), tokens)
    train(tmp_path / "run", settings("adamw", steps=2, log_every=1), tokens)
    with pytest.raises(ModelError, match=r"prompt_weight \(0\.0 then, 0\.5 now\); give another folder"):
        train(tmp_path / "run", settings("adamw", steps=2, prompt_weight=0.5), tokens)


def test_batches_that_accumulate_are_one_large_batch(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    feed = Feed(tokens, 256, 0.25, 0)
    numbers = [feed._next() for _ in range(3)]

    def gradients(parts: list[list[int]]) -> list[torch.Tensor]:
        model = empty(BASE, dtype=torch.float64).initialise(seed=0)
        batches = [feed.batch(part) for part in parts]
        total = sum(batch.sums[0] for batch in batches)
        for batch in batches:
            (Objective(model)(batch)[0] / total).backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    for a, b in zip(gradients(numbers), gradients([[n for part in numbers for n in part]]), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_bf16_copies_give_gradients_near_full_ones(tmp_path: Path) -> None:
    feed = Feed(counting_tokens(tmp_path / "tokens"), 256, 0.0, 0)
    batches = feed.step(2)
    found = []
    for kind in (InFull, InBf16):
        model = empty(BASE).initialise(seed=0)
        sums = kind(Objective(model))
        for batch in batches:
            sums(batch)[0].backward()
            sums.collect()
        assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    full, half = found
    # routing differs for a few tokens, so single numbers may; the direction may not
    assert torch.nn.functional.cosine_similarity(full, half, dim=0) > 0.99


def test_precision_is_what_the_settings_say(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    trainers = {}
    for precision in ("auto", "fp32", "bf16"):
        told = settings(device="cpu", precision=precision)
        trainers[precision] = Trainer(small().initialise(seed=0), Feed(tokens, 256, 0.0, 0), told, tmp_path / precision)
    assert {name: type(trainer.sums) for name, trainer in trainers.items()} == {
        "auto": InFull, "fp32": InFull, "bf16": InBf16,
    }  # fmt: skip
    losses = {name: float(trainer.train_step()["losses"][0]) for name, trainer in trainers.items()}
    assert losses["auto"] == losses["fp32"] != losses["bf16"] == pytest.approx(losses["fp32"], rel=0.02)


def test_bf16_copies_follow_the_weights(tmp_path: Path) -> None:
    batch = Feed(counting_tokens(tmp_path / "tokens"), 256, 0.0, 0).step(1)[0]
    model = empty(BASE).initialise(seed=0)
    sums = InBf16(Objective(model))
    before = float(sums(batch)[0].detach())
    with torch.no_grad():
        model.embed_tokens.weight.mul_(3)
    assert float(sums(batch)[0].detach()) == before
    sums.refresh()
    assert float(sums(batch)[0].detach()) != before


def test_the_rate_rises_stays_and_falls_by_steps_or_by_the_clock() -> None:
    told = settings(steps=100, warmup=10, decay=0.2, floor=0.1)
    assert lr_share(told, 0, 0) == pytest.approx(0.1)
    assert lr_share(told, 9, 0) == lr_share(told, 10, 0) == lr_share(told, 79, 0) == 1.0
    assert lr_share(told, 90, 0) == pytest.approx(0.1 + 0.9 * 0.5)
    assert lr_share(told, 99, 0) == pytest.approx(0.1 + 0.9 * 0.05)
    clocked = dataclasses.replace(told, max_minutes=1.0)
    assert lr_share(clocked, 20, 30) == 1.0
    assert lr_share(clocked, 20, 54) == pytest.approx(0.1 + 0.9 * 0.5)
    assert lr_share(clocked, 20, 61) == pytest.approx(0.1)


def test_a_run_ends_by_the_clock_with_a_checkpoint(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    train(tmp_path / "run", settings("adamw", steps=10**6, checkpoint_every=10**6, max_minutes=0.02), tokens)
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert 1.2 <= last["seconds"] < 30
    assert "held_out_loss" in last
    assert [int(path.stem[5:]) for path in (tmp_path / "run" / "checkpoints").glob("*.pt")] == [last["step"]]


def test_biases_move_against_the_load_and_their_mean_stays() -> None:
    model = empty(BASE).initialise(seed=0).train()
    balancer = Balancer(model, 0.01)
    ids = torch.randint(0, 97, (1, 200), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.packed(ids, Documents.of([200]))
    loads_LE = balancer.loads_LE.clone()
    assert loads_LE.sum(-1).tolist() == [200 * BASE.num_experts_per_tok] * 2
    balancer.step()
    for layer, loads_E in enumerate(loads_LE, 1):
        bias_E = model.layers[layer].mlp.gate.e_score_correction_bias
        assert bias_E[loads_E.argmax()] < 0 < bias_E[loads_E.argmin()]
        assert abs(float(bias_E.sum())) < 1e-6
    assert balancer.worst_load() > 1.0
    assert balancer.loads_LE.sum() == 0
    model.eval()
    model.packed(ids, Documents.of([200]))
    assert balancer.loads_LE.sum() == 0  # the held-out loss does not count


def test_balancing_evens_the_load(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    loads = {}
    for rate in (0.0, 0.05):
        model = small().initialise(seed=0)
        model.layers[1].mlp.gate.e_score_correction_bias[0] = 0.5  # an expert that everything goes to
        train(tmp_path / f"run{rate}", settings("adamw", steps=20, bias_rate=rate, checkpoint_every=100), tokens, model)
        lines = (tmp_path / f"run{rate}" / "metrics.jsonl").read_text().splitlines()
        loads[rate] = json.loads(lines[-1])["expert_load"]
    assert loads[0.0] > 3.5  # four experts of sixteen a token: 4 times the mean is every token
    assert loads[0.05] < 2.0


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    model = empty(BASE).initialise(seed=0)
    with torch.no_grad():
        model.norm.weight[0] = float("nan")
    with pytest.raises(ModelError, match="lower the learning rate"):
        train(tmp_path / "run", settings("adamw"), counting_tokens(tmp_path / "tokens"), model)


def job_on(folder: Path, **changes: Any) -> Job:
    """A job on eight conversations, with its files under `folder`."""
    vocabulary = small_vocabulary()
    if not (folder / "tokens").exists():
        shards = write_shards(folder / "sft", [row(number) for number in range(8)])
        vocabulary.write(folder)
        tokenise(shards, "train", vocabulary, folder / "tokens", max_length=400)
    told = settings("muonclip", batch_tokens=1024, **changes)
    return Job(str(folder / "tokens"), str(folder), told, held_out=str(folder / "tokens"), sizes=SIZES)


def test_a_job_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    job = job_on(tmp_path, steps=4)
    folder = run_job(job, tmp_path / "run")
    model = load(folder)
    assert model.config.vocab_size == read_tokenizer(folder).size == TokenFile(job.tokens).vocab_size
    assert (tmp_path / "run" / "metrics.png").stat().st_size > 10_000
    on = dataclasses.replace(job, model=str(folder), sizes={}, settings=dataclasses.replace(job.settings, seed=1))
    assert same(first_model(on, TokenFile(job.tokens)), model)
    with pytest.raises(ModelError, match="leave sizes out"):
        first_model(dataclasses.replace(on, sizes={"hidden_size": 64}), TokenFile(job.tokens))
    small = dataclasses.replace(job, sizes={"vocab_size": 100})
    with pytest.raises(ModelError, match="vocabulary ends at 100"):
        first_model(small, TokenFile(job.tokens))


def test_a_job_read_from_json_names_wrong_keys(tmp_path: Path) -> None:
    told = json.loads(json.dumps(dataclasses.asdict(job_on(tmp_path))))
    assert Job.from_json(told) == job_on(tmp_path)
    with pytest.raises(ModelError, match=r"optimizer\.learning_rate: unknown key"):
        Job.from_json(told | {"settings": {"steps": 3, "optimizer": {"learning_rate": 1}}})
    with pytest.raises(ModelError, match="batch_token: unknown key, the nearest known one is 'batch_tokens'"):
        Job.from_json(told | {"settings": {"steps": 3, "batch_token": 1}})
    with pytest.raises(ModelError, match="warmup is -1; it must be 0 or more"):
        Job.from_json(told | {"settings": {"steps": 3, "warmup": -1}})


def begin(folder: Path, job: Job, out: Path) -> subprocess.Popen[bytes]:
    (folder / "job.json").write_text(json.dumps(dataclasses.asdict(job)))
    command = [sys.executable, "-m", "model_core.training", str(folder / "job.json"), "--out", str(out)]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_at_any_moment_and_taken_up_the_weights_are_the_same(tmp_path: Path) -> None:
    job = job_on(tmp_path, steps=40, checkpoint_every=1, log_every=100, held_out_every=100)
    assert begin(tmp_path, job, tmp_path / "whole").wait() == 0
    kills = 0
    for _ in range(30):
        process = begin(tmp_path, job, tmp_path / "killed")
        checkpoints = tmp_path / "killed" / "checkpoints"
        before = set(checkpoints.glob("step-*.pt"))
        while process.poll() is None and set(checkpoints.glob("step-*.pt")) == before:
            time.sleep(0.01)
        time.sleep(0.02 * (kills % 7))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        if kills == 3:
            assert begin(tmp_path, job, tmp_path / "killed").wait() == 0
            break
    assert kills >= 2
    assert same(load(tmp_path / "whole" / "model"), load(tmp_path / "killed" / "model"))


class TwoSizes:
    """A stream whose steps are a long document and a short one."""

    name, seen = "two sizes", 0

    def __init__(self) -> None:
        self.batches = [batch_of([(list(range(n)), [True] * n)], 0.0) for n in (60, 4)]

    def step(self, accumulate: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
        return self.batches

    def state(self) -> dict[str, int]:
        return {}

    def go_to(self, state: dict[str, int]) -> None:
        assert not state


def test_a_step_weighs_tokens_alike_whatever_batch_they_are_in(tmp_path: Path) -> None:
    stream, model = TwoSizes(), small().initialise(seed=0)
    total = sum(batch.sums[0] for batch in stream.batches)
    loss = sum(Objective(model)(batch)[0] for batch in stream.batches) / total
    wanted = torch.autograd.grad(loss, list(model.parameters()))
    last = Trainer(model, stream, settings("adamw"), tmp_path / "run").train_step()
    assert float(last["losses"][0]) == pytest.approx(float(loss.detach()), rel=1e-5)
    norm = torch.cat([gradient.flatten() for gradient in wanted]).norm()
    assert float(last["grad_norm"]) == pytest.approx(float(norm), rel=1e-4)


def test_lines_of_steps_that_are_made_again_do_not_stand_twice(tmp_path: Path) -> None:
    tokens = counting_tokens(tmp_path / "tokens")
    train(tmp_path / "run", settings("adamw", steps=6, log_every=1), tokens)
    (tmp_path / "run" / "checkpoints" / "step-0000006.pt").unlink()  # as if killed before it was written
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    train(tmp_path / "run", settings("adamw", steps=6, log_every=1), tokens)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
