"""Which worker a request goes to: the one whose cache holds the beginning of its conversation, unless it is swamped."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import Any

from synth.models.protocol import Message

REMEMBERED = 100_000  # conversations and prefixes


class Affinity:
    """`batch`: requests that a worker computes together. A worker is swamped with a batch more than the idlest has."""

    def __init__(self, workers: int, batch: int) -> None:
        self.load = [0] * workers  # requests in flight
        self._batch = batch
        self._home: OrderedDict[str, int] = OrderedDict()

    def enter(self, keys: tuple[str, ...]) -> int:
        """The worker for a request with these keys, the most telling first; it counts as loaded until `leave`."""
        idlest = min(range(len(self.load)), key=self.load.__getitem__)
        free = self.load[idlest] + self._batch
        homes = (self._home.get(key) for key in keys)
        worker = next((home for home in homes if home is not None and self.load[home] < free), idlest)
        self._remember(keys, worker)
        self.load[worker] += 1
        return worker

    def leave(self, worker: int) -> None:
        self.load[worker] -= 1

    def forget(self, worker: int) -> None:
        """Its cache is gone."""
        self._home = OrderedDict((key, home) for key, home in self._home.items() if home != worker)

    def _remember(self, keys: tuple[str, ...], worker: int) -> None:
        for place, key in enumerate(keys):
            if place == 0:
                self._home[key] = worker
                self._home.move_to_end(key)
            else:  # a shared beginning stays where it was first: its overflow is told by the conversations
                self._home.setdefault(key, worker)
        while len(self._home) > REMEMBERED:
            self._home.popitem(last=False)


def keys_of(messages: list[Message], tools: list[dict[str, Any]]) -> tuple[str, str]:
    """(conversation, shared beginning): equal where two requests begin alike up to the first user's message, or in
    tools and system prompt."""
    said = next((place for place, message in enumerate(messages) if message.get("role") == "user"), len(messages))
    beginning = digest_of([tools, messages[:said]])
    return digest_of([beginning, messages[said : said + 1]]), beginning


def digest_of(value: Any) -> str:
    """32 hex digits over a value as JSON; keys in the order given. Escapes carry half a surrogate pair as well."""
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
