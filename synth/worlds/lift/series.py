"""Values over time: which tools read them, and what each of their parameters says about the key and the range."""

from __future__ import annotations

from synth.worlds.lift import lexicon as lx
from synth.worlds.lift.naming import Words
from synth.worlds.lift.opening import Arg, open_output
from synth.worlds.lift.read import Bound, Context, Draft, Kind
from synth.worlds.lift.roles import is_context, key_of, paging_role, time_bound
from synth.worlds.lift.words import singular, split

EVERY = lx.wordset(
    """interval period granularity timeframe time_frame frequency resolution step bucket every aggregate_unit freq
    time_granularity step_seconds stat_period sampling bin_size timespan"""
)
SPANS: dict[str, str] = {
    "days": "day",
    "day_count": "day", "num_days": "day", "days_back": "day", "past_days": "day",
    "forecast_days": "day",
    "lookback_days": "day", "last_days": "day", "hours": "hour", "past_hours": "hour", "forecast_hours": "hour",
    "hours_back": "hour", "time_frame_hours": "hour", "minutes": "minute", "since_seconds": "minute", "lookback": "day",
    "duration": "day", "weeks": "week", "months": "month", "years": "year", "range": "day", "age": "minute",
    "time_period": "hour", "last_n_days": "day", "num_years": "year",
}  # fmt: skip
_MOVING = lx.wordset(
    """history historical timeseries candle candles kline klines ohlcv ohlc bar bars forecast trend trends price prices
    quote quotes rate rates index indices indexes yield yields inflation gdp cpi ppi unemployment employment earnings
    production consumption stocks sales survey statistics metrics metric usage traffic volume level levels growth"""
)
# what is dated but stands for itself: a row somebody wrote, no point of a curve
RECORDS = lx.wordset(
    """news filing event calendar release document transaction trade order article report publication bill vote hearing
    record meeting award notice alert incident earthquake recall complaint log trace session run deployment activity
    announcement auction dividend split message comment review post update change transfer payment invoice ticket
    conversation commit issue warning action contract grant project patent paper study trial inspection entry score
    amendment nomination treaty insider holding position summary swap option
    execution investigation advisory communication story"""
)
_POSITION = lx.wordset("""latitude longitude lat lon lng""")
_CODES = lx.wordset("""provider source dataset table format version""")


def is_record(noun: Words) -> bool:
    """Whether rows of this noun are records with a date rather than values of a curve."""
    return bool(noun) and singular(noun[-1]) in RECORDS


def range_of(a: Arg) -> str | None:
    """`from`, `until`, `every` or `span` of a parameter that says when, else None."""
    flat = a.flat
    if a.type in ("string", "integer", "number") and flat in EVERY:
        return "every"
    if flat in SPANS and a.type in ("integer", "number", "string"):
        return "span"
    if len(a.words) > 1 and a.words[-1] == "year" and a.words[0] in lx.TIME_STARTS | lx.TIME_ENDS:
        return "from" if a.words[0] in lx.TIME_STARTS else "until"
    bound = time_bound(a)
    if bound is None:
        return None
    return "from" if bound[0] == "ge" else "until"


def moves(d: Draft) -> bool:
    """Whether a read gives values over time: it takes a range or a step, or its rows are dated values of a curve."""
    if is_record(d.entity):
        return False
    said = {range_of(a) for a in d.args} - {None}
    words = set(split(d.tool.name))
    if said & {"from", "until"}:
        return "every" in said or bool(words & _MOVING) or "from" in said
    if "every" in said:
        return True
    return bool(words & {"history", "historical", "timeseries", "candles", "klines", "ohlcv", "bars", "forecast"})


def dated(d: Draft) -> bool:
    """Whether the rows of the result are dated values: a time and a number, and no record."""
    told = open_output(d.tool.output_schema)
    times = [a for a in told if a.words[-1] in ("date", "period", "year", "month", "quarter", "timestamp")]
    return (
        bool(times) and any(a.type in ("number", "integer") for a in told if a not in times) and not is_record(d.entity)
    )


def read(d: Draft, context: Context) -> Kind:
    """Every argument bound: what names the curve, when, how fine."""
    out: list[Bound] = []
    taken: set[str] = set()
    for a in d.args:
        role = range_of(a)
        if role is not None and role not in taken:
            taken.add(role)
            out.append(Bound(a, role))
            continue
        out.append(_bind(a, context))
    return "series", out, ()


def _bind(a: Arg, context: Context) -> Bound:
    if a.schema.get("const") is not None or a.type in ("object", "boolean", "any"):
        return Bound(a, "ignored")
    key = key_of(a, context.nouns)
    named = a.flat in lx.NAME_TAILS | _POSITION or a.flat in ("symbols", "tickers", "city", "ticker", "series_id")
    if key is None and not named and not (a.required and a.type == "string"):
        role = paging_role(a)
        if role is not None or is_context(a, True) or a.flat in _CODES:
            return Bound(a, role if role in ("limit", "offset", "page", "cursor") else "ignored")
    if a.type == "array":
        return Bound(a, "ignored")
    noun = (context.nouns.resolve(key.noun) or key.noun) if key is not None else ()
    tail = key.tail if key is not None else a.words[-1]
    if a.required:
        return Bound(a, "key", noun, tail, field=a.words)
    return Bound(a, "filter", noun, tail, field=a.words)
