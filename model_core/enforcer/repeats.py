"""Which keys an object has so far: no grammar of bounded size can say that a key of one's own making comes once."""

from __future__ import annotations


class Repeats:
    """Reads JSON text as it comes and knows the keys of the objects that are open."""

    def __init__(self) -> None:
        self._keys: list[set[str] | None] = []  # of each open object; None for a list
        self._expects_key = False
        self._string: str | None = None  # what was read of the string that is open
        self._is_key = self._escaped = False

    def feed(self, text: str) -> None:
        """Take in the next piece."""
        for character in text:
            if self._string is not None:
                self._in_string(character)
            elif character == '"':
                self._string, self._is_key = "", self._expects_key
            elif character in "{[":
                self._keys.append(set() if character == "{" else None)
                self._expects_key = character == "{"
            elif character in "}]":
                self._keys.pop()
                self._expects_key = False
            elif character == ",":
                self._expects_key = self._keys[-1] is not None
            elif character == ":":
                self._expects_key = False

    def _in_string(self, character: str) -> None:
        assert self._string is not None
        if character == '"' and not self._escaped:
            if self._is_key and self._keys[-1] is not None:
                self._keys[-1].add(self._string)
            self._string = None
            return
        self._escaped = character == "\\" and not self._escaped
        self._string += character

    @property
    def keys(self) -> set[str]:
        """The keys of the object that the text stands in."""
        return (self._keys[-1] or set()) if self._keys else set()

    @property
    def key(self) -> str | None:
        """What was read of the key that is open."""
        return self._string if self._is_key else None
