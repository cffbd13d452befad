"""A whole training run: token files and a configuration in, a checkpoint folder that `load` reads out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch

from model_core.checkpoint import empty, load, save
from model_core.config import ModelConfig
from model_core.errors import ModelError
from model_core.model import Model
from model_core.tokens import K2_FILE, OWN_FILE
from model_core.training import metrics
from model_core.training.feed import Batch, Feed, Stream
from model_core.training.loop import Trainer, device_of
from model_core.training.ranks import Ranks
from model_core.training.settings import Settings, checked
from model_core.training.tokens import TokenFile

MODEL = "model"  # the folder in a run's folder that holds the result


@dataclass(frozen=True)
class Job:
    """What to train on what. `tokens`, `held_out` ("" for none): token files. `tokenizer`: the folder whose vocabulary
    made them. `model`: a preset, or a folder with `config.json`, whose weights are the start if it has any. `sizes`:
    changes to the configuration (of a model that starts from nothing). `weights`: how the result is stored, in files of
    at most `file_mib`."""

    tokens: str
    tokenizer: str
    settings: Settings
    held_out: str = ""
    model: str = "tiny"
    sizes: dict[str, Any] = field(default_factory=dict)
    weights: Literal["float32", "bfloat16"] = "float32"
    file_mib: int = 4096

    @staticmethod
    def from_json(given: dict[str, Any]) -> Job:
        """From plain JSON. Raises `ModelError` for unknown or missing keys."""
        known = dict(checked(given, Job, ""))
        for name in ("tokens", "tokenizer", "settings"):
            if name not in known:
                raise ModelError(f"{name} is missing; a training job names it")
        return Job(**known | {"settings": Settings.from_json(known["settings"])})


def run_job(
    job: Job, out: Path | str, tell: Callable[[str], None] = lambda line: None, stream: Stream | None = None
) -> Path:
    """Train, or go on training, in `out`; returns the checkpoint folder `out/model`, replaced whole at each checkpoint.

    `stream` gives the batches instead of the token file (whose vocabulary counts all the same).
    """
    settings, device, folder = job.settings, device_of(job.settings), Path(out) / MODEL
    tokens = TokenFile(job.tokens)
    model = first_model(job, tokens)
    if stream is None:
        stream = Feed(tokens, settings.batch_tokens, settings.prompt_weight, settings.seed, device)
    first = Ranks.here().rank == 0
    trainer = Trainer(model, stream, settings, out, held_out_batches(job, device))
    trainer.run(tell, lambda model: keep_model(model, job, folder) if first else None)
    if first and find_spec("matplotlib") is not None:
        metrics.draw(Path(out))
    return folder


def held_out_batches(job: Job, device: torch.device) -> list[Batch]:
    """The first documents of the held-out file, at most `held_out_tokens` of them and at least one batch."""
    if not job.held_out:
        return []
    batches: list[Batch] = []
    for batch in Feed(TokenFile(job.held_out), job.settings.batch_tokens, 0.0, 0, device).once():
        if batches and sum(b.ids_1T.shape[1] for b in [*batches, batch]) > job.settings.held_out_tokens:
            break
        batches.append(batch)
    return batches


def first_model(job: Job, tokens: TokenFile) -> Model:
    """The model a run starts from. Raises `ModelError` where it and the token file do not fit."""
    folder = Path(job.model)
    if folder.is_dir() and any(folder.glob("*.safetensors")):
        if job.sizes:
            raise ModelError(f"sizes are given, but {folder} has weights, which have theirs; leave sizes out")
        model = load(folder)
    else:
        config = ModelConfig.read(folder) if folder.is_dir() else ModelConfig.preset(job.model)
        told = {"vocab_size": tokens.vocab_size, "tool_declarations": tokens.about["tool_declarations"]}
        model = empty(config.scaled(**told | dict(checked(job.sizes, ModelConfig, "sizes."))))
        model.initialise(job.settings.seed)
    config = model.config
    if tokens.vocab_size > config.vocab_size:
        raise ModelError(
            f"{tokens.folder} has ids up to {tokens.vocab_size}; the model's vocabulary ends at {config.vocab_size}"
        )
    if config.tool_declarations != tokens.about["tool_declarations"]:
        raise ModelError(
            f"{tokens.folder} tells tools in the form {tokens.about['tool_declarations']!r}, the model reads "
            f"{config.tool_declarations!r}; make the token file anew"
        )
    return model


def keep_model(model: Model, job: Job, folder: Path) -> None:
    """Write the checkpoint and its vocabulary aside, then put it in place."""
    aside = folder.with_name(f".{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    stored = empty(model.config, dtype=getattr(torch, job.weights))
    stored.load_state_dict(model.state_dict())
    save(stored, aside, shard_bytes=job.file_mib << 20)
    vocabulary = [name for name in (K2_FILE, OWN_FILE) if (Path(job.tokenizer) / name).is_file()]
    if not vocabulary:
        raise ModelError(f"{job.tokenizer} has no vocabulary; it needs {K2_FILE} or {OWN_FILE}")
    shutil.copy(Path(job.tokenizer) / vocabulary[0], aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
