"""Live servers as places: which are known, what can be asked of them, and their tasks. The material and the sessions
are `synth.live` and `synth.executors.mcp`; here they take the pipeline's form."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from synth import live
from synth.errors import UsageError
from synth.executors.mcp import McpExecutor, list_tools
from synth.executors.protocol import PlaceExecutor, PlaceTool
from synth.goals.build import BuildFailed
from synth.live import unknown
from synth.live.probing import Course, ToolProbe, probed
from synth.pipeline_executors import McpServer
from synth.places.task import PlaceTask
from synth.records import Kind, ToolRow, WorldRow
from synth.sandbox import Engine
from synth.taskspec import PlaceStart


def server_of(named: McpServer | str) -> McpServer:
    """A server of the pipeline file. Raises UsageError for an id that nobody knows."""
    if isinstance(named, McpServer):
        return named
    if named in live.known():
        return live.known()[named]
    known = ", ".join(live.known())
    raise UsageError(f"there is no known server {named!r}; give it with its `command` or `url`, or name one of {known}")


def domain(server: str) -> str:
    """What a server is about; of one that is not known only that it is live."""
    found = live.list_known().get(server)
    return found.domain if found is not None else "live server"


def volatile(server: McpServer) -> list[str]:
    """Patterns of what differs from run to run in the server's results."""
    return live.volatile(server)


def kinds(world: WorldRow, tools: Sequence[ToolRow]) -> tuple[Kind, ...]:
    """The kinds of tasks that can be made for a world's server: of one that nobody knows, by what its probe kept."""
    server = McpServer.model_validate(world.spec["server"])
    return live.kinds(server.id) if live.is_known(server) else unknown.kinds(probes_of(tools))


def make(world: WorldRow, tools: Sequence[ToolRow], kind: Kind, seed: int, number: int) -> PlaceTask:
    """A task of a kind on the world's server. Raises BuildFailed where there is none."""
    server = McpServer.model_validate(world.spec["server"])
    if not live.is_known(server):
        offered = [place_tool(t) for t in tools]
        try:
            return unknown.make(server.id, offered, probes_of(tools), kind, seed, number, world.split,
                                world.spec["volatile"])  # fmt: skip
        except unknown.Unsayable as why:
            raise BuildFailed(str(why)) from why
    if kind not in live.kinds(server.id):
        raise BuildFailed(f"no {kind} task can be made for {server.id}: nobody could say what is right")
    return live.make(server.id, kind, seed, number, world.split)


def is_unknown(world: WorldRow) -> bool:
    """Whether the world is a live server that nobody has written tasks for: it is probed for them."""
    return "server" in world.spec and not live.is_known(McpServer.model_validate(world.spec["server"]))


def probes_of(tools: Sequence[ToolRow]) -> dict[str, ToolProbe]:
    """What the probe found, by tool; nothing where there was none."""
    return {t.name: ToolProbe.model_validate(t.provenance["probe"]) for t in tools if "probe" in t.provenance}


def place_tool(row: ToolRow) -> PlaceTool:
    """A tool of a place as its row says."""
    return PlaceTool(row.name, row.description, row.input_schema, row.effect, row.output_schema, row.annotations)


def probe(
    world: WorldRow, tools: Sequence[PlaceTool], engine: Engine | None, seed: int, at_once: int
) -> dict[str, ToolProbe]:
    """Call the world's server to see what can be asked of it. Raises TaskFailure("infra") where it does not start."""
    server = McpServer.model_validate(world.spec["server"])

    def fresh(start: PlaceStart) -> PlaceExecutor:
        return McpExecutor(world.world_id, server, engine, start)

    masks = world.spec["volatile"]

    def objection(course: Course) -> str:
        return unknown.objection(server.id, tools, course, world.split, masks)

    return asyncio.run(probed(server, tools, fresh, objection, seed, masks, at_once))


def listing(server: McpServer, engine: Engine | None) -> list[PlaceTool]:
    """The tools as the server lists them."""
    return asyncio.run(list_tools(server, engine))


def open_place(world: WorldRow, start: PlaceStart, engine: Engine | None) -> PlaceExecutor:
    """The server on a start state of its own."""
    return McpExecutor(world.world_id, McpServer.model_validate(world.spec["server"]), engine, start)


def nothing_kept(world: WorldRow, probes: Mapping[str, ToolProbe]) -> str:
    """One sentence for a probe that no task can be made of, with what was refused for which reason."""
    reasons: Counter[str] = Counter()
    for one in probes.values():
        reasons += Counter(one.refused)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "it lists no tools"
    calls = sum(one.calls for one in probes.values())
    of = f"of {calls} calls on {len(probes)} tools of {world.server}"
    return f"{of} none came out the same twice with something to see: {why}"
