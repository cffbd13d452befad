"""A sandbox in a container: jobs go to the server that is its PID 1, as in the local engine."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from synth.sandbox.channel import Channel, Gone, check_fits, clean_path, ran, refused
from synth.sandbox.docker_api import Api, Wire
from synth.sandbox.docker_container import SLACK_MB, Container
from synth.sandbox.docker_process import DockerProcess
from synth.sandbox.engine import Limits, Outcome, Process, Ran, SandboxError, tightened

BOOT_S: Final = 60.0  # until PID 1 has to speak, on a busy machine
GRACE_S: Final = 30.0  # that PID 1 has to answer beyond the job's own time
CLOSED: Final = "the sandbox is closed"
LOST: Final = "the sandbox's files were lost when its container broke; open another"
FILES_S: Final = 120.0  # for files in or out
_numbers = itertools.count(1)


class _Duplex:
    """The attached pipes of PID 1 as the channel's wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def send(self, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
        if descriptors:
            raise SandboxError("descriptors do not travel into a container")
        try:
            self.wire.send(data)
        except SandboxError as error:
            raise Gone(str(error)) from error

    def recv(self, most: int, deadline: float) -> bytes:
        try:
            got = self.wire.recv(most, deadline)
        except SandboxError as error:
            raise Gone(str(error)) from error
        if not got:
            last = self.wire.complaints.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Gone(f"PID 1 of the container ended{f': {last[:300]}' if last else ''}")
        return got


class Inside(NamedTuple):
    """A container whose PID 1 answers."""

    api: Api
    container: Container
    channel: Channel

    @classmethod
    def of(cls, api: Api, container: Container) -> Inside:
        """Wait until it answers. Raises SandboxError; the container is gone then."""
        inside = cls(api, container, Channel(_Duplex(container.wire)))
        try:
            inside.channel.ready(time.monotonic() + BOOT_S)
        except (Gone, TimeoutError) as error:
            inside.close()
            why = str(error) or f"it said nothing for {BOOT_S:g} s"
            raise SandboxError(f"a container started and its server did not: {why}") from None
        return inside

    def close(self) -> None:
        """Kill and remove the container."""
        try:
            self.api.remove(self.container.id)
        finally:
            self.container.wire.close()


