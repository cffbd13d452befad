"""Amounts with their units: "36 hours" for a field `duration_minutes` = 36 is not what was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rubrics.normal import squash

# dimension -> unit -> factor to the dimension's base; the names are those that fields and people use
_DIMENSIONS: dict[str, dict[str, float]] = {
    "time": {
        "ms": 0.001, "millisecond": 0.001, "sec": 1, "second": 1, "min": 60, "minute": 60, "hr": 3600, "hour": 3600,
        "day": 86400, "week": 604800, "month": 2592000, "year": 31536000,
    },
    "length": {
        "mm": 0.001, "millimetre": 0.001, "millimeter": 0.001, "cm": 0.01, "centimetre": 0.01, "centimeter": 0.01,
        "metre": 1, "meter": 1, "km": 1000, "kilometre": 1000, "kilometer": 1000, "mile": 1609.344, "feet": 0.3048,
        "foot": 0.3048, "inch": 0.0254, "inche": 0.0254,
    },
    "mass": {"mg": 1e-6, "gram": 0.001, "kg": 1, "kilo": 1, "kilogram": 1, "tonne": 1000, "ton": 1000, "lb": 0.4536,
             "pound": 0.4536},
    "data": {"byte": 1, "kb": 1000, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kilobyte": 1000, "megabyte": 1e6,
             "gigabyte": 1e9, "terabyte": 1e12},
    "temperature": {"celsius": 1, "fahrenheit": 1.8, "kelvin": 1.001},
    "volume": {"ml": 0.001, "millilitre": 0.001, "milliliter": 0.001, "litre": 1, "liter": 1, "gallon": 3.785},
    "power": {"watt": 1, "kw": 1000, "kilowatt": 1000, "mw": 1e6, "megawatt": 1e6},
    "energy": {"wh": 1, "kwh": 1000, "mwh": 1e6},
    "money": {"$": 1, "usd": 1, "dollar": 1, "€": 1, "eur": 1, "euro": 1, "£": 1, "gbp": 1, "sterling": 1, "¥": 1,
              "jpy": 1, "yen": 1, "chf": 1, "sek": 1},
}  # fmt: skip
_MONEY = {"$": "usd", "dollar": "usd", "€": "eur", "euro": "eur", "£": "gbp", "sterling": "gbp", "¥": "jpy",
          "yen": "jpy"}  # fmt: skip
_UNIT = {unit: (dimension, factor) for dimension, units in _DIMENSIONS.items() for unit, factor in units.items()}
_SPOKEN = "|".join(sorted((re.escape(u) for u in _UNIT if u.isalpha()), key=len, reverse=True))
_AMOUNT = re.compile(
    r"(?P<sign>[$€£¥])\s?(?P<after>\d[\d,]*(?:\.\d+)?)"
    rf"|(?<![\w.])(?P<n>\d[\d,]*(?:\.\d+)?)[ \u00a0-]?(?P<unit>[€£$¥]|(?:{_SPOKEN})s?\b)",
    re.IGNORECASE,
)
_KEY_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def wrong_unit(text: str, results: list[Any], blob: str) -> str | None:
    """An amount whose number stands in a field of another unit of the same dimension, and which nobody said so."""
    amounts = list(_AMOUNT.finditer(text))
    if not amounts:
        return None
    fields = list(_measured(results))
    if not fields:
        return None
    for found in amounts:
        unit = (found["sign"] or found["unit"]).casefold()
        unit = unit if unit in _UNIT else unit.removesuffix("s")
        number = float((found["after"] or found["n"]).replace(",", ""))
        dimension, factor = _UNIT[unit]
        if squash(found.group(0)) in blob:
            continue
        near = [(v, u) for v, u in fields if _UNIT[u][0] == dimension]
        if dimension == "money":
            of = [u for v, u in near if number in (v, v / 100)]
            if of and _MONEY.get(unit, unit) not in of:
                return f"{found.group(0)!r}, where the currency shown is {of[0].upper()}"
            continue
        right = any(_close(number * factor, v * _UNIT[u][1]) for v, u in near)
        other = [u for v, u in near if v == number and _UNIT[u][1] != factor]
        if other and not right:
            return f"{found.group(0)!r}, where the unit shown is {other[0]}"
    return None


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 0.02 * max(abs(a), abs(b))


def _measured(value: Any) -> Iterator[tuple[float, str]]:
    """(number, unit) of every numeric field that says its unit: in its name, or a currency field beside it."""
    if isinstance(value, list):
        for v in value:
            yield from _measured(v)
    elif isinstance(value, dict):
        named = [v.casefold() for k, v in value.items() if "currency" in k.casefold() and isinstance(v, str)]
        currency = next((c for c in named if c in _UNIT), None)
        for key, v in value.items():
            if isinstance(v, dict | list):
                yield from _measured(v)
            elif isinstance(v, int | float) and not isinstance(v, bool):
                unit = unit_of(key)
                if unit is not None:
                    yield float(v), unit
                elif currency is not None:
                    yield float(v), currency


def unit_of(key: str) -> str | None:
    """The unit that a field's name ends in or holds: `duration_minutes`, `sizeKb`."""
    for word in reversed(_KEY_WORDS.findall(key)):
        unit = word.casefold()
        for form in (unit, unit.removesuffix("s")):
            if form in _UNIT and len(form) > 1:
                return _MONEY.get(form, form)
    return None
