"""One live server in a place of its own: started, called in bounded time, ended for certain, leaving nothing behind."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from synth.errors import UsageError
from synth.fidelity.setups import Setup
from tools_catalog.harvest import processes
from tools_catalog.harvest.environment import Workspace, for_server
from tools_catalog.harvest.installed import Installed
from tools_catalog.harvest.outcome import Limits, plain
from tools_catalog.harvest.transport import Wire, bounded_streams
from tools_catalog.servers import ServerSpec

CALL_SECONDS = 20.0
START_SECONDS = 60.0
_CPU_SECONDS = 600
_CLIENT = types.Implementation(name="synth-audit", version="1")


class LiveFailure(Exception):
    """The live server did not start, or stopped answering. The audit of that server ends with this reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a live call gave: the text of its content, its structured part, and whether the protocol called it an
    error. `refused` says that it was refused as a message (JSON-RPC error) before any tool ran."""

    text: str
    data: Any = None
    is_error: bool = False
    refused: bool = False


@dataclass(slots=True)
class Live:
    """A running server."""

    session: ClientSession
    wire: Wire
    work: Path

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """One call. Raises LiveFailure where the server died or did not answer in time."""
        try:
            with anyio.fail_after(CALL_SECONDS):
                result = await self.session.call_tool(tool, dict(arguments))
        except TimeoutError:
            raise LiveFailure(f"{tool} was not answered in {CALL_SECONDS:g} s") from None
        except MCPError as error:
            if error.error.code == types.CONNECTION_CLOSED or self.wire.closed:
                raise LiveFailure(f"the connection closed during {tool}; {self.wire.stderr_tail()}") from None
            return Answer(error.error.message, is_error=True, refused=True)
        except ValidationError as error:
            return Answer(f"not a valid answer: {error.error_count()} problems", is_error=True)
        except RuntimeError as error:  # the SDK's word for structured content that misses the declared output schema
            return Answer(plain(str(error)), is_error=True)
        if not isinstance(result, types.CallToolResult):
            raise LiveFailure(f"{tool} asked for input instead of answering")
        texts = [part.text for part in result.content if isinstance(part, types.TextContent)]
        return Answer("\n".join(texts), result.structured_content, bool(result.is_error))


@asynccontextmanager
async def running(spec: ServerSpec, setup: Setup, at: Installed) -> AsyncGenerator[Live]:
    """The server in fresh folders with the setup's files, its service beside it. Raises LiveFailure where it does not
    start."""
    root = Path(tempfile.mkdtemp(prefix="synth-audit-")).resolve()
    space = Workspace(root)
    try:
        space.work.mkdir()
        space.home.mkdir()
        space.tmp.mkdir()
        space.install.symlink_to(at.root / "env", target_is_directory=True)
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(_service(setup, space)) if setup.service else 0
            yield await stack.enter_async_context(_session(spec, setup, at, space, port))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(root, ignore_errors=True))


@asynccontextmanager
async def _session(spec: ServerSpec, setup: Setup, at: Installed, space: Workspace, port: int) -> AsyncGenerator[Live]:
    for name, text in {**spec.files, **setup.files}.items():
        path = space.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    env = for_server(space, at.bin_dir, {**spec.env, **setup.env})
    env = {key: value.replace("{port}", str(port)) for key, value in env.items()}
    for line in spec.prepare if setup.prepare is None else setup.prepare:
        done = await anyio.run_process(
            ["sh", "-c", space.fill(line, quoted=True)], cwd=space.work, env=env, check=False
        )
        if done.returncode != 0:
            raise LiveFailure(f"preparation ended with status {done.returncode}: {plain(done.stderr.decode()[-300:])}")
    told = spec.args if setup.args is None else setup.args
    arguments = tuple(space.fill(a).replace("{port}", str(port)) for a in told)
    wire = Wire(Limits())
    process = await processes.start(
        at.command(arguments), env=env, cwd=space.work, cpu_seconds=_CPU_SECONDS, pipe_stdin=True
    )
    try:
        async with (
            bounded_streams(process, wire) as (read, write),
            ClientSession(read, write, client_info=_CLIENT) as session,
        ):
            try:
                with anyio.fail_after(START_SECONDS):
                    await session.initialize()
            except TimeoutError:
                raise LiveFailure(f"initialize was not answered in {START_SECONDS:g} s") from None
            except (MCPError, RuntimeError) as error:
                raise LiveFailure(f"{plain(str(error))}; {wire.stderr_tail()}") from None
            yield Live(session, wire, space.work)
    finally:
        with anyio.CancelScope(shield=True):
            await processes.stop(process, space.home, 1.0)


@asynccontextmanager
async def _service(setup: Setup, space: Workspace) -> AsyncGenerator[int]:
    """A local program that the server talks to, on a free port of the loopback interface."""
    if shutil.which(setup.service[0]) is None:
        raise UsageError(f"{setup.service[0]} is not installed; this server cannot be audited without it.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [space.fill(word).replace("{port}", str(port)) for word in setup.service]
    process = await processes.start(
        command, env=for_server(space, space.tmp, {}), cwd=space.tmp, cpu_seconds=_CPU_SECONDS, pipe_stdin=False
    )
    try:
        await _listening(setup.service[0], port)
        yield port
    finally:
        with anyio.CancelScope(shield=True):
            await processes.stop(process, space.tmp / "none", 0.2)


async def _listening(name: str, port: int) -> None:
    for _ in range(200):
        try:
            stream = await anyio.connect_tcp("127.0.0.1", port)
        except OSError:
            await anyio.sleep(0.05)
            continue
        await stream.aclose()
        return
    raise LiveFailure(f"{name} did not listen within 10 s")
