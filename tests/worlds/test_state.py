"""State: copy on write, incremental hash, indexes that keep list order, diffs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from synth.worlds.state import State, Table, diff, row_digest, squash

KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
OPS = st.lists(
    st.one_of(st.tuples(st.just("put"), KEYS, st.integers(0, 3)), st.tuples(st.just("remove"), KEYS)), max_size=30
)


def apply(state: State, op: tuple[object, ...]) -> None:
    if op[0] == "put":
        state.put("T", op[1], {"id": op[1], "n": op[2]})
    elif op[1] in state.rows("T"):
        state.remove("T", op[1])


def from_scratch(state: State) -> int:
    return sum(row_digest("T", k, r) for k, r in state.rows("T").items()) % (1 << 128)


@given(OPS, OPS)
def test_a_snapshot_is_untouched_by_later_writes_on_either_side(
    first: list[tuple[object, ...]], second: list[tuple[object, ...]]
) -> None:
    state = State({"T": Table("T")})
    for op in first:
        apply(state, op)
    copy = state.snapshot()
    frozen = {k: dict(r) for k, r in copy.rows("T").items()}
    for op in second:
        apply(state, op)
    assert {k: dict(r) for k, r in copy.rows("T").items()} == frozen
    other = {k: dict(r) for k, r in state.rows("T").items()}
    for op in reversed(first):
        apply(copy, op)
    assert {k: dict(r) for k, r in state.rows("T").items()} == other
    assert state.digest() == from_scratch(state)
    assert copy.digest() == from_scratch(copy)


@given(OPS)
def test_the_index_equals_a_scan_whatever_its_history(ops: list[tuple[object, ...]]) -> None:
    state = State({"T": Table("T")})
    for i, op in enumerate(ops):
        if i == len(ops) // 2:
            state.tables["T"].by("n", 0)  # build the index in the middle
        apply(state, op)
    for n in range(4):
        scan = tuple(r for r in state.rows("T").values() if r["n"] == n)
        assert state.tables["T"].by("n", n) == tuple(sorted(scan, key=lambda r: r.seq))


@given(OPS, OPS)
def test_diff_and_squashed_log_agree(first: list[tuple[object, ...]], second: list[tuple[object, ...]]) -> None:
    before = State({"T": Table("T")})
    for op in first:
        apply(before, op)
    after = before.snapshot()
    after.log = []
    for op in second:
        apply(after, op)
    net = {c.key: c for c in squash(after.log)}
    assert net == {c.key: c for c in diff(before, after)}


def test_true_and_one_are_different_values_in_an_index() -> None:
    table = Table("T")
    table.put("a", {"id": "a", "n": True})
    table.put("b", {"id": "b", "n": 1})
    assert [r["id"] for r in table.by("n", True)] == ["a"]
    assert [r["id"] for r in table.by("n", 1)] == ["b"]
