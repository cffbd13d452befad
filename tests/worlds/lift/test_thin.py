"""Readings with too little evidence are refused as unsure, and what stands close to them is still read."""

from __future__ import annotations

from typing import Any

import pytest

from synth.worlds.lift import read_server
from tests.worlds.lift.test_lift import TEXT, WHOLE, Tool

ID: dict[str, Any] = {"id": TEXT}
LIST: dict[str, Any] = {"type": "array", "items": TEXT}
SHOP = (
    Tool("list_crates"),
    Tool("get_crate", {"crate_id": TEXT}, ("crate_id",)),
    Tool("create_crate", {"name": TEXT}, ("name",)),
    Tool("create_flag", {"flag": TEXT, "color": TEXT}, ("flag",)),
    Tool("update_flag", {"id": TEXT, "flag": TEXT, "color": TEXT}, ("id",)),
    Tool("get_all_gauge"),
    Tool("get_gauge_inbox", {"limit": WHOLE}),
    Tool("get_top_gauges"),
    Tool("get_yard_traffic"),
    Tool("get_probe_results", {"probe_id": TEXT}, ("probe_id",)),
    Tool("list_table_of_contents", {"site": TEXT}, ("site",)),
    Tool("list_crates_of_yard", {"yard_id": TEXT}, ("yard_id",)),
    Tool("search_places_nearby", {"query": TEXT}, ("query",)),
    Tool("search_places", {"query": TEXT}, ("query",)),
    Tool("patch_acme", {"name": TEXT, "patch": TEXT}, ("name", "patch")),
    Tool("overwrite_cell_source", {"cell_source": TEXT, "color": TEXT}, ("cell_source",)),
    Tool("deploy_blueprint", {"blueprint_id": TEXT}, ("blueprint_id",)),
    Tool("deploy_crate", {"crate_id": TEXT}, ("crate_id",)),
)
MARKET = (
    Tool("acme_equity_quote", {"symbol": TEXT}, ("symbol",)),
    Tool("acme_equity_screener", {"sector": TEXT}),
    Tool("acme_equity_filings", {"symbol": TEXT}, ("symbol",)),
    Tool("acme_costs_of_oil_and_natural_gas_wells", {"area": TEXT}),
    Tool("acme_equity_correlation", {"weights": LIST}, ("weights",)),
)


@pytest.mark.parametrize(
    "tool",
    [
        "get_gauge_inbox", "get_top_gauges", "get_yard_traffic", "get_probe_results", "list_table_of_contents",
        "search_places_nearby", "patch_acme", "overwrite_cell_source", "deploy_blueprint",
    ],
)  # fmt: skip
def test_thin_readings_are_unsure(tool: str) -> None:
    reading = {r.tool: r for r in read_server("acme-server", "dev-ops", SHOP)}[tool]
    assert (reading.kind, reading.reason) == ("none", "unsure"), reading


@pytest.mark.parametrize(
    ("tool", "kind", "entity", "keys"),
    [
        ("update_flag", "update", "flag", ("id",)),
        ("get_all_gauge", "list", "gauge", ()),
        ("list_crates_of_yard", "list", "crate", ()),
        ("search_places", "search", "place", ()),
        ("deploy_crate", "job", "crate", ("crate_id",)),
    ],
)
def test_their_neighbours_are_read(tool: str, kind: str, entity: str, keys: tuple[str, ...]) -> None:
    reading = {r.tool: r for r in read_server("acme-server", "dev-ops", SHOP)}[tool]
    assert (reading.kind, " ".join(reading.entity), reading.keys) == (kind, entity, keys), reading


def test_a_quote_is_one_row_and_a_screener_none() -> None:
    found = {r.tool: r for r in read_server("acme-markets", "finance-markets", MARKET)}
    quote = found["acme_equity_quote"]
    assert (quote.kind, quote.keys) == ("get", ("symbol",))
    assert found["acme_equity_filings"].kind == "list"
    for name in ("acme_equity_screener", "acme_costs_of_oil_and_natural_gas_wells", "acme_equity_correlation"):
        assert (found[name].kind, found[name].reason) == ("none", "unsure"), found[name]
