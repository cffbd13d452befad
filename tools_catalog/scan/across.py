"""What only shows beside other tools: names that pass for another server's, orders about its tools, and changes since
the last harvest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tools_catalog.originals import original_sha256
from tools_catalog.scan.finding import Attack, Finding, visible

_ORDER = re.compile(
    r"\b(?:must|always|never|instead|have to|has to|need to|change|replace|redirect|set|use|send|add|append|rewrite"
    r"|ignore|skip|first|do not|don't|only after|should)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:when(?:ever)?|before|after|instead of|if|once|(?:every|each) time|calls? (?:to|of)|uses? of|using"
    r"|rather than|in place of)\s+(?:the\s+|using\s+|calling\s+)?[`'\"]?$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)+")
LEAST_NAME = 8  # characters of a name that no ordinary text holds by chance
STRETCH = 120


def shadowing(server: str, tool: dict[str, Any], own: frozenset[str], others: Mapping[str, str]) -> Iterator[Finding]:
    """Orders about a tool of another server. `own`: names of this server's tools; `others`: name -> server."""
    text = str(tool.get("description") or "")
    for match in _NAME.finditer(text):
        name = match.group()
        if name in own or name not in others or others[name] == server or len(name) < LEAST_NAME:
            continue
        around = text[max(0, match.start() - STRETCH) : match.end() + STRETCH]
        if _ORDER.search(around) and _ABOUT.search(text[max(0, match.start() - 40) : match.start()]):
            evidence = f"about {name} of {others[name]}: {visible(text, match.start())}"
            yield Finding(server, str(tool.get("name")), "tool_shadowing", "/description", evidence)
            return


def look_alike(server: str, name: str, plain: Mapping[str, str]) -> Iterator[Finding]:
    """A name that reads as another server's: "send_emai1", "create_payrnent". One that only differs in case and signs
    ("sendEmail") is an honest other name."""
    form = _plain(name)
    other = plain.get(form) if len(form) >= LEAST_NAME else None
    if other is not None and _bare(other) != _bare(name):
        yield Finding(server, name, "look_alike_name", "/name", f"passes for {other}")


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _plain(name: str) -> str:
    """With digits, doubled letters and pairs read as the letters they pass for."""
    swapped = re.sub(r"(?<=[a-z])I(?![a-z])", "l", name).lower().translate(str.maketrans("01358", "olesb"))
    swapped = swapped.replace("rn", "m").replace("vv", "w")
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^a-z]", "", swapped))


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Plain form -> name, for `look_alike`; the first of a form, in the order given."""
    out: dict[str, str] = {}
    for name in names:
        out.setdefault(_plain(name), name)
    return out


def changed(server: str, tool: dict[str, Any], before: Mapping[str, str]) -> Iterator[Finding]:
    """A tool that said something else when it was last harvested. `before`: name -> SHA-256 of what it said."""
    name = str(tool.get("name"))
    if name in before and before[name] != original_sha256(tool):
        attack: Attack = "rug_pull"
        yield Finding(server, name, attack, "", f"was {before[name][:12]}, is {original_sha256(tool)[:12]}")
