"""What runs the calls of places in this process: one engine, opened when it is first needed, and a bound on how many
episodes hold a place at once."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

from synth.errors import TaskFailure, UsageError
from synth.executors.protocol import PlaceExecutor, PlaceTool
from synth.executors.workspace_tools import TOOLS
from synth.live.probing import ToolProbe
from synth.pipeline_executors import Executors, McpServer
from synth.places import live
from synth.places.workspace import Workspace
from synth.records import WorldRow, canonical
from synth.sandbox import Engine, Limits, open_engine
from synth.sandbox.opening import EngineName
from synth.taskspec import PlaceStart

SPARE_THREADS = 4


class Hands:
    """The executors of a pipeline, in this process."""

    def __init__(self, executors: Executors) -> None:
        self.executors = executors
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def engine(self, name: EngineName | None = None) -> Engine:
        """The sandbox engine of that name, by default that of the pipeline file, opened once. Raises UsageError where
        this machine has none that contains."""
        chosen = name or self.executors.sandbox
        with self._lock:
            if chosen not in self._engines:
                local, docker = self.executors.local.model_dump(), self.executors.docker.model_dump()
                self._engines[chosen] = open_engine(chosen, local=local, docker=docker)
            return self._engines[chosen]

    def gate(self) -> asyncio.Semaphore:
        """Held by an episode while it has a place; one per event loop. Calls of places block, so the loop gets threads
        for as many."""
        loop = asyncio.get_running_loop()
        if loop not in self._gates:
            loop.set_default_executor(ThreadPoolExecutor(self.executors.concurrency + SPARE_THREADS, "places"))
            self._gates[loop] = asyncio.Semaphore(self.executors.concurrency)
        return self._gates[loop]

    def open(self, row: WorldRow, start: PlaceStart) -> PlaceExecutor:
        """The executor of a place for one episode."""
        try:
            if row.origin == "workspace":
                return Workspace(row.world_id, self.engine(), start, Limits.model_validate(row.spec["limits"]))
            return live.open_place(row, start, self._engine_for(McpServer.model_validate(row.spec["server"])))
        except UsageError as error:
            raise TaskFailure("infra", "places.hands", str(error)) from error

    def listing(self, row: WorldRow) -> list[PlaceTool]:
        """The tools of a place, as they are offered there; a live server is started for it."""
        if row.origin == "workspace":
            return [PlaceTool(**tool) for tool in TOOLS]
        server = McpServer.model_validate(row.spec["server"])
        with ThreadPoolExecutor(1, "listing") as thread:  # a loop of its own, whatever runs in this thread
            return thread.submit(live.listing, server, self._engine_for(server)).result()

    def probe(self, row: WorldRow, tools: Sequence[PlaceTool], seed: int) -> dict[str, ToolProbe]:
        """What can be asked of a live server that nobody knows, found by calling it."""
        engine = self._engine_for(McpServer.model_validate(row.spec["server"]))
        with ThreadPoolExecutor(1, "probe") as thread:  # a loop of its own, as above
            return thread.submit(live.probe, row, tools, engine, seed, self.executors.concurrency).result()

    def _engine_for(self, server: McpServer) -> Engine | None:
        """A server needs programs and folders of this machine, which only the local engine can lend."""
        return self.engine("local") if contained(server) else None

    def close(self) -> None:
        with self._lock:
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()


def contained(server: McpServer) -> bool:
    """Whether the server runs in a sandbox of ours."""
    return server.url is None and not server.uncontained


def sweep(executors: Executors) -> int:
    """Try the engine and remove what dead runs left of it; how much that was. Raises UsageError where there is no
    engine that contains, as every episode would."""
    servers = [live.server_of(named) for named in (executors.mcp.servers if executors.mcp else ())]
    hands = Hands(executors)
    try:
        count = hands.engine().clean() if executors.code is not None else 0
        return count + (hands.engine("local").clean() if any(map(contained, servers)) else 0)
    finally:
        hands.close()


_hands: dict[str, Hands] = {}
_lock = threading.Lock()


def hands_of(executors: Executors) -> Hands:
    """The hands of this process for these settings; closed when it ends."""
    at = canonical(executors.model_dump(mode="json"))
    with _lock:
        if at not in _hands:
            _hands[at] = Hands(executors)
            atexit.register(_hands[at].close)
        return _hands[at]
