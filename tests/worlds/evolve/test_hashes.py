"""Near-duplicates: a renamed copy keeps its shape, a reworded one its text, an honest sibling neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synth.records import WorldRow, world_tool_id
from synth.worlds.evolve.hashes import Mark, fingerprint, marks_of, minhash
from synth.worlds.evolve.twins import SHAPE_LEAST, Marked, marked, near_duplicates, surplus
from synth.worlds.spec import World

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def spec() -> dict[str, Any]:
    return dict(yaml.safe_load((DATA / "helpdesk.yaml").read_text()))


def renamed(spec: dict[str, Any]) -> World:
    """The desk with other words and the same semantics."""
    text = yaml.safe_dump(spec, sort_keys=False)
    for old, new in (
        ("Ticket", "Parcel"),
        ("ticket", "parcel"),
        ("Contact", "Sender"),
        ("contact", "sender"),
        ("priority", "urgency"),
    ):
        text = text.replace(old, new)
    return World.load(yaml.safe_load(text) | {"world": "other", "domain": "parcels"})


def test_other_words_same_shape(spec: dict[str, Any]) -> None:
    desk, parcels = World.load(spec), renamed(spec)
    for a, b in (("get_ticket", "get_parcel"), ("list_tickets", "list_parcels"), ("resolve_ticket", "resolve_parcel")):
        left, right = fingerprint(desk, a), fingerprint(parcels, b)
        assert left.shape == right.shape
        assert left.named != right.named


def test_other_semantics_other_shape(spec: dict[str, Any]) -> None:
    desk = World.load(spec)
    shapes = {fingerprint(desk, n).shape for n in desk.tools}
    assert len(shapes) >= len(desk.tools) - 2  # resolve, reopen and close differ in a word only


def row(world: World, world_id: str, origin: str) -> WorldRow:
    return WorldRow(
        world_id=world_id, category="c", domain=world.domain, origin=origin, split="train", server=None, parents=[],  # type: ignore[arg-type]
        roots=[], operators=[], spec=world.dump(),
    )  # fmt: skip


def test_only_evolved_tools_give_way(spec: dict[str, Any]) -> None:
    desk = World.load(spec)
    lifted, twin, evolved = row(desk, "a", "lifted"), row(desk, "b", "lifted"), row(desk, "c", "synthetic")
    assert near_duplicates([lifted, twin]) == {}
    found = near_duplicates([evolved, lifted])
    assert found == {world_tool_id("c", n): world_tool_id("a", n) for n in desk.tools}
    # the two tools that renaming left as they were
    kept = near_duplicates([lifted, row(renamed(spec), "d", "synthetic")])
    assert set(kept) == {world_tool_id("d", n) for n in ("list_agents", "list_companies")}


def test_minhash_estimates_overlap() -> None:
    a = {f"w{i}" for i in range(100)}
    b = {f"w{i}" for i in range(20, 120)}
    same = float((minhash(a) == minhash(b)).mean())
    assert 0.5 < same < 0.83  # true similarity 0.67
    assert (minhash(a) == minhash(set(a))).all()
    assert float((minhash(a) == minhash({f"x{i}" for i in range(100)})).mean()) < 0.1


def test_stored_marks_answer_as_the_specs_do(spec: dict[str, Any]) -> None:
    rows = [row(World.load(spec), "a", "lifted"), row(renamed(spec), "d", "synthetic")]
    stored = [r.model_copy(update={"marks": marks_of(World.load(r.spec)), "spec": None}) for r in rows]
    assert near_duplicates(stored) == near_duplicates(rows) != {}
    assert marked(stored) == marked(rows)


def test_a_shape_is_not_used_without_end() -> None:
    words = {
        f"t{i}": Mark("one shape", f"n{i}", minhash({f"{i} {j}" for j in range(9)}).tobytes().hex()) for i in range(40)
    }
    found = surplus([Marked("w", "synthetic", words)])
    assert len(found) == 40 - SHAPE_LEAST
    assert {s.reason for s in found.values()} == {"common_shape"}
    assert surplus([Marked("w", "lifted", words)]) == {}
