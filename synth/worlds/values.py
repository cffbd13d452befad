"""Values of fields: realistic, deterministic, and kept apart by split.

`Values(split).draw(field, name, rng, clock)` gives one JSON value; `drawer(field, name)` compiles the same once for a
column. `name` may be `Entity.field`: the entity then helps to guess what a bare `name` looks like. Values of the eval
split come from word pools of their own. Dates are `YYYY-MM-DD`, times `YYYY-MM-DDTHH:MM:SSZ`, money integer minor
units.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, TypeVar

from synth.errors import SpecError
from synth.worlds.gens import generators
from synth.worlds.infer import INT_RANGES, NUMBER_RANGES, infer_gen, word_set, words
from synth.worlds.patterns import pattern_drawer
from synth.worlds.phrases import context_gen
from synth.worlds.pools import PoolSide
from synth.worlds.spec import FieldSpec

Drawer = Callable[[random.Random, datetime], Any]
RefDrawer = Callable[[str, random.Random], Any]  # (target entity, rng) -> key, for refs inside lists and records

_OFFSET = re.compile(r"^([+-]?\d+(?:\.\d+)?)(s|min|mo|m|h|d|w|y)$")
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "y": 31_536_000}
_DAY = 86_400
_CACHE_LIMIT = 4096
R = TypeVar("R", int, float)

PAST_WORDS = word_set(
    """created updated modified opened closed resolved completed finished issued ordered registered joined submitted
    posted received sent shipped delivered paid cancelled seen login logged changed signed hired uploaded published
    started reported purchased sold viewed accessed activity added requested approved rejected recorded measured
    scanned"""
)  # fmt: skip
FUTURE_WORDS = word_set(
    """due end ends ending until expires expiry expiration deadline arrival checkout renewal next target scheduled
    departure start starts begin begins checkin appointment planned valid estimated eta"""
)  # fmt: skip


class Values:
    """Value source of one split: `train` and `validation` share pools, `eval` has its own."""

    def __init__(self, split: str = "train") -> None:
        self.split = split
        self._side: PoolSide = "eval" if split == "eval" else "train"
        self._gens = generators(self._side)
        self._cache: dict[tuple[int, str], tuple[FieldSpec, Drawer]] = {}

    def gen(self, name: str, rng: random.Random) -> Any:
        """One value of the semantic generator `name`; SpecError where there is none."""
        found = self._gens.get(name)
        if found is None:
            raise SpecError("gen", f"no value generator called {name}")
        return found(rng)

    def draw(self, field: FieldSpec, name: str, rng: random.Random, clock: datetime) -> Any:
        """One JSON value for `field`; a ref is null here (`start.py` and the argument sampler draw references)."""
        key = (id(field), name)
        entry = self._cache.get(key)
        if entry is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            entry = self._cache[key] = (field, self.drawer(field, name))  # holding `field` keeps its id from reuse
        return entry[1](rng, clock)

    def drawer(self, field: FieldSpec, name: str, ref: RefDrawer | None = None) -> Drawer:
        """`field` compiled to a function of (rng, clock). `ref` draws references inside lists and records."""
        inner = self._typed(field, name, ref)
        if not field.null:
            return inner
        share = field.null
        return lambda rng, clock: None if rng.random() < share else inner(rng, clock)

    def _typed(self, field: FieldSpec, name: str, ref: RefDrawer | None) -> Drawer:
        kind = field.type
        if kind == "text":
            return self._text(field, name)
        if kind == "enum":
            return _enum(field)
        if kind == "bool":
            share = field.p
            return lambda rng, clock: rng.random() < share
        if kind in ("int", "money"):
            return self._whole(field, name)
        if kind == "number":
            return self._number(field, name)
        if kind == "date" or kind == "time":
            return _moment(field, name)
        if kind == "code":
            drawn = pattern_drawer(field.pattern or "[A-Z]{3}[0-9]{3}")
            return lambda rng, clock: drawn(rng)
        if kind == "ref":
            target = field.to or ""
            return (lambda rng, clock: ref(target, rng)) if ref is not None else (lambda rng, clock: None)
        if kind == "record":
            return self._record(field, name, ref)
        return self._collection(field, name, ref)

    def _text(self, field: FieldSpec, name: str) -> Drawer:
        if field.pattern:
            drawn = pattern_drawer(field.pattern)
            return lambda rng, clock: drawn(rng)
        inferred = infer_gen(name)
        plain = self._named(field.gen or inferred)
        gen = context_gen(self._side, name, field.gen or inferred, inferred) or plain
        probe = gen(random.Random(0))
        if isinstance(probe, str):
            return lambda rng, clock: gen(rng)
        return lambda rng, clock: str(gen(rng))

    def _named(self, gen: str) -> Callable[[random.Random], Any]:
        found = self._gens.get(gen)
        if found is None:
            raise SpecError("gen", f"no value generator called {gen}")
        return found

    def _whole(self, field: FieldSpec, name: str) -> Drawer:
        if field.range:
            low, high = int(field.range[0]), int(field.range[1])
        elif field.type == "money":
            gen = self._gens["money"]
            return lambda rng, clock: gen(rng)
        else:
            low, high = by_words(name, INT_RANGES) or (1, 200)
        width = high - low + 1
        return lambda rng, clock: low + int(rng.random() * width)

    def _number(self, field: FieldSpec, name: str) -> Drawer:
        if field.range is None:
            gen_name = field.gen or infer_gen(name, "number")
            if gen_name in ("latitude", "longitude", "percentage"):
                gen = self._gens[gen_name]
                return lambda rng, clock: gen(rng)
        low, high = field.range or by_words(name, NUMBER_RANGES) or (0.5, 500.0)
        digits = 3 if high - low <= 2 else 2 if high - low <= 1000 else 1
        width = high - low
        return lambda rng, clock: round(low + rng.random() * width, digits)

    def _record(self, field: FieldSpec, name: str, ref: RefDrawer | None) -> Drawer:
        owner = name.rpartition(".")[2]
        parts = [(n, self.drawer(f, f"{owner}.{n}", ref)) for n, f in (field.fields or {}).items()]
        return lambda rng, clock: {n: d(rng, clock) for n, d in parts}

    def _collection(self, field: FieldSpec, name: str, ref: RefDrawer | None) -> Drawer:
        element = self._element(field, name, ref)
        low, high = (int(field.range[0]), int(field.range[1])) if field.range else (1, 3)
        if field.type == "map":
            keys = self._gens["word"]
            return lambda rng, clock: {keys(rng): element(rng, clock) for _ in range(rng.randint(low, high))}

        def several(rng: random.Random, clock: datetime) -> list[Any]:
            out: list[Any] = []
            for _ in range(low + int(rng.random() * (high - low + 1))):
                value = element(rng, clock)
                if value is not None and value not in out:
                    out.append(value)
            return out

        return several

    def _element(self, field: FieldSpec, name: str, ref: RefDrawer | None) -> Drawer:
        if field.fields:
            return self._record(field, name, ref)
        spec = element_spec(field)
        return self._typed(spec, name, ref)


@cache
def values_for(split: str) -> Values:
    """The process-wide value source of a split."""
    return Values(split)


def element_spec(field: FieldSpec) -> FieldSpec:
    """The element type of a list or map as a field of its own; `gen`, `pattern` and `weights` carry over."""
    base = field.of if isinstance(field.of, str) else "text"
    spec = FieldSpec.model_validate(base if base not in ("code", "record", "list", "map") else "text")
    return spec.model_copy(update={"gen": field.gen, "pattern": field.pattern, "weights": field.weights, "null": 0.0})


def by_words(name: str, table: dict[str, tuple[R, R]]) -> tuple[R, R] | None:
    """The usual range of a number with such a name."""
    for word in reversed(words(name.rpartition(".")[2])):
        found = table.get(word)
        if found is not None:
            return found
    return None


def _enum(field: FieldSpec) -> Drawer:
    members = list(field.of or [])
    size = len(members)
    if not field.weights or len(field.weights) != size:
        return lambda rng, clock: members[int(rng.random() * size)]
    cum = list(accumulate(field.weights))
    return lambda rng, clock: rng.choices(members, cum_weights=cum)[0]


def offset_seconds(text: str) -> float:
    """`-90d`, `2h`, `30min`, `1mo`, `0d` -> seconds. SpecError where it cannot be read."""
    match = _OFFSET.match(text.strip())
    if match is None:
        raise SpecError("within", f"{text!r} is not an offset such as -90d, 2h, 30min, 1y")
    return float(match[1]) * _SECONDS[match[2]]


def window(field: FieldSpec, name: str) -> tuple[int, int]:
    """Seconds relative to the clock between which a date or time of this field lies."""
    if field.within:
        low, high = (int(offset_seconds(t)) for t in field.within)
        return (low, high) if low <= high else (high, low)
    parts = set(words(name.rpartition(".")[2]))
    if parts & {"birth", "birthday", "dob", "born"}:
        return -80 * 365 * _DAY, -18 * 365 * _DAY
    if field.set_by == "system" or parts & PAST_WORDS:
        return -180 * _DAY, -60
    if parts & {"founded", "built", "established"}:
        return -40 * 365 * _DAY, -365 * _DAY
    if parts & FUTURE_WORDS:
        return -10 * _DAY, 60 * _DAY
    return -120 * _DAY, -60


def _moment(field: FieldSpec, name: str) -> Drawer:
    low, high = window(field, name)
    if field.type == "date":
        first, last = -(-low // _DAY), high // _DAY
        days = max(1, last - first + 1)
        return lambda rng, clock: (clock + timedelta(days=first + int(rng.random() * days))).date().isoformat()
    future = high > 0
    span = max(1, high - low)

    def drawn(rng: random.Random, clock: datetime) -> str:
        at = clock + timedelta(seconds=low + int(rng.random() * span))
        if future:  # plans are made for round times
            at = at.replace(minute=at.minute // 15 * 15, second=0)
        return time_text(at)

    return drawn


def time_text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")[:19] + "Z"


def parse_clock(text: str) -> datetime:
    """The clock of a world (one zone, no offset) as a naive datetime."""
    return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=None, microsecond=0)
