"""The live servers that tasks are made for (`data/servers.yaml`), and how a server's command is found here."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import anyio
import yaml
from pydantic import BaseModel, ConfigDict

from synth.errors import UsageError
from synth.pipeline_executors import McpServer
from tools_catalog.harvest.installed import installed
from tools_catalog.harvest.outcome import HarvestFailure
from tools_catalog.servers import load_servers

WORK = "/work"  # the work folder as it is called in the sandbox
LIST = Path(__file__).parent / "data" / "servers.yaml"
_MOVING = (
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?",
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? (?:[A-Z][a-z]{2} \d{1,2}|\d{1,2} [A-Z][a-z]{2}),?(?: \d{4})? "
    r"\d\d:\d\d:\d\d(?: (?:GMT|UTC)[+-]?\d*)?(?: \([^)]*\))?(?: \d{4})?",
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
)
_SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"), Path("/lib64"))


class Known(BaseModel):
    """What is known of one server. `readers`: file -> how its content is read as rows; `effects` where the server's
    own annotations do not tell; `volatile`: patterns of what differs in results from run to run."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domain: str
    command: list[str]
    env: dict[str, str] = {}
    readers: dict[str, str] = {}
    ignored: list[str] = []
    effects: dict[str, Literal["read", "write"]] = {}
    failed: list[str] = []  # patterns of texts that report a failure without the protocol's flag
    volatile: list[str] = []


@dataclass(frozen=True, slots=True)
class Launch:
    """How a command is started: with these folders of the machine to be seen at their own paths, read-only."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folders: tuple[Path, ...]


@lru_cache(maxsize=1)
def list_known() -> dict[str, Known]:
    """All by id, in the order of the list."""
    records: dict[str, Any] = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    return {name: Known.model_validate(record) for name, record in records.items()}


@lru_cache(maxsize=1)
def known() -> dict[str, McpServer]:
    """The servers that a pipeline may name by their id alone."""
    return {name: McpServer(id=name, command=one.command, env=one.env) for name, one in list_known().items()}


def is_known(server: McpServer) -> bool:
    """Whether this is one of ours, started as we start it (an id alone proves nothing)."""
    ours = known().get(server.id)
    return ours is not None and (ours.command, ours.env) == (server.command, server.env)


def volatile(server: McpServer) -> list[str]:
    """Patterns of what differs from run to run in the results of a server; replay compares without them. Of one that
    nobody knows moments and UUIDs, and what its entry names."""
    if is_known(server):
        return [*list_known()[server.id].volatile, *server.volatile]
    return [*_MOVING, *server.volatile]


def launch(server: McpServer) -> Launch:
    """The command of a server, found: a known one is installed first, at its listed version. Raises UsageError where
    it cannot be had. Blocks."""
    if server.command is None:
        raise UsageError(f"The server {server.id!r} has a URL and no command.")
    if is_known(server):
        try:
            at = anyio.run(installed, load_servers()[server.id])
        except HarvestFailure as failure:
            raise UsageError(
                f"The server {server.id!r} cannot be installed ({failure.reason}): {failure.detail}"
            ) from None
        name, *rest = server.command
        env = {"PATH": f"{at.bin_dir}:/usr/local/bin:/usr/bin:/bin", **server.env}
        return Launch((str(at.bin_dir / name), *rest), env, (at.root / "env",))
    return _own(server, server.command)


def _own(server: McpServer, command: list[str]) -> Launch:
    """A user's command. The folders that its absolute paths lie in are seen in the sandbox, with its libraries."""
    found = shutil.which(command[0])
    if found is None:
        raise UsageError(
            f"The server {server.id!r} cannot be started: there is no program {command[0]!r}; install it first."
        )
    program = Path(found).absolute()
    paths = [
        program,
        program.resolve(),
        *(Path(word) for word in command[1:] if word.startswith("/") and Path(word).is_file()),
    ]
    folders: list[Path] = []
    for path in paths:
        folder = _home(path)
        if not any(folder.is_relative_to(f) for f in (*_SYSTEM, *folders)) and folder != Path("/"):
            folders.append(folder)
    path_env = f"{program.parent}:/usr/local/bin:/usr/bin:/bin"
    return Launch((str(program), *command[1:]), {"PATH": path_env, **server.env}, tuple(folders))


def _home(path: Path) -> Path:
    """The folder of a program and its libraries: of one in `bin` the folder above, of a package the `node_modules`."""
    if "node_modules" in path.parts:
        return Path(*path.parts[: path.parts.index("node_modules") + 1])
    return path.parent.parent if path.parent.name == "bin" else path.parent
