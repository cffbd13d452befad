"""Characters that are not seen, or are seen as others."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from tools_catalog.scan.finding import Attack

_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_FLAG = "\U0001f3f4"  # a black flag followed by tags is the flag of a region
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ESCAPE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]|\r(?!\n|$)|\\(?:x1b|u001b|033|e)\[", re.IGNORECASE)
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u206a-\u206f\u2800\u3164"
    "\ufeff\uffa0]|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}|[\U000e0100-\U000e01ef]"
)
_JOINERS = "\u200c\u200d"
_JOINED = ("ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "GUJARATI",
           "GURMUKHI", "ORIYA", "KHMER", "MYANMAR")  # fmt: skip
# letters of other scripts that look like Latin ones
_LOOKS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u0432\u043d\u043a\u043c\u0442"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
    "\u03bf\u03b1\u03bd\u03c1\u03b9\u03ba\u03c5\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u0578\u057d\u0585\u0561\u0570\u0131\u0261\u0251",
    "aeopcyxijshdqwbhkmt" "ABEKMHOPCTXIJS" "oavpikuABEZHIKMNOPTYX" "nsouhiga",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]{3,}")
_FOREIGN = ("CYRILLIC", "ARMENIAN", "CHEROKEE", "FULLWIDTH", "MATHEMATICAL")


def of_text(text: str) -> Iterator[tuple[Attack, int]]:
    """(attack, place) of the first character of each sort."""
    for match in _TAGS.finditer(text):
        if text[match.start() - 1 : match.start()] != _FLAG:
            yield "tag_characters", match.start()
            break
    simple: tuple[tuple[Attack, re.Pattern[str]], ...] = (("bidi_override", _BIDI), ("ansi_escape", _ESCAPE))
    for attack, pattern in simple:
        if (found := pattern.search(text)) is not None:
            yield attack, found.start()
    for match in _UNSEEN.finditer(text):
        if not _belongs(text, match.start(), match.group()):
            yield "invisible_characters", match.start()
            break
    for match in () if text.isascii() else _WORD.finditer(text):
        if _mixed(match.group()):
            yield "homoglyph_name", match.start()
            break


def of_name(name: str) -> Iterator[tuple[Attack, int]]:
    """The same for the name of a tool or a parameter, which may also be of one other script that passes for Latin."""
    yield from of_text(name)
    if name.isascii():
        return
    plain = unicodedata.normalize("NFKC", name).translate(_LOOKS)
    letters = [c for c in name if c.isalpha()]
    if plain.isascii() or (
        any(c.isascii() for c in letters) and any(not c.isascii() and _latin_like(c) for c in letters)
    ):
        yield "homoglyph_name", next(i for i, c in enumerate(name) if not c.isascii())


def _belongs(text: str, at: int, found: str) -> bool:
    """Whether an unseen character has work to do there: joins emojis or letters of a script that joins, or marks the
    order of bytes at the very front; a soft hyphen inside a word."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if found == "\ufeff":
        return at == 0
    if found == "\u00ad":
        return before.isalpha() and after.isalpha() and text.count(found) < 3
    if found not in _JOINERS or not before or not after:
        return False
    if before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk"):
        return True
    return any(unicodedata.name(c, "").startswith(_JOINED) for c in (before, after))


def _mixed(word: str) -> bool:
    """Latin letters with look-alikes of another script among them."""
    return any(c.isascii() for c in word) and any(
        unicodedata.name(c, "").startswith(_FOREIGN) for c in word if not c.isascii()
    )


def _latin_like(char: str) -> bool:
    return char.translate(_LOOKS).isascii() or unicodedata.normalize("NFKC", char).isascii()
