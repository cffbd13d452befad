"""Which worker a request goes to: the one whose cache holds the beginning of its conversation, unless it is swamped."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import Any

from synth.models.protocol import Message

REMEMBERED = 100_000  # conversations and prefixes


class Affinity:
    """`batch`: requests that a worker computes together. A worker is swamped with so many more than the idlest has: a
    batch for a conversation of its own, whose turns nobody else has; a quarter for a beginning, which is soon computed
    elsewhere as well."""

    def __init__(self, workers: int, batch: int) -> None:
        self.load = [0] * workers  # requests in flight
        self._batch = batch
        self._home: OrderedDict[str, int] = OrderedDict()

    def enter(self, keys: tuple[str, str]) -> int:
        """The worker for a request with these keys (`keys_of`); it counts as loaded until `leave`."""
        idlest = min(range(len(self.load)), key=self.load.__getitem__)
        conversation, beginning = keys
        worker = self._free(conversation, self.load[idlest] + self._batch)
        if worker is None:
            worker = self._free(beginning, self.load[idlest] + max(1, self._batch // 4))
        if worker is None:
            worker = idlest
        self._home[conversation] = worker
        self._home.move_to_end(conversation)
        self._home.setdefault(beginning, worker)  # it stays where it was first
        while len(self._home) > REMEMBERED:
            self._home.popitem(last=False)
        self.load[worker] += 1
        return worker

    def leave(self, worker: int) -> None:
        self.load[worker] -= 1

    def forget(self, worker: int) -> None:
        """Its cache is gone."""
        self._home = OrderedDict((key, home) for key, home in self._home.items() if home != worker)

    def _free(self, key: str, load: int) -> int | None:
        """Where a key is at home, if that worker has less to do than this."""
        home = self._home.get(key)
        return home if home is not None and self.load[home] < load else None


def keys_of(messages: list[Message], tools: list[dict[str, Any]]) -> tuple[str, str]:
    """(conversation, shared beginning): equal where two requests begin alike up to the first user's message, or in
    tools and system prompt."""
    said = next((place for place, message in enumerate(messages) if message.get("role") == "user"), len(messages))
    beginning = digest_of([tools, messages[:said]])
    return digest_of([beginning, messages[said : said + 1]]), beginning


def digest_of(value: Any) -> str:
    """32 hex digits over a value as JSON; keys in the order given. Escapes carry half a surrogate pair as well."""
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
