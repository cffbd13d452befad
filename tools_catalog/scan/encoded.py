"""Texts in a form that a person does not read and a model does: decoded, so that the other rules can read them."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from tools_catalog.scan.instructions import pattern

_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{20,}={0,2}(?![\w+/=])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:0x)?((?:[0-9a-fA-F]{2}[ :]?){12,})(?![0-9a-fA-F])")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}|[\w.-]){0,400}(?:%[0-9a-fA-F]{2}){3,}(?:%[0-9a-fA-F]{2}|[\w.-]){0,400}")
_ENTITIES = re.compile(r"(?:&#(?:x[0-9a-fA-F]{2,6}|\d{2,7});[ ,]?){6,}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}){6,}")
_CODES = re.compile(r"(?:\b\d{2,3}\b[ ,]+){11,}\d{2,3}\b")
_BINARY = re.compile(r"(?:\b[01]{8}\b ?){8,}")
_WORDS = re.compile(r"[A-Za-z]{2,}")
LONGEST = 20_000  # characters looked at


class Decoded(NamedTuple):
    at: int
    way: str
    text: str
    sure: bool  # readable prose in such a form has no honest use


def decoded(text: str) -> Iterator[Decoded]:
    """What stands in the text in another form. Of rot13 and reversed text the whole text is given: only where it then
    breaks another rule is it more than noise."""
    text = text[:LONGEST]
    for match in _BASE64.finditer(text):
        if (found := _base64(match.group())) is not None:
            yield Decoded(match.start(), "base64", found, True)
    for match in _HEX.finditer(text):
        if (found := _bytes(re.sub(r"[ :]", "", match[1]))) is not None:
            yield Decoded(match.start(), "hexadecimal", found, True)
    for form, way in ((_ENTITIES, "entities"), (_ESCAPES, "escapes"), (_PERCENT, "percent")):
        for match in form.finditer(text):
            found = _unescaped(match.group(), way)
            if _prose(found):
                yield Decoded(match.start(), way, found, way != "percent" or len(_WORDS.findall(found)) >= 4)
    for form, way, base in ((_CODES, "character codes", 10), (_BINARY, "binary", 2)):
        for match in form.finditer(text):
            codes = [int(n, base) for n in re.findall(r"\d+", match.group())]
            found = "".join(chr(n) for n in codes if 31 < n < 127)
            if len(found) == len(codes) and _prose(found):
                yield Decoded(match.start(), way, found, True)
    for way, other in (("rot13", codecs.decode(text, "rot13")), ("reversed", text[::-1])):
        if len({w.lower() for w in pattern("orders").findall(other)}) > 1:
            yield Decoded(0, way, other, False)


def _base64(part: str) -> str | None:
    raw = part.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _text(data)


def _bytes(digits: str) -> str | None:
    return _text(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def _text(data: bytes) -> str | None:
    try:
        found = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return found if _prose(found) else None


def _unescaped(part: str, way: str) -> str:
    if way == "entities":
        return re.sub(r"(?<=[^ ]) (?=[^ ])", "", html.unescape(part)) if "; &" in part else html.unescape(part)
    if way == "percent":
        return unquote(part, errors="replace")
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), part)


def _prose(text: str) -> bool:
    """Reads like words with blanks between them."""
    printable = sum(c.isprintable() or c in "\n\t" for c in text)
    letters = sum(c.isalpha() or c == " " for c in text)
    return (
        len(text) >= 10 and printable == len(text) and letters > 0.75 * len(text) and " " in text.strip()
        and len(_WORDS.findall(text)) >= 2
    )  # fmt: skip
