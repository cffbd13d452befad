"""The training loop: batches in, a better model out; checkpoints and figures on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from model_core.errors import ModelError
from model_core.model import Model
from model_core.optim import MuonClip, share_of
from model_core.packed import to_device
from model_core.training import checkpoints
from model_core.training.balance import Balancer
from model_core.training.feed import Batch, Stream
from model_core.training.metrics import Metrics
from model_core.training.objective import InBf16, InFull, Objective
from model_core.training.ranks import Ranks
from model_core.training.schedule import lr_share, progress
from model_core.training.settings import OptimizerSettings, Settings


def device_of(settings: Settings) -> torch.device:
    """Where the run goes: a GPU if there is one and nothing else is said. Raises `ModelError` without the one asked."""
    there = torch.cuda.is_available()
    if settings.device == "cuda" and not there:
        raise ModelError("device is cuda, but torch sees no GPU; give device cpu or auto")
    return (
        torch.device("cuda", torch.cuda.current_device()) if there and settings.device != "cpu" else torch.device("cpu")
    )


def make_optimizer(model: Model, settings: OptimizerSettings, ranks: Ranks) -> Optimizer:
    """MuonClip, or AdamW for everything with decay on every weight."""
    if settings.kind == "muonclip":
        return MuonClip.from_model(
            model,
            settings.lr,
            adamw_lr=settings.adam_lr or None,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
            tau=settings.tau,
            group=torch.distributed.group.WORLD if ranks.count > 1 else None,
        )
    shares: dict[str, list[Tensor]] = {"muon": [], "adamw": []}
    for name, weight in model.named_parameters():
        shares[share_of(name, weight)].append(weight)
    groups = [
        {"params": shares["muon"], "lr": settings.lr},
        {"params": shares["adamw"], "lr": settings.adam_lr or settings.lr},
    ]
    return AdamW(groups, betas=(0.9, 0.95), weight_decay=settings.weight_decay, fused=True)


class Trainer:
    """One run. `out` holds its checkpoints and metrics; a run found there is taken up where its last checkpoint is.

    On a GPU the forward pass and its gradients are bf16, weights and optimizer fp32; on a CPU all is fp32, unless
    `precision` says otherwise. With many
    ranks each has the whole model, sees its own batches and adds gradients with the others; rank 0 writes.
    """

    def __init__(
        self, model: Model, stream: Stream, settings: Settings, out: Path | str, held_out: Sequence[Batch] = ()
    ) -> None:
        self.settings, self.out, self.model, self.stream, self.held_out = settings, Path(out), model, stream, held_out
        self.ranks = Ranks.here()
        self.device = device_of(settings)
        model.to(self.device).train()
        self.optimizer = make_optimizer(model, settings.optimizer, self.ranks)
        self._full_lr = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.balancer = Balancer(model, settings.bias_rate)
        self.objective = Objective(model)
        auto = "bf16" if self.device.type == "cuda" else "fp32"
        wanted = auto if settings.precision == "auto" else settings.precision
        self.sums = InBf16(self.objective) if wanted == "bf16" else InFull(self.objective)
        self._weights = list(model.parameters())
        self.step = self.tokens_seen = 0
        self.seconds = 0.0  # of training, over all takings-up
        self._kept_at, self._kept_step = 0.0, 0
        self._logged = (0.0, 0)  # when and at which token the last figures were taken
        self._binding = settings.binding() | {
            "model": model.config.to_public(), "ranks": self.ranks.count, "data": stream.name,
        }  # fmt: skip
        self._take_up()

    def run(
        self, tell: Callable[[str], None] = lambda line: None, kept: Callable[[Model], None] = lambda model: None
    ) -> Model:
        """Train to the end; returns the model. `tell` gets a line now and then, `kept` is called after a checkpoint."""
        metrics = Metrics(self.out, self.step) if self.ranks.rank == 0 else None
        began = time.monotonic() - self.seconds
        self._logged = (time.monotonic(), self.tokens_seen)
        every, look_every = self.settings.log_every, self.settings.held_out_every
        ended = progress(self.settings, self.step, self.seconds) >= 1.0
        while not ended:
            last = self.train_step()
            self.seconds = self.ranks.first(time.monotonic() - began, self.device)
            ended = progress(self.settings, self.step, self.seconds) >= 1.0
            look = ended or self.step % look_every == 0
            if look or self.step % every == 0:
                figures = self._figures(last, look)
                if metrics is not None:
                    metrics.add(**figures)
                    tell(" ".join(f"{name} {value:.6g}" for name, value in figures.items()))
            if ended or self._checkpoint_is_due():
                self.keep()
                kept(self.model)
        return self.model

    def train_step(self) -> dict[str, Any]:
        """One update of all weights. What it returns is on the device; nothing waits."""
        settings = self.settings
        share = lr_share(settings, self.step, self.seconds)
        for group, full in zip(self.optimizer.param_groups, self._full_lr, strict=True):
            group["lr"] = full * share
        batches = self.stream.step(settings.accumulate, self.ranks.rank, self.ranks.count)
        counts = to_device(torch.tensor([batch.sums for batch in batches], dtype=torch.float32).sum(0), self.device)
        self.ranks.add([counts])
        found = torch.zeros_like(counts)
        for batch in batches:
            weighted, learnt = self.sums(batch)
            (weighted / counts[0]).backward()
            self.sums.collect()
            found += torch.stack((weighted.detach(), learnt))
        self.ranks.add([found, self.balancer.loads_LE, *(p.grad for p in self._weights if p.grad is not None)])
        norm = torch.nn.utils.clip_grad_norm_(self._weights, settings.clip)
        self.optimizer.step()
        self.balancer.step()
        self.sums.refresh()
        torch._foreach_zero_([p.grad for p in self._weights if p.grad is not None])
        self.step += 1
        self.tokens_seen = self.stream.seen
        return {"losses": found / counts.clamp_min(1e-9), "grad_norm": norm, "lr_share": share}

    def _figures(self, last: dict[str, Any], look: bool) -> dict[str, float]:
        """The line of metrics of this step; waits for the device. `look`: with the held-out loss."""
        loss, learnt = last["losses"].tolist()
        figures = {
            "step": self.step, "tokens": self.tokens_seen, "loss": loss, "learnt_loss": learnt,
            "lr": self._full_lr[0] * last["lr_share"], "grad_norm": float(last["grad_norm"]),
            "expert_load": float(self.balancer.worst_load()),
        }  # fmt: skip
        seen = getattr(self.optimizer, "max_logits_LH", None)
        if seen is not None:
            figures["max_logit"] = float(seen.max())
        then, tokens_then = self._logged
        figures["tokens_per_s"] = (self.tokens_seen - tokens_then) / max(time.monotonic() - then, 1e-9)
        figures["seconds"] = self.seconds
        if look and self.held_out:
            figures["held_out_loss"] = self.held_out_loss()
        self._logged = (time.monotonic(), self.tokens_seen)
        return figures

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Mean loss on what the assistant says in the held-out batches, the same on all ranks."""
        self.model.eval()
        found = torch.zeros(2, dtype=torch.float64, device=self.device)
        for batch in self.held_out:
            found += torch.stack((self.sums(batch)[1].double(), batch.learn_N.sum().double()))
        self.model.train()
        return float(found[0] / found[1])

    def _checkpoint_is_due(self) -> bool:
        minutes = self.settings.checkpoint_minutes
        by_clock = bool(minutes) and self.seconds - self._kept_at >= 60 * minutes
        return self.step > self._kept_step and (by_clock or self.step % self.settings.checkpoint_every == 0)

    def keep(self) -> None:
        """Write a checkpoint. With many ranks all must call it: the optimizer's state is gathered."""
        optimizer = self.optimizer.state_dict()
        if self.ranks.rank == 0:
            state = {
                "binding": json.dumps(self._binding), "step": self.step, "seconds": self.seconds,
                "stream": self.stream.state(), "model": self.model.state_dict(), "optimizer": optimizer,
            }  # fmt: skip
            checkpoints.write(self.out, self.step, state)
        self._kept_at, self._kept_step = self.seconds, self.step

    def _take_up(self) -> None:
        found = checkpoints.newest(self.out)
        if found is None:
            return
        state = checkpoints.read(found, self._binding, self.device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.stream.go_to(state["stream"])
        self.step, self.seconds, self.tokens_seen = state["step"], state["seconds"], self.stream.seen
        self._kept_at, self._kept_step = self.seconds, self.step
        self.sums.refresh()
