"""Generated ids as text, as they come: never half a character, never a stop string or what follows it."""

from __future__ import annotations

from collections.abc import Sequence

from model_core.tokens import Tokenizer

UNFINISHED = "\ufffd"  # what a decoder writes for the bytes of a character that is not there yet


class TextReader:
    """Feed ids, get the text that is sure. `stopped` once a stop string came; nothing is given out from then on."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._window: list[int] = []  # ids since the text last ended with a whole character
        self._given = 0  # characters of the window's text that went on
        self._held = ""  # text that may be the beginning of a stop string
        self.text = ""
        self.stopped = False

    def feed(self, ids: Sequence[int]) -> str:
        """The text that became sure with these ids."""
        self._window += ids
        decoded = self._tokenizer.decode(self._window)
        whole = decoded.removesuffix(UNFINISHED)
        fresh = whole[self._given :]
        if len(whole) == len(decoded):
            self._window, self._given = [], 0
        else:
            self._given = len(whole)
        return self._give(fresh)

    def end(self) -> str:
        """What is left when nothing more comes: unfinished characters as U+FFFD, a begun stop string as it stands."""
        if self.stopped:
            return ""
        rest = self._give(self._tokenizer.decode(self._window)[self._given :])
        if not self.stopped:
            rest += self._held
            self.text += self._held
        self._window, self._given, self._held = [], 0, ""
        return rest

    def _give(self, fresh: str) -> str:
        if self.stopped:
            return ""
        pending = self._held + fresh
        found = [at for at in (pending.find(stop) for stop in self._stop) if at >= 0]
        if found:
            self.stopped = True
            sure, self._held = pending[: min(found)], ""
        else:
            keep = max((_overlap(pending, stop) for stop in self._stop), default=0)
            sure, self._held = pending[: len(pending) - keep], pending[len(pending) - keep :]
        self.text += sure
        return sure


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
