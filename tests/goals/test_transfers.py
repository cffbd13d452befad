"""Goals made of transfers and of jobs."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml

from synth.goals.build import Built, build
from synth.goals.desk import Desk
from synth.worlds import World

HARBOUR = Path(__file__).parents[1] / "worlds" / "data" / "harbour.yaml"


def built(tools: dict[str, object], kind: str, seed: int) -> Built:
    spec = yaml.safe_load(HARBOUR.read_text())
    spec["tools"] = {n: spec["tools"].get(n) or t for n, t in tools.items()}
    world = World.load(spec)
    return build(Desk("w", world, {t: t for t in tools}, 1), kind, random.Random(seed))  # type: ignore[arg-type]


FIND = {"op": "search", "of": "Account", "in": ["owner"], "shows": ["id", "owner"]}


@pytest.mark.parametrize("seed", range(4))
def test_a_transfer_is_asked_for_with_both_sides_and_changes_both(seed: int) -> None:
    b = built({"transfer": None, "find_accounts": FIND}, "single", seed)
    (one, other) = b.goal.changes
    assert {one.entity, other.entity} == {"Account"} and one.key != other.key
    step = b.plan.steps[-1]
    assert step.tool == "transfer" and {one.key, other.key} == {step.arguments["from"], step.arguments["to"]}
    words = " ".join(b.user.turns)
    assert {one.key, other.key} <= set(re.findall(r"[A-Z0-9]{6}", words)) and str(step.arguments["amount"]) in words
    assert any("amount" in f.about and str(step.arguments["amount"]) in f.say for f in b.user.facts)


@pytest.mark.parametrize("seed", range(4))
def test_sides_known_by_a_name_are_said_by_it(seed: int) -> None:
    spec = yaml.safe_load(HARBOUR.read_text())
    spec["entities"]["Account"] |= {"key": "owner"}
    spec["entities"]["Account"]["fields"]["owner"] |= {"unique": True}
    spec["tools"] = {"transfer": spec["tools"]["transfer"]}
    b = build(Desk("w", World.load(spec), {"transfer": "transfer"}, 1), "single", random.Random(seed))
    step = b.plan.steps[-1]
    words = " ".join(b.user.turns).replace('"', "").casefold()
    source, target = (step.arguments[side].casefold() for side in ("from", "to"))
    assert words.index(source) < words.index(target)
    assert any(lead + source in words for lead in ("from ", "debit "))


@pytest.mark.parametrize("seed", range(4))
def test_a_job_is_a_new_row_and_its_request_key_is_nobodys_business(seed: int) -> None:
    b = built({"start_export": None, "list_exports": None}, "single", seed)
    (change,) = b.goal.changes
    assert (change.entity, change.kind, list(change.fields)) == ("Export", "insert", ["kind"])
    assert "request key" not in " ".join(b.user.turns)


def test_what_only_the_system_writes_is_a_goal_where_it_is_all_that_a_write_did() -> None:
    spec = yaml.safe_load(HARBOUR.read_text())
    for field in spec["entities"]["Account"]["fields"].values():
        if field.get("type") == "money":
            field["set_by"] = "system"
    spec["tools"] = {"transfer": spec["tools"]["transfer"], "find_accounts": FIND}
    b = build(Desk("w", World.load(spec), {t: t for t in spec["tools"]}, 1), "single", random.Random(0))
    assert {c.entity for c in b.goal.changes} == {"Account"} and all(c.fields for c in b.goal.changes)
