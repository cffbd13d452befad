"""The K2 core: architecture, checkpoints, latent cache. It imports nothing of the pipeline.

`pip install '.[model]'` brings torch and the rest. Names are handed on when first asked for, so that this package can
be imported, and a configuration read, without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_core.cache import LatentCache
    from model_core.chat import render
    from model_core.checkpoint import empty, load, save
    from model_core.config import ModelConfig, Yarn, gate_scale
    from model_core.costs import Sizes, sizes
    from model_core.engine import (
        Completion,
        Constraint,
        Engine,
        EngineLoop,
        Event,
        Request,
        SamplingParams,
        TokenLogprob,
    )
    from model_core.errors import ModelError
    from model_core.model import Model, next_token_loss
    from model_core.opening import Opened, open_checkpoint
    from model_core.parser import Call, Fault, ParsedReply, ReplyReader, parse_tool_calls
    from model_core.step import GreedyStep
    from model_core.tokens import K2Tokenizer, OwnTokenizer, Tokenizer, read_tokenizer

__all__ = [
    "Call",
    "Completion",
    "Constraint",
    "Engine",
    "EngineLoop",
    "Event",
    "Fault",
    "GreedyStep",
    "K2Tokenizer",
    "LatentCache",
    "Model",
    "ModelConfig",
    "ModelError",
    "Opened",
    "OwnTokenizer",
    "ParsedReply",
    "ReplyReader",
    "Request",
    "SamplingParams",
    "Sizes",
    "TokenLogprob",
    "Tokenizer",
    "Yarn",
    "empty",
    "gate_scale",
    "load",
    "next_token_loss",
    "open_checkpoint",
    "parse_tool_calls",
    "read_tokenizer",
    "render",
    "save",
    "sizes",
]

_FROM = {
    "Completion": "engine",
    "Constraint": "engine",
    "Engine": "engine",
    "EngineLoop": "engine",
    "Event": "engine",
    "Request": "engine",
    "SamplingParams": "engine",
    "TokenLogprob": "engine",
    "K2Tokenizer": "tokens",
    "OwnTokenizer": "tokens",
    "Tokenizer": "tokens",
    "read_tokenizer": "tokens",
    "render": "chat",
    "Call": "parser",
    "Fault": "parser",
    "ParsedReply": "parser",
    "ReplyReader": "parser",
    "parse_tool_calls": "parser",
    "GreedyStep": "step",
    "LatentCache": "cache",
    "Model": "model",
    "ModelConfig": "config",
    "ModelError": "errors",
    "Opened": "opening",
    "Sizes": "costs",
    "Yarn": "config",
    "empty": "checkpoint",
    "gate_scale": "config",
    "load": "checkpoint",
    "next_token_loss": "model",
    "open_checkpoint": "opening",
    "save": "checkpoint",
    "sizes": "costs",
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'model_core' has no attribute {name!r}")
    return getattr(import_module(f"model_core.{_FROM[name]}"), name)
