"""Which optimizer a parameter belongs to, and which matrices it holds."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from model_core.errors import ModelError

Share = Literal["muon", "adamw"]
_TABLES = ("embed_tokens", "lm_head")  # rows are looked up or compared one by one: no matrix in Muon's sense


def share_of(name: str, parameter: Tensor) -> Share:
    """Muon for matrices and stacks of them, the router's too; AdamW for embedding, head and what has one axis.

    As in Moonlight (arXiv 2502.16982, 2.2). `name` is the dotted name within the model.
    """
    return "adamw" if parameter.dim() < 2 or any(part in _TABLES for part in name.split(".")) else "muon"


def matrices(name: str, tensor: Tensor) -> Tensor:
    """A Muon parameter (or its gradient) as the matrices it holds, [K, n, m]: a view where the layout allows it.

    A stack of experts is one matrix per expert; gate and up, which share a tensor here, are two.
    """
    if name.rpartition(".")[2] == "gate_up_E2FD":
        return tensor.reshape(-1, tensor.shape[1] // 2, tensor.shape[2])
    if tensor.dim() > 3:
        raise ModelError(f"{name} has {tensor.dim()} axes; Muon takes matrices and stacks of them")
    return tensor if tensor.dim() == 3 else tensor.unsqueeze(0)
