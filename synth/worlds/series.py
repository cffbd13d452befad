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
from synth.worlds.values import Drawer, Values, by_words, parse_clock, values_for

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


class Noise:
    """Fixed noise over time for one salt. Lattice values are kept, for rows of a series lie close together."""

    __slots__ = ("_seen", "own", "salt", "tilt")

    def __init__(self, salt: int) -> None:
        self.salt = salt
        self.own, self.tilt = mix(salt, -7), mix(salt, -9)  # what is the same at all times
        self._seen: dict[int, float] = {}

    def walk(self, days: float) -> float:
        """Smooth noise in [0, 1]: octaves of interpolated lattice values."""
        total, seen = 0.0, self._seen
        for i, (period, share) in enumerate(_OCTAVES):
            x = days / period
            low = math.floor(x)
            t = x - low
            t = t * t * (3 - 2 * t)
            at = low * 8 + i
            a = seen.get(at)
            if a is None:
                a = seen[at] = mix(self.salt + i, low)
            b = seen.get(at + 8)
            if b is None:
                b = seen[at + 8] = mix(self.salt + i, low + 1)
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
        self._drawers: dict[str, Drawer] = {}
        self.kind = self.entity.fields[self.time].type
        numbers = [f for f, s in self.entity.fields.items() if s.type in ("int", "number", "money")]
        self.pairs = [
            (f, other)
            for f in numbers
            for a, b in (("min", "max"), ("lowest", "highest"))
            if a in f and (other := f.replace(a, b)) in numbers
        ]  # `min_x` is not above `max_x`
        self.price_fields = {
            f: part for f in self.entity.fields if (part := next((w for w in words(f) if w in _PRICES), None))
        }

    def rows(self, key: tuple[Any, ...], step: Step, first: int, last: int) -> list[dict[str, Any]]:
        """Rows of buckets first..last (inclusive) for the leading key parts `key`, oldest first."""
        named = dict(zip(self.entity.keys[:-1], key, strict=True))
        samplers: list[tuple[str, Sampler]] = []
        for f, spec in self.entity.fields.items():
            if f in named:
                samplers.append((f, _constant(named[f])))
            elif f == self.time:
                samplers.append((f, lambda at: moment_text(at, self.kind)))
            else:
                samplers.append((f, self._sampler(f, spec, key, step)))
        out = []
        for bucket in range(first, last + 1):
            at = step.begin(bucket)
            row: dict[str, Any] = {}
            for f, sample in samplers:
                row[f] = sample(at)
            for least, most in self.pairs:
                a, b = row[least], row[most]
                if a is not None and b is not None and a > b:
                    row[least], row[most] = b, a
            out.append(row)
        return out

    def _salt(self, field: str, key: tuple[Any, ...]) -> int:
        return _salt(self.world, self.name, field, self.seed, json.dumps(key, ensure_ascii=False))

    def _sampler(self, f: str, spec: FieldSpec, key: tuple[Any, ...], step: Step) -> Sampler:
        salt = self._salt(f, key)
        noise = Noise(salt)
        if spec.type not in ("int", "number", "money"):
            drawn = self._drawers.get(f)
            if drawn is None:
                drawn = self._drawers[f] = self.values.drawer(spec, f"{self.name}.{f}")
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
            value = low + (high - low) * min(1.0, max(0.0, curve(noise, days)))
            return round(value) if whole else round(value, digits)

        return sample

    def _price(self, part: str, spec: FieldSpec, key: tuple[Any, ...], step: Step) -> Sampler:
        """Open and close are the price at the two ends of the step; high and low lie just outside both."""
        salt = self._salt("$price", key)
        noise = Noise(salt)
        low, high = self._range("price", spec)
        whole, digits = spec.type != "number", 2 if high - low > 5 else 4
        width = step.seconds / 86_400

        def sample(at: datetime) -> Any:
            days = (at - _EPOCH).total_seconds() / 86_400
            begin, end = _level(noise, days), _level(noise, days + width)
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


def _constant(value: Any) -> Sampler:
    return lambda at: value


def _level(noise: Noise, days: float) -> float:
    """A level of its own and a walk about it."""
    return 0.2 + 0.6 * noise.own + 0.5 * (noise.walk(days) - 0.5)


def _season(noise: Noise, days: float) -> float:
    phase = 0.4 * (noise.own - 0.5)
    year = math.sin(_YEAR * (days - 105) + phase)
    day = math.sin(2 * math.pi * (days - math.floor(days)) - 2.1)
    return 0.5 + 0.3 * year + 0.06 * day + 0.24 * (noise.walk(days) - 0.5) + 0.12 * (noise.tilt - 0.5)


def _bursts(noise: Noise, days: float) -> float:
    """Showers of half a day, on three half days of ten; most are small."""
    wet = mix(noise.salt, math.floor(days * 2)) - 0.7
    return 0.0 if wet <= 0 else (wet / 0.3) ** 2 * (0.4 + 0.6 * mix(noise.salt, math.floor(days * 24)))


def _growth(noise: Noise, days: float) -> float:
    """Rises over the years from 1960 to 2040, faster for some keys than for others."""
    share = min(1.0, max(0.0, (days + 3652) / 29_200))
    return 0.1 + 0.2 * noise.own + (0.25 + 0.4 * noise.tilt) * share + 0.08 * (noise.walk(days / 8) - 0.5)


_CURVES: dict[str, Callable[[Noise, float], float]] = {
    "season": _season, "bursts": _bursts, "growth": _growth, "walk": _level,
}  # fmt: skip


@lru_cache(maxsize=16_384)
def _salt(world: str, entity: str, field: str, seed: int, key: str) -> int:
    text = f"{world}\x1f{entity}\x1f{field}\x1f{seed}\x1f{key}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
