"""Results without what differs from run to run: a moment, a UUID, whatever a server's patterns say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from synth.executors.protocol import Outcome


def masked(text: str, masks: Iterable[re.Pattern[str] | str]) -> str:
    """`text` with `#` for all that fits a pattern."""
    for mask in masks:
        text = re.sub(mask, "#", text)
    return text


def as_shown(outcome: Outcome, masks: Iterable[re.Pattern[str] | str]) -> str:
    """What a call shows, masked; its error stands in front where it failed."""
    return masked(outcome.content if outcome.ok else f"{outcome.error}: {outcome.content}", masks)
