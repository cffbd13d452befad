"""Expressions: values, totality, errors with their column, agreement with a naive evaluation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.errors import SpecError
from synth.worlds.expr import Scope
from synth.worlds.exprcompile import Fuel, compile_expr
from synth.worlds.state import State, Table

SCOPE = Scope(
    {"args": "any", "it": "row:Ticket", "xs": "list:int", "name": "text"},
    {"Ticket": {"id": "text", "n": "int", "status": "text", "tags": "list:any"}},
)


def run(text: str, fuel: int = 1000, **env: Any) -> Any:
    closure, _ = compile_expr(text, SCOPE)
    return closure({"$fuel": [fuel], **env})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - -4", 11),
        ("7 / 2", 3.5),
        ("8 / 2", 4),
        ("1 / 0", None),
        ("null + 1", None),
        ("null < 1", False),
        ("null == null", True),
        ("!true || 2 in [1, 2]", True),
        ("'a' + 'b' == 'ab' ? 'yes' : 'no'", "yes"),
        ("round(2.5)", 2),
        ("[3, 1, 2].sort().map(x, x * 2)", (2, 4, 6)),
        ("[1, 2, 3].filter(x, x > 1).sum()", 5),
        ("[[1], [2, 3]].flat()", (1, 2, 3)),
        ("{a: 1, ..{a: 2, b: 3}}.omit('b')", {"a": 2}),
        ("{'odd-name': 1}['odd-name']", 1),
        ("'Hello World'.lower().words()", ("hello", "world")),
        ("add_months('2024-01-31', 1)", "2024-02-29"),
        ("add_days('2026-02-28', 1)", "2026-03-01"),
        ("days_between('2026-03-01', '2026-03-03')", 2.0),
        ("weekday('2026-03-02')", "monday"),
        ("start_of('2026-03-18T10:00:00Z', 'month')", "2026-03-01T00:00:00Z"),
        ("similar('printer jam', 'Printer jams on tray two')", 0.75),
        ("tally(['b', 'a', 'b'])", {"b": 2, "a": 1}),
        ("convert(1, 'km', 'm')", 1000.0),
        ("cursor_start(cursor_at(40))", 40),
        ("cursor_start('nonsense')", None),
        ("int('12') + 1", 13),
        ("get({a: 1}, 'b', 5)", 5),
        ("mean([1, 2, 3, null].filter(x, x != null))", 2.0),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("it.nope", 3, "no field `nope`"),
        ("foo + 1", 1, "unknown name `foo`"),
        ("1 +", 4, "unexpected end"),
        ("it.n == 'x'", 6, "compares int with text"),
        ("size()", 1, "takes 1 arguments"),
        ("lowr(name)", 1, "did you mean `lower`"),
        ("xs.map(x, x + 'a')", 13, "needs numbers"),
        ("a @ b", 2, "unexpected character"),
        ("(" * 13 + "1" + ")" * 13, 13, "nested deeper"),
        (" + ".join(["1"] * 120), 403, "more than 200 nodes"),
        ("by(Ticket, nope, 1)", 12, "no field"),
        ("name.filter(x, true)", 5, "needs a list"),
        ("it.n && true", 6, "needs bools"),
        ("5 in 6", 3, "needs a list"),
        ("true == 1", 6, "compares bool with int"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_expr(text, SCOPE)
    assert caught.value.path == f"column {column}"
    assert words in caught.value.message


def test_work_is_bounded_by_fuel() -> None:
    with pytest.raises(Fuel):
        run("xs.map(a, xs.map(b, a * b))", fuel=50, xs=tuple(range(20)))


def test_tables_are_read_by_key_and_by_index() -> None:
    table = Table("Ticket")
    for i in range(4):
        table.put(f"t{i}", {"id": f"t{i}", "n": i, "status": "open" if i % 2 else "done", "tags": ()})
    env = {"$state": State({"Ticket": table})}
    assert run("Ticket['t2'].n", **env) == 2
    assert run("Ticket['zz'].n", **env) is None
    assert run("by(Ticket, status, 'open').map(t, t.id)", **env) == ("t1", "t3")
    assert run("rows(Ticket).count(t, t.n > 0)", **env) == 3


def test_a_bound_variable_does_not_leak() -> None:
    assert run("[1, 2].map(name, name + 1).count() + size(name)", name="abc") == 5


# --- agreement with a naive evaluation over generated arithmetic ---------------------------------------------------

NUMBERS = st.integers(-50, 50)
TREES = st.recursive(
    NUMBERS.map(lambda n: (str(n) if n >= 0 else f"(0 - {-n})", n)),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "<", "==", "&&"]), inner).map(
        lambda p: _combine(p)
    ),
    max_leaves=8,
)


def _combine(parts: tuple[tuple[str, Any], str, tuple[str, Any]]) -> tuple[str, Any]:
    (ta, a), op, (tb, b) = parts
    return f"({ta} {op} {tb})", _naive(op, a, b)


class _Ill:
    """A subtree whose types do not fit: the compiler refuses it."""


def _naive(op: str, a: Any, b: Any) -> Any:
    if isinstance(a, _Ill) or isinstance(b, _Ill):
        return _Ill()
    bools = isinstance(a, bool), isinstance(b, bool)
    if op == "&&":
        return (a and b) if all(bools) else _Ill()
    if op == "==":
        if a is None or b is None:  # null came from arithmetic, so its type is a number's
            return _Ill() if any(bools) else a is b
        return a == b if bools[0] == bools[1] else _Ill()
    if any(bools):
        return _Ill()
    if a is None or b is None:
        return False if op == "<" else None
    if op in "/%" and b == 0:
        return None
    return {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a / b,
        "%": lambda: a % b,
        "<": lambda: a < b,
    }[op]()


@given(TREES)
def test_agrees_with_a_naive_evaluation(tree: tuple[str, Any]) -> None:
    text, expected = tree
    try:
        got = run(text)
    except SpecError as error:
        got = error
    if isinstance(got, SpecError):
        too_big = "nested deeper" in got.message or "200 nodes" in got.message
        ill_typed = "needs" in got.message or "compares" in got.message
        assert too_big or (ill_typed and isinstance(expected, _Ill))
        return
    assert isinstance(expected, _Ill) is False
    assert got == pytest.approx(expected) if isinstance(expected, float) else got == expected
