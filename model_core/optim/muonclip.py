"""MuonClip as one optimizer: Muon and AdamW shares, fp32 masters, QK-Clip, one rank or many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import AdamW, Optimizer

from model_core.attention import LatentAttention
from model_core.errors import ModelError
from model_core.model import Model
from model_core.optim.bucket import Bucket, Member, fill_buckets
from model_core.optim.clip import QKClip
from model_core.optim.shares import matrices, share_of

_SETTINGS = ("lr", "weight_decay", "momentum", "nesterov", "ns_steps", "betas", "eps")


class MuonClip(Optimizer):
    """Muon for matrices, AdamW for the rest, then QK-Clip (Kimi K2, arXiv 2507.20534, 2.1; Moonlight, 2502.16982).

    `param_groups` has one group per share, each with an `lr` that a schedule may move; updates have AdamW's size, so
    one rate serves both. Weights of 16 bits get an fp32 master that takes the updates. `ns_dtype` is what
    Newton-Schulz computes in: bf16 on a GPU and fp32 elsewhere if not given (float64 for float64 weights).

    Many ranks: every rank holds all weights and, when `step` is called, the same averaged gradients; `group` splits
    the orthogonalisations and their momentum between its ranks. `step` and `state_dict` are then collective, and a
    state goes back into any number of ranks.

    Raises `ModelError` for a parameter without gradient in `step`, and for a state of other parameters.
    """

    def __init__(
        self,
        parameters: Iterable[tuple[str, Tensor]] | Iterable[Tensor],
        lr: float = 2e-4,
        *,
        adamw_lr: float | None = None,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        ns_dtype: torch.dtype | None = None,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        attentions: Sequence[LatentAttention] = (),
        tau: float | None = 100.0,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        named = [p if isinstance(p, tuple) else (f"{i}", p) for i, p in enumerate(parameters)]
        self._named = {name: p for name, p in named if p.requires_grad}
        shares: dict[str, list[tuple[str, Tensor]]] = {"muon": [], "adamw": []}
        for name, p in self._named.items():
            shares[share_of(name, p)].append((name, p))
        common = {"lr": lr, "weight_decay": weight_decay}
        muon = common | {"momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
        adamw = common | {"betas": betas, "eps": eps} | ({} if adamw_lr is None else {"lr": adamw_lr})
        given: list[dict[str, Any]] = [{"share": "muon"} | muon, {"share": "adamw"} | adamw]
        groups = [g | {"params": shares[g["share"]]} for g in given if shares[g["share"]]]
        super().__init__(groups, {})
        self._masters = {p: p.detach().float() for p in self._named.values() if p.dtype.itemsize < 4}
        self._buckets = self._make_buckets(shares["muon"], ns_dtype, group)
        self._adamw = self._make_adamw(shares["adamw"])
        self._group = group
        self._clip = QKClip(attentions, tau) if attentions and tau is not None else None
        self.max_logits_LH: Tensor | None = None  # of the passes before the last step, for whoever keeps metrics

    @classmethod
    def from_model(cls, model: Model, lr: float = 2e-4, **settings: Any) -> MuonClip:
        """All parameters of a model, its heads watched by QK-Clip (`tau=None` leaves that out)."""
        attentions = [module for module in model.modules() if isinstance(module, LatentAttention)]
        return cls(model.named_parameters(), lr, attentions=attentions, **settings)

    def _make_buckets(
        self, share: Sequence[tuple[str, Tensor]], dtype: torch.dtype | None, group: dist.ProcessGroup | None
    ) -> list[Bucket]:
        if not share:
            return []
        exact = [(name, self._exact(p).detach()) for name, p in share]
        members = []
        for name, weight in exact:
            if not weight.is_contiguous():
                raise ModelError(f"{name} is not contiguous in memory; Muon updates its matrices in place")
            stack = matrices(name, weight)
            members.append(Member(name, stack, stack.shape[1] > stack.shape[2]))
        if dtype is None:
            wide = exact[0][1]
            dtype = torch.bfloat16 if wide.is_cuda and wide.dtype == torch.float32 else wide.dtype
        return fill_buckets(members, dtype, group)

    def _make_adamw(self, share: Sequence[tuple[str, Tensor]]) -> AdamW | None:
        """torch's own AdamW on this share, reading its settings out of our group."""
        if not share:
            return None
        ours = self.param_groups[-1]
        weights = [self._masters.get(p, p) for _, p in share]
        return AdamW(weights, lr=ours["lr"], betas=ours["betas"], eps=ours["eps"], fused=True)

    def _exact(self, p: Tensor) -> Tensor:
        return self._masters.get(p, p)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every weight by its `grad`, then the clip by the logits seen since the last step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        missing = [name for name, p in self._named.items() if p.grad is None]
        if missing:
            raise ModelError(f"no gradient for {', '.join(missing[:5])}; freeze what is not trained (requires_grad)")
        for settings in self.param_groups:
            (self._step_muon if settings["share"] == "muon" else self._step_adamw)(settings)
        if self._clip is not None:
            if self._group is not None:
                dist.all_reduce(self._clip.maxima_LH, op=dist.ReduceOp.MAX, group=self._group)
            self.max_logits_LH = self._clip.apply(self._exact)
        if self._masters:
            torch._foreach_copy_(list(self._masters), list(self._masters.values()))
        return loss

    def _step_muon(self, settings: Mapping[str, Any]) -> None:
        lr = float(settings["lr"])
        for bucket in self._buckets:
            grads = [self._grad(member.name) for member in bucket.members]
            updates = bucket.update(grads, settings["momentum"], settings["nesterov"], settings["ns_steps"])
            weights = [member.weight_Knm for member in bucket.members]
            torch._foreach_mul_(weights, 1 - lr * settings["weight_decay"])
            torch._foreach_add_(weights, updates, alpha=-lr)

    def _step_adamw(self, settings: Mapping[str, Any]) -> None:
        assert self._adamw is not None
        inner = self._adamw.param_groups[0]
        inner.update({key: settings[key] for key in ("lr", "weight_decay", "betas", "eps")})
        for p in settings["params"]:
            if p in self._masters:
                self._masters[p].grad = p.grad.float()
        self._adamw.step()

    def _grad(self, name: str) -> Tensor:
        grad = self._named[name].grad
        assert grad is not None  # `step` looked
        return grad

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the bit, by parameter name. Collective among ranks."""
        momenta = {}
        for bucket in self._buckets:
            for member, stack in zip(bucket.members, bucket.momenta(), strict=True):
                momenta[member.name] = stack.reshape(self._named[member.name].shape)
        names = {p: name for name, p in self._named.items()}
        inner = {} if self._adamw is None else self._adamw.state
        adamw = {name: dict(inner[self._exact(p)]) for name, p in self._named.items() if self._exact(p) in inner}
        groups = [{key: g[key] for key in ("share", *_SETTINGS, "initial_lr") if key in g} for g in self.param_groups]
        masters = {names[p]: master for p, master in self._masters.items()}
        return {"groups": groups, "momentum": momenta, "adamw": adamw, "masters": masters}

    @torch.no_grad()
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes back what `state_dict` gave; a state of another set of parameters is refused by name."""
        ours = {member.name for bucket in self._buckets for member in bucket.members}
        other = ours ^ set(state_dict["momentum"])
        other |= {name for name, p in self._named.items() if p in self._masters} ^ set(state_dict["masters"])
        other |= set(state_dict["adamw"]) - (set(self._named) - ours)
        if other:
            raise ModelError(f"the optimizer's state is of another model: {', '.join(sorted(other)[:5])} do not match")
        for bucket in self._buckets:
            bucket.load([matrices(m.name, state_dict["momentum"][m.name]) for m in bucket.members])
        for name, master in state_dict["masters"].items():
            self._masters[self._named[name]].copy_(master)
        if self._adamw is not None:
            self._adamw.state.clear()
            for name, kept in state_dict["adamw"].items():
                weight = self._exact(self._named[name])
                self._adamw.state[weight] = {key: value.to(weight.device, copy=True) for key, value in kept.items()}
        for group, kept in zip(self.param_groups, state_dict["groups"], strict=True):
            group.update(kept)
