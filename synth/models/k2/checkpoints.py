"""What a pipeline's `checkpoint` names: whether it is there, what it is called in rows, what its bytes are."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BUNDLED, RANDOM = "bundled", "random"
_WHOLE = 64 << 20  # bytes of a file up to which all of it is read
_SAMPLES, _SAMPLE = 16, 1 << 20  # of a larger one: its beginning and so many pieces
_READ = (".safetensors", ".json", ".model")


def problem_of(backend: Any) -> str:
    """What is wrong with the model of these settings before anything is loaded, in one sentence, or nothing."""
    if find_spec("torch") is None:
        return "a k2 model needs torch, which is not installed; pip install '.[model]' brings it"
    from model_core import ModelConfig, ModelError
    from model_core.opening import BUNDLED_FOLDER

    try:
        if backend.checkpoint == RANDOM:
            ModelConfig.preset(backend.config)
            return ""
        folder = BUNDLED_FOLDER if backend.checkpoint == BUNDLED else Path(backend.checkpoint)
        if not folder.is_dir():
            return _absent(backend.checkpoint)
        ModelConfig.read(folder)
    except ModelError as error:
        return str(error)
    return "" if any(folder.glob("*.safetensors")) else f"{folder} holds no safetensors files; give a whole checkpoint"


def _absent(checkpoint: str) -> str:
    if checkpoint == BUNDLED:
        return "no model is bundled with this build; give a checkpoint folder, or write `checkpoint: random` to try"
    return f"{checkpoint!r} is no folder; give a checkpoint folder, or `random` to try without one"


def folder_of(checkpoint: str) -> Path | None:
    """Where its files are; None for random weights."""
    if checkpoint == RANDOM:
        return None
    from model_core.opening import BUNDLED_FOLDER

    return BUNDLED_FOLDER if checkpoint == BUNDLED else Path(checkpoint)


def said_of(backend: Any) -> str:
    """What rows call it: `k2:random`, `k2:bundled`, `k2:<folder's name>@<hash of its files>`."""
    if backend.checkpoint in (BUNDLED, RANDOM):
        return f"k2:{backend.checkpoint}"
    folder = Path(backend.checkpoint)
    return f"k2:{folder.resolve().name}@{hash_of(backend.checkpoint)[:8]}"


def hash_of(checkpoint: str) -> str:
    """64 hex digits over a checkpoint's files; of files beyond 64 MiB their size, beginning and sixteen pieces. Empty
    for random weights, which the settings alone decide, and for a folder that is not there."""
    folder = folder_of(checkpoint)
    if folder is None or not folder.is_dir():
        return ""
    files = sorted(path for path in folder.iterdir() if path.suffix in _READ)
    return _hashed(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=64)
def _hashed(files: tuple[tuple[str, int, int], ...]) -> str:
    total = hashlib.sha256()
    for name, size, _ in files:
        total.update(f"{Path(name).name} {size}\n".encode())
        with open(name, "rb") as file:
            if size <= _WHOLE:
                total.update(file.read())
                continue
            for piece in range(_SAMPLES + 1):
                file.seek(piece * (size - _SAMPLE) // _SAMPLES)
                total.update(file.read(_SAMPLE))
    return total.hexdigest()
