"""Arguments of the operations that are more than a row and its fields: series, transfers, text edits, batches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from synth.worlds.batches import nest_item
from synth.worlds.spec import Param
from synth.worlds.state import RowData
from synth.worlds.steps import Step, moment_text, parse_moment, parse_step

if TYPE_CHECKING:
    from synth.worlds.draw import Drawer

_EPOCH = datetime(1970, 1, 1)


def draw_batch(drawer: Drawer, given: dict[str, Any]) -> dict[str, Any] | None:
    """One to three items, each drawn as a call of its own; what is not per item comes from the first."""
    tool, over = drawer.tool, str(drawer.tool.spec.batch_over)
    if over in given:
        return given
    inner = drawer.cw.item(tool.name)
    members = tool.members
    single = type(drawer)(drawer.cw, inner, drawer.state, drawer.rng, drawer.values.split)
    items: list[Any] = []
    shared: dict[str, Any] = dict(given)
    for _ in range(1 + int(drawer.rng.random() * 3)):
        drawn = single.draw({n: v for n, v in shared.items() if n in inner.params})
        if drawn is None:
            continue
        if members is None:
            item = drawn.pop(over, None)
            shared = {**drawn, **shared}
        else:
            item = nest_item({n: drawn[n] for n in members if n in drawn}, members)
            shared = {**{n: v for n, v in drawn.items() if n not in members}, **shared}
        if item is not None and item not in items:
            items.append(item)
    return {**shared, over: items} if items else None


def draw_transfer(drawer: Drawer, given: dict[str, Any], sides: tuple[str, str]) -> dict[str, Any] | None:
    """A source that holds something, another row as target, an amount that the source can give."""
    tool, field = drawer.tool, str(drawer.tool.spec.field)
    source, target = sides
    tables = [tool.params[s].entity or str(tool.of) for s in sides]
    rows = drawer.state.rows(tables[0])
    keys = [given[source]] if source in given else [k for k, r in rows.items() if (r.get(field) or 0) >= 1]
    keys = [k for k in keys if k in rows]
    if not keys:
        return None
    key = drawer.rng.choice(keys)
    others = [k for k in drawer.state.rows(tables[1]) if tables[0] != tables[1] or k != key]
    if not others:
        return None
    out = {**given, source: key}
    out.setdefault(target, drawer.rng.choice(others))
    amount = next(n for n, p in tool.params.items() if p.role == "amount")
    have = rows[key].get(field) or 0
    out.setdefault(amount, max(1, int(have * (0.05 + 0.4 * drawer.rng.random()))))
    return out


def moment_value(drawer: Drawer, name: str, p: Param, out: Mapping[str, Any]) -> Any:
    """A bound of a series that fits the parameter's own schema: the beginning lies before the end."""
    assert drawer.entity is not None
    schema = drawer.param_schema(name)
    if p.role == "every":
        words = [w for w in schema.get("enum") or ["day"] if isinstance(w, str) and parse_step(w) is not None]
        return drawer.rng.choice(words) if words else None
    if p.role == "span":
        words = [w for w in schema.get("enum") or ["30d"] if isinstance(w, str) and parse_step(w) is not None]
        whole = schema.get("type") in ("integer", "number")
        return 1 + int(drawer.rng.random() * 20) if whole else drawer.rng.choice(words) if words else None
    step = parse_step(drawer.entity.step) or Step("s", 86_400)
    now = drawer.cw.start
    taken = next(
        (
            parse_moment(v, now)
            for n, v in out.items()
            if n in drawer.tool.params and drawer.tool.params[n].role == "from"
        ),
        None,
    )
    count = 2 + int(drawer.rng.random() * 20)
    if drawer.entity.ahead:
        at = (taken or now) + timedelta(seconds=min(step.seconds, 5 * 86_400) * (count if p.role == "until" else 1))
    elif p.role == "until":
        at = now if taken is None else taken + (now - taken) * drawer.rng.random()
    else:
        at = now - timedelta(seconds=min(step.seconds * count, 8_000 * 86_400))
    return _bound(at, name, schema, drawer.entity.fields[drawer.entity.keys[-1]].type)


def _bound(at: datetime, name: str, schema: Mapping[str, Any], kind: str) -> Any:
    types = schema.get("type", "string")
    if schema.get("enum"):
        return next((v for v in schema["enum"] if parse_moment(v, at) is not None), None)
    if "integer" in types or "number" in types:
        return at.year if "year" in name.lower() else int((at - _EPOCH).total_seconds())
    if schema.get("format") == "date":
        kind = "date"
    elif schema.get("format") == "date-time":
        kind = "time"
    return moment_text(at, kind)


def text_value(drawer: Drawer, name: str, p: Param, row: RowData | None, out: Mapping[str, Any]) -> Any:
    """New text, a part of the old text, a line that is there."""
    old = str(row.get(str(drawer.tool.spec.field)) or "") if row is not None else ""
    if p.role == "text":
        return drawer.values.gen("sentence", drawer.rng)
    if p.role == "find":
        words = [w for w in old.split() if old.count(w) == 1] or old.split()
        return drawer.rng.choice(words) if words else None
    lines = max(1, len(old.splitlines()))
    first = next((v for n, v in out.items() if drawer.tool.params[n].role == "line"), 1)
    return 1 + int(drawer.rng.random() * lines) if p.role == "line" else max(int(first), 1)
