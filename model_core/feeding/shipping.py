"""A trained checkpoint as it is shipped: projections in FP8, in files that a repository takes, with what that costs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

from model_core.checkpoint import load, save
from model_core.errors import ModelError
from model_core.feeding.packing import read_packed
from model_core.feeding.training import held_out_batches
from model_core.model import Model
from model_core.tokens import OWN_FILE, read_tokenizer
from model_core.training.objective import Objective
from model_core.training.settings import Settings

FILE_BYTES = 14 * 2**20


def ship(checkpoint: Path, packed: Path, out: Path, tokens: int = 60_000) -> dict[str, Any]:
    """Write `out` from a trained checkpoint; returns its size and the held-out loss before and after (on what the
    assistant says in `tokens` tokens of the packed folder's held-out rows)."""
    if out.exists():
        raise ModelError(f"{out} exists already; remove it or give another folder")
    model = load(checkpoint)
    before = loss_of(model, packed, tokens)
    save(model.to(torch.bfloat16), out, FILE_BYTES, quantised=True)
    shutil.copy(packed / OWN_FILE, out)
    after = loss_of(load(out), packed, tokens)
    files = [path.stat().st_size for path in sorted(out.iterdir())]
    return {"bytes": sum(files), "largest_file": max(files), "loss": before, "loss_fp8": after}


@torch.no_grad()
def loss_of(model: Model, packed: Path, tokens: int) -> float:
    """The mean loss on what the assistant says in the held-out rows, in fp32 on this machine's CPU."""
    settings = Settings(steps=1, batch_tokens=8192, held_out_tokens=tokens, device="cpu")
    batches = held_out_batches(read_packed(packed)[1], read_tokenizer(packed), settings, torch.device("cpu"))
    objective = Objective(model.eval())
    found = sum(float(objective(batch)[1]) for batch in batches)
    return found / sum(batch.sums[1] for batch in batches)
