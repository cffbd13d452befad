"""What a scan finds, and the kinds of attack it knows (names as public scanners use them; the rules are ours)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Attack = Literal[
    "hidden_instruction",    # orders to the model: forget your rules, blocks that pose as system text
    "fake_role",             # markers of a chat template, a forged turn of the system
    "concealment",           # to be kept from the person
    "exfiltration",          # what was said or shown is to be carried elsewhere
    "secrets_request",       # key files, credentials and the like are to be read or passed
    "tool_shadowing",        # how other tools are to be used, or that none else may be
    "invisible_characters",  # zero-width and filler characters, runs of variation selectors
    "tag_characters",        # U+E0000..E007F: text nobody sees
    "bidi_override",         # what is read is in another order than what stands there
    "ansi_escape",           # terminal escapes and control characters
    "hidden_markup",         # comments and elements that are not displayed
    "encoded_payload",       # base64, hexadecimal, entities, rot13 that hold a text
    "homoglyph_name",        # letters of another script that look like Latin ones
    "look_alike_name",       # the name of another server's tool but for signs or a letter
    "rug_pull",              # changed since it was last harvested
    "schema_bomb",           # depth, references that multiply, endless lists
    "regex_bomb",            # a pattern that takes exponential time
    "default_payload",       # a default, example or constant that acts: a command, a path, an address to write to
    "oversize",              # far longer than anything honest
]  # fmt: skip
ATTACKS: tuple[Attack, ...] = get_args(Attack)
SHOWN = 160  # characters of evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to keep a tool apart. `where`: JSON pointer into the tool as listed. `evidence`: printable ASCII."""

    server: str
    tool: str
    attack: Attack
    where: str
    evidence: str


def visible(text: str, at: int = 0, width: int = SHOWN) -> str:
    """The part of a foreign text around `at`, with every other character than printable ASCII escaped."""
    begin = max(0, at - width // 4)
    part = text[begin : begin + width]
    out = "".join(c if c.isascii() and c.isprintable() else _escaped(c) for c in part)
    return ("..." if begin else "") + out[: 2 * width] + ("..." if begin + width < len(text) else "")


def _escaped(char: str) -> str:
    return " " if char in "\n\t" else f"\\u{{{ord(char):04x}}}"
