"""`executors` of the pipeline file: where calls are really run."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from synth.records import Split
from synth.sandbox.docker_settings import DockerSettings
from synth.sandbox.engine import Limits
from synth.sandbox.local_settings import LocalSettings
from synth.settings import Name, Settings

EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=4000)]


class Probe(Settings):
    """How a server that nobody knows is called, to find out what can be asked of it. `courses`: how many different
    courses of calls are wanted, each the ground of a task; `starts`: from how many start states. `files`: what lies in
    the work folder, path to text, in place of files of ours. `writes`: at a URL, call also what is not said to be read
    only; what runs there cannot be set back."""

    courses: Annotated[int, Field(ge=1, le=2000)] = 36
    starts: Annotated[int, Field(ge=1, le=64)] = 3
    files: Annotated[dict[Annotated[str, Field(min_length=1, max_length=400)], str], Field(max_length=200)] = {}
    writes: bool = False


class McpServer(Settings):
    """A live server: a command that speaks MCP on its pipes, or the URL of one that speaks streamable HTTP.
    `headers_env`: headers whose values stand in environment variables, which are read when a session opens and are
    never kept. `uncontained`: run the command outside any sandbox. `seconds` and `output_bytes` bound one call.
    `allow`: tools that the poison scan flags and that are offered all the same. `volatile`: patterns of what differs
    from run to run in its results, besides moments and UUIDs. `probe`: how its tasks are looked for."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9@][A-Za-z0-9@._/-]{0,127}$")]
    command: Annotated[list[Word], Field(min_length=1, max_length=64)] | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)] | None = None
    env: dict[EnvName, Annotated[str, Field(max_length=4000)]] = {}
    headers_env: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")], EnvName] = {}
    uncontained: bool = False
    split: Split = "train"
    seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    output_bytes: Annotated[int, Field(ge=1024, le=16_777_216)] = 262_144
    allow: Annotated[list[Word], Field(max_length=1000)] = []
    volatile: Annotated[list[Word], Field(max_length=100)] = []
    probe: Probe | None = None
    OUTSIDE = frozenset({"headers_env"})

    @field_validator("volatile")
    @classmethod
    def _are_patterns(cls, value: list[str]) -> list[str]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no pattern: {error}") from None
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> McpServer:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either `command` or `url`")
        if self.url is None and self.headers_env:
            raise ValueError("headers_env goes with `url`; a command reads its own environment (`env`)")
        if self.url is not None and (self.env or self.uncontained):
            raise ValueError("env and uncontained go with `command`; a URL runs on another machine")
        if self.url is not None and self.probe is not None and self.probe.files:
            raise ValueError("probe.files goes with `command`; a URL has no work folder here")
        return self


class McpExecutor(Settings):
    """Live servers that agents and tasks are made for: known ones by id, others with their command or URL."""

    servers: Annotated[list[McpServer | Name], Field(min_length=1, max_length=1000)]

    @field_validator("servers")
    @classmethod
    def _each_once(cls, value: list[McpServer | str]) -> list[McpServer | str]:
        ids = [s if isinstance(s, str) else s.id for s in value]
        if twice := [i for n, i in enumerate(ids) if i in ids[:n]]:
            raise ValueError(f"names {twice[0]!r} twice")
        return value


class CodeExecutor(Settings):
    """Workspaces for tasks of kind `code`. `families`: which sorts of tasks there are."""

    families: Literal["all"] | Annotated[list[Name], Field(min_length=1, max_length=1000)] = "all"


class Executors(Settings):
    """`sandbox`: which engine holds what is run (`auto`: docker where it answers, else local). `concurrency`: episodes
    with real calls at once, per worker; `limits`: of one run of code. Rows are the same whatever the engine, so a
    change of it makes none anew."""

    sandbox: Literal["auto", "local", "docker"] = "auto"
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    limits: Limits = Limits()
    local: LocalSettings = LocalSettings()
    docker: DockerSettings = DockerSettings()
    code: CodeExecutor | None = None
    mcp: McpExecutor | None = None
    OUTSIDE = frozenset({"sandbox", "concurrency", "local", "docker"})

    @property
    def real(self) -> bool:
        """Whether any call is really run."""
        return self.code is not None or self.mcp is not None

    def covered(self) -> dict[str, Any]:
        """What rows follow from: which places there are, and what a run may take."""
        servers = [s if isinstance(s, str) else s.covered() for s in self.mcp.servers] if self.mcp else None
        return super().covered() | {"mcp": servers}
