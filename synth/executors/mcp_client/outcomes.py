"""How a call to a live server can end, and what was seen of the server besides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import mcp_types as types

from tools_catalog.harvest.outcome import plain
from tools_catalog.harvest.transport import Wire

Reason = Literal[
    "ok",
    "tool_error",      # the tool says that it failed
    "rejected",        # the server refused the message (a JSON-RPC error) before any tool ran
    "timeout",         # no answer in time
    "server_died",     # its process ended, or the connection did
    "output_limit",    # it wrote more than it may: in one call, or in one line
    "bad_answer",      # an answer that is no result of a tool call
    "wrong_shape",     # a result that its own output schema refuses
    "asks_for_input",  # it answers with a question to the client
    "http_error",      # an HTTP status or content type that carries no answer; a redirect elsewhere
    "session_lost",    # it does not know its own session any more
    "tool_gone",       # the tool is not listed any more, or not as it was
    "not_started",     # it could not be started again
    "budget",          # the episode has used up its time or calls
]  # fmt: skip


class ServerFailure(Exception):
    """A server that does not start, or does not list its tools. `reason` is one word, `detail` one line."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call gave. `text` is what an assistant is shown, `data` the structured part where there is one; the
    `detail` says for people what went wrong."""

    reason: Reason
    detail: str = ""
    text: str = ""
    data: Any = None


@dataclass
class Watch(Wire):
    """A wire that also counts what a server does beside answering."""

    waiting: set[str | int] = field(default_factory=set)  # ids of requests that are not answered yet
    seen: Counter[str] = field(default_factory=Counter)
    _known: set[str] = field(default_factory=set)

    def saw(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCRequest):
            self.seen[f"asked for {plain(message.method, 60)}"] += 1
        elif isinstance(message, types.JSONRPCNotification):
            self.seen[f"told {plain(message.method, 60)}"] += 1
        elif message.id not in self.waiting:
            self.seen["answered what was not asked"] += 1
        else:
            self.waiting.discard(message.id)

    def sends(self, message: types.JSONRPCMessage) -> None:
        if isinstance(message, types.JSONRPCRequest):
            self.waiting.add(message.id)

    def fresh(self) -> list[str]:
        """What the server asked its client for, or answered unasked, since this was last looked at."""
        new = [w for w in sorted(self.seen) if not w.startswith("told ") and w not in self._known]
        self._known.update(new)
        return new

    def noted(self) -> str:
        """What was seen, as one line; empty where there was nothing odd."""
        odd = [f"{what} ({n})" if n > 1 else what for what, n in sorted(self.seen.items())][:6]
        if self.noise:
            odd.append(f"{self.noise} lines of output were no message")
        if tail := self.stderr_tail():
            odd.append(f"stderr ends: {tail}")
        return "; ".join(odd)
