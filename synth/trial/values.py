"""Other values: what a wrong argument or a wrong fact is made of."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Iterator
from typing import Any

from rubrics.normal import leaves, same
from synth.executors.world import WorldExecutor
from synth.records import canonical
from synth.sim.grounding import parts, put
from synth.trial.performing import Act, Case, Line
from synth.worlds.draw import draw_arguments
from synth.worlds.state import thaw

_ISO = re.compile(r"^(\d{4})-(\d{2})-(\d{2})(.*)$")
PERSON = re.compile(
    r"to$|recipient|assign|email|user|owner|member|customer|contact|phone|account|author|person|employee|client"
    r"|reviewer|manager|sender|payee|target|dest",
    re.IGNORECASE,
)


def other(value: Any) -> Any:
    """Another value of the same type; None where there is none to make."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7
    if isinstance(value, str) and value:
        date = _ISO.match(value)
        if date is not None:
            try:
                later = dt.date(int(date[1]), int(date[2]), int(date[3])) + dt.timedelta(days=9)
            except ValueError:
                return None
            return later.isoformat() + date[4]
        if " " in value:
            return f"{value.rpartition(' ')[0]} {'Marlowe' if not value.endswith('Marlowe') else 'Tennant'}"
        return value[:-1] + ("q" if value[-1] != "q" else "z")
    return None


def sending(act: Act, pointer: str, value: Any) -> Act:
    """The call with another value at one place of its arguments."""
    arguments = act.values
    put(arguments, parts(pointer), value)
    return act.sending(arguments)


def rows(case: Case) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """(entity, key, row) of everything in the start states, in order."""
    for _, executor in sorted(case.env.executors.items()):
        if isinstance(executor, WorldExecutor):
            for entity in executor.compiled.world.entities:
                for key, row in executor.start.rows(entity).items():
                    yield entity, thaw(key), thaw(dict(row))


def siblings(case: Case, value: Any) -> list[Any]:
    """Other values that stand in the same field of the same sort of row, for a value that stands in a row."""
    found: dict[tuple[str, str], list[Any]] = {}
    homes: list[tuple[str, str]] = []
    for entity, _, row in rows(case):
        for name, v in row.items():
            if isinstance(v, str | int) and not isinstance(v, bool) and v != "":
                found.setdefault((entity, name), []).append(v)
                if type(v) is type(value) and v == value:
                    homes.append((entity, name))
    for home in homes:
        others = [v for v in dict.fromkeys(found[home]) if not same(v, value)]
        if others:
            return others
    return []


def drawn(case: Case, effect: str, rng: random.Random) -> Act | None:
    """A call that nobody asked for, which succeeds on the start state and, where it writes, changes rows that the
    trajectory leaves alone."""
    touched = {canonical([d["entity"], d["key"]]) for d in case.trajectory.state_diff}
    for tool in rng.sample(sorted(case.env.offered), len(case.env.offered)):
        offered = case.env.offered[tool]
        if offered.row.effect != effect or not isinstance(offered.executor, WorldExecutor):
            continue
        executor = offered.executor
        arguments = draw_arguments(executor.compiled, offered.row.name, executor.start, rng)
        if arguments is None:
            continue
        act = Act(tool, "", effect=effect).sending(arguments)
        if any((a.name, a.values) == (act.name, arguments) for x in case.lines for a in x.acts):
            continue
        result, _ = executor.compiled.execute(executor.start, offered.row.name, arguments)
        if not result.ok or bool(result.changes) != (effect == "write"):
            continue
        if not any(canonical([c.entity, thaw(c.key)]) in touched for c in result.changes):
            return act
    return None


def said_as(value: Any) -> str:
    """A told value as it stands in the answer."""
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def telling(case: Case) -> list[tuple[int, dict[str, Any], str]]:
    """(line, tell, words) of the facts that are told literally."""
    out = []
    for tell in case.task.goal["tell"]:
        if isinstance(tell["value"], bool | list | dict) or tell["value"] in (None, ""):
            continue
        words = said_as(tell["value"])
        hits = [i for i in case.reports if re.search(_whole(words), case.lines[i].content)]
        if hits:
            out.append((hits[-1], tell, words))
    return out


def swapped_words(text: str, words: str, new: str) -> str:
    """The text with other words in every place where `words` stand whole."""
    return re.sub(_whole(words), lambda m: new, text)


def _whole(words: str) -> str:
    return rf"(?<!\w){re.escape(words)}(?!\w)"


def unseen_number(case: Case, text: str) -> int:
    """A number that nothing in the conversation holds or adds up to."""
    taken = {str(v) for x in case.lines for a in x.acts for _, v in leaves(a.result)}
    while True:
        n = case.rng.randint(1201, 98765)
        if str(n) not in text and not any(str(n) in t for t in taken):
            return n


def closing(case: Case) -> int | None:
    """The last line in which the assistant reports."""
    return case.reports[-1] if case.reports else None


def said(line: Line, more: str) -> str:
    return f"{line.content.rstrip()} {more}"
