"""A container engine's API over a unix socket that does what a test tells it to: errors, nonsense, dropped sockets."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, NamedTuple

VERSION = {"ApiVersion": "1.41", "Version": "20.10.24", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1"}


class Answer(NamedTuple):
    """What one request gets. `drop`: the connection is cut instead; `hold`: it stays silent; `raw`: sent as it is after
    an upgrade to a raw stream."""

    status: int = 200
    body: Any = None
    drop: bool = False
    hold: bool = False
    raw: bytes | None = None


class FakeEngine:
    """`answers`: "METHOD /path-pattern" (a regex without the version) -> Answer, or a function from the request's JSON
    to one. `asked`: every request, in order."""

    def __init__(self, path: Path) -> None:
        self.answers: dict[str, Answer | Callable[[Any], Answer]] = {
            "GET /version": Answer(body=VERSION),
            "GET /info": Answer(body={"Runtimes": {"runc": {}}, "SecurityOptions": ["name=seccomp,profile=default"]}),
            "GET /images/json.*": Answer(body=[{"Id": "sha256:1"}]),
            "POST /images/create.*": Answer(body={"status": "sha256:1"}),
            "GET /containers/json.*": Answer(body=[]),
            "POST /containers/create.*": Answer(201, {"Id": "c1", "Warnings": []}),
            "POST /containers/c1/attach.*": Answer(raw=b""),
            "POST /containers/c1/start": Answer(204),
            "DELETE /containers/.*": Answer(204),
        }
        self.asked: list[str] = []
        self.bodies: dict[str, Any] = {}
        self.path = path
        self.released = threading.Event()
        self._server = _Server(str(path), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def asked_for(self, pattern: str) -> list[str]:
        return [one for one in self.asked if re.fullmatch(pattern, one)]

    def answer(self, request: str, body: Any) -> Answer:
        for pattern, answer in reversed(self.answers.items()):  # what a test added last goes first
            if re.fullmatch(pattern, request):
                return answer(body) if callable(answer) else answer
        return Answer(404, {"message": f"no such thing: {request}"})

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(engine: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length) if length else b""
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            request = f"{self.command} {re.sub(r'^/v[0-9.]+', '', self.path)}"
            engine.asked.append(request)
            body = json.loads(text) if text.startswith(b"{") else text
            engine.bodies[request.partition("?")[0]] = body
            answer = engine.answer(request, body)
            if answer.hold:
                engine.released.wait(30)
            if answer.hold or answer.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            elif answer.raw is not None:
                self._upgrade(answer.raw)
            else:
                sent = b"" if answer.status == 204 else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        def _upgrade(self, raw: bytes) -> None:
            self.send_response(101)
            self.send_header("Content-Type", "application/vnd.docker.raw-stream")
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "tcp")
            self.end_headers()
            self.wfile.write(raw)
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_WR)
            self.rfile.read()

        do_GET = do_POST = do_DELETE = do_PUT = _serve  # noqa: N815

    return Handler
