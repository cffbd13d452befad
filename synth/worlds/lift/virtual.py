"""A curve becomes a virtual table of its own: what names it, a time, and the values that its results tell."""

from __future__ import annotations

from typing import Any

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.choosing import Built
from synth.worlds.lift.entities import ID_TAILS
from synth.worlds.lift.fields import spec_of
from synth.worlds.lift.opening import Arg, open_output
from synth.worlds.lift.read import Bound, Reading
from synth.worlds.lift.series import SPANS
from synth.worlds.lift.table import Table
from synth.worlds.lift.tools import Param, ToolBuilder, fragment
from synth.worlds.lift.words import entity_name, split
from synth.worlds.steps import parse_step

MAX_PARTS = 5  # parameters that tell curves apart
MAX_VALUES = 6
_COARSE = ("year", "quarter", "month", "week", "day", "hour", "minute")
_SAID = {
    "annual": "year", "yearly": "year", "quarterly": "quarter", "monthly": "month", "weekly": "week", "daily": "day",
    "hourly": "hour", "intraday": "minute", "minutely": "minute", "live": "minute",
}  # fmt: skip
_AHEAD = lx.wordset("forecast forecasts outlook projection projections nowcast")
_USUAL: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (lx.wordset("bar candle kline ohlcv ohlc price quote"), ("open", "high", "low", "close", "volume")),
    (lx.wordset("weather forecast climate condition"), ("temperature", "humidity", "wind_speed", "precipitation")),
    (lx.wordset("air quality pollution"), ("pm2_5", "pm10", "ozone")),
    (lx.wordset("usage utilization load stat statistic metric"), ("average", "minimum", "maximum")),
    (lx.wordset("traffic bandwidth throughput"), ("bytes_in", "bytes_out")),
)
_SHAPES: tuple[tuple[frozenset[str], str], ...] = (
    (lx.wordset("temperature temp humidity dew radiation sunshine"), "season"),
    (lx.wordset("rain precipitation snow showers snowfall"), "bursts"),
    (lx.wordset("gdp population debt cpi index capacity cumulative total balance assets sales"), "growth"),
)


def curve(builder: ToolBuilder, r: Reading) -> Built:
    """The tool of a series reading, over a table made for it."""
    own = _table(builder, r)
    params: dict[str, Param] = {}
    touched = {own.name}
    for b in r.roles:
        p = _param(builder, own, b, params)
        if b.arg.required:
            p["required"] = True
        if list(b.arg.at) != [b.arg.name]:
            p["at"] = list(b.arg.at)
        params[b.arg.name] = builder.told(p, b.arg.at[-1], b.arg.schema)
        spec = own.spec(p["field"]) if p.get("field") else None
        if spec is not None and spec["type"] == "ref":
            touched.add(spec["to"])
    starts = [p["role"] for p in params.values() if p["role"] in ("offset", "page", "cursor")]
    tool: dict[str, Any] = {
        "op": "series", "of": own.name, "params": params, "source": r.tool, "paging": {"kind": (starts or ["none"])[0]},
    }  # fmt: skip
    builder.about(tool, r.tool)
    envelope = builder.envelope(own)
    if envelope:
        tool["envelope"] = envelope
    return Built(own, tool, touched)


def _table(builder: ToolBuilder, r: Reading) -> Table:
    tables = builder.tables
    names = {t.name for t in tables.by_noun.values()}
    own = tables.table(("curve", *split(r.tool)))
    base = entity_name(r.entity)
    own.name, n = base, 2
    while own.name in names:
        own.name, n = f"{base}{n}", n + 1
    own.noun, own.virtual, own.step = r.entity, True, _step(r)
    words = set(split(r.tool))
    own.ahead = bool(words & _AHEAD)
    told = open_output(tables.tools[r.tool].output_schema)
    fine = own.step in ("hour", "minute")
    moment = next(
        (a for a in told if a.words[-1] in ("date", "time", "timestamp", "day", "period") and _dated(a)), None
    )
    own.key = own.add(
        moment.words if moment else ("time",) if fine else ("date",),
        {"type": "time" if fine else "date"},
        builder.style,
    )
    for b in r.roles:
        if b.role in ("key", "filter") and len(own.parts) < MAX_PARTS:
            _part(builder, own, b)
    _values(builder, own, told)
    return own


