"""The worlds stage: parts give the tools they owe, the same ones each time; the tools stage reads marks alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synth.pipeline_stages import ToolsSettings, WorldsSettings
from synth.records import WorldRow
from synth.stage import Context
from synth.stages import tools, worlds
from synth.store.inputs import CommittedInputs

SERVERS = ["trello", "zabbix", "beads"]


class InMemory(CommittedInputs):
    """Committed worlds, one list per part."""

    def __init__(self, parts: list[list[WorldRow]]) -> None:
        super().__init__(Path(), {})
        self.__dict__["held"] = parts

    def table(self, name: str) -> list[Any]:
        return [row for part in self.__dict__["held"] for row in part]

    def part(self, name: str, index: int) -> list[Any]:
        return list(self.__dict__["held"][index])

    def parts(self, name: str) -> list[int]:
        return list(range(len(self.__dict__["held"])))

    def columns(self, name: str, fields: Any, indexes: Any = None) -> list[dict[str, Any]]:
        chosen = self.parts(name) if indexes is None else indexes
        return [{f: getattr(row, f) for f in fields} for i in chosen for row in self.part(name, i)]

    def digest(self, name: str) -> str:
        return ",".join(row.world_id for row in self.table(name))


def settings(tools: int) -> WorldsSettings:
    return WorldsSettings(servers=SERVERS, synthetic=tools)


@pytest.fixture(scope="module")
def lifted() -> list[WorldRow]:
    context = Context(5, settings(0), InMemory([]))
    (wave,) = worlds.waves(context)
    return [row for part in wave for row in worlds.run(context, part).rows if isinstance(row, WorldRow)]


@pytest.fixture(scope="module")
def evolved(lifted: list[WorldRow]) -> list[list[WorldRow]]:
    context = Context(5, settings(620), InMemory([lifted]))
    outputs = [worlds.run(context, part) for part in worlds.waves(context)[1]]
    for output in outputs:
        output.check("worlds")
    return [[row for row in output.rows if isinstance(row, WorldRow)] for output in outputs]


def test_each_part_gives_its_share_of_the_tools_wanted(evolved: list[list[WorldRow]]) -> None:
    given = [sum(len(row.spec["tools"]) for row in part) for part in evolved]
    assert [500 <= given[0] <= 530, 120 <= given[1] <= 145] == [True, True], given
    ids = [row.world_id for part in evolved for row in part]
    assert len(set(ids)) == len(ids)


def test_a_part_is_made_again_as_it_was(lifted: list[WorldRow], evolved: list[list[WorldRow]]) -> None:
    context = Context(5, settings(620), InMemory([[row.model_copy() for row in lifted]]))
    part = worlds.waves(context)[1][1]
    assert [r.model_dump() for r in worlds.run(context, part).rows] == [r.model_dump() for r in evolved[1]]


def test_tools_wanted_are_tools_admitted(lifted: list[WorldRow], evolved: list[list[WorldRow]]) -> None:
    inputs = InMemory([lifted, *evolved])
    context = Context(5, ToolsSettings().model_copy(update={"worlds": settings(620)}), inputs)
    parts = [p for p in tools.waves(context)[0] if p.payload["do"] == "worlds"]
    assert [p.stop - p.start for p in parts] == [len(lifted), *map(len, evolved)]
    outputs = [tools.run(context, part) for part in parts[1:]]
    for output in outputs:
        output.check("tools")
    assert sum(len(output.rows) for output in outputs) >= 620


def test_no_parents_no_endless_search() -> None:
    context = Context(5, settings(620), InMemory([]))
    output = worlds.run(context, worlds.waves(context)[1][0])
    assert [d.reason for d in output.dropped] == ["no_parent"]
    output.check("worlds")
