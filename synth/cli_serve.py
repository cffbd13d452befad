"""`synth serve`: a checkpoint behind an OpenAI-compatible address."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any

from synth.errors import UsageError

_NEEDED = ("torch", "tokenizers", "llguidance", "starlette", "uvicorn", "prometheus_client")


def serve(
    checkpoint: str,
    *,
    host: str,
    port: int,
    name: str | None,
    api_key_env: str | None,
    device: str,
    dtype: str | None,
    enforcer: bool,
    max_batch: int,
    cache_tokens: int,
    max_queue: int,
    max_body_mb: int,
    grace_s: float,
    as_json: bool,
) -> None:
    """Serve until told to stop. Raises `UsageError` for a checkpoint, device or address that does not work."""
    missing = [package for package in _NEEDED if find_spec(package) is None]
    if missing:
        raise UsageError(f"serving needs {', '.join(missing)}; pip install '.[model]' brings all of it")
    key = _key(api_key_env)
    if not _is_loopback(host) and key is None:
        raise UsageError(f"--host {host} can be reached by others; give a key with --api-key-env NAME, or 127.0.0.1")

    from model_core import ModelError

    try:
        _serve(
            checkpoint, host, port, name, key, device, dtype, enforcer, max_batch, cache_tokens, max_queue,
            max_body_mb << 20, grace_s, as_json,
        )  # fmt: skip
    except ModelError as error:
        raise UsageError(str(error)) from error


def _serve(
    checkpoint: str, host: str, port: int, name: str | None, key: str | None, device: str, dtype: str | None,
    enforcer: bool, max_batch: int, cache_tokens: int, max_queue: int, max_body: int, grace_s: float, as_json: bool,
) -> None:  # fmt: skip
    import torch

    from model_core import ModelError, open_checkpoint
    from model_core.assistant import Assistant
    from model_core.engine import Engine, EngineLoop
    from model_core.serving.app import LOOPBACK_NAMES, Limits, make_app
    from model_core.serving.run import listen, make_server
    from model_core.serving.service import Service

    where = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if where.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError("--device cuda: torch sees no GPU here; use cpu")
    if where == "cpu":
        torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))  # the event loop and the tokenizer need the rest
    opened = open_checkpoint(checkpoint, where, dtype or ("float32" if where == "cpu" else "bfloat16"))
    loop = EngineLoop(Engine(opened.model, opened.tokenizer, max_batch=max_batch, cache_tokens=cache_tokens))
    service = Service(
        Assistant(loop, opened.tokenizer, name or opened.name), loop, enforcer=enforcer, max_queue=max_queue
    )
    # Without a key only programs of this machine may come in, not pages in its browser.
    limits = Limits(body_bytes=max_body, hosts=LOOPBACK_NAMES if key is None else None)
    app = make_app(service, random=opened.random, api_key=key, limits=limits)

    def ready(url: str) -> None:
        told: dict[str, Any] = {"url": f"{url}/v1", "model": service.assistant.name, "random_weights": opened.random}
        if as_json:
            print(json.dumps(told), flush=True)
            return
        untrained = " (random weights: what it says means nothing)" if opened.random else ""
        print(f"{told['model']}{untrained} at {told['url']}; Ctrl-C stops it", flush=True)

    try:
        with listen(host, port) as listening:
            make_server(app, service, grace_s=grace_s, ready=ready).run(sockets=[listening])
    finally:
        service.close()


def _key(env_name: str | None) -> str | None:
    if env_name is None:
        return None
    key = os.environ.get(env_name, "")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"the environment variable {env_name} has no API key of printable ASCII; export one")
    return key


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
