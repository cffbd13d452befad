"""What the hostile servers share: reading requests, answering them, and a well-behaved start."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any


def requests() -> Iterator[dict[str, Any]]:
    """Requests and notifications until stdin ends."""
    for line in sys.stdin:
        yield json.loads(line)


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request: dict[str, Any], result: dict[str, Any]) -> None:
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def fail(request: dict[str, Any], code: int, message: str) -> None:
    send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})


def hello(request: dict[str, Any], version: str = "2025-06-18") -> None:
    answer(
        request,
        {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "hostile", "version": "0"}},
    )


def tool(name: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": {}} if schema is None else schema, **more}


def hang() -> None:
    """Longer than any test, shorter than for ever."""
    time.sleep(120)


def serve(listing: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Initialize properly; answer every tools/list with what `listing` makes of its params (None: no answer)."""
    for request in requests():
        if request.get("method") == "initialize":
            hello(request)
        elif request.get("method") == "tools/list":
            result = listing(request.get("params", {"missing": True}))
            if result is not None:
                answer(request, result)
