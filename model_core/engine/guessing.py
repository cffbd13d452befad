"""Guessing what comes next from what was there before: arguments of calls are mostly copied from the conversation.

A guess is fed with the last token and checked by the model itself in the same pass: every token is drawn as if there
had been no guess, and the guess only saves passes as far as it was right (prompt lookup; cf. Leviathan et al. 2023,
arXiv 2211.17192, where a draft model guesses).
"""

from __future__ import annotations

from collections.abc import Sequence

LONG, SHORT = 3, 2  # tokens by which a former place is recognised, the longer first
PATIENCE = 0.3  # a row whose guesses are right less often than this waits before it guesses again
MEMORY = 0.75  # how much of the past counts


class Lookup:
    """Finds the latest former place that reads like the end of a growing list of ids."""

    def __init__(self) -> None:
        self._after: dict[tuple[int, ...], int] = {}
        self._known = 0  # places whose key is in
        self._right = 1.0  # running share of right guesses
        self._waiting = 0

    def guess(self, ids: Sequence[int], count: int) -> list[int]:
        """The `count` ids that came after that place, or none where fewer did or too many guesses failed."""
        self._take_in(ids)
        if self._right < PATIENCE:
            self._waiting += 1
            if self._waiting < 1 / max(self._right, 0.05):
                return []
            self._waiting = 0
        for width in (LONG, SHORT):
            place = self._after.get(tuple(ids[-width:]))
            if place is not None and place + count <= len(ids):
                return list(ids[place : place + count])
        return []

    def learn(self, right: int, count: int) -> None:
        """So many of `count` guessed ids were right."""
        self._right = MEMORY * self._right + (1 - MEMORY) * right / count

    def _take_in(self, ids: Sequence[int]) -> None:
        """Keys of all places but the end itself."""
        for place in range(max(self._known, SHORT), len(ids)):
            self._after[tuple(ids[place - SHORT : place])] = place
            if place >= LONG:
                self._after[tuple(ids[place - LONG : place])] = place
        self._known = len(ids)
