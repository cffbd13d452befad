"""Live servers as places: which are known, what can be asked of them, and their tasks. The material and the sessions
are `synth.live` and `synth.executors.mcp`; here they take the pipeline's form."""

from __future__ import annotations

import random

from synth.errors import UsageError
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
    raise UsageError(f"there is no known server {named!r}; give it with its `command` or `url`")


def domain(server: str) -> str:
    return "live server"


def volatile(server: str) -> list[str]:
    """Patterns of what differs from run to run in the server's results."""
    return []


def kinds(server: str) -> tuple[Kind, ...]:
    """The kinds of tasks that can be made for a server."""
    return ()


def make(world: WorldRow, kind: Kind, seed: int, number: int, rng: random.Random) -> PlaceTask:
    """A task of a kind on the world's server. Raises BuildFailed where there is none."""
    raise BuildFailed(f"no maker for {world.server}")


def listing(server: McpServer, engine: Engine | None) -> list[PlaceTool]:
    """The tools as the server lists them."""
    raise UsageError(f"{server.id}: live servers cannot be asked yet")


def open_place(world: WorldRow, start: PlaceStart, engine: Engine | None) -> PlaceExecutor:
    """The server on a start state of its own."""
    raise UsageError(f"{world.server}: live servers cannot be asked yet")
