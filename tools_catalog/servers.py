"""The list of real MCP servers and how each is installed and launched: `data/servers.json`, facts only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

LIST = Path(__file__).parent / "data" / "servers.json"


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """How to get one server to list its tools.

    `{work}` in `args`, `env` and `prepare` is the throw-away working folder, `{dir}` the folder it is installed in.
    `env` holds placeholder credentials: they look right and open nothing. Times are seconds.
    """

    id: str
    registry: Literal["npm", "pypi"]
    package: str
    version: str
    licence: str
    category: str
    tools: int  # how many it listed when the shipped catalog was made
    command: str | None = None  # console script; found from the package's own metadata where absent
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()  # further requirements installed with it
    timeout: float = 60.0  # launch, initialize and list together
    install_timeout: float = 300.0
    scripts: bool = False  # npm only: needs its install scripts
    node: int | None = None  # smallest node major version it runs on
    prepare: tuple[str, ...] = ()  # shell lines run in `work` before launch
    files: dict[str, str] = field(default_factory=dict)  # path under `work` -> text
    home_files: dict[str, str] = field(default_factory=dict)  # path under the throw-away home -> text
    offline: bool = False  # its tools were seen to run without network or credentials
    homepage: str | None = None


def spec_from(record: dict[str, Any]) -> ServerSpec:
    """A spec from one object of `servers.json`. Raises ValueError naming an unknown or missing key."""
    known = {f.name for f in fields(ServerSpec)}
    unknown = sorted(set(record) - known)
    if unknown:
        raise ValueError(f"server {record.get('id')!r}: unknown key {unknown[0]!r}")
    tuples = {k: tuple(v) for k, v in record.items() if k in ("args", "extra", "prepare")}
    try:
        return ServerSpec(**{**record, **tuples})
    except TypeError as error:
        raise ValueError(f"server {record.get('id')!r}: {error}") from error


@lru_cache(maxsize=1)
def load_servers() -> dict[str, ServerSpec]:
    """All listed servers by id, in the order of the list."""
    records = json.loads(LIST.read_text(encoding="utf-8"))
    return {record["id"]: spec_from(record) for record in records}