class DockerSandbox:
    """One tenant's container. One request at a time. Where the container does not answer any more, the run that found
    out is `crashed`, the container is removed, and every later request says that its files are lost: the engine opens
    another. `gone`: takes this sandbox and its container when it is closed."""

    def __init__(self, limits: Limits, inside: Inside, gone: Callable[[DockerSandbox, Inside | None], None]) -> None:
        self.id = f"docker-{next(_numbers)}"
        self._limits = limits
        self._inside: Inside | None = inside
        self._gone = gone
        self._lock = threading.Lock()
        self._processes: list[DockerProcess] = []
        self._closed = False

    @property
    def container(self) -> str:
        """The id of the container it is in; empty where that broke."""
        return self._inside.container.id if self._inside else ""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        if not argv:
            return refused("the command is empty")
        return self._job({"op": "run", "argv": list(argv), "env": dict(env or {})}, stdin, limits)

    def python(self, source: str, *, argv: Sequence[str] = (), stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        return self._job({"op": "python", "source": source, "argv": list(argv), "env": {}}, stdin, limits)

    def put(self, files: Mapping[str, bytes | None]) -> None:
        check_fits(files, self._limits.disk_mb)
        if files:
            self._files(lambda channel, deadline: channel.put(files, deadline))

    def get(self, under: str = "") -> dict[str, bytes]:
        if under:
            clean_path(under)
        most = self._limits.disk_mb << 20
        return self._files(lambda channel, deadline: channel.get(under, most, deadline))

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
        with self._lock:
            inside = self._here()
            deadline = time.monotonic() + FILES_S
            try:
                inside.channel.spare(deadline)
            except (Gone, TimeoutError) as error:
                raise self._broken(error) from None
            exec_id, wire = inside.api.execute(inside.container.id, list(argv), inside.container.user, env or {})
            process = DockerProcess(wire, lambda: inside.api.executed(exec_id), self._kill)
            self._processes.append(process)
            return process

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._gone(self, self._inside)
        for process in self._processes:
            process.end()

    def __enter__(self) -> DockerSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _job(self, request: dict[str, Any], stdin: bytes, asked: Limits | None) -> Ran:
        limits = tightened(self._limits, asked)
        if wrong := _problem(request, stdin, limits):
            return refused(wrong)
        with self._lock:
            started, clock = time.monotonic(), time.time()
            try:
                inside = self._here()
            except SandboxError as error:
                return Ran("crashed", None, b"", b"", 0.0, None, str(error))
            try:
                with self._bounds(inside, limits):
                    answer, blob = inside.channel.job(request, stdin, limits, GRACE_S)
            except _TooTight as error:
                return refused(f"the memory limit of {limits.memory_mb} MiB is below what is in use: {error}")
            except (Gone, TimeoutError) as error:
                outcome = _outcome(error, inside, clock)
                return Ran(outcome, None, b"", b"", time.monotonic() - started, None, str(self._broken(error)))
        return ran(answer, blob, limits, oom=bool(answer.get("oom")))

    @contextmanager
    def _bounds(self, inside: Inside, limits: Limits) -> Iterator[None]:
        """Tighter limits on the whole container for one job."""
        own = self._limits
        if (limits.memory_mb, limits.processes) == (own.memory_mb, own.processes):
            yield
            return
        container = inside.container.id
        try:
            inside.api.bound(container, limits.memory_mb + SLACK_MB, limits.processes + 1)
        except SandboxError as error:
            raise _TooTight(str(error)) from error
        yield
        inside.api.bound(container, own.memory_mb + SLACK_MB, own.processes + 1)

    def _files(self, ask: Callable[[Channel, float], Any]) -> Any:
        with self._lock:
            inside = self._here()
            try:
                return ask(inside.channel, time.monotonic() + FILES_S)
            except (Gone, TimeoutError) as error:
                raise self._broken(error) from None

    def _kill(self) -> None:
        """End the long-running programs (those that came in beside PID 1)."""
        with self._lock:
            if self._closed or self._inside is None:
                return
            try:
                self._inside.channel.kill(0, time.monotonic() + GRACE_S)
            except (Gone, TimeoutError) as error:
                self._broken(error)

    def _broken(self, error: Exception) -> SandboxError:
        """This container ends, and its files with it."""
        old, self._inside = self._inside, None
        why = str(error) or "it did not answer in time"
        try:
            if old is not None:
                old.close()
        except SandboxError as more:
            why = f"{why}; {more}"
        return SandboxError(f"the container broke and its files are lost: {why}")

    def _here(self) -> Inside:
        """The container. Raises SandboxError."""
        if self._closed:
            raise SandboxError(CLOSED)
        if self._inside is None:
            raise SandboxError(LOST)
        return self._inside


def _outcome(error: Exception, inside: Inside, since: float) -> Outcome:
    """What became of a job whose container broke."""
    if isinstance(error, TimeoutError):
        return "timeout"
    try:
        return "oom" if inside.api.killed_for_memory(inside.container.id, since) else "crashed"
    except SandboxError:
        return "crashed"  # the engine is gone too


class _TooTight(Exception):
    """The engine cannot set that limit now."""


def _problem(request: dict[str, Any], stdin: bytes, limits: Limits) -> str:
    """Why a job cannot be started, or nothing."""
    if any("\0" in text for text in _texts(request)):
        return "the command holds a zero byte"
    if len(stdin) > limits.memory_mb << 18:
        return f"{len(stdin)} bytes of input are more than a quarter of the memory limit"
    return ""


def _texts(request: dict[str, Any]) -> list[str]:
    env = request["env"]
    return [*request["argv"], *env, *env.values(), *([request["source"]] if "source" in request else [])]
