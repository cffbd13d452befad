"""What a sandbox engine is: limits, outcomes, and the three shapes every engine has.

An *engine* starts *sandboxes*; a sandbox belongs to one tenant (an episode), has a work folder `/work`, no network and
hard limits, and can be used again after every outcome. Everything here blocks: callers in an event loop use threads
(`asyncio.to_thread`). Nothing here knows pipelines, worlds or tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

from synth.errors import SynthError

Outcome = Literal["ok", "failed", "timeout", "oom", "output_cut", "crashed", "refused"]
# ok: exit code 0 · failed: another exit code or a signal · timeout: killed with its tree at `limits.seconds`
# oom: killed for memory · output_cut: killed for writing more than `output_bytes`
# crashed: the sandbox broke (infra, never the job's fault) · refused: not started (no such program, bad argument)

Part = Literal["memory", "processes", "network", "disk", "inodes", "syscalls", "host files", "host processes"]
PARTS: tuple[Part, ...] = (
    "memory", "processes", "network", "disk", "inodes", "syscalls", "host files", "host processes",
)  # fmt: skip


class SandboxError(SynthError):
    """An engine or a sandbox broke where no job's outcome can tell it (class `infra`)."""


class Limits(BaseModel):
    """Hard limits of one sandbox, or of one run inside it. There is no network, whatever they say."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    seconds: float = Field(10.0, gt=0, le=3600, description="wall time of one run")
    memory_mb: int = Field(256, ge=32, le=65536, description="MiB of the whole tree, files in memory included")
    processes: int = Field(64, ge=4, le=4096, description="processes and threads at once")
    disk_mb: int = Field(64, ge=1, le=65536, description="MiB of files in /work")
    inodes: int = Field(8192, ge=64, le=1_000_000, description="files and folders")
    output_bytes: int = Field(65536, ge=1024, le=64 << 20, description="stdout and stderr kept of one run, each")


class Ran(NamedTuple):
    """How one run ended. `exit_code` is negative for a signal, None where there is none to tell (killed by us,
    crashed, refused)."""

    outcome: Outcome
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float  # wall
    cpu_seconds: float | None  # user + system of the job's tree, where the engine can tell
    detail: str  # one line for people; empty for `ok`


class Process(Protocol):
    """A long-running process inside a sandbox, with pipes."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def poll(self) -> int | None:
        """Exit code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Exit code; raises `subprocess.TimeoutExpired`."""
        ...

    def kill(self) -> None:
        """End it with all it started; the pipes reach their end."""
        ...


class Sandbox(Protocol):
    """One tenant's place. After every outcome it can be used again (the engine replaces what broke). The files in
    /work stay between runs; processes do not."""

    id: str

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run a program in /work. `limits` only tighten those that the sandbox was opened with; disk and inodes stay
        the sandbox's."""
        ...

    def python(self, source: str, *, argv: Sequence[str] = (), stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        """Run Python source in /work, as `python -c source argv...`, through the warm forkserver."""
        ...

    def put(self, files: Mapping[str, bytes | None]) -> None:
        """Write files: path relative to /work -> content; None deletes. Scripts (`#!`) become executable. Raises
        UsageError for a path that leaves /work, SandboxError where the disk is full."""
        ...

    def get(self, under: str = "") -> dict[str, bytes]:
        """Regular files under a folder of /work (or that one file), by path relative to /work, sorted. Links are
        never followed and never returned."""
        ...

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        """Start a long-running program in /work; it ends with the sandbox, or with `kill`."""
        ...

    def close(self) -> None:
        """Kill everything inside and give the place back; twice is fine."""
        ...


class Held(NamedTuple):
    """Whether one thing is contained, and by what (for people)."""

    part: Part
    held: bool
    by: str


class Probe(NamedTuple):
    """What an engine really enforces on this machine, tried out by small jobs and not assumed."""

    engine: str
    works: bool
    held: tuple[Held, ...]
    detail: str  # why it does not work, with the mend; or the versions found

    @property
    def open_parts(self) -> tuple[Held, ...]:
        """What is not contained; code of strangers may run only where this is empty."""
        return tuple(one for one in self.held if not one.held)

    @property
    def contains(self) -> bool:
        """Whether untrusted code may run here."""
        return self.works and {one.part for one in self.held if one.held} == set(PARTS)


class Engine(Protocol):
    """Starts sandboxes. Use from several threads is fine."""

    name: str

    def probe(self) -> Probe:
        """Try out what is enforced here; cached for the life of the engine."""
        ...

    def open(self, limits: Limits, *, mounts: Mapping[str, Path] | None = None, system: bool = False) -> Sandbox:
        """A fresh sandbox; raises SandboxError where none can be had. `mounts`: absolute path inside -> file or folder
        of this machine, read-only, as far as other users may read it. `system`: this machine's own /usr instead of the
        small root file system, for programs that are installed here (node, git)."""
        ...

    def clean(self) -> int:
        """Remove what dead owners left on this machine; how many things went."""
        ...

    def close(self) -> None:
        """Close every sandbox and give everything back; twice is fine."""
        ...


def tightened(own: Limits, asked: Limits | None) -> Limits:
    """The limits of one run: the tighter of the sandbox's own and those asked for, field by field."""
    if asked is None:
        return own
    return Limits(**{key: min(value, getattr(asked, key)) for key, value in own.model_dump().items()})
