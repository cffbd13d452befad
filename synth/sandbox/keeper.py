"""The one parent of all bubblewrap processes of an engine: a small process of its own, run as a script.

Why a process of its own: it has one thread, so that "die with the parent" means the process and not some thread; it is
the subreaper of what bubblewrap leaves, so that no zombie remains and the owner's own children are left alone; it forks
cheaply and safely, however large and threaded the owner is; and it outlives a killed owner long enough to kill and
remove everything that was started for it. As root it has a private mount namespace, in which it mounts the sandboxes'
disks (with limits on bytes and inodes) and binds folders that the sandboxes' users could not reach.

Requests are JSON datagrams on the socket given as the first argument, each with a pipe's descriptor for its answer:
    bind    source                    -> {path}        where a host path can be reached (root only)
    disk    mb, inodes, uid           -> {path}        a fresh disk with work/, tmp/, shm/ (root only)
    spawn   argv, uid, rlimits, procs, folders, seccomp; descriptors: control socket, slot lock  -> {pid}
    kill    pid                       -> {said}        once nothing of it is left
    undisk  path                      -> {}
Any of them may answer {error}.
"""

import array
import base64
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
INFO, FILTER = 3, 4  # descriptors that the owner's bwrap command line names
MOST_DATAGRAM = 1 << 18


@dataclass
class Box:
    """One bubblewrap tree: its outer process, and PID 1 of its namespace once known."""

    outer: int
    folders: list[str]
    lock: int
    errors: int
    info: int
    answer: int  # waits for the pid
    told: bytes = b""  # of its JSON so far
    init: int = 0  # -1: it ended before its namespace was up
    dead: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)  # answers that wait for its end


