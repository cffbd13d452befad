"""The closed function library of expressions. Every function is total: a null among its strict arguments, or a value of
the wrong kind, gives null."""

from __future__ import annotations

import hashlib
import math
import re
import statistics
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

MAX_TEXT = 65_536  # bytes of one text; longer results are null


class Function(NamedTuple):
    least: int
    most: int
    result: str  # type of the result; "same" = type of the first argument
    call: Callable[..., Any]
    strict: bool = True  # null in, null out


def _number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _round(x: Any, digits: int = 0) -> Any:
    out = round(x, digits)  # Python rounds half to even, as the language says
    return int(out) if digits == 0 else out


def _int(x: Any) -> Any:
    if isinstance(x, bool):
        return None
    if isinstance(x, float):
        return int(x) if math.isfinite(x) else None
    return (
        int(x)
        if isinstance(x, int) or (isinstance(x, str) and x.strip().lstrip("+-").isdigit() and len(x) < 20)
        else None
    )


def _str(x: Any) -> str:
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, float) and x.is_integer() and abs(x) < 1e15:
        return str(int(x))
    return str(x)


def parse_time(text: Any) -> datetime | None:
    """A date (`2026-03-02`) or a time (`2026-03-02T09:00:00Z`), always UTC and naive here; None when it is neither."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        return None


def render_time(moment: datetime, like: str) -> str:
    """In the form of `like`: a plain date stays one."""
    if len(like) == 10:
        return moment.date().isoformat()
    return moment.replace(microsecond=0).isoformat() + ("Z" if like.endswith("Z") else "")


def _add_days(text: Any, n: Any) -> Any:
    moment = parse_time(text)
    return None if moment is None or not _number(n) else render_time(moment + timedelta(days=n), text)


def _add_months(text: Any, n: Any) -> Any:
    moment = parse_time(text)
    if moment is None or not isinstance(n, int):
        return None
    month = moment.month - 1 + n
    year, month = moment.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return render_time(moment.replace(year=year, month=month, day=min(moment.day, last)), text)


def _between(a: Any, b: Any, seconds: float) -> Any:
    x, y = parse_time(a), parse_time(b)
    return None if x is None or y is None else (y - x).total_seconds() / seconds


def _start_of(text: Any, unit: Any) -> Any:
    moment = parse_time(text)
    if moment is None:
        return None
    moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        moment -= timedelta(days=moment.weekday())
    elif unit == "month":
        moment = moment.replace(day=1)
    elif unit == "year":
        moment = moment.replace(month=1, day=1)
    elif unit != "day":
        return None
    return render_time(moment, text)


def _weekday(text: Any) -> Any:
    moment = parse_time(text)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return None if moment is None else names[moment.weekday()]


def _haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in km on a sphere of radius 6371.0088 km."""
    p, q = math.radians(lat1), math.radians(lat2)
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return round(2 * 6371.0088 * math.asin(math.sqrt(min(1.0, h))), 6)


_UNITS: dict[str, tuple[str, float]] = {
    "m": ("length", 1.0), "km": ("length", 1000.0), "cm": ("length", 0.01), "mm": ("length", 0.001),
    "mi": ("length", 1609.344), "ft": ("length", 0.3048), "in": ("length", 0.0254), "yd": ("length", 0.9144),
    "g": ("mass", 1.0), "kg": ("mass", 1000.0), "mg": ("mass", 0.001), "lb": ("mass", 453.59237),
    "oz": ("mass", 28.349523125),
    "s": ("time", 1.0), "min": ("time", 60.0), "h": ("time", 3600.0), "d": ("time", 86400.0),
    "b": ("data", 1.0), "kb": ("data", 1e3), "mb": ("data", 1e6), "gb": ("data", 1e9), "kib": ("data", 1024.0),
    "mib": ("data", 1048576.0),
}  # fmt: skip


def _convert(x: float, source: str, target: str) -> Any:
    a, b = _UNITS.get(source.lower()), _UNITS.get(target.lower())
    return None if a is None or b is None or a[0] != b[0] else round(x * a[1] / b[1], 9)


_WORD = re.compile(r"[^\W_]+")
_SHORT_TEXT = 2_000  # characters; the words of longer texts are not kept


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


@lru_cache(maxsize=20_000)
def _known_words(text: str) -> tuple[frozenset[str], str]:
    """The words of a text: as a set, and joined with a space before each, in which prefixes are looked up."""
    found = _words(text)
    return frozenset(found), " " + " ".join(found)


