"""A chat completions endpoint on loopback, in a process of its own: asyncio, HTTP/1.1 with keep-alive, as little CPU as
it can. `python benchmarks/fake_endpoint.py --latency 1 --script FILE` prints its port and serves until its input ends.

`GET /stats` tells what it saw: requests, answers by status, the most at once, and `busy` (the integral of requests in
work over time, in request-seconds), `first` and `last` (seconds, of the first request and the last answer).

What goes wrong, by `--trouble JSON`: `{"storm": [from_s, to_s]}` answers 429 in that time after the first request;
`{"every": n, "status": 503}` each n-th request; `{"hang": n}` never answers each n-th; `{"cursed": "text"}` answers 500
to every request whose body holds the text.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Seen:
    requests: int = 0
    now: int = 0
    peak: int = 0
    busy: float = 0.0
    first: float = 0.0
    last: float = 0.0
    by_status: dict[str, int] = field(default_factory=dict)
    at: float = 0.0

    def move(self, step: int) -> None:
        now = time.monotonic()
        self.busy += self.now * (now - self.at) if self.at else 0.0
        self.at = self.last = now
        self.first = self.first or now
        self.now += step
        self.peak = max(self.peak, self.now)


def key_of(messages: list[dict[str, Any]]) -> str:
    """Names a conversation by how it opens: its system prompt and the first thing the user says."""
    opening = [m.get("content") for m in messages if m["role"] != "assistant"][:2]
    return hashlib.sha256(json.dumps(opening).encode()).hexdigest()[:24]


class Answers:
    """`script`: {key_of(messages): [assistant messages in order]}; a conversation that is not in it makes two calls of
    its first tool and says that it is done."""

    def __init__(self, script: dict[str, list[dict[str, Any]]]) -> None:
        self.script = script

    def to(self, body: dict[str, Any]) -> dict[str, Any]:
        said = sum(m["role"] == "assistant" for m in body["messages"])
        known = self.script.get(key_of(body["messages"]))
        if known is not None:
            return known[min(said, len(known) - 1)]
        if said < 2 and body.get("tools"):
            function = {"name": body["tools"][0]["function"]["name"], "arguments": "{}"}
            return {"content": "", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
        return {"content": "Everything is done."}


class Connection(asyncio.Protocol):
    def __init__(self, seen: Seen, answers: Answers, latency: float, trouble: dict[str, Any]) -> None:
        self.seen, self.answers, self.latency, self.trouble = seen, answers, latency, trouble
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length")), 0)  # fmt: skip
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if head.startswith(b"GET"):
            self.send(200, json.dumps(vars(self.seen)).encode())
            return
        self.seen.requests += 1
        self.seen.move(1)
        status = self.status_of(self.seen.requests, rest[:length])
        if status == 0:
            return  # hangs: the client will give up and close
        wait = self.latency if status == 200 else 0.0
        asyncio.get_running_loop().call_later(wait, self.answer, status, rest[:length])

    def status_of(self, number: int, body: bytes) -> int:
        t = self.trouble
        since = time.monotonic() - self.seen.first
        if "cursed" in t and t["cursed"].encode() in body:
            return 500
        if "storm" in t and t["storm"][0] <= since < t["storm"][1]:
            return 429
        if "hang" in t and number % t["hang"] == 0:
            return 0
        if "every" in t and number % t["every"] == 0:
            return int(t["status"])
        return 200

    def answer(self, status: int, body: bytes) -> None:
        self.seen.move(-1)
        self.seen.by_status[str(status)] = self.seen.by_status.get(str(status), 0) + 1
        if status != 200:
            self.send(status, b'{"error": {"message": "no"}}')
            return
        message = {"role": "assistant", **self.answers.to(json.loads(body))}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(str(message)) // 4}
        self.send(
            200, json.dumps({"choices": [{"message": message, "finish_reason": reason}], "usage": usage}).encode()
        )

    def send(self, status: int, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                                 % (status, len(body), body))  # fmt: skip


async def serve(latency: float, script: dict[str, Any], trouble: dict[str, Any]) -> None:
    seen, answers = Seen(), Answers(script)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(seen, answers, latency, trouble), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent is gone


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--trouble", type=json.loads, default={})
    args = parser.parse_args()
    script = json.loads(args.script.read_text()) if args.script else {}
    asyncio.run(serve(args.latency, script, args.trouble))


if __name__ == "__main__":
    main()
