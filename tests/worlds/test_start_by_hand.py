"""Start rows a person decides: fixed ones, fields that follow from others; and what is joined to a row shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from synth.errors import SpecError
from synth.worlds import Simulator, World
from synth.worlds.admit import admit_world
from synth.worlds.simulate import compile_world, start_state

SPEC: dict[str, Any] = {
    "world": "bakery",
    "tables": {"delivery": 350},
    "entities": {
        "Bread": {
            "label": "name",
            "fields": {"name": "text", "price": "money", "weight": {"type": "int", "range": [300, 900]}},
            "fixed": [{"id": "RYE", "name": "rye loaf", "price": 480}, {"name": "baguette", "price": 210}],
        },
        "Order": {
            "rows": 10,
            "fields": {
                "customer": {"type": "text", "gen": "person"},
                "baked": {"type": "date", "within": ["-9d", "-2d"]},
                "due": {"type": "date", "derive": "add_days(it.baked, 2)"},
                "total": {"type": "money", "derive": "by(Line, order, it.id).sum(l, l.price) + delivery"},
            },
        },
        "Line": {
            "rows": 30,
            "fields": {
                "order": "ref Order",
                "bread": "ref Bread",
                "count": {"type": "int", "range": [1, 5]},
                "price": {"type": "money", "derive": "Bread[it.bread].price * it.count"},
            },
        },
    },
    "tools": {
        "search_lines": {
            "op": "search", "of": "Line", "in": ["bread_name", "who"], "shows": ["id", "count", "who"],
            "joins": {"bread_name": "Bread[it.bread].name", "who": "Order[it.order].customer"},
        },
        "get_line": {"op": "get", "of": "Line", "joins": {"bread_name": "Bread[it.bread].name"}},
    },
}  # fmt: skip


def bakery(**more: Any) -> World:
    return World.load({**SPEC, **more})


def test_fixed_rows_are_all_there_is_and_what_they_leave_out_is_drawn() -> None:
    rows = start_state(bakery(), 3).rows("Bread")
    assert [r["name"] for r in rows.values()] == ["rye loaf", "baguette"]
    assert rows["RYE"]["price"] == 480 and 300 <= rows["RYE"]["weight"] <= 900
    assert all(k in rows for k in {line["bread"] for line in start_state(bakery(), 3).rows("Line").values()})


def test_derived_fields_follow_from_others_whatever_the_order_of_entities() -> None:
    state = start_state(bakery(), 3)
    prices = {k: r["price"] for k, r in state.rows("Bread").items()}
    lines = list(state.rows("Line").values())
    assert all(line["price"] == prices[line["bread"]] * line["count"] for line in lines)
    for key, order in state.rows("Order").items():
        assert order["total"] == 350 + sum(line["price"] for line in lines if line["order"] == key)
        assert order["due"] > order["baked"]
    assert state.digest() == start_state(World.load(bakery().dump()), 3).digest()


def test_what_is_joined_is_shown_and_searched() -> None:
    sim = Simulator(bakery(), seed=3)
    found = sim.call("search_lines", {"query": "baguette"})
    assert found.value["items"] and set(found.value["items"][0]) == {"id", "count", "who"}
    line = sim.call("get_line", {"id": found.value["items"][0]["id"]}).value
    assert line["bread_name"] == "baguette" and line["order"]
    assert [a.detail for a in admit_world(bakery()).values() if not a.ok] == []


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("entities", "Bread", "fixed"), [{"nmae": "x"}], "no field nmae"),
        (("entities", "Order", "fields", "due", "derive"), "add_days(it.bakd, 2)", "derive.*did you mean `baked`"),
        (("entities", "Line", "fields", "price", "derive"), "Bread[it.bread].name - 1", "needs numbers"),
        (("tools", "get_line", "joins"), {"count": "1"}, "count is a field of Line"),
        (("tools", "get_line", "joins"), {"x": "it.nothing"}, "no field `nothing`"),
        (("tools", "search_lines", "in"), ["colour"], "nor is it among `joins`"),
    ],
)
def test_what_is_wrong_is_said(path: tuple[str, ...], value: Any, why: str) -> None:
    spec: dict[str, Any] = World.load(SPEC).dump()
    at = spec
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(SpecError, match=why):
        world = World.load(spec)
        for error in compile_world(world).check().values():
            raise error


def test_the_order_of_fields_is_part_of_a_world() -> None:
    """Rows are drawn in it: a compiled world is never taken for one that says the same in another order."""
    written, stored = bakery(), World.load(json.loads(json.dumps(bakery().dump(), sort_keys=True)))
    first = Simulator(written, seed=3).call("get_line", {"id": next(iter(start_state(written, 3).rows("Line")))})
    again = Simulator(stored, seed=3).call("get_line", {"id": next(iter(start_state(stored, 3).rows("Line")))})
    assert list(first.value) != list(again.value)
