"""What a person or a model may write wrong in a world beyond its types: values that cannot be drawn, broken statements.
Machine-made worlds need no such check; files and proposals pass it before anything of them is compiled or run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from synth.errors import SpecError
from synth.worlds.lower_reads import MEASURE
from synth.worlds.simulate import CompiledWorld
from synth.worlds.spec import NAME, Entity, FieldSpec, ToolSpec, World
from synth.worlds.statements import kind_of
from synth.worlds.values import offset_seconds, values_for

MAX_BODY_DEPTH = 8
MAX_OFFSET_S = 200 * 366 * 86_400.0  # of `within`
_REPEATS = re.compile(r"\{(\d*),?(\d*)\}")
MAX_REPEATS = 64  # characters that one repeat of a pattern may draw
_GROUP_REPEATED = re.compile(r"\)(\{|\*|\+)")


def wellformed(world: World) -> None:
    """Raise SpecError, with its path in the world, at the first thing that could not be compiled or drawn."""
    for path, message in _problems(world):
        raise SpecError(path, message)
    CompiledWorld(world)  # derived fields and events; tools compile one by one, with a reason each


def _problems(world: World) -> Iterator[tuple[str, str]]:
    try:
        datetime.fromisoformat(world.clock.removesuffix("Z"))
    except ValueError:
        yield "clock", f"{world.clock!r} is not a moment such as 2026-03-02T09:00:00"
    yield from _finite("tables", world.tables)
    for name, entity in world.entities.items():
        yield from _entity(f"entities.{name}", entity)
    for name, body in world.shared.items():
        _check_body(f"shared.{name}", body)
    for name, tool in world.tools.items():
        yield from _tool(f"tools.{name}", tool, world)


# --- values ---


def _entity(path: str, entity: Entity) -> Iterator[tuple[str, str]]:
    if not entity.keys:
        yield f"{path}.key", "an entity needs a key"
    cycle = entity.lifecycle
    if cycle is not None and not cycle.moves:
        yield f"{path}.lifecycle.moves", "names no state"
    if cycle is not None and cycle.start is not None and cycle.start not in cycle.moves:
        yield f"{path}.lifecycle.start", f"{cycle.start!r} is not among the moves"
    for name, field in entity.fields.items():
        if not NAME.match(name):
            yield f"{path}.fields.{name}", "a field's name is letters, digits and underscores"
        yield from _field(f"{path}.fields.{name}", field, name)


def _field(path: str, field: FieldSpec, name: str) -> Iterator[tuple[str, str]]:
    if field.type == "enum":
        yield from _enum(path, field)
    if field.range is not None:
        low, high = field.range
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            yield f"{path}.range", f"{list(field.range)} does not go from a least to a most"
        elif field.type in ("list", "map") and not 0 <= low <= high <= MAX_REPEATS:
            yield f"{path}.range", f"a {field.type} holds 0 to {MAX_REPEATS} members"
        elif max(abs(low), abs(high)) > 1e15:
            yield f"{path}.range", "numbers go up to 10^15"
    if field.pattern is not None:
        yield from _pattern(path, field.pattern)
    if field.within is not None:
        yield from _within(f"{path}.within", field.within)
    if field.type in ("list", "map") and isinstance(field.of, str):
        try:
            FieldSpec.model_validate(field.of)
        except ValidationError:
            yield f"{path}.of", f"{field.of!r} is not a type"
            return
    for part, inner in (field.fields or {}).items():
        yield from _field(f"{path}.fields.{part}", inner, part)
    try:
        values_for("train").drawer(field, name)
    except SpecError as error:
        yield path, str(error)


def _enum(path: str, field: FieldSpec) -> Iterator[tuple[str, str]]:
    members = list(field.of or [])
    if len(set(members)) < len(members):
        yield f"{path}.of", "names a member twice"
    if field.weights is not None and (
        len(field.weights) != len(members)
        or not all(math.isfinite(w) and w >= 0 for w in field.weights)
        or sum(field.weights) <= 0
    ):
        yield f"{path}.weights", f"needs one weight, 0 or more, for each of the {len(members)} members"


def _within(path: str, offsets: tuple[str, str]) -> Iterator[tuple[str, str]]:
    for text in offsets:
        try:
            if abs(offset_seconds(text)) > MAX_OFFSET_S:
                yield path, f"{text!r} is more than 200 years away"
        except SpecError as error:
            yield path, error.message


def _pattern(path: str, pattern: str) -> Iterator[tuple[str, str]]:
    """Bounds what a pattern may draw: repeats are short, and groups are not repeated."""
    if any(int(n) > MAX_REPEATS for pair in _REPEATS.findall(pattern) for n in pair if n):
        yield f"{path}.pattern", f"repeats a character more than {MAX_REPEATS} times"
    elif _GROUP_REPEATED.search(pattern):
        yield f"{path}.pattern", "repeats a group; write its characters out"


def _finite(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """JSON has no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, "is not a number"
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _finite(f"{path}.{key}", inner)


def _tool(path: str, tool: ToolSpec, world: World) -> Iterator[tuple[str, str]]:
    _check_body(f"{path}.do", tool.do or [])
    _check_body(f"{path}.then", tool.then)
    for name, field in tool.takes.items():
        yield from _field(f"{path}.takes.{name}", field, name)
    for name, p in (tool.params or {}).items():
        if p.type is not None:
            yield from _field(f"{path}.params.{name}.type", p.type, name)
    for name, case in (tool.cases or {}).items():
        yield from _tool(f"{path}.cases.{name}", case, world)
    if tool.of is None:
        return
    entity = world.entities[tool.of]
    measure = MEASURE.match(tool.measure or "")
    named = {"sort": (tool.sort or "").removeprefix("-"), "group": tool.group, "measure": measure[2] if measure else ""}
    for key, field_name in named.items():
        if field_name and field_name not in entity.fields and field_name not in entity.keys:
            yield f"{path}.{key}", f"{tool.of} has no field {field_name}"


def _check_body(path: str, body: list[Any], depth: int = 0) -> None:
    """Every statement has the keys of its kind, at any depth. SpecError where one has not."""
    if depth > MAX_BODY_DEPTH:
        raise SpecError(path, f"nests statements deeper than {MAX_BODY_DEPTH}")
    for i, stmt in enumerate(body):
        kind_of(stmt, f"{path}[{i}]")
        for inner in ("do", "otherwise"):
            _check_body(f"{path}[{i}].{inner}", stmt.get(inner, []), depth + 1)
