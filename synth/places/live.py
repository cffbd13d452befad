"""Live servers as places: which are known, what can be asked of them, and their tasks. The material and the sessions
are `synth.live` and `synth.executors.mcp`; here they take the pipeline's form."""

from __future__ import annotations

import asyncio
import random

from synth import live
from synth.errors import UsageError
from synth.executors.mcp import McpExecutor, list_tools
from synth.executors.protocol import PlaceExecutor, PlaceTool
from synth.goals.build import BuildFailed
from synth.pipeline_executors import McpServer
from synth.places.task import PlaceTask
from synth.records import Kind, WorldRow
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


def volatile(server: str) -> list[str]:
    """Patterns of what differs from run to run in the server's results."""
    return live.volatile(server)


def kinds(server: str) -> tuple[Kind, ...]:
    """The kinds of tasks that can be made for a server."""
    return live.kinds(server)


def make(world: WorldRow, kind: Kind, seed: int, number: int, rng: random.Random) -> PlaceTask:
    """A task of a kind on the world's server. Raises BuildFailed where there is none."""
    server = McpServer.model_validate(world.spec["server"])
    if not live.is_known(server) or kind not in live.kinds(server.id):
        raise BuildFailed(f"no {kind} task can be made for {server.id}: nobody could say what is right")
    return live.make(server.id, kind, seed, number, world.split)


def listing(server: McpServer, engine: Engine | None) -> list[PlaceTool]:
    """The tools as the server lists them."""
    return asyncio.run(list_tools(server, engine))


def open_place(world: WorldRow, start: PlaceStart, engine: Engine | None) -> PlaceExecutor:
    """The server on a start state of its own."""
    return McpExecutor(world.world_id, McpServer.model_validate(world.spec["server"]), engine, start)
