"""Virtual tables: a row is a pure function of (state seed, key values, bucket of time); nothing is stored.

Numbers move smoothly inside their `range`: a level of their own for each key, a slow walk and, by `gen`, a season
(`season`: year and day), showers (`bursts`: mostly the lower bound) or steady growth (`growth`). A value belongs to its
time, so ranges that overlap agree where they do. Open, high, low and close of one row fit together, and so do `min_x`
and `max_x`.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from synth.worlds.infer import INT_RANGES, NUMBER_RANGES, words
from synth.worlds.spec import Entity, FieldSpec, World
from synth.worlds.state import freeze
from synth.worlds.steps import Step, moment_text
from synth.worlds.values import Values, by_words, parse_clock, values_for

_MASK = (1 << 64) - 1
_EPOCH = datetime(1970, 1, 1)
_OCTAVES = ((256.0, 0.34), (61.0, 0.22), (17.0, 0.16), (5.0, 0.14), (1.0, 0.14))  # (period in days, share)
_YEAR = 2 * math.pi / 365.25
_PRICES = ("open", "close", "high", "low")

Sampler = Callable[[datetime], Any]


def mix(salt: int, index: int) -> float:
    """A fixed pseudo-random number in [0, 1) for (salt, index); splitmix64."""
    z = (salt + (index & _MASK) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) / 2.0**64


def walk(salt: int, days: float) -> float:
    """Smooth noise in [0, 1] over time: octaves of interpolated lattice values."""
    total = 0.0
    for i, (period, share) in enumerate(_OCTAVES):
        x = days / period
        low = math.floor(x)
        t = x - low
        t = t * t * (3 - 2 * t)
        a, b = mix(salt + i, low), mix(salt + i, low + 1)
        total += share * (a + (b - a) * t)
    return total


class VirtualTable:
    """Rows of one virtual entity in one world with one seed."""

    def __init__(self, world: World, name: str, seed: int, split: str = "train") -> None:
        self.entity: Entity = world.entities[name]
        self.name, self.world, self.seed = name, world.world, seed
        self.values: Values = values_for(split)
        self.clock = parse_clock(world.clock)
        self.time = self.entity.keys[-1]
        self.kind = self.entity.fields[self.time].type
        self.price_fields = {
            f: part for f in self.entity.fields if (part := next((w for w in words(f) if w in _PRICES), None))
        }

    def rows(self, key: tuple[Any, ...], step: Step, first: int, last: int) -> list[dict[str, Any]]:
        """Rows of buckets first..last (inclusive) for the leading key parts `key`, oldest first."""
        samplers = self._samplers(key, step)
        named = dict(zip(self.entity.keys[:-1], key, strict=True))
        out = []
        for bucket in range(first, last + 1):
            at = step.begin(bucket)
            row: dict[str, Any] = {}
            for f, sample in samplers:
                row[f] = named[f] if f in named else moment_text(at, self.kind) if f == self.time else sample(at)
            out.append(_agree(row))
        return out

    def _samplers(self, key: tuple[Any, ...], step: Step) -> list[tuple[str, Sampler]]:
        return [(f, self._sampler(f, spec, key, step)) for f, spec in self.entity.fields.items()]

    def _salt(self, field: str, key: tuple[Any, ...]) -> int:
        return _salt(self.world, self.name, field, self.seed, json.dumps(key, ensure_ascii=False))

    def _sampler(self, f: str, spec: FieldSpec, key: tuple[Any, ...], step: Step) -> Sampler:
        salt = self._salt(f, key)
        if spec.type not in ("int", "number", "money"):
            drawn = self.values.drawer(spec, f"{self.name}.{f}")
            return lambda at: freeze(drawn(random.Random(salt ^ int((at - _EPOCH).total_seconds())), self.clock))
        if f in self.price_fields:
            return self._price(self.price_fields[f], spec, key, step)
        low, high = self._range(f, spec)
        curve = _CURVES.get(spec.gen or "", _level)
        whole = spec.type != "number"
        digits = 0 if high - low > 2000 else 2 if high - low > 5 else 4
        share, null = spec.null, salt ^ _MASK

        def sample(at: datetime) -> Any:
            days = (at - _EPOCH).total_seconds() / 86_400
            if share and mix(null, int(days * 1440)) < share:
                return None
            value = low + (high - low) * min(1.0, max(0.0, curve(salt, days)))
            return round(value) if whole else round(value, digits)

        return sample

    def _price(self, part: str, spec: FieldSpec, key: tuple[Any, ...], step: Step) -> Sampler:
        """Open and close are the price at the two ends of the step; high and low lie just outside both."""
        salt = self._salt("$price", key)
        low, high = self._range("price", spec)
        whole, digits = spec.type != "number", 2 if high - low > 5 else 4
        width = step.seconds / 86_400

        def sample(at: datetime) -> Any:
            days = (at - _EPOCH).total_seconds() / 86_400
            begin, end = _level(salt, days), _level(salt, days + width)
            reach = 0.012 * mix(salt ^ 0xABCD, int(days * 1440) * 2 + (part == "low"))
            unit = {
                "open": begin, "close": end, "high": max(begin, end) + reach, "low": min(begin, end) - reach,
            }[part]  # fmt: skip
            value = low + (high - low) * min(1.0, max(0.0, unit))
            return round(value) if whole else round(value, digits)

        return sample

    def _range(self, f: str, spec: FieldSpec) -> tuple[float, float]:
        if spec.range is not None:
            return spec.range
        if spec.type == "number":
            return by_words(f, NUMBER_RANGES) or (1.0, 500.0)
        return by_words(f, INT_RANGES) or (1, 5000)


def _level(salt: int, days: float) -> float:
    """A level of its own and a walk about it."""
    return 0.2 + 0.6 * mix(salt, -7) + 0.5 * (walk(salt, days) - 0.5)


def _season(salt: int, days: float) -> float:
    phase = 0.4 * (mix(salt, -7) - 0.5)
    year = math.sin(_YEAR * (days - 105) + phase)
    day = math.sin(2 * math.pi * (days - math.floor(days)) - 2.1)
    return 0.5 + 0.3 * year + 0.06 * day + 0.24 * (walk(salt, days) - 0.5) + 0.12 * (mix(salt, -8) - 0.5)


def _bursts(salt: int, days: float) -> float:
    """Showers of half a day, on three half days of ten; most are small."""
    wet = mix(salt, math.floor(days * 2)) - 0.7
    return 0.0 if wet <= 0 else (wet / 0.3) ** 2 * (0.4 + 0.6 * mix(salt, math.floor(days * 24)))


def _growth(salt: int, days: float) -> float:
    """Rises over the years from 1960 to 2040, faster for some keys than for others."""
    share = min(1.0, max(0.0, (days + 3652) / 29_200))
    return 0.1 + 0.2 * mix(salt, -7) + (0.25 + 0.4 * mix(salt, -9)) * share + 0.08 * (walk(salt, days / 8) - 0.5)


_CURVES: dict[str, Callable[[int, float], float]] = {
    "season": _season, "bursts": _bursts, "growth": _growth, "walk": _level,
}  # fmt: skip


@lru_cache(maxsize=16_384)
def _salt(world: str, entity: str, field: str, seed: int, key: str) -> int:
    text = f"{world}\x1f{entity}\x1f{field}\x1f{seed}\x1f{key}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _agree(row: dict[str, Any]) -> dict[str, Any]:
    """`min_x` is not above `max_x`."""
    for f in row:
        for a, b in (("min", "max"), ("minimum", "maximum"), ("lowest", "highest")):
            if a in f:
                other = f.replace(a, b)
                if other in row and isinstance(row[f], int | float) and isinstance(row[other], int | float):
                    row[f], row[other] = min(row[f], row[other]), max(row[f], row[other])
    return row
