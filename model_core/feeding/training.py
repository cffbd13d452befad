"""The training run of the bundled model on a packed folder: varied examples into the loop of `model_core.training`."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from model_core.checkpoint import empty, load
from model_core.config import ModelConfig
from model_core.declare import Declarations
from model_core.errors import ModelError
from model_core.feeding.lookups import looked_up
from model_core.feeding.packing import read_lexicon, read_packed
from model_core.feeding.rows import Row, encode
from model_core.feeding.stream import Examiner, Mix, Source, drilled_rows
from model_core.model import Model
from model_core.tokens import OWN_FILE, Tokenizer, read_tokenizer
from model_core.training.feed import Batch, batch_of
from model_core.training.job import MODEL, Job, keep_model
from model_core.training.loop import Trainer, device_of
from model_core.training.ranks import Ranks
from model_core.training.settings import Settings, checked

_WAITING = 3  # batches that stand ready on the device


class VariedStream:
    """What the loop asks for batches (`training.feed.Stream`). A thread has the next ones ready. The examiner hands
    out those of this rank."""

    def __init__(self, examiner: Examiner, name: str, prompt_weight: float, device: torch.device) -> None:
        self.name, self.seen = name, 0
        self._examiner, self._prompt_weight, self._device = examiner, prompt_weight, device
        self._ranks = Ranks.here()
        self._thread = ThreadPoolExecutor(1)
        self._ready: deque[Future[tuple[Batch, int]]] = deque()
        self._given = 0  # batches

    def step(self, accumulate: int, rank: int = 0, ranks: int = 1) -> list[Batch]:
        """This rank's next batches; all ranks together see what one would see that accumulates as many times more."""
        made, seen = [], 0
        for _ in range(accumulate):
            while len(self._ready) < _WAITING:
                self._ready.append(self._thread.submit(self._next))
            batch, tokens = self._ready.popleft().result()
            seen += tokens
            self._given += ranks
            made.append(batch)
        everywhere = torch.tensor([seen], device=self._device)
        self._ranks.add([everywhere])
        self.seen += int(everywhere)
        return made

    def _next(self) -> tuple[Batch, int]:
        examples = self._examiner.next()
        batch = batch_of(examples.pairs, self._prompt_weight, self._device, examples.after)
        return batch, sum(len(ids) for ids, _ in examples.pairs)

    def state(self) -> dict[str, int]:
        """The position."""
        return {"position": self._given, "seen": self.seen}

    def go_to(self, state: dict[str, int]) -> None:
        """Stand where `state` was taken."""
        while self._ready:
            self._ready.popleft().result()
        self._examiner.go_to(state["position"])
        self._given, self.seen = state["position"], state["seen"]

    def close(self) -> None:
        """Let the thread end."""
        while self._ready:
            self._ready.popleft().result()
        self._thread.shutdown()


@dataclass(frozen=True)
class Recipe:
    """A run on a packed folder. `init`: the checkpoint it starts from; without one, a model of the preset `tiny` with
    other `sizes`. Raises `ModelError` for keys that are unknown or missing."""

    settings: Settings
    sizes: dict[str, Any] = field(default_factory=dict)
    init: str = ""
    mix: Mix = field(default_factory=Mix)

    @staticmethod
    def from_json(given: dict[str, Any]) -> Recipe:
        """From plain JSON."""
        known = dict(checked(given, Recipe, ""))
        if "settings" not in known:
            raise ModelError("settings is missing; a recipe has it")
        if known.get("init") and known.get("sizes"):
            raise ModelError("sizes are given, but init has weights, which have theirs; leave sizes out")
        known["settings"] = Settings.from_json(known["settings"])
        return Recipe(**known | {"mix": Mix(**checked(known.get("mix", {}), Mix, "mix."))})


