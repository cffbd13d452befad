"""Random arguments from a real input schema: values from small shared pools, so that keys name existing rows about half
of the time, absent ones otherwise; now and then a call that no schema allows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from synth.fidelity.setups import Pool, Setup
from synth.places.schemas import kind_of, resolved

OPTIONAL = 0.25  # chance that an optional parameter is given
ABSENT = 0.2  # chance that a pooled key is one that no row ever had
LIKELY = 0.55  # chance that a pooled value is one of an earlier call that succeeded
BROKEN = 0.06  # chance that a call misses a required argument or has one of a wrong type
_ADJECTIVES = ("amber", "brisk", "coral", "dusky", "early", "fabled", "gilded", "hollow", "ivory", "jagged")
_NOUNS = ("anchor", "beacon", "cedar", "delta", "ember", "fjord", "garnet", "harbor", "island", "juniper")
_NAMES = ("north", "south", "east", "west")


class Pools:
    """Values seen so far in one sequence. `ids`: per pool, what the live server handed out."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.ids: dict[str, list[Any]] = {name: [] for name in setup.pools}
        self.used: dict[str, list[Any]] = {name: [] for name in setup.pools}  # in calls that succeeded live
        self.where = {param: name for name, pool in setup.pools.items() for param in pool.params}

    def of(self, tool: str, param: str) -> str | None:
        """The pool that a parameter of a tool draws from."""
        return self.where.get(f"{tool}.{param}") or self.where.get(param)

    def empty(self, tool: str, param: str) -> bool:
        """Whether a parameter draws from a pool that holds no value that could exist."""
        pool = self.of(tool, param)
        return pool is not None and not self.setup.pools[pool].values and not self.ids[pool]

    def add(self, pool: str, value: Any) -> None:
        if value not in self.ids[pool]:
            self.ids[pool].append(value)

    def use(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Remember the pooled values of a call that succeeded: they likely name something."""
        for name, value in leaves(arguments):
            pool = self.of(tool, name)
            if pool is not None and value not in self.used[pool]:
                self.used[pool].append(value)

    def draw(self, pool: str, rng: random.Random, fill: Mapping[str, str]) -> Any:
        spec = self.setup.pools[pool]
        known = [*spec.values, *self.ids[pool]]
        if self.used[pool] and rng.random() < LIKELY:
            return rng.choice(self.used[pool])
        return filled(self._fresh(spec, known, pool, rng), fill)

    def _fresh(self, spec: Pool, known: list[Any], pool: str, rng: random.Random) -> Any:
        if spec.absent and (not known or rng.random() < ABSENT):
            return rng.choice(spec.absent)
        return rng.choice(known) if known else f"{rng.choice(_NAMES)}-{pool}"


class Drawer:
    """Draws whole argument objects for the tools of one server."""

    def __init__(self, setup: Setup, pools: Pools, rng: random.Random, fill: Mapping[str, str]) -> None:
        self.setup, self.pools, self.rng, self.fill = setup, pools, rng, fill
        self.texts: list[str] = []  # phrases used so far: what searches look for

    def arguments(self, tool: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that mostly fit `schema`."""
        root = dict(schema)
        drawn = self._object(tool, "", root, root)
        if self.rng.random() < BROKEN:
            self._break(drawn, root)
        return drawn

    def _object(self, tool: str, at: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
        required = set(node.get("required", []))
        out: dict[str, Any] = {}
        for name, part in (node.get("properties") or {}).items():
            chance = 1 - OPTIONAL if name in self.setup.likely else OPTIONAL
            wanted = name in required or name in self.setup.fixed or self.rng.random() < chance
            if wanted and name not in required and self.pools.empty(tool, name):
                wanted = self.rng.random() < BROKEN  # there is nothing yet that it could name
            if wanted and isinstance(part, dict):
                value = self._value(tool, name, part, root)
                if value is not None:
                    out[name] = value
        return out

    def _value(self, tool: str, name: str, part: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
        part = resolved(part, root)
        kind = kind_of(part)
        for key in (f"{tool}.{name}", name):
            if key in self.setup.fixed:
                return self._filled(self.setup.fixed[key])
            if key in self.setup.values:
                return self._filled(self.rng.choice(self.setup.values[key]))
        pool = self.pools.of(tool, name)
        if pool is not None:
            if kind == "array":
                values = [self.pools.draw(pool, self.rng, self.fill) for _ in range(self.rng.randint(1, 2))]
                return list(dict.fromkeys(values))
            return self.pools.draw(pool, self.rng, self.fill)
        if "const" in part:
            return part["const"]
        if part.get("enum"):
            return self.rng.choice([v for v in part["enum"] if v is not None] or [None])
        return self._by_kind(tool, name, kind, part, root)

    def _by_kind(self, tool: str, name: str, kind: str, part: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
        if kind == "boolean":
            return self.rng.random() < 0.5
        if kind in ("integer", "number"):
            low = int(part.get("minimum", 1))
            return self.rng.randint(low, max(low, min(int(part.get("maximum", 5)), low + 8)))
        if kind == "array":
            items = part.get("items")
            count = max(int(part.get("minItems", 1)), self.rng.randint(1, 2))
            made = [self._value(tool, name, items if isinstance(items, dict) else {}, root) for _ in range(count)]
            return [v for v in made if v is not None]
        if kind == "object":
            return self._object(tool, name, part, root)
        return self._text(name, part)

    def _text(self, name: str, part: Mapping[str, Any]) -> str:
        if part.get("format") in ("date", "date-time"):
            day = f"2026-0{self.rng.randint(1, 9)}-1{self.rng.randint(0, 9)}"
            return day if part["format"] == "date" else f"{day}T09:00:00Z"
        if self.texts and ("query" in name.lower() or "search" in name.lower() or "pattern" in name.lower()):
            return self.rng.choice(self.rng.choice(self.texts).split())
        phrase = f"{self.rng.choice(_ADJECTIVES)} {self.rng.choice(_NOUNS)} {self.rng.randint(1000, 9999)}"
        self.texts.append(phrase)
        return phrase

    def _break(self, drawn: dict[str, Any], root: Mapping[str, Any]) -> None:
        """Take a required argument away, or give a top one a wrong type."""
        required = [n for n in root.get("required", []) if n in drawn]
        if not required:
            return
        name = self.rng.choice(required)
        if self.rng.random() < 0.7:
            del drawn[name]
        else:
            drawn[name] = {"odd": True} if not isinstance(drawn[name], dict) else 7

    def _filled(self, value: Any) -> Any:
        return filled(value, self.fill)


def filled(value: Any, fill: Mapping[str, str]) -> Any:
    """`value` with the marks of `fill` replaced in every text in it."""
    if isinstance(value, str):
        for mark, text in fill.items():
            value = value.replace(mark, text)
        return value
    if isinstance(value, list):
        return [filled(v, fill) for v in value]
    if isinstance(value, dict):
        return {k: filled(v, fill) for k, v in value.items()}
    return value


def leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    """(name of the nearest key, scalar) of everything inside `value`."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, k)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v, name)]
    return [(name, value)]
