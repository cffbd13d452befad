"""One fresh instance after another: what a probe needs of the executor."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from synth.executors.protocol import Outcome, PlaceExecutor, PlaceTool
from synth.goals.words import split_words
from synth.pipeline_executors import McpServer
from synth.taskspec import PlaceStart
from tools_catalog.words import common_prefix, find_verb, human
from tools_catalog.words import split_words as words_of

Open = Callable[[PlaceStart], PlaceExecutor]
_SHOWN = frozenset(
    (
        "tree",
        "status",
        "info",
        "history",
        "stats",
        "stat",
        "version",
        "overview",
        "summary",
        "metrics",
        "schema",
        "help",
        "details",
        "health",
        "usage",
    )
)  # verbs to the lists of words, and nothing that one could be told to do
FAILED = "fails"
SAYS_IT_FAILED = "says_it_failed"  # without the protocol's flag
_CONFESSES = re.compile(
    r"^[^\w\"{]*(?:error|failed|failure|cannot|can't|could not|couldn't|unable|invalid|unknown|unsupported|no such|"
    r"exception|traceback|access denied|permission denied|missing)\b|\bnot found\b|\bdoes(?: not|n't) exist\b|"
    r"\bno \w+ found\b|"
    r'"(?:error|errors)"\s*:\s*(?:"[^"]|\{"|\["|\[\{|true)|"(?:success|ok)"\s*:\s*false|"isError"\s*:\s*true',
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?<![\d.])\d{10}(?:\d{3}){0,2}(?![\d.])")
_HEAD = 400  # characters in which a text confesses


@dataclass(frozen=True)
class Bench:
    """A server under probe. `gate` bounds how many instances there are at once. `masks`: patterns of what may differ
    from run to run."""

    server: McpServer
    tools: dict[str, PlaceTool]
    open: Open
    gate: asyncio.Semaphore
    masks: list[re.Pattern[str]]
    things: dict[str, Name] = field(default_factory=dict)

    @asynccontextmanager
    async def instance(self, start: PlaceStart) -> AsyncIterator[PlaceExecutor]:
        """A fresh one, closed afterwards."""
        async with self.gate:
            executor = self.open(start)
            try:
                yield executor
            finally:
                await executor.close()

    def may_call(self, tool: PlaceTool) -> bool:
        """What runs at a URL cannot be set back, so nothing is called there that might change it."""
        writes = self.server.probe.writes if self.server.probe is not None else False
        return self.server.url is None or writes or tool.annotations.get("readOnlyHint") is True


@dataclass(frozen=True)
class Name:
    """A tool's name taken apart: `verb`, "show" where it has none, and `thing`: what it is about."""

    verb: str
    thing: tuple[str, ...]

    @property
    def said(self) -> str:
        return human(self.thing)


def names_of(tools: dict[str, PlaceTool]) -> dict[str, Name]:
    """Every tool's name taken apart; the word that all of a server begin with is left out."""
    prefix = common_prefix(list(tools))
    out = {}
    for name in tools:
        words = words_of(name) or split_words(name) or (name,)
        words = words[1:] if prefix and len(words) > 1 and words[0] == prefix else words
        at = find_verb(words)
        if at is None or (words[at] in _SHOWN and (at or len(words) == 1)):
            out[name] = Name("show", words)
        else:
            out[name] = Name(words[at], (*words[:at], *words[at + 1 :]))
    return out


def failure_of(outcome: Outcome) -> str:
    """Why a call does not count, empty where it worked."""
    if not outcome.ok:
        return FAILED if outcome.error in ("tool_error", "rejected") else str(outcome.error)
    return SAYS_IT_FAILED if _CONFESSES.search(outcome.content[:_HEAD]) else ""


def content(outcome: Outcome) -> Any:
    return outcome.value if outcome.ok else None


def holds_now(text: str) -> bool:
    """Whether a text holds the present day or moment, in one of the usual forms."""
    now = datetime.now(UTC)
    for day in (now - timedelta(days=1), now, now + timedelta(days=1)):
        if any(day.strftime(form) in text for form in _FORMS):
            return True
    return any(abs(int(m[:10]) - now.timestamp()) < 2 * 86400 for m in _EPOCH.findall(text))


_FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y",
          "%d %B %Y", "%a %b %d", "%a, %d %b", "%Y%m%d")  # fmt: skip
