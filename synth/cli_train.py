"""Behind the verb train: shards to token files, then the loop, here or on several ranks."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.errors import UsageError

if TYPE_CHECKING:
    from model_core.training import Job
    from synth.training_file import TrainingFile


def train(file: str, sets: list[str], out: Path | None, as_json: bool, address: str | None) -> None:
    """Train or go on training; prints figures as they come, and at the end where the checkpoint is."""
    if find_spec("torch") is None:
        raise UsageError("training needs torch, which is not installed; pip install '.[model]' brings it")
    # batches differ in length: without this the GPU's allocator keeps a block for each
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    from model_core.errors import ModelError
    from model_core.training import run_job
    from synth.training_file import load_training_file

    told = load_training_file(file, sets)
    folder = out or Path("runs") / told.name
    say = (lambda line: None) if as_json else _say
    try:
        job = prepare(told, folder, say)
        if told.ranks > 1:
            from synth.ray_training import train_on_ranks

            model = train_on_ranks(job, folder, told.ranks, say, address)
        else:
            model = run_job(job, folder, say)
    except ModelError as error:
        raise UsageError(f"{file}: {error}") from error
    if as_json:
        print(json.dumps({"checkpoint": str(model)} | _last(folder)))
        return
    print(f"checkpoint: {model}")
    figures = [str(path) for name in ("metrics.jsonl", "metrics.png") if (path := folder / name).exists()]
    print(f"look: {', '.join(figures)}")


def prepare(told: TrainingFile, folder: Path, say: Any) -> Job:
    """Vocabulary and token files under `folder`, those of the same shards and settings kept. Returns the job."""
    from model_core.tokens import OwnTokenizer, read_tokenizer
    from model_core.training import Job, TokenFile, tokenise
    from model_core.training.shards import texts_of

    source = _digest(told)
    if isinstance(told.vocabulary, int):
        vocabulary = folder / "vocabulary" / source
        if not (vocabulary / "tokenizer.json").exists():
            vocabulary.mkdir(parents=True, exist_ok=True)
            OwnTokenizer.train(texts_of(told.shards, "train"), told.vocabulary).write(vocabulary)
    else:
        vocabulary = Path(told.vocabulary)
    tokenizer = read_tokenizer(vocabulary)
    splits = ["train", *(["validation"] if any(Path(told.shards).glob("validation-*.parquet")) else [])]
    made = {split: folder / "tokens" / f"{source}-{split}" for split in splits}
    for split, place in made.items():
        file = (
            TokenFile(place)
            if place.exists()
            else tokenise(told.shards, split, tokenizer, place, told.max_length, told.declarations)
        )
        about = file.about
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in about["dropped"].items())
        left = f"; left out: {dropped} ({place / 'dropped.jsonl'})" if dropped else ""
        say(f"{split}: {about['documents']:,} conversations, {about['tokens']:,} tokens, "
            f"{about['learnt_tokens']:,} of them learnt{left}")  # fmt: skip
    return Job(
        tokens=str(made["train"]),
        tokenizer=str(vocabulary),
        settings=told.training,
        held_out=str(made["validation"]) if "validation" in made else "",
        model=told.model,
        sizes=told.sizes,
        weights=told.weights,
        file_mib=told.file_mib,
    )


def _digest(told: TrainingFile) -> str:
    """What token files are made from: the shards' bytes, the vocabulary, the length and form of rows."""
    from model_core.tokens import K2_FILE, OWN_FILE

    sha = hashlib.sha256(json.dumps([told.vocabulary, told.max_length, told.declarations]).encode())
    paths = sorted(Path(told.shards).glob("*.parquet"))
    if isinstance(told.vocabulary, str):
        paths += [path for name in (K2_FILE, OWN_FILE) if (path := Path(told.vocabulary) / name).is_file()]
    for path in paths:
        with path.open("rb") as file:
            sha.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return sha.hexdigest()[:12]


def _last(folder: Path) -> dict[str, Any]:
    from model_core.training.metrics import read

    rows = read(folder)
    return rows[-1] if rows else {}


def _say(line: str) -> None:
    print(line, flush=True)
