"""Expressions are total: whatever compiles gives a value of its type or null, for any arguments and any rows; nothing
raises but `Fuel`."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from synth.errors import SpecError
from synth.worlds import World
from synth.worlds.expr import BINDERS, Scope
from synth.worlds.exprcompile import Fuel, compile_expr
from synth.worlds.fieldtypes import entity_types
from synth.worlds.functions import FUNCTIONS
from synth.worlds.simulate import start_state
from synth.worlds.state import RowData, freeze

WORLD = World.load(
    {
        "world": "pond",
        "tables": {"fees": {"small": 3, "big": 12.5}},
        "entities": {
            "Pond": {"rows": 3, "fields": {"name": "text", "depth": "number", "deep": "bool", "dug": "date"}},
            "Duck": {
                "rows": 8,
                "fields": {
                    "name": "text?", "pond": "ref Pond", "age": "int?", "seen": "time?", "rings": "list of text",
                    "kind": "mallard | teal", "size": {"type": "record", "fields": {"wing": "int", "beak": "number?"}},
                },
            },
        },
        "tools": {},
    }
)  # fmt: skip
SCOPE = Scope(
    {"it": "row:Duck", "args": "row:$args", "now": "text", "fees": "any", "found": "list:row:Duck"},
    {**entity_types(WORLD), "$args": dict.fromkeys("abc", "any")},
)
FIELDS = [f"it.{f}" for f in (*WORLD.entities["Duck"].fields, "id")]
LEAVES = st.one_of(
    st.sampled_from([*FIELDS, *(f"args.{a}" for a in "abc"), "now", "fees", "fees.small", "found"]),
    st.sampled_from(["null", "true", "false", "0", "1", "2", "3.5", "1" * 20, "'x'", "''", "'2026-03-02'", "'day'"]),
    st.sampled_from(["'km'", "[]", "{}"]),
    st.sampled_from(["rows(Duck)", "rows(Pond)", "Pond[it.pond]", "Pond[args.a]", "by(Duck, pond, it.pond)"]),
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8), st.sampled_from(["2026-02-30", "2026-03-02T09:00:00Z", "9999-12-31", "0001-01-01"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    call = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.lists(inner, min_size=FUNCTIONS[name].least, max_size=FUNCTIONS[name].most).map(
            lambda args: f"{name}({', '.join(args)})"
        )
    )
    op = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"])
    body = st.one_of(inner, st.sampled_from(["x", "x.name", "x.age", "x == it", "size(x)", "x.age * 2", "x.pond"]))
    return st.one_of(
        call,
        st.builds("({} {} {})".format, inner, op, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("-{}".format, inner),
        st.builds("!{}".format, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}.{}(x, {})".format, inner, st.sampled_from(sorted(BINDERS)), body),
        st.builds("{}.{}()".format, inner, st.sampled_from(["first", "sum", "count", "min", "max", "sort", "flat"])),
        st.builds("{}.{}(name, age)".format, inner, st.sampled_from(["pick", "omit"])),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{a: {}, ..{}}}".format, inner, inner),
        st.builds("{}.{}".format, inner, st.sampled_from(["name", "a", "depth", "wing"])),
    )


EXPRESSIONS = st.recursive(LEAVES, grown, max_leaves=8)
PYTHON = {"bool": bool, "int": int, "number": (int, float), "text": str, "record": dict, "list": tuple, "row": RowData}


@cache
def pond() -> Any:
    return start_state(WORLD, 1)


def evaluate(text: str, values: list[Any]) -> tuple[str, Any] | None:
    """(type, value), None where the expression does not compile or ran out of fuel."""
    try:
        run, kind = compile_expr(text, SCOPE)
    except SpecError:
        return None
    duck = dict(next(iter(pond().rows("Duck").values()))) | {"age": values[0], "name": None}
    env = {
        "it": duck, "args": freeze(dict(zip("abc", values, strict=True))), "now": "2026-03-02T09:00:00Z",
        "found": tuple(pond().rows("Duck").values()), "$state": pond(), "$fuel": [20_000], **WORLD.tables,
    }  # fmt: skip
    try:
        return kind, run(env)
    except Fuel:
        return kind, None


@settings(max_examples=400)
@example("(it.size in it.size)", [None, None, None])  # what the search has found so far
@example("reverse(it.size)", [None, None, None])
@example("null.flat(x, x == it)", [None, None, None])
@given(EXPRESSIONS, st.tuples(st.one_of(st.none(), st.integers(-5, 5)), VALUES, VALUES).map(list))
def test_what_compiles_gives_a_value_of_its_type_or_null(text: str, values: list[Any]) -> None:
    told = evaluate(text, values)
    event("compiles" if told is not None else "refused")
    if told is None:
        return
    kind, value = told
    wanted = PYTHON.get(kind.split(":")[0])
    if wanted is not None and value is not None:
        assert isinstance(value, wanted), (kind, value)
        assert kind == "bool" or not isinstance(value, bool), (kind, value)


def test_the_strategy_makes_expressions_that_compile() -> None:
    """The property above says nothing about refused ones: some of all kinds are not refused."""
    for name, fn in FUNCTIONS.items():
        args = ["args.a"] * fn.least
        assert evaluate(f"{name}({', '.join(args)})", [1, "x", None]) is not None, name
    for name in BINDERS:
        assert evaluate(f"found.{name}(x, x.age)", [1, "x", None]) is not None, name
