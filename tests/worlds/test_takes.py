"""Typed free arguments: their schema, what is drawn for them, the rows they name; bodies over the row at hand."""

from __future__ import annotations

from typing import Any

import pytest

from synth.errors import SpecError
from synth.worlds import Simulator, World
from synth.worlds.admit import admit_world
from synth.worlds.simulate import compile_world


def shop(**tools: Any) -> World:
    """Customers, products and orders of lines, with the given tools."""
    return World.load(
        {
            "world": "shop",
            "entities": {
                "Customer": {"rows": 5, "fields": {"name": {"type": "text", "gen": "person"}}},
                "Product": {"rows": 8, "fields": {"price": {"type": "money", "range": [100, 900]}, "stock": "int"}},
                "Order": {
                    "rows": 12,
                    "fields": {
                        "customer": "ref Customer",
                        "total": "money",
                        "lines": {"type": "list", "fields": {"product": "ref Product", "quantity": "int"}},
                    },
                },
            },
            "errors": {"too_dear": {"say": "{amount} is more than {limit}"}},
            "tools": tools,
        }
    )


PLACE = {
    "op": "do",
    "takes": {
        "customer": "ref Customer",
        "lines": {
            "type": "list", "range": [1, 3],
            "fields": {"product": "ref Product", "quantity": {"type": "int", "range": [1, 4]}},
        },
        "note": "text?",
    },
    "do": [
        {"let": {"total": "args.lines.sum(l, Product[l.product].price * l.quantity)"}},
        {"insert": "Order", "given": {"customer": "customer", "lines": "lines"}, "row": {"total": "total"}, "as": "o"},
        {"return": "{id: o.id, total: o.total}"},
    ],
}  # fmt: skip
PAY = {
    "op": "do",
    "of": "Order",
    "takes": {"amount": {"type": "money", "range": [1, 5000]}},
    "do": [
        {"require": "args.amount <= it.total", "else": "too_dear", "with": {"limit": "it.total"}},
        {"set": "it", "of": "Order", "to": {"total": "it.total - args.amount"}},
        {"return": "it.total"},
    ],
}


def test_the_schema_says_what_an_argument_may_be() -> None:
    schema = compile_world(shop(place=PLACE)).tool("place").input_schema
    assert schema["required"] == ["customer", "lines"]
    assert schema["properties"]["customer"] == {"type": "string"}
    lines = schema["properties"]["lines"]
    assert (lines["minItems"], lines["maxItems"]) == (1, 3)
    assert lines["items"]["properties"]["quantity"] == {"type": "integer", "minimum": 1, "maximum": 4}
    assert lines["items"]["additionalProperties"] is False


def test_rows_that_arguments_name_must_exist() -> None:
    sim = Simulator(shop(place=PLACE), seed=1)
    customer, product = next(iter(sim.state.rows("Customer"))), next(iter(sim.state.rows("Product")))
    good = {"product": product, "quantity": 2}
    assert sim.call("place", {"customer": customer, "lines": [good]}).ok
    unknown = sim.call("place", {"customer": "CUS-NONE", "lines": [good]})
    assert (unknown.error, unknown.message) == ("not_found", "customer CUS-NONE was not found")
    inner = sim.call("place", {"customer": customer, "lines": [good, {"product": "none", "quantity": 1}]})
    assert (inner.error, inner.message) == ("not_found", "product none was not found")
    assert sim.call("place", {"customer": customer, "lines": []}).error == "invalid_arguments"


def test_a_body_over_an_entity_has_its_row_and_its_message_the_arguments() -> None:
    sim = Simulator(shop(pay=PAY), seed=1)
    key, row = next((k, r) for k, r in sim.state.rows("Order").items() if 1 < r["total"] < 5000)
    assert sim.call("pay", {"id": "none", "amount": 1}).error == "not_found"
    dear = sim.call("pay", {"id": key, "amount": 5000})
    assert (dear.error, dear.message) == ("too_dear", f"5000 is more than {row['total']}")
    assert sim.call("pay", {"id": key, "amount": 1}).value == row["total"] - 1


def test_such_tools_are_admitted_and_drawn_rows_go_together() -> None:
    mine = {
        "op": "do",
        "takes": {"customer": "ref Customer", "order": "ref Order"},
        "require": [{"that": "Order[args.order].customer == args.customer", "else": "not_yours"}],
        "do": [{"return": "Order[args.order].total"}],
    }
    admitted = admit_world(shop(place=PLACE, pay=PAY, mine=mine), tries=6)
    assert [a.detail for a in admitted.values() if not a.ok] == []
    assert "not_found" in admitted["mine"].errors and "not_yours" in admitted["mine"].errors


def test_types_of_arguments_are_checked_when_a_world_is_compiled() -> None:
    wrong = {**PAY, "do": [{"return": "args.amount + ' euro'"}]}
    with pytest.raises(SpecError, match="needs numbers"):
        compile_world(shop(pay=wrong)).tool("pay")


def test_shared_blocks_are_seen_through() -> None:
    base = shop().dump()
    base["shared"] = {"spend": [{"require": "it.total > 0", "else": "nothing_left"}, PAY["do"][1]]}  # type: ignore[index]
    base["tools"] = {"pay": {**PAY, "effect": "write", "do": [{"use": "spend"}, {"return": "it.total"}]}}
    tool = compile_world(World.load(base)).tool("pay")
    assert "nothing_left" in tool.errors
    assert admit_world(World.load(base))["pay"].reason in ("", "error_unreached")  # never undeclared_effect
    del base["tools"]["pay"]["effect"]
    with pytest.raises(SpecError, match="says its `effect`"):
        World.load(base)


@pytest.mark.parametrize(
    ("takes", "why"),
    [({"a b": "int"}, "not a name"), ({"x": "ref None"}, "no entity None"), ({"x": "list of ref Nope"}, "no entity")],
)
def test_wrong_types_are_said(takes: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        shop(pay={**PAY, "takes": takes})
