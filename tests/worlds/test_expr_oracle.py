"""The shared subset of CEL, compared with a real CEL engine.

Shared: integer `+ - *`, comparison, `&& || !`, the conditional, text `+`, lists with `map filter all exists size in`.
Not shared on purpose: division (ours is total and exact), null arithmetic, missing fields.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.errors import SpecError
from synth.worlds.expr import Scope
from synth.worlds.exprcompile import compile_expr

celpy = pytest.importorskip("celpy", reason="cel-python is a development dependency")
ENVIRONMENT = celpy.Environment()
SCOPE = Scope({}, {})

ints = st.integers(0, 20).map(str)
texts = st.sampled_from(["'a'", "'bc'", "''", "'Zed'"])


def lists_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = st.lists(inner, min_size=1, max_size=3).map(lambda xs: "[" + ", ".join(xs) + "]")
    mapped = st.tuples(plain, inner).map(lambda p: f"{p[0]}.map(x, x + {p[1]})")
    return st.one_of(plain, mapped, st.tuples(plain, inner).map(lambda p: f"{p[0]}.filter(x, x > {p[1]})"))


def bools_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    compared = st.tuples(inner, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), inner).map(
        lambda p: f"({p[0]} {p[1]} {p[2]})"
    )
    listed = st.tuples(lists_of(inner), st.sampled_from(["all", "exists"]), inner).map(
        lambda p: f"{p[0]}.{p[1]}(x, x != {p[2]})"
    )
    member = st.tuples(inner, lists_of(inner)).map(lambda p: f"({p[0]} in {p[1]})")
    said = st.tuples(texts, st.sampled_from(["==", "!=", "<"]), texts, texts).map(
        lambda p: f"({p[0]} + {p[3]} {p[1]} {p[2]})"
    )
    one = st.one_of(compared, listed, member, said)
    return st.one_of(
        one,
        one.map(lambda b: f"!{b}"),
        st.tuples(one, st.sampled_from(["&&", "||"]), one).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    )


numbers = st.recursive(
    ints,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(bools_of(inner), inner, inner).map(lambda p: f"({p[0]} ? {p[1]} : {p[2]})"),
        lists_of(inner).map(lambda xs: f"{xs}.size()"),
    ),
    max_leaves=6,
)


def oracle(text: str) -> Any:
    return plain(ENVIRONMENT.program(ENVIRONMENT.compile(text)).evaluate({}))


def plain(value: Any) -> Any:
    name = type(value).__name__
    if name == "BoolType":
        return bool(value)
    if name == "IntType":
        return int(value)
    if name == "ListType":
        return tuple(plain(v) for v in value)
    return value if isinstance(value, bool) else str(value) if name == "StringType" else value


def ours(text: str) -> Any:
    return compile_expr(text, SCOPE)[0]({"$fuel": [10_000]})


@settings(max_examples=150, deadline=None)
@given(st.one_of(numbers, numbers.flatmap(lambda n: bools_of(st.just(n))), lists_of(ints), bools_of(ints)))
def test_the_shared_subset_means_what_cel_means(text: str) -> None:
    try:
        mine = ours(text)
    except SpecError as error:
        refused = error.message
        # only the size limits may refuse a generated expression
        assert ("nested deeper" in refused) or ("200 nodes" in refused), text
        return
    assert mine == oracle(text), text


def test_the_comparison_can_fail() -> None:
    assert ours("7 / 2") != oracle("7 / 2")  # the documented difference: CEL truncates
