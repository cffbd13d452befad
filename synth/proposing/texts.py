"""What a text of a model must keep to before it may stand in a world: bounded, one plain paragraph, no markup."""

from __future__ import annotations

import re

_MARKUP = re.compile(
    r"<[a-zA-Z/!][^>]*>|\[[^\]]*\]\([^)]*\)|```|\*\*|^\s*#|\{\{|\{%|[a-z][a-z0-9+.-]*://|\bwww\.|^\s*[-*] ",
    re.MULTILINE,
)
TOOL = (8, 600)  # characters of a tool's description
ARGUMENT = (3, 300)
ERROR = (3, 300)
POLICY = (8, 600)


def fault(text: str, bounds: tuple[int, int]) -> tuple[str, str] | None:
    """(reason, sentence) of what is wrong with a text, None where nothing is."""
    size = len(text.strip())
    if not bounds[0] <= size <= bounds[1]:
        return "text_length", f"has {size} characters; {bounds[0]} to {bounds[1]} are wanted"
    if "\n" in text.strip():
        return "text_markup", "is more than one line"
    found = _MARKUP.search(text)
    if found:
        return "text_markup", f"holds markup or an address ({found[0][:20]!r}); plain sentences are wanted"
    return None
