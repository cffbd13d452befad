"""What a model configuration costs, for `synth doctor --model`. Nothing is loaded or allocated."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from synth.errors import UsageError


def show_model(named: str, as_json: bool) -> None:
    """Print the sizes of a preset or of a folder with config.json. Raises `UsageError` where it is neither."""
    if find_spec("torch") is None:
        raise UsageError("--model needs torch, which is not installed; pip install '.[model]' brings it")
    from model_core import ModelConfig, ModelError, sizes

    try:
        config = ModelConfig.read(named) if Path(named).is_dir() else ModelConfig.preset(named)
    except ModelError as error:
        raise UsageError(f"--model {named}: {error}; a folder with config.json is the other choice") from error
    counted = sizes(config)
    if as_json:
        print(json.dumps({"model": named, **asdict(counted)}))
        return
    at_4096 = counted.flops_per_token + 4096 * counted.flops_per_token_and_context
    print(f"{'parameters':<16}{counted.parameters:,}")
    print(f"{'active':<16}{counted.active:,} ({counted.active_without_embedding:,} without the embedding)")
    print(f"{'FLOPs a token':<16}{counted.flops_per_token:,}, at 4,096 tokens of context {at_4096:,}")
    print(f"{'cache a token':<16}{counted.cache_bytes_per_token:,} bytes in bf16")
