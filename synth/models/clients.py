"""From a `models:` entry of the pipeline file to a client, and what rows call it."""

from __future__ import annotations

from typing import Any

from synth.errors import UsageError
from synth.models.openai import OpenAIClient, api_key_from
from synth.models.protocol import ModelClient
from synth.models.scripted import ScriptedClient


def client_of(backend: Any) -> ModelClient:
    """The client of a model. Raises UsageError for what this build cannot run, for a script that cannot be read and
    for a key that is not there."""
    if backend.kind == "scripted":
        return ScriptedClient.load(backend.script)
    if backend.kind == "openai":
        return OpenAIClient(
            backend.base_url, backend.model, api_key=api_key_from(backend.api_key_env),
            max_concurrency=backend.max_concurrency, timeout_s=backend.timeout_s,
            usd_per_mtoken_in=backend.usd_per_mtoken_in, usd_per_mtoken_out=backend.usd_per_mtoken_out,
        )  # fmt: skip
    raise UsageError(f"models of kind {backend.kind!r} cannot be asked yet; use a model of kind openai")


def said_by(backend: Any, name: str) -> str:
    """What a row says about who wrote it: `endpoint:<model>`, `scripted:<name in the pipeline file>`."""
    return f"endpoint:{backend.model}" if backend.kind == "openai" else f"{backend.kind}:{name}"


def outside(backend: Any) -> dict[str, Any]:
    """What lies outside the pipeline file and decides what the model says: the script of a scripted one."""
    if backend is None or backend.kind != "scripted":
        return {}
    return {"script": ScriptedClient.load(backend.script).script.model_dump(mode="json")}


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
