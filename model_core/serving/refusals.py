"""Refusals in OpenAI's shape: a status, one sentence, and where in the request it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_core.errors import ModelError

LONGEST_SENTENCE = 400


class RequestRefused(ModelError):
    """A request that is not answered. `param` is the place in its body, `code` a word for programs."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code
        self.headers = dict(headers or {})


_TYPES = {401: "authentication_error", 429: "rate_limit_error", 503: "overloaded_error"}


def error_body(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """`{"error": {"message", "type", "param", "code"}}`; the message is one line of bounded length."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    sentence = " ".join(message.split())
    if len(sentence) > LONGEST_SENTENCE:
        sentence = sentence[: LONGEST_SENTENCE - 3] + "..."
    return {"error": {"message": sentence, "type": kind, "param": param, "code": code}}
