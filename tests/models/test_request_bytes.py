"""The bytes of a request: tools are written once, and stand in the body as if they had been written with it."""

from __future__ import annotations

import json
import weakref
from typing import Any

import pytest

from synth.models import openai
from synth.models.openai import WrittenTools, request_body
from synth.models.protocol import Sampling


class Tool(dict[str, Any]):
    """A dict one can watch."""


def tools(name: str) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": f"{name}_{i}", "description": "übt 😀", "parameters": {}}}
            for i in range(3)]  # fmt: skip


def body(text: str) -> dict[str, Any]:
    return request_body("m", [{"role": "user", "content": text}], Sampling(seed=3), None)


def test_spliced_bytes_say_what_one_object_would() -> None:
    written, offered = WrittenTools(), tools("look")
    for text in ("one", "half a pair \ud83d", 'quotes " and }'):
        assert json.loads(written.joined(body(text), offered)) == {**body(text), "tools": offered}
    assert "tools" not in json.loads(written.joined(body("none"), []))


def test_tools_are_written_once_and_never_taken_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "WRITTEN", 8)
    seen: list[Any] = []
    plain = openai._json
    monkeypatch.setattr(openai, "_json", lambda value: seen.append(value) or plain(value))
    written, kept = WrittenTools(), tools("kept")
    for _ in range(3):
        written.joined(body("x"), list(kept))
    assert sum(isinstance(value, list) for value in seen) == 1
    monkeypatch.setattr(openai, "_json", plain)
    many = [[Tool(name=f"t{i}")] for i in range(20)]
    refs = [weakref.ref(offered[0]) for offered in many]
    for offered in many:
        written.joined(body("x"), offered)
    del many, offered
    assert [ref() is not None for ref in refs] == [False] * 12 + [True] * 8  # an id in use cannot become another's
