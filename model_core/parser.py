"""From generated text to tool calls: one incremental reader, used whole or chunk by chunk, with the same result.

The layout is K2's: `<|tool_calls_section_begin|>`, then calls of `<|tool_call_begin|>functions.NAME:IDX
<|tool_call_argument_begin|>{JSON}<|tool_call_end|>`, then `<|tool_calls_section_end|>`. Public parsers differ on what
is malformed; here a call counts only if it is closed, named and holds one JSON object, and everything else is kept as a
`Fault` of a named kind. Nothing raises, nothing is dropped:

- text before, between and after sections is kept verbatim, in order;
- a section that never ends keeps its closed calls; the call it broke off in is a fault;
- markers outside a section stay text, and are told;
- arguments are not repaired or coerced, a missing name is not guessed, a string that holds JSON is not unpacked.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

SECTION_BEGIN, SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CALL_BEGIN, CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
ARGUMENT_BEGIN = "<|tool_call_argument_begin|>"
THINK, THINK_END = "<think>", "</think>"
# A spelling seen from deployed models; its meaning is not in doubt.
_SPELLINGS = {"<|tool_call_section_begin|>": SECTION_BEGIN, "<|tool_call_section_end|>": SECTION_END}
_MARKERS = (SECTION_BEGIN, SECTION_END, CALL_BEGIN, CALL_END, ARGUMENT_BEGIN, *_SPELLINGS)
_MARKER = re.compile("|".join(map(re.escape, _MARKERS)))
_ID = re.compile(r"(?:functions\.)?([A-Za-z_][\w.-]*):(\d+)", re.ASCII)

FaultKind = Literal[
    "bad_id",  # not functions.NAME:IDX
    "no_arguments",  # closed before its arguments began
    "not_json",  # the arguments are not JSON
    "not_an_object",  # JSON, but not an object
    "double_encoded",  # a JSON string that holds the object
    "repeated_key",  # an object that says one key twice
    "not_closed",  # another call or the section's end came first
    "cut_off",  # the text ended inside a call
    "section_not_closed",  # the text ended inside a section
    "stray_text",  # text inside a section, outside its calls
    "outside_section",  # a marker where no section is open
]


@dataclass(frozen=True)
class Call:
    """A well-formed call. `id` is as generated; `index` the IDX in it (counted over the conversation, from 0)."""

    id: str
    name: str
    index: int
    arguments: dict[str, Any]
    raw: str  # the arguments as generated


@dataclass(frozen=True)
class Fault:
    """Something malformed: its kind, the name it was meant for where one could be read, and the text as generated."""

    kind: FaultKind
    raw: str
    name: str | None = None


@dataclass
class ParsedReply:
    """A reply taken apart. `reasoning` is what stood in `<think>`, empty without one."""

    text: str = ""
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def parse_tool_calls(text: str) -> ParsedReply:
    """Take a whole reply apart (without its closing `<|im_end|>`)."""
    reader = ReplyReader()
    reader.feed(text)
    return reader.finish()


class ReplyReader:
    """Reads a reply as it arrives. `feed` returns the plain text that has become certain; `reply` is what is known."""

    def __init__(self) -> None:
        self.reply = ParsedReply()
        self._state: Literal["text", "section", "id", "arguments"] = "text"
        self._held = ""  # the end of what was fed, if it may be the beginning of a marker
        self._stray = self._id = self._arguments = ""
        self._text = ""  # with reasoning still in it
        self._thought_ends: int | None = None  # where reasoning without its closing tag ended

    def feed(self, chunk: str) -> str:
        """Take in the next piece; the pieces may be cut anywhere."""
        already = len(self.reply.text)
        self._held += chunk
        start = 0
        for marker in _MARKER.finditer(self._held):
            self._content(self._held[start : marker.start()])
            self._mark(marker[0])
            start = marker.end()
        certain = len(self._held) - _partial_marker(self._held[start:])
        self._content(self._held[start:certain])
        self._held = self._held[certain:]
        self._split_reasoning()
        return self.reply.text[already:]

    def finish(self) -> ParsedReply:
        """No more will come."""
        self._content(self._held)
        self._held = ""
        if self._state in ("id", "arguments"):
            self._break_off("cut_off")
        if self._state == "section":
            self._flush_stray()
        if self._state != "text":
            self.reply.faults.append(Fault("section_not_closed", ""))
        self._state = "text"
        self._split_reasoning(finished=True)
        return self.reply

    def _content(self, piece: str) -> None:
        if self._state == "text":
            self._text += piece
        elif self._state == "section":
            self._stray += piece
        elif self._state == "id":
            self._id += piece
        else:
            self._arguments += piece

    def _mark(self, marker: str) -> None:
        kind = _SPELLINGS.get(marker, marker)
        if self._state == "text":
            self._mark_in_text(marker, kind)
        elif self._state == "section":
            self._mark_in_section(marker, kind)
        else:
            self._mark_in_call(marker, kind)

    def _mark_in_text(self, marker: str, kind: str) -> None:
        if kind == SECTION_BEGIN:
            self._end_thought()
            self._state = "section"
        else:
            self._text += marker
            self.reply.faults.append(Fault("outside_section", marker))

    def _mark_in_section(self, marker: str, kind: str) -> None:
        if kind == CALL_BEGIN:
            self._flush_stray()
            self._state, self._id, self._arguments = "id", "", ""
        elif kind == SECTION_END:
            self._flush_stray()
            self._state = "text"
        else:
            self._stray += marker

    def _mark_in_call(self, marker: str, kind: str) -> None:
        if kind == CALL_END:
            self._close_call()
            self._state = "section"
        elif kind == CALL_BEGIN:
            self._break_off("not_closed")
            self._state, self._id, self._arguments = "id", "", ""
        elif kind == SECTION_END:
            self._break_off("not_closed")
            self._state = "text"
        elif kind == ARGUMENT_BEGIN and self._state == "id":
            self._state = "arguments"
        else:
            self._content(marker)

    def _close_call(self) -> None:
        named = _ID.fullmatch(self._id.strip())
        if self._state == "id":
            self.reply.faults.append(Fault("no_arguments", self._id, named[1] if named else None))
            return
        if named is None:
            self.reply.faults.append(Fault("bad_id", self._raw_call()))
            return
        arguments = _read_arguments(self._arguments)
        if isinstance(arguments, dict):
            call = Call(self._id.strip(), named[1], int(named[2]), arguments, self._arguments.strip())
            self.reply.calls.append(call)
        else:
            self.reply.faults.append(Fault(arguments, self._arguments, named[1]))

    def _break_off(self, kind: FaultKind) -> None:
        named = _ID.fullmatch(self._id.strip())
        self.reply.faults.append(Fault(kind, self._raw_call(), named[1] if named else None))

    def _raw_call(self) -> str:
        return self._id + (ARGUMENT_BEGIN + self._arguments if self._state == "arguments" else "")

    def _flush_stray(self) -> None:
        if self._stray.strip():
            self.reply.faults.append(Fault("stray_text", self._stray))
        self._stray = ""

    def _split_reasoning(self, finished: bool = False) -> None:
        """Reasoning stands first, in `<think>`; a section that opens inside it closes it, and so does the end."""
        body = self._text
        if not body.startswith(THINK):
            undecided = THINK.startswith(body) and self._state == "text" and not finished
            self.reply.text = "" if undecided else body
            return
        if finished:
            self._end_thought()
        if self._thought_ends is not None:
            self.reply.reasoning, self.reply.text = body[len(THINK) : self._thought_ends], body[self._thought_ends :]
        else:
            thought, closed, rest = body[len(THINK) :].partition(THINK_END)
            self.reply.reasoning, self.reply.text = (thought, rest) if closed else ("", "")

    def _end_thought(self) -> None:
        if self._thought_ends is None and self._text.startswith(THINK) and THINK_END not in self._text:
            self._thought_ends = len(self._text)


def _partial_marker(tail: str) -> int:
    """How many characters at the end may be the beginning of a marker."""
    start = tail.rfind("<")
    while start >= 0:
        if any(marker.startswith(tail[start:]) for marker in _MARKERS):
            return len(tail) - start
        start = tail.rfind("<", 0, start)
        if len(tail) - start > max(map(len, _MARKERS)):
            return 0
    return 0


class _RepeatedKeyError(ValueError):
    """An object says one key twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _read_arguments(text: str) -> dict[str, Any] | FaultKind:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except _RepeatedKeyError:
        return "repeated_key"
    except (ValueError, RecursionError):  # RecursionError: nested thousands deep
        return "not_json"
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and isinstance(_read_arguments(value), dict):
        return "double_encoded"
    return "not_an_object"