def _dated(a: Arg) -> bool:
    return a.type == "string" and not a.enum


def _step(r: Reading) -> str:
    """The finest distance of two points: what the step parameter offers, what the name says, else a day."""
    for b in r.roles:
        if b.role == "every":
            given = [w for w in (*b.arg.enum, str(b.arg.default or "")) if parse_step(w) is not None]
            if given:
                return min(given, key=lambda w: (parse_step(w) or (0, 0)).seconds)  # type: ignore[union-attr]
    said = [_SAID[w] for w in split(r.tool) if w in _SAID]
    if said:
        return said[0]
    bounds = [b.arg for b in r.roles if b.role in ("from", "until")]
    if any(a.words[-1] == "year" for a in bounds):
        return "year"
    spans = {SPANS[b.arg.flat] for b in r.roles if b.role == "span"}
    if spans & {"minute", "hour"}:
        return "minute" if "minute" in spans else "hour"
    return "hour" if any(a.schema.get("format") == "date-time" for a in bounds) else "day"


def _part(builder: ToolBuilder, own: Table, b: Bound) -> None:
    """A part of the key: a reference where rows of that noun are stored, else a value of its own."""
    target = builder.tables.by_noun.get(b.noun) if b.noun else None
    words = b.arg.words
    stored = target is not None and not target.virtual and not target.singleton and not target.link
    if target is not None and stored and (b.tail in ID_TAILS or target.natural):
        own.parts.append(own.add(words, {"type": "ref", "to": target.name}, builder.style))
        target.children += 1
        return
    made = spec_of(b.arg, words) if b.arg.type != "array" else {"type": "text"}
    if made is None or made["type"] in ("list", "map", "record", "bool"):
        return
    made.pop("search", None)
    made.pop("null", None)
    name = own.add(words, made, builder.style)
    if name not in own.parts and name != own.key:
        own.parts.append(name)


def _values(builder: ToolBuilder, own: Table, told: list[Arg]) -> None:
    found = 0
    for a in told:
        if a.type in ("number", "integer") and own.column(a.words) is None and found < MAX_VALUES:
            own.add(a.words, _curve_of(a.words, "number" if a.type == "number" else "int"), builder.style)
            found += 1
    if found:
        return
    words = set(own.noun)
    usual = next((values for heads, values in _USUAL if heads & words), ("value",))
    for name in usual:
        own.add(tuple(name.split("_")), _curve_of(tuple(name.split("_")), "number"), builder.style)


def _curve_of(words: tuple[str, ...], kind: str) -> dict[str, Any]:
    shape = next((s for heads, s in _SHAPES if heads & set(words)), None)
    return {"type": "int" if words[-1] in ("volume", "count") else kind, **({"gen": shape} if shape else {})}


def _param(builder: ToolBuilder, own: Table, b: Bound, taken: dict[str, Param]) -> Param:
    if b.role in ("key", "filter"):
        name = own.column(b.arg.words)
        if name is None or name not in own.parts or name in {p.get("field") for p in taken.values()}:
            return builder.ignored(b.arg)
        spec = own.spec(name)
        assert spec is not None
        p: Param = {"role": "key", "field": name}
        if spec["type"] == "ref":
            target = next(t for t in builder.tables.by_noun.values() if t.name == spec["to"])
            return builder.fit(p, b.arg, builder.key_class(target))
        if b.arg.type == "array":
            return {**p, "compare": "in", "schema": {"type": "array", "items": {"type": "string"}}}
        return {**p, "schema": fragment(b.arg)}
    if b.role in {p["role"] for p in taken.values()}:
        return builder.ignored(b.arg)
    if b.role == "every":
        good = not b.arg.enum or all(parse_step(w) is not None for w in b.arg.enum)
        return (
            {"role": "every", "schema": fragment(b.arg)} if good and b.arg.type == "string" else builder.ignored(b.arg)
        )
    if b.role == "span":
        return {"role": "span", "schema": fragment(b.arg), "unit": SPANS[b.arg.flat]}
    if b.role in ("from", "until"):
        return {"role": b.role, "schema": fragment(b.arg)}
    if b.role in ("limit", "offset", "page", "cursor"):
        return builder.paging(own, b.role, b.arg, taken)
    return builder.ignored(b.arg)
