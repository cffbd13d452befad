"""HTTP: routes, keys, limits, and what happens when a client goes away."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_core.serving.metrics import CONTENT_TYPE
from model_core.serving.refusals import RequestRefused, error_body
from model_core.serving.replies import Json
from model_core.serving.service import Asked, Service
from model_core.serving.wire import read_request

log = logging.getLogger("model_core.serving")
OPEN_PATHS = frozenset({"/health"})  # no key needed
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@dataclass(frozen=True)
class Limits:
    """What a client may take. `hosts`: names under which the server answers, any when None."""

    body_bytes: int = 8 << 20
    body_seconds: float = 30.0
    hosts: frozenset[str] | None = None


def make_app(
    service: Service, *, random: bool = False, api_key: str | None = None, limits: Limits | None = None
) -> ASGIApp:
    """The server's ASGI application. `random`: its weights were never trained, which `/v1/models` says."""
    limits = limits or Limits()

    async def models(request: Request) -> Response:
        about = {"id": service.assistant.name, "object": "model", "created": service.created, "owned_by": "synth"}
        about |= {"context_tokens": service.assistant.limit, "random_weights": random}
        name = request.path_params.get("name")
        if name is not None and name != service.assistant.name:
            raise RequestRefused(f"there is no model {name[:100]!r} here", status=404, code="model_not_found")
        return _json(about if name is not None else {"object": "list", "data": [about]})

    async def health(_: Request) -> Response:
        told = {"status": "stopping" if service.draining else "ok", "in_flight": service.in_flight}
        return _json(told, 503 if service.draining else 200)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", _Chat(service, limits), methods=["POST"]),
            Route("/v1/models", models),
            Route("/v1/models/{name:path}", models),
            Route("/health", health),
            Route("/metrics", metrics),
        ],
        exception_handlers={RequestRefused: _refusal, HTTPException: _http_error, Exception: _bug},
        lifespan=lifespan,
    )
    return _Door(app, service, api_key, limits)


class _Door:
    """Before anything is read: the name the server is called by, the key. After: the count of what was answered."""

    def __init__(self, app: ASGIApp, service: Service, api_key: str | None, limits: Limits) -> None:
        self._app, self._service, self._limits = app, service, limits
        self._key = None if api_key is None else f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"] if message["status"] not in (404, 405) else "other"
                self._service.metrics.answers.labels(path, message["status"]).inc()
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            await self._app(scope, receive, counted)
        else:
            await refused(scope, receive, counted)

    def _refused(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        named = host[0] if host[2].isdigit() and host[0] else "".join(host)
        if self._limits.hosts is not None and named.lower() not in self._limits.hosts:
            # A page in a browser may have its own name lead here: it must not get at a server without a key.
            return _error(421, f"this server answers as {', '.join(sorted(self._limits.hosts))} only")
        if self._key is not None and scope["path"] not in OPEN_PATHS:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._key):
                refused = _error(401, "the API key is missing or wrong; send it as Authorization: Bearer KEY")
                refused.headers["WWW-Authenticate"] = "Bearer"
                return refused
        return None


class _Chat:
    """POST /v1/chat/completions, as an ASGI application: it watches for the client's going while it answers."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self._service, self._limits = service, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read_body(Request(scope, receive), self._limits)
        except ClientDisconnect:
            return
        request, fields = read_request(body)
        async with self._service.admitted(request, fields) as asked:
            work = self._stream(asked, send) if request.stream else self._answer(asked, scope, receive, send)
            await _unless_gone(receive, work)

    async def _answer(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        await _json(await self._service.answer(asked))(scope, receive, send)

    async def _stream(self, asked: Asked, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"),
                   (b"x-accel-buffering", b"no")]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async with aclosing(self._service.stream(asked)) as chunks:
                async for chunk in chunks:
                    await send(_event(chunk))
        except RequestRefused as refused:  # too late for a status: clients take an error object in the stream
            await send(_event(error_body(refused.status, str(refused), refused.param, refused.code)))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def _read_body(request: Request, limits: Limits) -> bytes:
    """Raises `RequestRefused` for another type than JSON, for too much, and for too slow."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestRefused("the body should be sent as Content-Type: application/json", status=415)
    too_large = RequestRefused(f"the body is larger than {limits.body_bytes} bytes; send less", status=413)
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told[:18]) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError:
        raise RequestRefused(
            f"the body took longer than {limits.body_seconds:g} s; send it faster", status=408
        ) from None
    return bytes(body)


async def _unless_gone(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and give it up when the client has gone."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(value: Json) -> Message:
    return {"type": "http.response.body", "body": b"data: " + to_json(value) + b"\n\n", "more_body": True}


def _json(value: Json, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")


def _error(status: int, message: str, param: str | None = None, code: str | None = None) -> Response:
    return _json(error_body(status, message, param, code), status)


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    response = _error(error.status, str(error), error.param, error.code)
    response.headers.update(error.headers)
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _error(405, f"{request.method} is not served at {request.url.path[:100]}")
    if error.status_code == 404:
        return _error(404, f"there is nothing at {request.url.path[:100]}; chat is at POST /v1/chat/completions")
    return _error(error.status_code, str(error.detail))


async def _bug(_: Request, error: Exception) -> Response:
    """Starlette raises it again after this, and the server's log has it."""
    return _error(500, f"the server failed ({type(error).__name__}); its log says where")
