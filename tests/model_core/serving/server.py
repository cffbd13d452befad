"""A small server of random weights, in this process or behind a socket, and requests to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from model_core import ModelConfig
from model_core.assistant import Assistant
from model_core.engine import Engine, EngineLoop
from model_core.opening import Opened, random_model
from model_core.serving.app import Limits, make_app
from model_core.serving.run import listen, make_server
from model_core.serving.service import Service

SMALL = ModelConfig.preset("tiny").scaled(
    vocab_size=512, hidden_size=64, intermediate_size=128, moe_intermediate_size=32, num_hidden_layers=2,
    n_routed_experts=4, q_lora_rank=32, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=24,
)  # fmt: skip
NAME = "small"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": "a tool", "parameters": schema}}


ORDERS = tool("get_order", order_id={"type": "integer", "minimum": 0, "maximum": 999}, full={"type": "boolean"})
LIGHT = tool("set_light", room={"type": "string", "enum": ["kitchen", "hall"]}, on={"type": "boolean"})


def small() -> Opened:
    return random_model(SMALL, NAME)


def body(**changes: Any) -> dict[str, Any]:
    """A valid request; a change to None leaves the field out."""
    whole = {"model": NAME, "messages": HELLO, "max_tokens": 8, "seed": 1} | changes
    return {name: value for name, value in whole.items() if value is not None}


class Desk:
    """A service, its app and what holds them; `ask` goes through the app without a socket."""

    def __init__(self, *, api_key: str | None = None, limits: Limits | None = None, max_queue: int = 1024,
                 enforcer: bool = True, answer_tokens: int = 1024, endless: bool = False,
                 **engine: Any) -> None:  # fmt: skip
        opened = small()
        inner = Engine(opened.model, opened.tokenizer, **engine)
        if endless:  # an answer ends at its budget alone
            inner._forbidden_V[list(opened.tokenizer.special.values())] = True
        self.loop = EngineLoop(inner)
        self.assistant = Assistant(self.loop, opened.tokenizer, NAME)
        self.service = Service(
            self.assistant, self.loop, max_queue=max_queue, enforcer=enforcer, answer_tokens=answer_tokens
        )
        self.app = make_app(self.service, random=True, api_key=api_key, limits=limits)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60)

    async def ask(self, **changes: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.post("/v1/chat/completions", json=body(**changes))

    @contextmanager
    def listening(self, grace_s: float = 5.0) -> Iterator[str]:
        """The address of a real socket, served by a thread until the block ends."""
        up = threading.Event()
        server = make_server(self.app, self.service, grace_s=grace_s, ready=lambda _: up.set())
        with listen("127.0.0.1", 0) as sock:
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
            thread.start()
            try:
                assert up.wait(30)
                yield url
            finally:
                server.should_exit = True
                thread.join(grace_s + 30)
                assert not thread.is_alive()
