"""PID 1 of a sandbox: takes requests over one stream and runs jobs as its children.

As PID 1 of its namespace no job can signal it; it makes itself undumpable, so no job can read its memory or
descriptors. When a job's main process ends, everything the job left is killed and reaped before the answer goes out.

Requests name an `op`:
    run     argv, env, seconds, output, and without a control group as_limit, processes; blob: stdin
                                                                          -> outcome, code, seconds, cpu, out, err; blob
    python  the same with source in `source` and argv after `-c`          -> the same
            `oom`: what the kernel killed for memory meanwhile, where the sandbox sees its own cgroup
    put     files: [[path, size or -1 to delete], ...]; blob: contents    -> {} or {error}
    get     under, most                                                   -> a frame per file {path, size}, then {end}
    popen   argv, env; with four descriptors (a socket only)              -> {pid} or {error}; exit code on the fourth
    spare   what enters from outside (`docker exec`: its parent is 0) is long-running too           -> {}
    kill    pid; 0 is all that entered from outside                       -> {}
"""

import _signal  # type: ignore[import-not-found]
import ctypes
import fcntl
import gc
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from .files import regular, write
from .script import become_python
from .stream import Stream

PR_SET_DUMPABLE = 4
CHUNK = 65536
WARM = ("unittest", "sqlite3", "csv", "dataclasses", "datetime", "json", "random", "re", "statistics", "typing")
Popen = dict[int, int]  # pid of a long-running process -> descriptor that takes its exit code


