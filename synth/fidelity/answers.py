"""What a live answer says: success or failure, and the class of the failure. One classifier for all servers, with a few
patterns per server as data (`Setup.failed`, `Setup.fine`)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synth.fidelity.live import Answer

ErrorClass = Literal["not_found", "duplicate", "invalid_arguments", "precondition", "other"]

# text that is a failure although the protocol does not say so: how it begins, short texts only
_BEGINS = re.compile(
    r"""^\W*(error|failed|failure|cannot|can't|could\ not|couldn't|unable\ to|invalid|exception|traceback|fatal)\b""",
    re.I | re.X,
)
_NOT_THERE = re.compile(r"\b(does ?n[o']t exist|no such|already exists)\b|(?<!results )\bnot found\b", re.I)
_LONG = 240  # a text longer than this is content, whatever words stand in it
_CLASSES: tuple[tuple[ErrorClass, re.Pattern[str]], ...] = (
    (
        "duplicate",
        re.compile(r"already (exists?|in use|taken|registered|defined)|duplicate|EEXIST|not unique|已存在", re.I),
    ),
    (
        "invalid_arguments",
        re.compile(
            r"""invalid[ ](arg|param|type|input|enum|value|option)|validation|-32602|is[ ]required|required[ ]propert
            |missing[ ](required|\d[ ]required)|expected[ ](string|number|object|array|boolean|one)|field[ ]required
            |must[ ]be|must[ ]provide|not[ ]a[ ]valid|should[ ]be|unexpected[ ]keyword|schema|無效|无效
            |"message":\s*"Required\"""",
            re.I | re.X,
        ),
    ),
    (
        "not_found",
        re.compile(
            r"""not[ ](be[ ])?found|does[ ]?n[o']t[ ]exist|not[ ]exist|no[ ]such|unknown|ENOENT|(can)?not[ ]find
            |can't[ ]find|no[ ](\w+[ ]){1,2}(with|named|matching|found[ ]for)|missing|out[ ]of[ ]range
            |no[ ]longer|找不到|不存在""",
            re.I | re.X,
        ),
    ),
    (
        "precondition",
        re.compile(
            r"""already|not[ ](allowed|permitted|possible|empty|done|completed|approved|yet)|cannot|can't|must[ ]|before
            |denied|forbidden|in[ ]use|conflict|outside|wrongtype|wrong[ ]kind|only[ ]""",
            re.I | re.X,
        ),
    ),
)
# codes of worlds; what is not here is a declared requirement of a tool, a precondition
_WORLD: dict[str, ErrorClass] = {
    "not_found": "not_found", "invalid_reference": "not_found", "not_linked": "not_found", "unknown_tool": "not_found",
    "duplicate": "duplicate", "already_linked": "duplicate",
    "invalid_arguments": "invalid_arguments", "invalid_value": "invalid_arguments",
    "missing_argument": "invalid_arguments", "not_confirmed": "invalid_arguments",
    "already_exists": "duplicate", "gone": "not_found", "unknown_reference": "not_found",
    "incomplete_arguments": "invalid_arguments",
    "invalid_cursor": "invalid_arguments", "too_large": "invalid_arguments", "ambiguous": "invalid_arguments",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """One side of one call. `error` is None exactly where the call succeeded; `text` is all that it showed."""

    error: ErrorClass | None
    text: str

    @property
    def ok(self) -> bool:
        return self.error is None


def read_answer(answer: Answer, failed: Sequence[str] = (), fine: Sequence[str] = ()) -> Outcome:
    """The outcome of a live call. `failed` and `fine` are patterns over the text, the first to match decides."""
    shown = shown_text(answer)
    if answer.refused and not answer.text:
        return Outcome("invalid_arguments", shown)
    if not answer.is_error:
        if any(re.search(p, shown) for p in fine):
            return Outcome(None, shown)
        if not (_says_no(answer) or any(re.search(p, shown) for p in failed)):
            return Outcome(None, shown)
    return Outcome(error_class(shown), shown)


def error_class(text: str) -> ErrorClass:
    """The class that a failure's text names first in the order of `_CLASSES`."""
    head = text[:600]
    return next((name for name, pattern in _CLASSES if pattern.search(head)), "other")


def world_class(code: str) -> ErrorClass:
    """The class of a world's error code."""
    return _WORLD.get(code, "precondition")


def shown_text(answer: Answer) -> str:
    """All text of an answer; structured content only where it says more than the text."""
    if answer.data is None or answer.text.strip().startswith(("{", "[")):
        return answer.text
    return answer.text if answer.text else json.dumps(answer.data, ensure_ascii=False)


def _says_no(answer: Answer) -> bool:
    text = answer.text.strip()
    data = answer.data if isinstance(answer.data, dict) else _parsed(text)
    if isinstance(data, dict) and set(data) == {"result"}:
        data = data["result"] if isinstance(data["result"], dict) else _parsed(str(data["result"]))
    if isinstance(data, dict):
        if data.get("success") is False or data.get("ok") is False or data.get("status") in ("error", "failed"):
            return True
        return bool(data.get("error") or data.get("isError") is True)
    return len(text) <= _LONG and bool(_BEGINS.search(text) or _NOT_THERE.search(text))


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