def _similar(a: str, b: str) -> float:
    """Share of the words of `a` found in `b`, as a prefix counts half."""
    want = _known_words(a)[0] if len(a) <= _SHORT_TEXT else frozenset(_words(a))
    if not want:
        return 0.0
    have, line = _known_words(b) if len(b) <= _SHORT_TEXT else _known_words.__wrapped__(b)
    score = sum(1.0 if w in have else 0.5 if len(w) > 2 and " " + w in line else 0.0 for w in want)
    return score / len(want)


def _replace_lines(text: str, first: int, last: int, new: str) -> Any:
    """Lines first..last (1-based) become `new`; `last` = first - 1 inserts before line `first`; no text deletes."""
    lines = text.split("\n") if text else []
    if not 1 <= first <= len(lines) + 1 or not first - 1 <= last <= len(lines):
        return None
    return "\n".join([*lines[: first - 1], *([new] if new else []), *lines[last:]])


def _hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdefABCDEF" for c in text)


_CLASSES: dict[str, Callable[[str], bool]] = {
    "digits": str.isdigit,
    "letters": str.isalpha,
    "email": lambda t: (
        t.count("@") == 1 and "." in t.split("@")[1].strip(".") and " " not in t and not t.startswith("@")
    ),
    "date": lambda t: len(t) == 10 and parse_time(t) is not None,
    "time": lambda t: len(t) > 10 and parse_time(t) is not None,
    "uuid": lambda t: len(t) == 36 and [len(p) for p in t.split("-")] == [8, 4, 4, 4, 12] and _hex(t.replace("-", "")),
    "hex": lambda t: _hex(t),
    "ip": lambda t: len(p := t.split(".")) == 4 and all(x.isascii() and x.isdigit() and int(x) < 256 for x in p),
    "phone": lambda t: 7 <= sum(map(str.isdigit, t)) <= 15 and all(c.isdigit() or c in "+-() ." for c in t),
    "upper": str.isupper,
    "lower": str.islower,
    "alphanumeric": str.isalnum,
    "slug": lambda t: bool(t) and all(c.islower() or c.isdigit() or c == "-" for c in t),
    "url": lambda t: t.startswith(("http://", "https://")) and len(t) > 10 and " " not in t,
}


def _slope(xs: Any) -> Any:
    n = len(xs)
    if n < 2:
        return None
    mid, mean = (n - 1) / 2, sum(xs) / n
    return round(sum((i - mid) * (x - mean) for i, x in enumerate(xs)) / sum((i - mid) ** 2 for i in range(n)), 9)


def _quantile(xs: Any, q: float) -> Any:
    if not xs or not 0 <= q <= 1:
        return None
    ordered = sorted(xs)
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def _pmt(rate: float, periods: int, present: float) -> Any:
    if periods <= 0:
        return None
    return round(present / periods if rate == 0 else present * rate / (1 - (1 + rate) ** -periods), 2)