class Server:
    """State of PID 1: the stream, the signal pipe, and the long-running processes."""

    def __init__(self, stream: Stream, baseline: frozenset[str]) -> None:
        self.stream, self.baseline = stream, baseline
        self.loaded = _loaded(baseline)
        self.libc = ctypes.CDLL(None)
        self.libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        self.woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.running: Popen = {}
        self.spares_guests = False

    def serve(self) -> NoReturn:
        """Answer requests until the stream ends."""
        while True:
            select.select([self.stream.reader, self.woken], [], [])
            self._reap(-1)
            if select.select([self.stream.reader], [], [], 0)[0]:
                request, blob = self.stream.read()
                getattr(self, f"op_{request['op']}")(request, blob)

    # --- jobs

    def op_python(self, request: dict[str, Any], blob: bytes) -> None:
        """Run source in a fork of this warm interpreter."""
        for name in WARM:
            if name in request["source"] and name not in sys.modules:
                __import__(name)  # here and not in the child: the next job has it for nothing
                self.loaded = _loaded(self.baseline)
        self._job(request, blob)

    def op_run(self, request: dict[str, Any], blob: bytes) -> None:
        """Run a program."""
        self._job(request, blob)

    def _job(self, request: dict[str, Any], blob: bytes) -> None:
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        killed = _killed_for_memory()
        (out, out_w), (err, err_w), (note, note_w) = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        stdin = os.memfd_create("stdin") if blob else os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        rest = memoryview(blob)
        while rest:
            rest = rest[os.write(stdin, rest) :]
        if blob:
            os.lseek(stdin, 0, os.SEEK_SET)
        try:
            pid = os.fork()
        except OSError as error:
            for fd in (out, out_w, err, err_w, note, note_w, stdin):
                os.close(fd)
            self.stream.write({"outcome": "crashed", "error": f"fork: {error}"})
            return
        if pid == 0:
            self._child(request, (stdin, out_w, err_w), note_w)
        for fd in (stdin, out_w, err_w, note_w):
            os.close(fd)
        outcome, code, kept = self._watch(pid, started + request["seconds"], (out, err), request["output"])
        problem = os.read(note, 4096).decode("utf-8", "replace")
        for fd in (out, err, note):
            os.close(fd)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        answer = {"outcome": "refused" if problem else outcome, "code": code, "cpu": cpu, "error": problem}
        answer |= {"seconds": time.monotonic() - started, "out": len(kept[0]), "err": len(kept[1])}
        answer["oom"] = _killed_for_memory() - killed
        self.stream.write(answer, bytes(kept[0] + kept[1]))

    def _watch(
        self, pid: int, deadline: float, pipes: tuple[int, int], most: int
    ) -> tuple[str, int | None, tuple[bytearray, bytearray]]:
        """Collect output until the job's main process ends or a limit is hit; then nothing of it lives."""
        kept = (bytearray(), bytearray())
        open_pipes = dict(zip(pipes, kept, strict=True))
        code: int | None = None
        outcome = ""
        for fd in pipes:
            os.set_blocking(fd, False)
        while not outcome:
            left = deadline - time.monotonic()
            ready = select.select([*open_pipes, self.woken, self.stream.reader], [], [], max(0.0, left))[0]
            if self.stream.reader in ready:
                os._exit(0)  # nothing is sent during a job, so this is the end: the owner went away
            for fd in ready:
                if fd in open_pipes and not self._drain(fd, open_pipes[fd], most):
                    del open_pipes[fd]
            code = self._reap(pid)
            if code is not None:
                outcome = "ok" if code == 0 else "failed"
            elif any(len(one) > most for one in kept):
                outcome = "output_cut"
            elif left <= 0:
                outcome = "timeout"
        self._kill_rest()
        for fd, buffer in open_pipes.items():
            self._drain(fd, buffer, most)
        if any(len(one) > most for one in kept):
            outcome = "output_cut"
        for one in kept:
            del one[most:]
        return outcome, code if outcome in ("ok", "failed") else None, kept

    def _drain(self, fd: int, buffer: bytearray, most: int) -> bool:
        """Take what is there, at most one byte past the limit; False at the end."""
        while len(buffer) <= most:
            try:
                part = os.read(fd, min(CHUNK, most + 1 - len(buffer)))
            except BlockingIOError:
                return True
            if not part:
                return False
            buffer += part
        return True

    def _reap(self, wanted: int) -> int | None:
        """Collect the dead; the exit code of `wanted` if it is among them."""
        code = None
        try:
            while os.read(self.woken, 4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code
            if pid == 0:
                return code
            if pid == wanted:
                code = os.waitstatus_to_exitcode(status)
            elif pid in self.running:
                fd = self.running.pop(pid)
                os.write(fd, struct.pack(">i", os.waitstatus_to_exitcode(status)))
                os.close(fd)

    def _kill_rest(self) -> None:
        """Kill and reap everything but the long-running processes and what they started."""
        if self.running or self.spares_guests:
            for _ in range(50):
                strangers = self._strangers()
                if not strangers:
                    return
                for pid in strangers:
                    self._signal(pid)
                time.sleep(0.002)
                self._reap(-1)
        self._signal(-1)  # atomic: no fork gets away
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            if pid in self.running:
                fd = self.running.pop(pid)
                os.write(fd, struct.pack(">i", os.waitstatus_to_exitcode(status)))
                os.close(fd)
        self._reap(-1)

    def _strangers(self) -> list[int]:
        """Processes whose ancestors are no long-running process."""
        parents = dict(_processes())
        found = []
        for pid in parents:
            up = pid
            while up > 1 and up not in self.running:
                up = parents.get(up, 1)
            if pid != 1 and (up == 1 or (up == 0 and not self.spares_guests)):
                found.append(pid)
        return found

    def _signal(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _child(self, request: dict[str, Any], stdio: tuple[int, int, int], note: int) -> NoReturn:
        """In the fork: become the job. Never returns; what keeps it from starting goes to `note`.

        Every page of memory that is touched here is copied first, and most of a short job's time goes there: so the
        plain calls, and no wrappers around them."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE):
                _signal.signal(number, 0)  # SIG_DFL
            os.setsid()
            self.libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(score, b"1000")  # the job goes first, never this server
            os.close(score)
            if request.get("as_limit"):
                resource.setrlimit(resource.RLIMIT_AS, (request["as_limit"], request["as_limit"]))
            if request.get("processes"):  # counted in this user namespace alone
                resource.setrlimit(resource.RLIMIT_NPROC, (request["processes"], request["processes"]))
            note, *high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (note, *stdio)]
            for target, fd in enumerate(high):
                os.dup2(fd, target)
            note = os.dup2(note, 3, inheritable=False)
            os.closerange(4, 1 << 20)
            if request["env"]:
                os.environ.update(request["env"])
            os.chdir("/work")
            if request["op"] == "python":
                os.close(note)
                become_python(request["source"], request["argv"], self.loaded)
            os.execvp(request["argv"][0], request["argv"])
        except OSError as error:
            os.write(note, f"{request['argv'][0] if request['argv'] else 'python'}: {error.strerror}".encode())
        finally:
            os._exit(127)

    # --- files

    def op_put(self, request: dict[str, Any], blob: bytes) -> None:
        """Write and delete files; links on the way are replaced, never followed."""
        at = 0
        try:
            for path, size in request["files"]:
                write(path, None if size < 0 else blob[at : at + size])
                at += max(size, 0)
        except OSError as error:
            self.stream.write({"error": f"{path}: {error.strerror}"})
            return
        self.stream.write({})

    def op_get(self, request: dict[str, Any], _: bytes) -> None:
        """Stream regular files, sorted by path."""
        try:
            left = request["most"]
            for path, fd, size in regular(request["under"]):
                left -= size
                if left < 0:
                    os.close(fd)
                    self.stream.write({"error": f"{path}: more bytes than /work may hold (a sparse file)"})
                    return
                self.stream.write({"path": path, "size": size})
                while size:
                    part = os.read(fd, min(size, CHUNK)) or bytes(min(size, CHUNK))  # shrunk meanwhile: zeros
                    self.stream.raw(part)
                    size -= len(part)
                os.close(fd)
            self.stream.write({"end": True})
        except OSError as error:
            self.stream.write({"error": f"{os.fsdecode(error.filename or request['under'])}: {error.strerror}"})

    # --- long-running processes

    def op_popen(self, request: dict[str, Any], _: bytes) -> None:
        """Start a program on descriptors that came with the request."""
        stdin, stdout, stderr, status = self.stream.descriptors[:4]
        self.stream.descriptors.clear()
        note, note_w = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            self._child({**request, "op": "run"}, (stdin, stdout, stderr), note_w)
        self.running[pid] = status
        for fd in (stdin, stdout, stderr, note_w):
            os.close(fd)
        problem = os.read(note, 4096).decode("utf-8", "replace")  # ends when exec closes it
        os.close(note)
        self.stream.write({"error": problem} if problem else {"pid": pid})

    def op_spare(self, _: dict[str, Any], __: bytes) -> None:
        """From now on programs that enter from outside are left alone between jobs."""
        self.spares_guests = True
        self.stream.write({})

    def op_kill(self, request: dict[str, Any], _: bytes) -> None:
        """Kill one long-running process and what it started."""
        parents = dict(_processes())
        if request["pid"] == 0:
            doomed = [pid for pid, parent in parents.items() if parent == 0 and pid != 1]
        else:
            doomed = [request["pid"]] if request["pid"] in self.running else []
        for pid in doomed:
            doomed.extend(child for child, parent in parents.items() if parent == pid)
        for pid in doomed:
            self._signal(pid)
        deadline = time.monotonic() + 2
        while request["pid"] in self.running and time.monotonic() < deadline:
            self._reap(-1)
            time.sleep(0.001)
        self._kill_rest()
        self.stream.write({})


def _killed_for_memory() -> int:
    """How often the kernel has killed for memory in this sandbox's own cgroup (1 or 2); 0 where it is not seen."""
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"):
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            pass
    return 0


def _loaded(baseline: frozenset[str]) -> dict[str, list[str]]:
    """Modules beyond those of a fresh interpreter, by the name of their outermost package."""
    found: dict[str, list[str]] = {}
    for name in sys.modules:
        if name not in baseline:
            found.setdefault(name.partition(".")[0], []).append(name)
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """(pid, parent) of all in this namespace."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    yield int(name), int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                pass  # it ended meanwhile


def main(baseline: frozenset[str]) -> NoReturn:
    """Take stdin and stdout as the stream, then serve. `baseline`: the modules that a fresh interpreter has loaded."""
    reader, writer = os.dup(0), os.dup(1)
    for name in [name for name in sys.path if name in ("", "/opt")]:
        sys.path.remove(name)  # nothing of /work is ever imported here
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    server = Server(Stream(reader, writer), baseline)
    compile("", "<string>", "exec")  # the first one makes the types of the syntax tree: a millisecond
    gc.disable()
    gc.freeze()
    server.stream.write({"ready": 1, "python": sys.version.split()[0]})
    server.serve()
