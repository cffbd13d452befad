"""Wrong core statements are said when a world is compiled, with their place; a row that is not there fails the call."""

from __future__ import annotations

from typing import Any

import pytest

from synth.errors import SpecError
from synth.worlds import Simulator, World
from synth.worlds.simulate import compile_world


def jars(*body: Any) -> World:
    return World.load(
        {
            "world": "jars",
            "entities": {
                "Jar": {"rows": 6, "fields": {"label": "text", "weight": "int"}},
                "Shelf": {"rows": 2, "fields": {"name": "text"}},
            },
            "tools": {"act": {"op": "do", "effect": "write", "takes": {"jar": "ref Jar?"}, "do": list(body)}},
        }
    )


@pytest.mark.parametrize(
    ("stmt", "why"),
    [
        ({"lod": "it"}, r"do\[0\]: unknown statement with keys lod; known are let, load"),
        ({"load": "it", "from": "Jar", "key": "args.jar"}, r"do\[0\]: `load` needs `else`"),
        ({"require": "true", "els": "x", "else": "y"}, "`require` has no `els`; it takes else, with"),
        ({"require": True, "else": "y"}, "an expression is a text, not True"),
        ({"let": "x"}, "let: is a mapping, not 'x'"),
        ({"find": "xs", "from": "Jar", "where": [{"field": "wieght", "value": "1"}]}, "Jar has no field wieght"),
        ({"find": "xs", "from": "Jar", "where": [{"field": "weight", "compare": "like", "value": "1"}]}, "one of eq"),
        ({"find": "xs", "from": "Jar", "where": [{"field": "weight"}]}, "a condition is a text, or"),
        ({"insert": "Jar", "row": {"colour": "'red'"}}, "Jar has no field colour"),
        ({"set": "it", "of": "Jar", "to": {"weight": "1"}}, "`it` is not bound here"),
        (
            {"each": "j", "in": "rows(Shelf)", "do": [{"delete": "j", "of": "Jar"}]},
            "`j` is row:Shelf, not a row of Jar",
        ),
        ({"each": "j", "in": "rows(Jar)", "do": [{"set": "j", "of": "Jar", "to": {"id": "'x'"}}]}, "the key of Jar"),
        ({"when": "true", "do": [{"use": "none"}]}, "none does not exist"),
    ],
)
def test_wrong_statements_are_said(stmt: Any, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        compile_world(jars(stmt)).tool("act")


@pytest.mark.parametrize("last", [{"set": "jar", "of": "Jar", "to": {"weight": "1"}}, {"delete": "jar", "of": "Jar"}])
def test_a_write_to_a_row_that_is_not_there_fails_the_call(last: dict[str, Any]) -> None:
    sim = Simulator(jars({"let": {"jar": "Jar[args.jar]"}}, last))
    before = sim.state.digest()
    result = sim.call("act", {})
    assert (result.ok, result.error) == (False, "not_found")
    assert sim.state.digest() == before
