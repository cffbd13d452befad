"""Data on a terminal: whatever a server or a model wrote is shown, never obeyed."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from rich.text import Text

_KEPT = {"\n", "\t"}


def clean(text: str) -> str:
    """Control, format (bidi overrides, zero width) and lone surrogate characters as visible escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") else _escape(c) for c in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def plain(value: Any, style: str = "", limit: int | None = None) -> Text:
    """A rich Text without markup; JSON values as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]} … ({len(text) - limit} more characters)"
    return Text(clean(text), style=style)
