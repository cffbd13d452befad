"""One sandbox of the local engine: a bubblewrap tree whose PID 1 is the fork server, replaced where it breaks."""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from synth.sandbox.channel import Channel, Gone, check_fits, clean_path, ran, refused
from synth.sandbox.engine import Limits, Ran, SandboxError, tightened
from synth.sandbox.slots import take

if TYPE_CHECKING:
    from synth.sandbox.local import LocalEngine

GRACE_S: Final = 30.0  # for PID 1 to answer after a job's time-out, on a very busy machine
SERVER_PROCESSES: Final = 2  # bubblewrap's outer process and PID 1, which count in the control group
START_S: Final = 60.0
FILES_S: Final = 120.0


class SocketWire:
    """Bytes over the socket that is PID 1's stdin and stdout."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end

    def send(self, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
        """All of it."""
        try:
            self.socket.settimeout(FILES_S)
            if descriptors:
                passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
                data = data[self.socket.sendmsg([data], passed) :]
            self.socket.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def recv(self, most: int, deadline: float) -> bytes:
        """At least one byte."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise TimeoutError
        try:
            data = self.socket.recv(most)
        except OSError as error:
            raise Gone(str(error)) from error
        if not data:
            raise Gone("it ended")
        return data


class LocalProcess:
    """A long-running process inside; the pipes are real ones."""

    def __init__(self, sandbox: LocalSandbox, argv: Sequence[str], env: Mapping[str, str]) -> None:
        pairs = [os.pipe2(os.O_CLOEXEC) for _ in range(4)]
        (stdin_r, stdin_w), (stdout_r, stdout_w), (stderr_r, stderr_w), (self._status, status_w) = pairs
        self.stdin: IO[bytes] = open(stdin_w, "wb", buffering=0)  # noqa: SIM115  they live as long as the process
        self.stdout: IO[bytes] = open(stdout_r, "rb")  # noqa: SIM115
        self.stderr: IO[bytes] = open(stderr_r, "rb")  # noqa: SIM115
        self._sandbox = sandbox
        self._code: int | None = None
        self._lock = threading.Lock()
        theirs = (stdin_r, stdout_w, stderr_w, status_w)
        try:
            self.pid = sandbox.start_process({"argv": list(argv), "env": dict(env)}, theirs)
        except BaseException:
            self.release()
            raise
        finally:
            for fd in theirs:
                os.close(fd)

    def poll(self) -> int | None:
        """Exit code or None."""
        return self._read_status(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Exit code; -9 where the sandbox went with it."""
        code = self._read_status(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("sandboxed process", timeout or 0.0)
        return code

    def _read_status(self, timeout: float | None) -> int | None:
        with self._lock:
            if self._code is None and select.select([self._status], [], [], timeout)[0]:
                said = os.read(self._status, 4)
                self._code = int(struct.unpack(">i", said)[0]) if len(said) == 4 else -9
            return self._code

    def kill(self) -> None:
        """End it."""
        if self.poll() is None:
            self._sandbox.kill_process(self.pid)

    def release(self) -> None:
        """Close the pipes."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class LocalSandbox:
    """See `synth.sandbox.engine.Sandbox`. One thing at a time: calls from several threads wait for each other."""

    def __init__(self, engine: LocalEngine, limits: Limits, mounts: dict[str, Path], system: bool) -> None:
        self._engine, self.limits, self._mounts, self._system = engine, limits, mounts, system
        self._slot = take()
        self.id = f"local-{self._slot.number}"
        self._group = engine.groups.group(str(self._slot.number)) if engine.groups else None
        self._lock = threading.RLock()
        self._channel: Channel | None = None
        self._pid = 0
        self._disk: str | None = None
        self._keeper_of_disk: object = None
        self._lost = ""
        self._closed = False

    def start(self) -> None:
        """Boot PID 1; the disk of a predecessor is kept. Raises SandboxError."""
        keeping = self._engine.keeping
        if self._disk is None and keeping.root:
            limits = self.limits
            asked = keeping.ask("disk", mb=limits.disk_mb, inodes=limits.inodes, uid=self._slot.uid)
            self._disk = str(asked["path"])
            self._keeper_of_disk = keeping
        if self._group is not None:
            try:
                self._group.make()
                self._group.limit(self.limits.memory_mb, self._most_processes(self.limits))
            except OSError as error:
                raise SandboxError(f"the control group {self._group.paths[0]} cannot be made: {error}") from error
        request = self._engine.spawn_request(self._slot, self.limits, self._group)
        argv = self._engine.command(self._disk, self.limits, self._mounts, self._system)
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (theirs.fileno(), os.dup(self._slot.lock))
            try:
                self._pid = int(keeping.ask("spawn", descriptors, argv=argv, **request)["pid"])
            finally:
                os.close(descriptors[1])
        channel = Channel(SocketWire(ours))
        try:
            channel.ready(time.monotonic() + START_S)
        except (Gone, TimeoutError) as error:
            ours.close()
            raise SandboxError(f"the sandbox did not start: {self._bury() or error}") from error
        self._channel = channel

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Ran:
        """Run a program."""
        if not argv or any("\0" in word for word in argv):
            return refused("the command is empty or holds a zero byte")
        return self._job({"op": "run", "argv": list(argv), "env": dict(env or {})}, stdin, limits)

    def python(self, source: str, *, argv: Sequence[str] = (), stdin: bytes = b"", limits: Limits | None = None) -> Ran:
        """Run source in a fork of the warm interpreter."""
        return self._job({"op": "python", "source": source, "argv": list(argv), "env": {}}, stdin, limits)

    def put(self, files: Mapping[str, bytes | None]) -> None:
        """Write and delete files."""
        check_fits(files, self.limits.disk_mb)
        with self._talking() as channel:
            channel.put(files, time.monotonic() + FILES_S)

    def get(self, under: str = "") -> dict[str, bytes]:
        """Read files."""
        if under:
            clean_path(under)
        with self._talking() as channel:
            return channel.get(under, self.limits.disk_mb << 20, time.monotonic() + FILES_S)

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> LocalProcess:
        """Start a long-running program. Raises SandboxError where it does not start."""
        return LocalProcess(self, argv, env or {})

    def start_process(self, request: dict[str, Any], descriptors: tuple[int, ...]) -> int:
        """For LocalProcess."""
        request |= self._own_limits(self.limits)
        with self._talking() as channel:
            return channel.popen(request, descriptors, time.monotonic() + START_S)

    def kill_process(self, pid: int) -> None:
        """For LocalProcess; a sandbox that is gone has no processes."""
        if not self._closed:
            with self._talking() as channel:
                channel.kill(pid, time.monotonic() + GRACE_S)

    def close(self) -> None:
        """Kill everything inside and give the place back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._bury()
                if self._disk is not None and self._keeper_of_disk is self._engine.keeping:
                    self._engine.keeping.ask("undisk", path=self._disk)
            finally:
                os.close(self._slot.lock)
                self._engine.forget(self)

    def __enter__(self) -> LocalSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inner

    def _job(self, request: dict[str, Any], stdin: bytes, asked: Limits | None) -> Ran:
        limits = tightened(self.limits, asked)
        if len(stdin) > limits.memory_mb << 18:
            return refused(f"{len(stdin)} bytes of input are more than a quarter of the memory limit")
        with self._lock:
            try:
                channel = self._ready_channel()
            except SandboxError as error:
                return Ran("crashed", None, b"", b"", 0.0, None, str(error))
            request |= self._own_limits(limits)
            started, before = time.monotonic(), self._oom_kills()
            try:
                with self._bounds(limits):
                    answer, blob = channel.job(request, stdin, limits, GRACE_S)
            except OSError as error:
                if isinstance(error, TimeoutError):
                    return self._broken("timeout", f"ran longer than {limits.seconds:g} s", started)
                return refused(f"the memory limit of {limits.memory_mb} MiB is below what the files take: {error}")
            except Gone as error:
                oom = self._oom_kills() > before
                why = f"used more than {limits.memory_mb} MiB of memory, files included" if oom else f"{error}"
                return self._broken("oom" if oom else "crashed", why, started)
            return ran(answer, blob, limits, oom=self._oom_kills() > before)

    def _broken(self, outcome: Any, why: str, started: float) -> Ran:
        said = self._bury()
        detail = f"{why}; the sandbox was replaced" + (f" ({said})" if said else "")
        return Ran(outcome, None, b"", b"", time.monotonic() - started, None, detail)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[Channel]:
        with self._lock:
            try:
                yield self._ready_channel()
            except (Gone, TimeoutError) as error:
                said = self._bury()
                raise SandboxError(f"the sandbox broke: {error or 'no answer'} {said}".rstrip()) from error

    def _ready_channel(self) -> Channel:
        """The channel, to a new PID 1 where the old one is gone. Raises SandboxError."""
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if self._lost:
            raise SandboxError(self._lost)
        if self._channel is None:
            if self._keeper_of_disk is not (self._engine.keeping if self._disk else None):
                self._lost = "the sandbox's files were lost when it broke; open another"
                raise SandboxError(self._lost)
            self.start()
        assert self._channel is not None
        return self._channel

    def _bury(self) -> str:
        """End PID 1 and all inside, and wait until nothing is left; what it said on the way."""
        if self._channel is not None:
            wire = self._channel.wire
            assert isinstance(wire, SocketWire)
            wire.socket.close()
            self._channel = None
        pid, self._pid = self._pid, 0
        if not pid:
            return ""
        if self._disk is None and not self._closed:
            self._lost = "the sandbox's files were lost when it broke; open another"
        try:
            return str(self._engine.keeping.ask("kill", pid=pid)["said"])
        except SandboxError as error:
            return str(error)

    @contextlib.contextmanager
    def _bounds(self, limits: Limits) -> Iterator[None]:
        """Tighter limits on the whole tree for one job. Raises OSError (EBUSY)."""
        same = (limits.memory_mb, limits.processes) == (self.limits.memory_mb, self.limits.processes)
        if self._group is None or same:
            yield
            return
        self._group.limit(limits.memory_mb, self._most_processes(limits))
        try:
            yield
        finally:
            if self._pid:
                self._group.limit(self.limits.memory_mb, self._most_processes(self.limits))

    def _most_processes(self, limits: Limits) -> int:
        return limits.processes + SERVER_PROCESSES

    def _oom_kills(self) -> int:
        return self._group.oom_kills() if self._group is not None else 0

    def _own_limits(self, limits: Limits) -> dict[str, int]:
        """Without a control group: at least each process is bounded, and how many there are."""
        if self._group is not None:
            return {}
        return {"as_limit": limits.memory_mb << 20, "processes": limits.processes + 1}
