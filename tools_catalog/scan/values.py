"""Defaults, examples and constants that act when they are taken as they stand (`data/poison.yaml`)."""

from __future__ import annotations

import re

from tools_catalog.scan.instructions import pattern

_LOCAL = re.compile(r"https?://(?:127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)")
_ADDRESS = re.compile(r"https?://(?!localhost|127\.)|[\w.+-]+@[\w-]+\.\w{2,}", re.IGNORECASE)


def payload(text: str, under: str) -> int | None:
    """Where a value that is there to be taken (`default`, `const`, `enum`, `examples` of the property `under`) acts:
    a command, a way to a key file, an address that data would go to. None where it does not."""
    match = pattern("values_that_act").search(text)
    if match is None and not _LOCAL.match(text):
        match = pattern("drops").search(text)
    if match is None and pattern("recipients").search(_snake(under)):
        match = _ADDRESS.search(text)
    return None if match is None else match.start()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