class Keeper:
    """State of the process."""

    def __init__(self, control: socket.socket, owner: int, base: str) -> None:
        self.control, self.base = control, base
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.owner = os.pidfd_open(owner)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # some three descriptors per sandbox
        if os.getppid() != owner:
            sys.exit(0)
        self.woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the owner decides; its end is ours
        self.boxes: list[Box] = []
        self.count = 0
        if base:
            self._own_mounts()

    def _own_mounts(self) -> None:
        """A private mount namespace with a tmpfs at `base`: nothing of it is seen outside, all of it ends with us."""
        self._check(self.libc.unshare(CLONE_NEWNS), "unshare")
        self._check(self.libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
        place = self.base.encode()
        self._check(self.libc.mount(b"tmpfs", place, b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0755"), self.base)

    def _check(self, result: int, what: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)

    def serve(self) -> None:
        """Until the owner is gone; then nothing that was started for it is left."""
        while True:
            waiting = [box.info for box in self.boxes if not box.init]
            timeout = 0.05 if any(box.dead for box in self.boxes) else None
            control = self.control.fileno()
            ready = select.select([control, self.owner, self.woken, *waiting], [], [], timeout)[0]
            if self.woken in ready:
                os.read(self.woken, 4096)
            self._reap()
            for box in [box for box in self.boxes if not box.init and box.info in ready]:
                self._started(box)
            for box in list(self.boxes):
                self._finish(box)
            if self.owner in ready or (control in ready and not self._request()):
                return self._end()

    # --- requests

    def _request(self) -> bool:
        room = socket.CMSG_SPACE(8 * array.array("i").itemsize)
        data, extra, _, _ = self.control.recvmsg(MOST_DATAGRAM, room, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return False
        given = array.array("i")
        for _, _, part in extra:
            given.frombytes(part)
        answer, *rest = given
        request = json.loads(data)
        try:
            getattr(self, f"op_{request.pop('op')}")(answer, rest, **request)
        except OSError as error:
            for fd in rest:
                os.close(fd)
            self._answer(answer, {"error": f"{error.filename or ''}: {error.strerror}"})
        return True

    def _answer(self, fd: int, said: dict[str, Any]) -> None:
        try:
            os.write(fd, json.dumps(said).encode())
        except BrokenPipeError:
            pass  # whoever asked stopped waiting
        os.close(fd)

    def op_bind(self, answer: int, _: list[int], source: str) -> None:
        """Make a path of the machine reachable below `base`."""
        self.count += 1
        target = f"{self.base}/b{self.count}"
        if os.path.isdir(source):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o644))
        self._check(self.libc.mount(source.encode(), target.encode(), None, MS_BIND | MS_REC, None), source)
        self._answer(answer, {"path": target})

    def op_disk(self, answer: int, _: list[int], mb: int, inodes: int, uid: int) -> None:
        """Mount a fresh disk."""
        self.count += 1
        target = f"{self.base}/d{self.count}"
        os.mkdir(target)
        options = f"size={mb}m,nr_inodes={inodes + 4},mode=0755"
        self._check(
            self.libc.mount(b"tmpfs", target.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options.encode()), target
        )
        for name in ("work", "tmp", "shm"):
            os.mkdir(f"{target}/{name}", 0o755)
            os.chown(f"{target}/{name}", uid, uid)
        self._answer(answer, {"path": target})

    def op_undisk(self, answer: int, _: list[int], path: str) -> None:
        """Take a disk away."""
        self._check(self.libc.umount2(path.encode(), MNT_DETACH), path)
        os.rmdir(path)
        self._answer(answer, {})

    def op_spawn(self, answer: int, given: list[int], **asked: Any) -> None:
        """Start bubblewrap; the answer goes out when its namespace is up."""
        control, lock = given
        info, info_w = os.pipe2(os.O_CLOEXEC)
        errors, rules = os.memfd_create("errors"), os.memfd_create("filter")
        os.write(rules, base64.b64decode(asked["seccomp"]))
        os.lseek(rules, 0, os.SEEK_SET)
        pid = os.fork()
        if pid == 0:
            self._become(asked, control, errors, info_w, rules)
        for fd in (control, info_w, rules):
            os.close(fd)
        self.boxes.append(Box(pid, asked["folders"], lock, errors, info, answer))

    def _become(self, asked: dict[str, Any], control: int, errors: int, info: int, rules: int) -> None:
        """In the fork: groups, limits, user, then bubblewrap. Never returns."""
        try:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 5) for fd in (control, control, errors, info, rules)]
            for place, fd in enumerate(high):
                os.dup2(fd, place)
            os.closerange(5, 1 << 20)
            for path in asked["procs"]:
                with open(path, "w") as file:
                    file.write("0")
            for number, limit in asked["rlimits"]:
                hard = resource.getrlimit(number)[1]
                most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
                resource.setrlimit(number, (most, most))
            if asked["uid"] is not None:
                os.setgroups([])
                os.setresgid(asked["uid"], asked["uid"], asked["uid"])
                os.setresuid(asked["uid"], asked["uid"], asked["uid"])
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.execv(asked["argv"][0], asked["argv"])
        except OSError as error:
            os.write(2, f"{error.filename or asked['argv'][0]}: {error.strerror}".encode())
        finally:
            os._exit(127)

    def op_kill(self, answer: int, _: list[int], pid: int) -> None:
        """Kill a tree; the answer goes out when nothing of it is left."""
        for box in self.boxes:
            if box.init == pid:
                box.waiting.append(answer)
                self._kill(box)
                return
        self._answer(answer, {"said": ""})

    # --- ends

    def _kill(self, box: Box) -> None:
        """PID 1 of the namespace takes all inside with it; before it is known, the outer process does."""
        for pid in [box.init or box.outer]:
            if pid not in box.dead:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it ended meanwhile

    def _started(self, box: Box) -> None:
        """bubblewrap told the pid of its init, or ended without."""
        said = os.read(box.info, 4096)
        box.told += said
        if said and not box.told.rstrip().endswith(b"}"):
            return  # it is written in several parts
        os.close(box.info)
        box.init = int(json.loads(box.told)["child-pid"]) if said else -1
        if said:
            self._answer(box.answer, {"pid": box.init})
            return
        box.dead.add(-1)
        box.waiting.append(box.answer)

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for box in self.boxes:
                if pid in (box.outer, box.init):
                    box.dead.add(pid)

    def _finish(self, box: Box) -> None:
        """Once both processes are gone: the groups, the lock, and who waits."""
        if not box.init or box.outer not in box.dead:
            return
        if box.init not in box.dead and os.path.exists(f"/proc/{box.init}"):
            return  # it is handed to us when the outer process ends; reaped at the next turn
        box.folders = [folder for folder in box.folders if not _remove(folder)]
        if box.folders:
            return
        self.boxes.remove(box)
        os.lseek(box.errors, 0, os.SEEK_SET)
        said = os.read(box.errors, 2000).decode("utf-8", "replace").strip()
        os.close(box.errors)
        os.close(box.lock)
        for answer in box.waiting:
            self._answer(answer, {"said": said, "error": said} if box.init == -1 else {"said": said})

    def _end(self) -> None:
        """The owner is gone: so is everything in a moment."""
        deadline = time.monotonic() + 20
        while self.boxes and time.monotonic() < deadline:
            for box in list(self.boxes):
                if not box.init and select.select([box.info], [], [], 0)[0]:
                    self._started(box)
                self._kill(box)
            self._reap()
            for box in list(self.boxes):
                self._finish(box)
            time.sleep(0.01)


def _remove(folder: str) -> bool:
    """Whether a control group's folder is gone; what is still in it is killed."""
    try:
        with open(f"{folder}/cgroup.procs") as file:
            for line in file:
                try:
                    os.kill(int(line), signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it ended meanwhile
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # busy: the next turn tries again
    return True


def main() -> None:
    """Arguments: socket descriptor, pid of the owner, folder for mounts or nothing."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        keeper = Keeper(control, int(sys.argv[2]), sys.argv[3])
    except OSError as error:
        control.send(json.dumps({"error": f"{error.filename or ''}: {error.strerror}"}).encode())
        return
    control.send(b'{"ready": 1}')
    keeper.serve()


if __name__ == "__main__":
    main()