def train(
    folder: Path, recipe: Recipe, out: Path, processes: int, tell: Callable[[str], None] = lambda line: None
) -> Path:
    """Train on a packed folder; returns the checkpoint folder. In a process group, one rank of it, the first of which
    tells and writes."""
    settings, ranks = recipe.settings, Ranks.here()
    tell = tell if ranks.rank == 0 else lambda line: None
    out.mkdir(parents=True, exist_ok=True)
    rows, held = read_packed(folder)
    about = json.loads((folder / "about.json").read_text())
    tokenizer = read_tokenizer(folder)
    lengths = json.loads((folder / "lengths.json").read_text())
    source = Source(rows, lengths, folder, read_lexicon(folder), settings.batch_tokens, about["longest"], settings.seed,
                    recipe.mix, about["declarations"])  # fmt: skip
    examiner = Examiner(source, processes, ranks.rank, ranks.count)  # forks: before anything touches the GPU
    tell(f"{len(rows):,} rows, {sum(lengths):,} tokens an epoch")
    try:
        model = _first_model(recipe, folder, tokenizer, about["declarations"], about["longest"])
        tell(f"{sum(p.numel() for p in model.parameters()):,} parameters")
        device = device_of(settings)
        stream = VariedStream(examiner, f"{folder.name} {about['tokens']}", settings.prompt_weight, device)
        job = Job(tokens="", tokenizer=str(folder), settings=settings, weights="bfloat16", file_mib=15)
        trainer = Trainer(model, stream, settings, out, held_out_batches(held, tokenizer, settings, device))
        if ranks.rank == 0:
            (out / "settings.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n")
        trainer.run(tell, lambda trained: keep_model(trained, job, out / MODEL) if ranks.rank == 0 else None)
        stream.close()
        if ranks.rank > 0:
            return out / MODEL
        drilled = drilled_rows(40, held, source.lexicon, settings.seed, about["declarations"])
        for kind, loss in loss_by_kind(trainer, [*held, *drilled], tokenizer).items():
            tell(f"held-out loss of {kind} {loss:.4f}")
        for kind, (right, of) in looked_up(trainer.model.eval(), [*held, *drilled], tokenizer).items():
            tell(f"looked up in {kind}: {right} of {of}")
    finally:
        examiner.close()
    return out / MODEL


def _first_model(recipe: Recipe, folder: Path, tokenizer: Tokenizer, declarations: Declarations, longest: int) -> Model:
    told: dict[str, Any] = {"vocab_size": tokenizer.size, "tool_declarations": declarations}
    if not recipe.init:
        config = ModelConfig.preset("tiny").scaled(**told | recipe.sizes)
        return empty(config).initialise(recipe.settings.seed)
    if (Path(recipe.init) / OWN_FILE).read_bytes() != (folder / OWN_FILE).read_bytes():
        raise ModelError(f"{folder} has another vocabulary than {recipe.init}; pack with --tokenizer {recipe.init}")
    model = load(recipe.init)
    reach = max(model.config.max_position_embeddings, longest)  # it learns to read as far as the rows go
    model.config = model.config.scaled(**told, max_position_embeddings=reach)
    return model


@torch.no_grad()
def loss_by_kind(trainer: Trainer, rows: list[Row], tokenizer: Tokenizer) -> dict[str, float]:
    """The mean loss on what the assistant says, of each kind of row."""
    trainer.model.eval()
    found = {}
    for kind in sorted({row.kind for row in rows}):
        some = held_out_batches([r for r in rows if r.kind == kind], tokenizer, trainer.settings, trainer.device)
        losses = [float(trainer.sums(batch)[1]) for batch in some]
        found[kind] = sum(losses) / max(1.0, sum(batch.sums[1] for batch in some))
    trainer.model.train()
    return found


def held_out_batches(rows: list[Row], tokenizer: Tokenizer, settings: Settings, device: torch.device) -> list[Batch]:
    """The held-out rows, unvaried, as batches; at most `held_out_tokens`."""
    batches: list[Batch] = []
    waiting: list[tuple[list[int], list[bool]]] = []
    size = total = 0
    for row in rows:
        ids, mask = encode(row, tokenizer)
        if total + len(ids) > settings.held_out_tokens:
            break
        if waiting and size + len(ids) > settings.batch_tokens:
            batches.append(batch_of(waiting, 0.0, device))
            waiting, size = [], 0
        waiting.append((ids, mask))
        size += len(ids)
        total += len(ids)
    return [*batches, batch_of(waiting, 0.0, device)] if waiting else batches
