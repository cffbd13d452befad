"""docs/worlds.md is the reference: every word of the language stands in it, and its first example runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from synth.worlds.expr import BINDERS
from synth.worlds.functions import FUNCTIONS
from synth.worlds.spec import Entity, FieldSpec, Op, Role, ToolSpec, World
from synth.worlds.statements import STATEMENTS

PAGE = (Path(__file__).parents[2] / "docs" / "worlds.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[A-Za-z_]+", " ".join(re.findall(r"`+[^`]+`+", PAGE, flags=re.S))))
# made by lifting and evolving, or by lowering: no person writes them
HIDDEN = {"server", "roots", "operators", "parents", "source", "project", "cursor_at", "cursor_start"}


def aliases(model: Any) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("operations", get_args(Op)),
        ("roles", get_args(Role)),
        ("statements", list(STATEMENTS)),
        ("keys of statements", [k for form in STATEMENTS.values() for k in (*form.needs, *form.may)]),
        ("functions", list(FUNCTIONS)),
        ("methods", sorted(BINDERS)),
        ("keys of a world", aliases(World)),
        ("keys of an entity", aliases(Entity)),
        ("keys of a field", aliases(FieldSpec)),
        ("keys of a tool", aliases(ToolSpec)),
    ],
)
def test_every_word_of_the_language_is_in_the_reference(what: str, names: list[str]) -> None:
    assert sorted(set(names) - WORDS - HIDDEN) == [], what


def test_the_first_example_runs() -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, flags=re.S)
    assert code is not None
    scope: dict[str, Any] = {}
    exec(code.group(1), scope)
    assert scope["found"].ok and len(scope["world"].tools) == 2
