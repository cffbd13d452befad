"""More of the same in a real episode: where the assistant found an id in a list and called with it, the person asks for
other records of that list, so that one episode looks up several."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model_core.feeding.rows import Part, Row
from model_core.parser import ARGUMENT_BEGIN, CALL_BEGIN, CALL_END, SECTION_BEGIN, SECTION_END

_ASKED = ("The same for {names}.", "Now do that for {names}, please.", "And {names}?", "Same again with {names}.",
          "I also need this for {names}.", "{names} as well, please.", "Next: {names}.")  # fmt: skip
_DONE = ("Done.", "That's done as well.", "Done for {names}.", "I've done the same for {names}.")
_RETURN = re.compile(r"## Return of functions\.(.+):\d+\n(.*)", re.DOTALL)
_TURNS, _TOGETHER = 4, 3  # turns that are added and records in one of them, at most


@dataclass(frozen=True)
class _Found:
    """A call with the id of a record that was asked for by name: where its arguments stand, and the list."""

    tool: str
    arguments: str
    result: str
    records: list[dict[str, Any]]
    id_field: str
    name_field: str
    used: dict[str, Any]


def extended(row: Row, rng: random.Random) -> Row:
    """The episode with a few turns more, or as it is where nothing was looked up in it."""
    found = _looked_up(row)
    if found is None:
        return row
    names = [str(record[found.name_field]) for record in found.records]
    others = [r for r in found.records if r is not found.used and names.count(str(r[found.name_field])) == 1]
    rng.shuffle(others)
    parts, learn = list(row.parts), list(row.learn)
    calls = sum(part == (CALL_BEGIN,) for part in parts)
    for _ in range(rng.randint(1, _TURNS)):
        some = [others.pop() for _ in range(min(len(others), rng.choice((1, 1, 2, _TOGETHER))))]
        if not some:
            break
        for part, learnt in _turn(found, some, calls, rng):
            parts.append(part)
            learn.append(learnt)
        calls += len(some)
    return Row(row.kind, parts, learn)


def _turn(found: _Found, some: Sequence[dict[str, Any]], calls: int, rng: random.Random) -> list[tuple[Part, bool]]:
    names = [f'"{record[found.name_field]}"' for record in some]
    told = {"names": names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]}
    out = _message("user", "user", rng.choice(_ASKED).format(**told))
    out += [(("<|im_assistant|>",), False), ("assistant", False), (("<|im_middle|>",), False)]
    out.append(((SECTION_BEGIN,), True))
    for number, record in enumerate(some, calls):
        out += [((CALL_BEGIN,), True), (f"functions.{found.tool}:{number}", True), ((ARGUMENT_BEGIN,), True),
                (_instead(found.arguments, found, record), True), ((CALL_END,), True)]  # fmt: skip
    out += [((SECTION_END,), True), (("<|im_end|>",), True)]
    for number, record in enumerate(some, calls):
        result = _instead(found.result, found, record)
        out += _message("system", found.tool, f"## Return of functions.{found.tool}:{number}\n{result}")
    return out + _message("assistant", "assistant", rng.choice(_DONE).format(**told), learn=True)


def _message(role: str, name: str, text: str, learn: bool = False) -> list[tuple[Part, bool]]:
    head: list[tuple[Part, bool]] = [((f"<|im_{role}|>",), False), (name, False), (("<|im_middle|>",), False)]
    return [*head, (text, learn), (("<|im_end|>",), learn)]


def _instead(text: str, found: _Found, record: dict[str, Any]) -> str:
    """The text about another record."""
    for field in (found.id_field, found.name_field):
        text = text.replace(
            json.dumps(found.used[field], ensure_ascii=False), json.dumps(record[field], ensure_ascii=False)
        )
    return text


def _looked_up(row: Row) -> _Found | None:
    """The last such call whose result is no error."""
    lists: list[list[dict[str, Any]]] = []
    said, speaker, open_calls = "", "", list[tuple[str, str]]()
    best: _Found | None = None
    for place, part in enumerate(row.parts):
        if not isinstance(part, str):
            if part == (ARGUMENT_BEGIN,) and row.learn[place]:
                open_calls.append(
                    (str(row.parts[place - 1]).split(".", 1)[1].rsplit(":", 1)[0], str(row.parts[place + 1]))
                )
            speaker = part[0] if part[0].startswith("<|im_") and part[0] != "<|im_middle|>" else speaker
            continue
        said += part if speaker == "<|im_user|>" else ""
        if (returned := _RETURN.fullmatch(part)) is None:
            continue
        tool, result = returned.groups()
        for call in [call for call in open_calls if call[0] == tool][:1]:
            open_calls.remove(call)
            if "error" not in result[:60]:
                best = next((f for f in _matches(*call, result, lists, said)), best)
        lists += _lists(result)
    return best


def _matches(tool: str, arguments: str, result: str, lists: Sequence[list[dict[str, Any]]], said: str) -> list[_Found]:
    found = []
    for records in lists:
        for record in records:
            id_field = next(reversed(record))
            if not isinstance(record[id_field], str | int) or isinstance(record[id_field], bool):
                continue
            if f": {json.dumps(record[id_field])}" not in arguments or str(record[id_field]) in said:
                continue
            for field, value in record.items():
                if _names(value) and value in said and all(
                    _names(one.get(field)) and next(reversed(one)) == id_field for one in records
                ):  # fmt: skip
                    found.append(_Found(tool, arguments, result, records, id_field, field, record))
                    break
    return found


def _names(value: object) -> bool:
    return isinstance(value, str) and len(value) > 3


def _lists(result: str) -> list[list[dict[str, Any]]]:
    """The lists of three records or more in a result, a bare one or one in an envelope."""
    try:
        read = json.loads(result)
    except ValueError:
        return []
    some = [read] if isinstance(read, list) else list(read.values()) if isinstance(read, dict) else []
    return [
        one for one in some if isinstance(one, list) and len(one) > 2 and all(isinstance(r, dict) and r for r in one)
    ]
