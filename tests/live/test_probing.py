"""A server that nobody knows is probed: what is kept comes out the same twice, what is not has its reason."""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rubrics.normal import Text, mentions
from synth.executors.mcp import McpExecutor, list_tools
from synth.executors.protocol import Outcome, PlaceTool
from synth.live import unknown
from synth.live.known import volatile
from synth.live.probing import Course, ToolProbe, probed
from synth.live.probing.drawing import Drawer, Memory
from synth.live.probing.hands import failure_of, holds_now
from synth.live.probing.showing import fitting, shown_in
from synth.live.telling import telling
from synth.pipeline_executors import McpServer, Probe
from synth.taskspec import Goal
from tests.served import served

OWN = Path(__file__).parent / "own_server.py"
SMALL = Probe(courses=10, starts=1)
FILES = McpServer(id="own", command=[sys.executable, str(OWN), "{work}"], uncontained=True, probe=SMALL)


def probe(server: McpServer, seed: int = 4) -> tuple[list[PlaceTool], dict[str, ToolProbe]]:
    tools, masks = asyncio.run(list_tools(server, None)), volatile(server)

    def objection(course: Course) -> str:
        return unknown.objection(server.id, tools, course, "train", masks)

    def fresh(start: Any) -> McpExecutor:
        return McpExecutor("place", server, None, start)

    return tools, asyncio.run(probed(server, tools, fresh, objection, seed, masks, 4))


def own_http(*more: str) -> AbstractContextManager[str]:
    return served(OWN, "--http", *more)


def courses_of(found: dict[str, ToolProbe]) -> list[Course]:
    return [course for one in found.values() for course in one.courses]


@pytest.fixture(scope="module")
def files() -> tuple[list[PlaceTool], dict[str, ToolProbe]]:
    return probe(FILES)


def test_every_tool_has_its_count_and_what_moves_is_refused(files: Any) -> None:
    tools, found = files
    assert list(found) == [t.name for t in tools]
    assert all(one.calls for one in found.values())
    assert {name for name, one in found.items() if one.kept} >= {
        "create_note",
        "tag_note",
        "delete_note",
        "count_words",
    }
    assert found["current_time"].refused == {"holds_the_time": 1}
    assert found["new_token"].refused["unsteady"] == 1
    assert (found["broken"].answered, set(found["broken"].refused)) == (0, {"fails"})
    assert not any(found[name].kept for name in ("current_time", "new_token", "broken"))


def test_chains_need_what_the_first_call_shows(files: Any) -> None:
    chains = [c for c in courses_of(files[1]) if c.kind == "chain"]
    assert {c.calls[-1].tool for c in chains} >= {"tag_note", "delete_note"}
    for course in chains:
        first, last = course.calls
        found = last.found["/note_id"]
        assert (first.tool, found.call, found.label) == ("list_notes", 0, "title")
        assert first.result[found.path[0]]["id"] == last.arguments["note_id"]  # type: ignore[index]


def test_what_changed_is_the_truth(files: Any) -> None:
    for course in courses_of(files[1]):
        writes = {c.tool for c in course.calls if c.writes}
        assert writes == {c.tool for c in course.calls} & {"create_note", "tag_note", "delete_note"}
        assert bool(course.changes) == bool(writes)
        assert not course.read_backs


@pytest.mark.slow
def test_the_same_seed_finds_the_same(files: Any) -> None:
    assert probe(FILES)[1] == files[1]


def test_tasks_say_what_the_calls_need(files: Any) -> None:
    tools, found = files
    assert unknown.kinds(found) == ("single", "chain", "parallel", "no_tool")
    for kind in unknown.kinds(found):
        words = set()
        for number in range(8):
            make = (FILES.id, tools, found, kind, 1, number, "train", volatile(FILES))
            task = unknown.make(*make)  # type: ignore[arg-type]
            assert task == unknown.make(*make)  # type: ignore[arg-type]
            words.add(task.user.turns[0])
            goal: Goal = task.goal
            assert goal.refuse if kind == "no_tool" else goal.changes or goal.tell, "doing nothing would do"
            assert not any(mentions(t.value, Text(task.user.turns[0])) for t in goal.tell)
            if kind == "chain":
                assert not mentions(task.plan.steps[1].arguments["note_id"], Text(task.user.turns[0]))
                assert task.plan.steps[1].sources["/note_id"].kind == "result"
        assert len(words) == 8


def test_a_request_that_nothing_fits_speaks_of_no_tool() -> None:
    lamps = PlaceTool("switch_lamp", "Dims a light.", {"type": "object", "properties": {"music": {}}}, "write")
    topics = {unknown.make("x", [lamps], {}, "no_tool", 1, n, "train", []).family for n in range(40)}
    assert len(topics) > 5
    assert not topics & {"x.no_tool.lamp", "x.no_tool.music"}


