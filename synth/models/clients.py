"""From a `models:` entry of the pipeline file to a client, and what rows call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synth.errors import UsageError
from synth.models.k2 import checkpoints
from synth.models.k2.asks import Pool
from synth.models.k2.client import K2Client
from synth.models.k2.slots import cpus_here, gpus_here
from synth.models.k2.worker import Inline
from synth.models.openai import OpenAIClient, api_key_from
from synth.models.protocol import ModelClient
from synth.models.scripted import ScriptedClient


def inline(backend: Any) -> Pool:
    """The workers of a k2 model where there is no Ray: one, in this process."""
    return Inline(backend, backend.slots(cpus_here(), gpus_here()))


def client_of(backend: Any, pool_of: Callable[[Any], Pool] = inline) -> ModelClient:
    """The client of a model; `pool_of` gives the workers of a k2 model. Raises UsageError for a model that is not
    there, for a script that cannot be read and for a key that is missing."""
    if backend.kind == "scripted":
        return ScriptedClient.load(backend.script)
    if backend.kind == "k2":
        if problem := checkpoints.problem_of(backend):
            raise UsageError(problem)
        return K2Client(inline(backend) if backend.workers == 0 else pool_of(backend), backend)
    return OpenAIClient(
        backend.base_url, backend.model, api_key=api_key_from(backend.api_key_env),
        max_concurrency=backend.max_concurrency, timeout_s=backend.timeout_s,
        usd_per_mtoken_in=backend.usd_per_mtoken_in, usd_per_mtoken_out=backend.usd_per_mtoken_out,
    )  # fmt: skip


def outside(backend: Any) -> dict[str, Any]:
    """What lies outside the pipeline file and decides what the model says: a script, the bytes of a checkpoint."""
    if backend is not None and backend.kind == "scripted":
        return {"script": ScriptedClient.load(backend.script).script.model_dump(mode="json")}
    if backend is not None and backend.kind == "k2" and (weights := checkpoints.hash_of(backend.checkpoint)):
        return {"weights": weights}
    return {}


def outside_of(backends: dict[str, Any]) -> dict[str, Any]:
    """The same for the models of several roles, by role."""
    return {f"{role} {key}": value for role, backend in backends.items() for key, value in outside(backend).items()}


def problems(backend: Any) -> list[str]:
    """What is wrong with a model before anything is asked. Keys are looked for when a run begins (`ready`)."""
    try:
        if backend is not None and backend.kind != "openai":
            client_of(backend)
    except UsageError as error:
        return [str(error)]
    return []


def ready(backend: Any) -> None:
    """Raises UsageError where the key of an endpoint is missing."""
    if backend is not None and backend.kind == "openai":
        api_key_from(backend.api_key_env)