def sort_key(value: Any) -> tuple[int, Any]:
    """Total order over JSON values: null, numbers, texts, the rest by text."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, value)
    return (2, value) if isinstance(value, str) else (3, str(value))


def _sorted(xs: Any) -> tuple[Any, ...] | None:
    return tuple(sorted(xs, key=sort_key)) if isinstance(xs, tuple) else None


def _tally(xs: Any) -> dict[str, int]:
    """How often each value occurs, most frequent first, ties by value."""
    counts: dict[str, int] = {}
    for x in xs:
        name = "null" if x is None else _str(x)
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda p: (-p[1], p[0])))


def cursor_at(position: int) -> str:
    """An opaque next-page marker; a made-up one does not check."""
    check = hashlib.sha256(f"cursor:{position}".encode()).hexdigest()[:8]
    return f"{check}{position:x}"


def cursor_start(token: str) -> int | None:
    try:
        position = int(token[8:], 16)
    except ValueError:
        return None
    return position if token == cursor_at(position) else None


def _extreme(pick: Callable[..., Any], xs: tuple[Any, ...]) -> Any:
    values = xs[0] if len(xs) == 1 and isinstance(xs[0], list | tuple) else xs
    values = [v for v in values if v is not None]
    return pick(values, key=sort_key) if values else None


FUNCTIONS: dict[str, Function] = {
    "size": Function(1, 1, "int", len),
    "abs": Function(1, 1, "same", abs),
    "min": Function(1, 9, "any", lambda *xs: _extreme(min, xs), strict=False),
    "max": Function(1, 9, "any", lambda *xs: _extreme(max, xs), strict=False),
    "round": Function(1, 2, "number", _round),
    "floor": Function(1, 1, "int", math.floor),
    "ceil": Function(1, 1, "int", math.ceil),
    "int": Function(1, 1, "int", _int),
    "str": Function(1, 1, "text", _str),
    "coalesce": Function(1, 9, "any", lambda *xs: next((x for x in xs if x is not None), None), strict=False),
    "has": Function(1, 1, "bool", lambda x: x is not None, strict=False),
    "get": Function(2, 3, "any", lambda r, k, d=None: r.get(k, d) if isinstance(r, dict) else d, strict=False),
    "sorted": Function(1, 1, "same", _sorted),
    "zip": Function(2, 2, "list:any", lambda a, b: tuple(zip(a, b, strict=False))),
    "reverse": Function(1, 1, "same", lambda xs: tuple(reversed(xs)) if isinstance(xs, tuple) else None),
    "tally": Function(1, 1, "record", _tally),
    "project": Function(3, 3, "record", lambda r, names, key: {k: v for k, v in r.items() if k == key or k in names}),
    "cursor_at": Function(1, 1, "text", cursor_at),
    "cursor_start": Function(1, 1, "int", cursor_start),
    "keys": Function(1, 1, "list:text", lambda r: tuple(r) if isinstance(r, dict) else None),
    "values": Function(1, 1, "list:any", lambda r: tuple(r.values()) if isinstance(r, dict) else None),
    "put": Function(3, 3, "record", lambda r, k, v: {**r, _str(k): v}),
    "drop": Function(2, 2, "record", lambda r, k: {n: v for n, v in r.items() if n != _str(k)}),
    "last": Function(1, 1, "any", lambda xs: xs[-1] if xs else None),
    "slice": Function(3, 3, "same", lambda xs, start, n: xs[max(0, start) : max(0, start) + max(0, n)]),
    "lower": Function(1, 1, "text", str.lower),
    "upper": Function(1, 1, "text", str.upper),
    "trim": Function(1, 1, "text", str.strip),
    "split": Function(2, 2, "list:text", lambda t, s: tuple(t.split(s)) if s else None),
    "join": Function(2, 2, "text", lambda xs, s: s.join(_str(x) for x in xs)),
    "splitlines": Function(1, 1, "list:text", lambda t: tuple(t.splitlines())),
    "words": Function(1, 1, "list:text", _words),
    "starts": Function(2, 2, "bool", str.startswith),
    "ends": Function(2, 2, "bool", str.endswith),
    "contains": Function(2, 2, "bool", lambda a, b: (b.lower() in a.lower()) if isinstance(a, str) else b in a),
    "replace": Function(3, 3, "text", lambda t, a, b: t.replace(a, b) if a else t),
    "occurrences": Function(2, 2, "int", lambda t, a: t.count(a) if a else 0),
    "replace_lines": Function(4, 4, "text", _replace_lines),
    "substr": Function(
        2, 3, "text", lambda t, i, n=None: t[max(0, i) :] if n is None else t[max(0, i) : max(0, i) + max(0, n)]
    ),
    "match": Function(2, 2, "bool", lambda t, c: _CLASSES[c](t) if c in _CLASSES else None),
    "similar": Function(2, 2, "number", _similar),
    "add_days": Function(2, 2, "text", _add_days),
    "add_months": Function(2, 2, "text", _add_months),
    "days_between": Function(2, 2, "number", lambda a, b: _between(a, b, 86400.0)),
    "hours_between": Function(2, 2, "number", lambda a, b: _between(a, b, 3600.0)),
    "weekday": Function(1, 1, "text", _weekday),
    "start_of": Function(2, 2, "text", _start_of),
    "parse_date": Function(1, 1, "text", lambda t: None if parse_time(t) is None else t[:10]),
    "haversine": Function(4, 4, "number", _haversine),
    "convert": Function(3, 3, "number", _convert),
    "pmt": Function(3, 3, "number", _pmt),
    "npv": Function(2, 2, "number", lambda r, xs: round(sum(x / (1 + r) ** i for i, x in enumerate(xs)), 2)),
    "mean": Function(1, 1, "number", lambda xs: statistics.fmean(xs) if xs else None),
    "median": Function(1, 1, "number", lambda xs: statistics.median(xs) if xs else None),
    "quantile": Function(2, 2, "number", _quantile),
    "slope": Function(1, 1, "number", _slope),
    "hash_code": Function(
        2, 2, "text", lambda x, n: hashlib.sha256(_str(x).encode()).hexdigest()[: max(1, min(32, n))]
    ),
}


def call_function(fn: Function, args: list[Any]) -> Any:
    """Apply totally: null or a value of the wrong kind gives null."""
    if fn.strict and any(a is None for a in args):
        return None
    try:
        out = fn.call(*args)
    except (TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError, IndexError, KeyError):
        return None  # the documented totality, not a swallowed fault: these are the kinds a wrong value raises
    if isinstance(out, str) and len(out) > MAX_TEXT:
        return None
    if isinstance(out, float) and not math.isfinite(out):
        return None
    return out
