"""Form in figures a person reads: real, lifted and synthetic tools side by side, as a table and as histograms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from synth.reports.form import STYLES, style_of
from synth.reports.schemas import Shape, shape_of
from synth.reports.tools import Tool, of_origin
from tools_catalog.reduce import reduce_schema

ORIGINS = ("real", "lifted", "synthetic", "written")
DESCRIPTION_EDGES = (0, 25, 50, 100, 200, 400, 800)


@dataclass(frozen=True, slots=True)
class Measured:
    """One tool and the shape of its input."""

    tool: Tool
    shape: Shape


Many = Sequence[Measured]
Value = Callable[[Many], float]


def measure(tools: Sequence[Tool]) -> dict[str, list[Measured]]:
    """Tools by origin with their shapes; schemas are reduced as those of the catalog are."""
    by = {o: of_origin(tools, o) for o in ORIGINS}
    return {o: [Measured(t, shape_of(reduce_schema(t.input_schema))) for t in ts] for o, ts in by.items() if ts}


def _of_tools(test: Callable[[Measured], object]) -> Value:
    """Share of the tools that pass."""
    return lambda many: sum(bool(test(m)) for m in many) / len(many)


def _of_parameters(count: Callable[[Shape], int]) -> Value:
    """Share of all parameters that `count` counts."""
    return lambda many: sum(count(m.shape) for m in many) / max(1, sum(m.shape.parameters for m in many))


def _quantile(values: list[int], q: float) -> float:
    return float(sorted(values)[min(len(values) - 1, int(q * len(values)))])


def _parameters(many: Many) -> list[int]:
    return [m.shape.parameters for m in many]


def _lengths(many: Many) -> list[int]:
    return [len(m.tool.description) for m in many]


ROWS: tuple[tuple[str, str, Value], ...] = (
    ("tools", "count", lambda many: len(many)),
    ("parameters, mean", "number", lambda many: fmean(_parameters(many))),
    ("parameters, median", "number", lambda many: median(_parameters(many))),
    ("parameters, 90th percentile", "number", lambda many: _quantile(_parameters(many), 0.9)),
    ("tools without parameters", "share", _of_tools(lambda m: not m.shape.parameters)),
    ("tools with flat parameters only", "share", _of_tools(lambda m: m.shape.depth <= 1)),
    ("parameters required", "share", _of_parameters(lambda s: len(s.required))),
    ("parameters with an enum", "share", _of_parameters(lambda s: len(s.enums))),
    ("parameters that may be null", "share", _of_parameters(lambda s: s.marks["nullable"])),
    ("parameters of several types", "share", _of_parameters(lambda s: s.kinds["several"])),
    ("parameters with a default", "share", _of_parameters(lambda s: s.marks["default"])),
    ("parameters that are free objects", "share", _of_parameters(lambda s: s.marks["free_object"])),
    ("inputs that refuse other keys", "share", _of_tools(lambda m: m.shape.root.get("additionalProperties") is False)),
    ("tools with an output schema", "share", _of_tools(lambda m: m.tool.output_schema is not None)),
    ("tools with annotations", "share", _of_tools(lambda m: m.tool.annotations)),
    ("tools that write", "share", _of_tools(lambda m: m.tool.effect == "write")),
    ("description, median characters", "number", lambda many: median(_lengths(many))),
    ("description, 90th percentile", "number", lambda many: _quantile(_lengths(many), 0.9)),
    ("distinct descriptions", "share", lambda many: len({m.tool.description for m in many}) / len(many)),
)


def table(by: dict[str, list[Measured]]) -> list[dict[str, Any]]:
    """One row per measure: `measure`, `unit` (count, number, share) and a value per origin."""
    return [
        {"measure": name, "unit": unit, **{o: round(float(value(many)), 4) for o, many in by.items()}}
        for name, unit, value in ROWS
    ]


def histograms(by: dict[str, list[Measured]]) -> list[dict[str, Any]]:
    """`title`, `labels`, and per origin the share of its tools in each bin."""
    edges = DESCRIPTION_EDGES
    words = [f"{a}-{b - 1}" for a, b in pairwise(edges)] + [f"{edges[-1]}+"]
    return [
        _bars("parameters of a tool", [*map(str, range(10)), "10+"], by, lambda m: min(m.shape.parameters, 10)),
        _bars("nesting of its input", ["0", "1", "2", "3", "4+"], by, lambda m: min(m.shape.depth, 4)),
        _bars("parameters with an enum", ["0", "1", "2", "3+"], by, lambda m: min(len(m.shape.enums), 3)),
        _bars("description, characters", words, by,
              lambda m: sum(len(m.tool.description) >= e for e in edges) - 1),
        _bars("case style of the name", list(STYLES), by, lambda m: STYLES.index(style_of(m.tool.name))),
        _bars("hints given", ["0", "1", "2", "3", "4"], by, lambda m: min(len(m.tool.annotations), 4)),
    ]  # fmt: skip


def _bars(
    title: str, labels: list[str], by: dict[str, list[Measured]], bin_of: Callable[[Measured], int]
) -> dict[str, Any]:
    counts = {o: Counter(bin_of(m) for m in many) for o, many in by.items()}
    shares = {o: [round(c[i] / sum(c.values()), 4) for i in range(len(labels))] for o, c in counts.items()}
    return {"title": title, "labels": labels, "shares": shares}