def test_a_url_is_only_read() -> None:
    with own_http() as url:
        _, found = probe(McpServer(id="far", url=url, probe=Probe(courses=4, starts=1)))
    assert found["create_note"].model_dump(exclude={"courses"}) == {
        "calls": 0, "answered": 0, "kept": 0, "refused": {"not_read_only": 1}}  # fmt: skip
    assert unknown.kinds(found) == ("single", "parallel", "no_tool")


@pytest.mark.slow
def test_a_url_where_writes_are_allowed() -> None:
    with own_http() as url:
        _, found = probe(McpServer(id="far", url=url, probe=Probe(courses=10, starts=1, writes=True)))
    written = [c for c in courses_of(found) if any(call.writes for call in c.calls)]
    assert {call.tool for c in written for call in c.calls} >= {"create_note", "tag_note", "delete_note"}
    for course in written:  # in no file: another call shows it
        assert not course.changes
        assert {b.tool for b in course.read_backs} & {"list_notes", "get_note"}


@pytest.mark.slow
def test_what_stays_from_session_to_session_is_nobodys_doing() -> None:
    with own_http("--shared") as url:
        _, found = probe(McpServer(id="far", url=url, probe=Probe(courses=10, starts=1, writes=True)))
    assert not any(call.writes for c in courses_of(found) for call in c.calls)
    assert sum(found["create_note"].refused.values())


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "string", "enum": ["low", "high"]}, lambda v: v in ("low", "high")),
        ({"type": "integer", "minimum": 17, "maximum": 19}, lambda v: 17 <= v <= 19),
        ({"type": "number", "exclusiveMinimum": 2, "multipleOf": 0.5}, lambda v: v > 2 and v % 0.5 == 0),
        ({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2}$"}, lambda v: v[3] == "-" and len(v) == 6),
        ({"type": "string", "format": "date"}, lambda v: v.startswith("2031-")),
        ({"type": "string", "examples": ["alpha"]}, lambda v: isinstance(v, str)),
        ({"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 2}, lambda v: len(set(v)) >= 2),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/d"}]}, lambda v: v["n"] == 3),
    ],
)  # fmt: skip
def test_arguments_fit_the_schema(schema: dict[str, Any], fits: Any) -> None:
    defs = {"d": {"type": "object", "properties": {"n": {"const": 3}}, "required": ["n"]}}
    tool = PlaceTool(
        "do_it", "", {"type": "object", "properties": {"x": schema}, "required": ["x"], "$defs": defs}, "read"
    )
    for n in range(20):
        drawn = Drawer(random.Random(n), Memory([]), ("it",), tool, False).draw()
        assert drawn is not None
        assert fits(drawn.arguments["x"])


def test_a_schema_that_nothing_drawn_fits_gives_no_call() -> None:
    odd = {"type": "object", "properties": {"x": {"type": "string", "pattern": "(?=never)$"}}, "required": ["x"]}
    assert Drawer(random.Random(1), Memory([]), (), PlaceTool("t", "", odd, "read"), False).draw() is None


def test_a_parameter_takes_what_has_its_name() -> None:
    shown = shown_in(0, {"notes": [{"id": "n1", "title": "Plan"}], "users": [{"id": "u1"}]}, ("note",))

    def meant(words: tuple[str, ...], thing: tuple[str, ...] = ("note",)) -> list[Any]:
        return [s.value for s in fitting(words, "string", thing, shown)]

    assert meant(("note", "id")) == meant(("id",)) == ["n1"]
    assert meant(("user", "id")) == ["u1"]
    assert meant(("id",), ("user",)) == ["u1"]
    assert meant(("title",)) == ["Plan"]
    assert meant(("colour",)) == []
    assert fitting(("note", "id"), "integer", ("note",), shown) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Error: no such file", "says_it_failed"), ('{"success": false, "why": "x"}', "says_it_failed"),
     ("The note was not found", "says_it_failed"), ('{"error": null, "id": 3}', ""), ("3 errors were mended", "")],
)  # fmt: skip
def test_a_failure_without_a_flag(text: str, reason: str) -> None:
    assert failure_of(Outcome(True, text, None, text)) == reason


def test_the_present_day_is_seen() -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    assert holds_now(f"made on {now:%Y-%m-%d}")
    assert holds_now(f'{{"at": {int(now.timestamp() * 1000)}}}')
    assert not holds_now("made on 2031-02-03, number 1234567890")


def test_what_is_told_was_not_said() -> None:
    result = {"id": "n7", "words": 4, "title": "Plan", "at": "2031-01-01T08:00:00Z"}
    masks = [__import__("re").compile(m) for m in volatile(FILES)]
    told = {telling(random.Random(n), result, "note", "words of 4", masks) for n in range(20)}
    assert {t.value for t in told if t} == {"Plan"}
    for nothing in ({"ok": True}, "[resource]", "[image image/png, 40 bytes]"):
        assert telling(random.Random(1), nothing, "note", "", masks) is None
