"""Splits hold out whole groups, near their share, the same way every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synth.pipeline_stages import WorldsSettings
from synth.worlds.real import catalog_of, category_split
from synth.worlds.splits import split_table

WEIGHTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 50), min_size=3, max_size=40)


@given(WEIGHTS, st.floats(0, 0.4), st.floats(0, 0.4))
def test_every_name_has_a_split_and_a_share_is_never_empty(
    weights: dict[str, int], validation: float, held_out: float
) -> None:
    table = split_table(weights, validation, held_out)
    assert set(table) == set(weights)
    assert table == split_table(dict(reversed(weights.items())), validation, held_out)
    used = set(table.values())
    assert "train" in used
    assert ("eval" in used) == (held_out > 0)
    assert validation > 0 or "validation" not in used


def test_the_catalog_splits_near_the_asked_shares() -> None:
    split_of = category_split(WorldsSettings())
    tools = catalog_of(False).tools
    shares = {s: sum(split_of(t.category) == s for t in tools) / len(tools) for s in ("eval", "validation")}
    assert 0.07 < shares["eval"] < 0.13
    assert 0.03 < shares["validation"] < 0.08
