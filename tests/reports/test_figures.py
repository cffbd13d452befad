"""Figures against values counted by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from samples import plain_tools

from synth.reports import diversity, maps, measures, nearest
from synth.reports.tools import Tool
from synth.worlds.evolve.hashes import Mark
from tools_catalog.taxonomy import load_taxonomy


def tool(number: int, **changed: Any) -> Tool:
    return dataclasses.replace(plain_tools(1)[0], tool_id=f"t{number}", **changed)


def schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


FOUR = [
    tool(0, input_schema=schema(), description="x" * 10),
    tool(1, input_schema=schema("a", a={"type": "string"}), description="x" * 20),
    tool(2, input_schema=schema(a={"enum": ["u", "v"]}, b={"type": ["string", "null"]}), description="x" * 30),
    tool(3, input_schema=schema("a", a={"type": "object", "properties": {"b": {"type": "integer"}}},
                                c={"type": "object"}),
         output_schema={"type": "object"}, annotations={"readOnlyHint": True}, description="x" * 900),
]  # fmt: skip


def rows() -> dict[str, float]:
    return {row["measure"]: row["real"] for row in measures.table(measures.measure(FOUR))}


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("tools", 4), ("parameters, mean", 1.25), ("parameters, median", 1.5), ("parameters, 90th percentile", 2),
        ("tools without parameters", 0.25), ("tools with flat parameters only", 0.75), ("parameters required", 0.4),
        ("parameters with an enum", 0.2), ("parameters that may be null", 0.2), ("parameters of several types", 0.0),
        ("parameters that are free objects", 0.2), ("tools with an output schema", 0.25),
        ("tools with annotations", 0.25), ("description, median characters", 25.0), ("distinct descriptions", 1.0),
    ],
)  # fmt: skip
def test_measures(measure: str, value: float) -> None:
    assert rows()[measure] == value


def test_histograms_hold_every_tool() -> None:
    made = {h["title"]: h for h in measures.histograms(measures.measure(FOUR))}
    assert made["parameters of a tool"]["shares"]["real"][:4] == [0.25, 0.25, 0.5, 0.0]
    assert made["nesting of its input"]["shares"]["real"] == [0.25, 0.5, 0.25, 0.0, 0.0]
    assert made["description, characters"]["shares"]["real"] == [0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.25]
    assert all(sum(h["shares"]["real"]) == pytest.approx(1) for h in made.values())


def mark(shape: str, named: str, text: int) -> Mark:
    return Mark(shape, named, np.full(64, text, dtype=np.uint16).tobytes().hex())


def test_duplicates_are_counted_over_tools_that_run() -> None:
    made = [tool(i, origin="synthetic", world_id="w") for i in range(5)] + [tool(9, origin="lifted", world_id="v")]
    marks = {
        "t9": mark("A", "n9", 9),
        "t0": mark("A", "n0", 0),  # the shape of a lifted tool, other words
        "t1": mark("A", "n1", 9),  # the shape and the words of a lifted tool
        "t2": mark("B", "n0", 2),  # the name of t0
        "t3": mark("B", "n3", 3),
        "t4": mark("C", "n4", 4),
        "gone": mark("C", "n4", 4),  # was not admitted
    }
    told = diversity.duplicates(made, marks)
    assert (told["tools"], told["near_duplicates"], told["near_duplicate_share"]) == (5, 2, 0.4)
    assert (told["shapes"], told["shapes_per_1000"]) == (3, 600.0)
    assert (told["largest_shape"], told["largest_shape_share"]) == (2, 0.4)


def test_k2_categories_come_first_and_all_are_counted() -> None:
    named = load_taxonomy().categories()[:16]
    tools = [tool(0, category=named[3], origin="synthetic"), tool(1, category="zoo"), tool(2, category="zoo")]
    told = diversity.categories(tools)
    assert [c["category"] for c in told] == [*named, "zoo"]
    assert told[3]["synthetic"] == 1 and told[16] == {
        "category": "zoo", "k2": False, "real": 2, "lifted": 0, "synthetic": 0
    }  # fmt: skip


def test_domains_operations_and_verbs() -> None:
    tools = [tool(i, origin="synthetic", domain="ab"[i > 2], op="list", name="list_x") for i in range(4)]
    told = diversity.domains(tools)
    assert (told["domains"], told["min"], told["median"], told["max"], told["largest"]) == (2, 1, 2.0, 3, "a")
    assert diversity.operations([*tools, tool(9)]) == {"synthetic": {"list": 4}}
    assert diversity.verbs(tools) == [{"verb": "list", "synthetic": 1.0}]


def test_a_copy_is_a_clone_and_a_stranger_is_not() -> None:
    real = plain_tools(60)
    copy = dataclasses.replace(real[0], tool_id="copy", origin="synthetic")
    stranger = dataclasses.replace(real[1], tool_id="odd", origin="synthetic", name="zzz_yyy",
                                   description="Qqq www qqq.", input_schema={})  # fmt: skip
    twin = dataclasses.replace(stranger, tool_id="odd2")
    tools = [*real, copy, stranger, twin]
    told = nearest.distances(tools, nearest.embed(tools))
    assert told["synthetic"]["tools"] == 3 and told["synthetic"]["clones"] == pytest.approx(1 / 3, abs=1e-4)
    assert sum(told["real"]["histogram"]) == pytest.approx(1, abs=1e-3)


def test_the_own_server_is_left_out() -> None:
    real = [
        tool(i, server=f"s{i // 2}", name=f"a{i // 2}_b{i // 2}", input_schema={}, description="") for i in range(8)
    ]
    made = [dataclasses.replace(real[0], tool_id="m", origin="synthetic")]
    told = nearest.distances([*real, *made], nearest.embed([*real, *made]))
    assert told["sibling"]["clones"] == 1.0 and told["real"]["clones"] == 0.0


def test_the_map_repeats_and_obeys_its_cap() -> None:
    tools = [*plain_tools(60), *(dataclasses.replace(t, origin="synthetic") for t in plain_tools(30))]
    vectors = nearest.embed(tools, 8)
    first, second = maps.draw_map(tools, vectors, cap=50), maps.draw_map(tools, vectors, cap=50)
    assert np.array_equal(first.places, second.places)
    assert (len(first.tools), first.of) == (50, 90) and sum(len(p.points) for p in first.panels) == 50
    assert all(
        first.tools[i].category == p.categories[c]
        for p in first.panels
        for i, c in zip(p.points, p.category, strict=True)
    )
