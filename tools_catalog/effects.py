"""Whether a tool reads or writes: what its annotations say, else a rule on the verb of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tools_catalog.words import READ_VERBS, WRITE_VERBS, find_verb, split_words

Effect = Literal["read", "write"]


def effect_of(name: str, annotations: Mapping[str, Any]) -> Effect:
    """`readOnlyHint` decides where the server gave it; `destructiveHint: true` means write. Without hints the verb
    of the name decides. A name of several words without any verb (`cpi_by_country`) names a thing to look at and counts
    as a read; a single unknown word counts as a write. A guess, good enough to sort by and no permission to call."""
    hint = annotations.get("readOnlyHint")
    if isinstance(hint, bool):
        return "read" if hint else "write"
    if annotations.get("destructiveHint") is True:
        return "write"
    words = split_words(name)
    at = find_verb(words)
    if at is not None and words[at] in READ_VERBS:
        later_write = at == 0 and len(words) > 2 and words[1] in ("or", "and") and words[2] in WRITE_VERBS
        return "write" if later_write else "read"
    return "read" if at is None and len(words) > 1 else "write"
