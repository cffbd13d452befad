"""What every sandbox engine must do: one suite, run over each engine by `test_*_contract.py`.

A test class here takes a fixture `engine` (probed, contains everything) from the module that inherits from it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from synth.errors import UsageError
from synth.sandbox import Engine, Limits, Sandbox, SandboxError

LIMITS = Limits(seconds=20, memory_mb=96, processes=24, disk_mb=8, inodes=512, output_bytes=65536)


def usable(sandbox: Sandbox) -> bool:
    """Whether it still works, for both kinds of job."""
    return sandbox.python("print(6 * 7)").stdout == b"42\n" and sandbox.run(["echo", "on"]).stdout == b"on\n"


class Everyday:
    """Jobs and files, as an episode uses them."""

    @pytest.fixture
    def sandbox(self, engine: Engine) -> Iterator[Sandbox]:
        one = engine.open(LIMITS)
        yield one
        one.close()

    def test_program(self, sandbox: Sandbox) -> None:
        ran = sandbox.run(["sh", "-c", "cat; echo $WORD; echo oops >&2; exit 3"], stdin=b"in\n", env={"WORD": "out"})
        assert (ran.outcome, ran.exit_code, ran.stdout, ran.stderr) == ("failed", 3, b"in\nout\n", b"oops\n")
        assert ran.detail == "exit code 3"
        assert 0 < ran.seconds < 20

    def test_python(self, sandbox: Sandbox) -> None:
        source = "import sys\nprint(sys.argv, sys.stdin.read(), __name__)\nsys.exit(4)"
        ran = sandbox.python(source, argv=["a", "b"], stdin=b"given")
        assert (ran.outcome, ran.exit_code) == ("failed", 4)
        assert ran.stdout == b"['-c', 'a', 'b'] given __main__\n"

    def test_a_traceback_is_the_jobs_own(self, sandbox: Sandbox) -> None:
        ran = sandbox.python("def f():\n    return 1 / 0\nf()")
        real = sandbox.run(["python3", "-c", "def f():\n    return 1 / 0\nf()"])
        assert ran.exit_code == real.exit_code == 1
        assert ran.stderr == real.stderr

    def test_python_sees_the_work_folder_before_what_the_server_has_loaded(self, sandbox: Sandbox) -> None:
        sandbox.put({"json.py": b"NAME = 'mine'", "statistics.py": b"NAME = 'mine'", "unittest/__init__.py": b"x = 7"})
        ran = sandbox.python("import json, statistics, unittest\nprint(json.NAME, statistics.NAME, unittest.x)")
        assert ran.stdout == b"mine mine 7\n", ran.stderr

    def test_jobs_do_not_see_each_others_state(self, sandbox: Sandbox) -> None:
        sandbox.python("import json; json.dumps = None; import os; os.environ['LEFT'] = 'x'")
        ran = sandbox.python("import json, os; print(json.dumps([1]), os.environ.get('LEFT'))")
        assert ran.stdout == b"[1] None\n", ran.stderr

    def test_a_run_of_unittest(self, sandbox: Sandbox) -> None:
        test = b"import unittest\nclass T(unittest.TestCase):\n    def test_one(self): self.assertEqual(1, %d)\n"
        sandbox.put({"tests/__init__.py": b"", "tests/test_one.py": test % 1})
        assert sandbox.run(["python3", "-m", "unittest"]).outcome == "ok"
        sandbox.put({"tests/test_one.py": test % 2})
        assert sandbox.run(["python3", "-m", "unittest"]).outcome == "failed"

    def test_no_such_program(self, sandbox: Sandbox) -> None:
        ran = sandbox.run(["no-such-program"])
        assert (ran.outcome, ran.exit_code) == ("refused", None)
        assert "no-such-program" in ran.detail

    def test_files_in_and_out(self, sandbox: Sandbox) -> None:
        data = bytes(range(256)) * 4096
        sandbox.put({"a/b/data.bin": data, "say.sh": b"#!/bin/sh\necho $1\n", "gone": b"", "empty": b""})
        sandbox.put({"gone": None, "never": None, "nowhere/never": None})
        assert sandbox.run(["./say.sh", "word"]).stdout == b"word\n"
        assert sandbox.get() == {"a/b/data.bin": data, "empty": b"", "say.sh": b"#!/bin/sh\necho $1\n"}
        assert sandbox.get("a") == {"a/b/data.bin": data}
        assert sandbox.get("a/b/data.bin") == {"a/b/data.bin": data}
        assert sandbox.get("nothing") == {}

    def test_files_stay_and_processes_do_not(self, sandbox: Sandbox) -> None:
        ran = sandbox.run(["sh", "-c", "echo kept > file; (sleep 100; echo late > file) & sleep 0.1"])
        assert ran.outcome == "ok" and ran.seconds < 10
        assert sandbox.get() == {"file": b"kept\n"}
        assert b"sleep" not in sandbox.python(LIST_PROCESSES).stdout

    def test_a_path_out_of_the_work_folder_is_refused(self, sandbox: Sandbox) -> None:
        for path in ("../x", "/etc/passwd", "a/../../x", "", "a\0b"):
            with pytest.raises(UsageError):
                sandbox.put({path: b"x"})
        with pytest.raises(UsageError):
            sandbox.get("../proc")

    def test_one_tenants_files_are_not_the_next_ones(self, engine: Engine) -> None:
        first = engine.open(LIMITS)
        first.python("open('secret', 'w').write('x'); open('/tmp/secret', 'w').write('x')")
        first.close()
        second = engine.open(LIMITS)
        try:
            assert second.python("import os; print(os.listdir('.'), os.listdir('/tmp'))").stdout == b"[] []\n"
        finally:
            second.close()

    def test_a_closed_sandbox_says_so(self, engine: Engine) -> None:
        one = engine.open(LIMITS)
        one.close()
        one.close()
        assert one.run(["true"]).outcome == "crashed"
        with pytest.raises(SandboxError):
            one.get()

    def test_calls_from_many_threads_wait_for_each_other(self, sandbox: Sandbox) -> None:
        seen: list[bytes] = []

        def work(number: int) -> None:
            seen.append(sandbox.python(f"print({number})").stdout)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == [b"%d\n" % number for number in range(8)]


LIST_PROCESSES = """
import os
for name in os.listdir('/proc'):
    if name.isdigit():
        try:
            print(name, open(f'/proc/{name}/cmdline').read().replace(chr(0), ' ')[:60])
        except OSError:
            pass
"""


class Bounds:
    """Every limit is hit on purpose; afterwards the sandbox works."""

    @pytest.fixture
    def sandbox(self, engine: Engine) -> Iterator[Sandbox]:
        one = engine.open(LIMITS)
        yield one
        assert usable(one)
        one.close()

    def test_time_out_kills_a_daemonised_tree(self, sandbox: Sandbox) -> None:
        source = """
import os, time
for number in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(0.01)
                open(f'alive{number}', 'w').write(str(time.time()))
        os._exit(0)
time.sleep(1000)
"""
        ran = sandbox.python(source, limits=LIMITS.model_copy(update={"seconds": 1.0}))
        assert (ran.outcome, ran.exit_code) == ("timeout", None)
        assert 1 <= ran.seconds < 10
        first = sandbox.get()
        assert first
        time.sleep(0.3)
        assert sandbox.get() == first

    def test_a_program_that_ignores_signals_is_timed_out(self, sandbox: Sandbox) -> None:
        ran = sandbox.run(
            ["sh", "-c", "trap '' TERM INT HUP; while true; do :; done"],
            limits=LIMITS.model_copy(update={"seconds": 0.5}),
        )
        assert ran.outcome == "timeout"
        assert "0.5 s" in ran.detail

    @pytest.mark.parametrize("stream", [1, 2])
    def test_output_flood(self, sandbox: Sandbox, stream: int) -> None:
        ran = sandbox.python(f"import os\nwhile True: os.write({stream}, b'x' * 65536)")
        assert ran.outcome == "output_cut"
        assert (len(ran.stdout), len(ran.stderr))[stream - 1] == LIMITS.output_bytes
        assert ran.seconds < 10

    def test_output_up_to_the_limit_is_whole(self, sandbox: Sandbox) -> None:
        ran = sandbox.python(f"print('x' * {LIMITS.output_bytes - 1})")
        assert (ran.outcome, len(ran.stdout)) == ("ok", LIMITS.output_bytes)

    def test_memory_bomb(self, sandbox: Sandbox) -> None:
        source = "hold = []\nwhile True: hold.append(bytearray(b'x' * (8 << 20)))"
        assert sandbox.python(source).outcome == "oom"
        assert sandbox.run(["python3", "-c", source]).outcome == "oom"

    def test_memory_bomb_that_hides_from_the_oom_killer(self, sandbox: Sandbox) -> None:
        sandbox.put({"kept": b"x"})
        source = """
for score in range(-1000, 1000, 100):
    try:
        open('/proc/self/oom_score_adj', 'w').write(str(score))
        break
    except OSError:
        pass
hold = []
while True: hold.append(bytearray(b'x' * (8 << 20)))
"""
        assert sandbox.python(source).outcome == "oom"
        assert sandbox.get() == {"kept": b"x"}

    def test_memory_bomb_of_many_processes(self, sandbox: Sandbox) -> None:
        source = """
import os, time
pids = []
for _ in range(12):
    pid = os.fork()
    if pid == 0:
        hold = bytearray(b'x' * (24 << 20))
        time.sleep(5)
        os._exit(0)
    pids.append(pid)
killed = sum(os.WIFSIGNALED(os.waitpid(pid, 0)[1]) for pid in pids)
raise SystemExit(3 if killed else 0)
"""
        assert sandbox.python(source).outcome == "oom"

    def test_a_tighter_memory_limit_for_one_job(self, sandbox: Sandbox) -> None:
        source = "hold = b'x' * (60 << 20); print(len(hold))"
        assert sandbox.python(source).outcome == "ok"
        assert sandbox.python(source, limits=LIMITS.model_copy(update={"memory_mb": 48})).outcome == "oom"
        assert sandbox.python(source).outcome == "ok"

    def test_fork_bomb(self, sandbox: Sandbox) -> None:
        source = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
        ran = sandbox.python(source, limits=LIMITS.model_copy(update={"seconds": 1.0}))
        assert ran.outcome in ("timeout", "oom")
        assert ran.seconds < 15

    def test_thread_bomb(self, sandbox: Sandbox) -> None:
        source = """
import threading, time
try:
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
    print('escaped')
except RuntimeError:
    print('held')
"""
        assert sandbox.python(source).stdout == b"held\n"

    def test_disk_fill(self, sandbox: Sandbox) -> None:
        source = "import os\nwhile True: open('big', 'ab').write(b'x' * (1 << 20))"
        ran = sandbox.python(source)
        assert ran.outcome == "failed" and b"OSError" in ran.stderr, ran
        assert sum(map(len, sandbox.get().values())) <= LIMITS.disk_mb << 20
        with pytest.raises(SandboxError):
            sandbox.put({"more": bytes(LIMITS.disk_mb << 20)})
        sandbox.put({"big": None, "more": None})
        sandbox.put({"small": b"fits again"})
        assert sandbox.get()["small"] == b"fits again"

    def test_inode_fill(self, sandbox: Sandbox) -> None:
        source = "for number in range(100000): open(f'f{number}', 'x').close()"
        assert sandbox.python(source).outcome in ("failed", "oom")
        assert sandbox.python("import os\nfor name in os.listdir(): os.unlink(name)").outcome == "ok"
        sandbox.put({"one": b"1"})
        assert sandbox.get() == {"one": b"1"}

    def test_sparse_files_and_deep_folders_are_not_carried_out(self, sandbox: Sandbox) -> None:
        sandbox.python("for n in range(3): open(f's{n}', 'w').truncate(7 << 20)")
        with pytest.raises(SandboxError):
            sandbox.get()
        sandbox.python("import os\nfor n in range(3): os.unlink(f's{n}')")
        sandbox.python("import os\nfor _ in range(100):\n    os.mkdir('d'); os.chdir('d')")
        with pytest.raises(SandboxError):
            sandbox.get()
        assert sandbox.run(["rm", "-r", "d"]).outcome == "ok"


WRITE_CONTROL_GROUPS = """
import glob
written = 0
for path in glob.glob('/sys/fs/cgroup/**', recursive=True):
    try:
        open(path, 'a').close()
        written += 1
    except OSError:
        pass
if not written:
    raise PermissionError('none can be written')
"""
# Attempts by a system call: numbers on x86_64 and aarch64, arguments (b"" is a zeroed buffer). That a call is *stopped*
# and not merely called wrongly is told by its error: EPERM, or as if there were no such call.
CALLS: dict[str, tuple[int, int, tuple[object, ...]]] = {
    "mount": (165, 40, (b"none", b"/tmp", b"tmpfs", 0, 0)),
    "bind": (165, 40, (b"/proc/1/root", b"/tmp", 0, 4096, 0)),
    "umount": (166, 39, (b"/proc", 2)),
    "new mount interface": (430, 430, (b"tmpfs", 0)),
    "pivot_root": (155, 41, (b"/tmp", b"/tmp")),
    "user namespace": (272, 97, (0x10000000,)),
    "mount namespace": (272, 97, (0x20000,)),
    "user namespace by clone": (56, 220, (0x10000000 | 17, 0, 0, 0, 0)),
    "clone3": (435, 435, (b"", 64)),
    "another namespace": (308, 268, (0, 0)),
    "trace PID 1": (101, 117, (16, 1, 0, 0)),
    "read memory": (310, 270, (1, b"", 1, b"", 1, 0)),
    "write memory": (311, 271, (1, b"", 1, b"", 1, 0)),
    "take a descriptor": (438, 438, (0, 0, 0)),
    "compare processes": (312, 272, (1, 1, 0, 0, 0)),
    "bpf": (321, 280, (0, b"", 64)),
    "io_uring": (425, 425, (4, b"")),
    "userfaultfd": (323, 282, (1,)),
    "perf": (298, 241, (b"", 0, -1, -1, 0)),
    "keyring": (250, 219, (0, -3, 1)),
    "add a key": (248, 217, (b"user", b"x", b"y", 1, -3)),
    "shared memory": (29, 194, (0, 4096, 0o1600)),
    "semaphores": (64, 190, (0, 1, 0o1600)),
    "message queue": (68, 186, (0, 0o1600)),
    "POSIX message queue": (240, 180, (b"q", 0o102, 0o600, 0)),
    "kernel module": (175, 105, (b"", 0, b"")),
    "kexec": (246, 104, (0, 0, 0, 0)),
    "swap": (167, 224, (b"/work/x", 0)),
    "clock": (227, 112, (0, b"")),
    "host name": (170, 161, (b"x", 1)),
    "reboot": (169, 142, (0xFEE1DEAD, 672274793, 0x89ABCDEF, 0)),
    "chroot": (161, 51, (b"/tmp",)),
    "file handles": (304, 265, (-100, b"", 0)),
    "disk quotas": (179, 60, (0, 0, 0, 0)),
    "system log": (103, 116, (3, b"", 64)),
    "move pages": (256, 238, (1, 0, b"", b"")),
    "limits of PID 1": (302, 261, (1, 7, b"\0" * 16, 0)),
    "scheduling of PID 1": (203, 122, (1, 8, b"\1" + bytes(7))),
    "vsock": (41, 198, (40, 1, 0)),
    "internet": (41, 198, (2, 1, 0)),
    "internet 6": (41, 198, (10, 2, 0)),
    "packets": (41, 198, (17, 3, 0)),
    "netlink": (41, 198, (16, 3, 0)),
    "kernel crypto": (41, 198, (38, 5, 0)),
    "vsock, upper half set": (41, 198, ((1 << 32) | 40, 1, 0)),
    "vsock pair": (53, 199, (40, 1, 0, b"")),
    "random layout off": (135, 92, (0x0040000,)),
    "type into a terminal": (16, 29, ("terminal", 0x5412, b"x")),
    "type into a terminal, upper half set": (16, 29, ("terminal", 0x100005412, b"x")),
    "paste into a terminal": (16, 29, ("terminal", 0x541C, b"\2")),
}
CALL = """
import ctypes, errno, os, platform
x86, arm, arguments = {call!r}
def word(value):
    if value == 'terminal':
        return ctypes.c_long(os.openpty()[1])
    if isinstance(value, bytes):
        return ctypes.create_string_buffer(value, max(256, len(value) + 1))
    return ctypes.c_long(value)
libc = ctypes.CDLL(None, use_errno=True)
number = x86 if platform.machine() == 'x86_64' else arm
result = libc.syscall(ctypes.c_long(number), *map(word, arguments))
print(result, errno.errorcode.get(ctypes.get_errno()))
"""
STOPPED = (b"-1 EPERM\n", b"-1 EACCES\n", b"-1 ENOSYS\n", b"-1 EAFNOSUPPORT\n")

# Attempts by files and rights: each ends in an error of the operating system.
ATTEMPTS = {
    "another user": "import os; os.setuid(0)",
    "another group": "import os; os.setgid(0)",
    "memory of PID 1": "open('/proc/1/mem', 'rb').read(1)",
    "environment of PID 1": "open('/proc/1/environ', 'rb').read(1)",
    "descriptors of PID 1": "import os; os.listdir('/proc/1/fd')",
    "root of PID 1": "import os; os.listdir('/proc/1/root')",
    "device node": "import os; os.mknod('/tmp/mem', 0o20600, os.makedev(1, 1))",
    "file of root": "import os; open('/tmp/p', 'w').close(); os.chown('/tmp/p', 0, 0)",
    "raise limits": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))",
    "core pattern": "open('/proc/sys/kernel/core_pattern', 'w').write('|/work/x')",
    "sysrq": "open('/proc/sysrq-trigger', 'w').write('b')",
    "host passwords": "open('/etc/shadow').read()",
    "write to the root": "open('/new', 'w')",
    "write to /usr": "open('/usr/bin/python3', 'ab')",
    "write to /etc": "open('/etc/passwd', 'a')",
    "write to /dev": "open('/dev/new', 'w')",
    "write to /opt": "open('/opt/inside/new.py', 'w')",
    "memory device": "open('/dev/mem', 'rb').read(1)",
    "kernel memory": "open('/proc/kcore', 'rb').read(1) or open('/nothing/to/read')",
    "control groups": WRITE_CONTROL_GROUPS,
    "own loopback": "import socket; socket.create_connection(('127.0.0.1', 80))",
}


class Escapes:
    """Attempts to get out, each of which must fail; all in one sandbox: what one leaves must not help the next."""

    @pytest.fixture
    def sandbox(self, shared: Sandbox) -> Sandbox:
        return shared

    @pytest.mark.parametrize("name", CALLS)
    def test_system_call(self, sandbox: Sandbox, name: str) -> None:
        ran = sandbox.python(CALL.format(call=CALLS[name]))
        assert ran.stdout in STOPPED, (name, ran)

    @pytest.mark.parametrize("name", ATTEMPTS)
    def test_attempt(self, sandbox: Sandbox, name: str) -> None:
        ran = sandbox.python(ATTEMPTS[name])
        last = ran.stderr.strip().splitlines()[-1:]
        assert ran.outcome == "failed" and last, (name, ran)
        assert last[0].startswith((b"PermissionError", b"OSError", b"FileNotFoundError", b"ValueError: not allowed"))

    def test_a_set_uid_program_gives_nothing(self, sandbox: Sandbox) -> None:
        ran = sandbox.python(
            "import os, shutil, subprocess\nshutil.copy('/usr/bin/id', 'p')\nos.chmod('p', 0o6755)\n"
            "print(int(subprocess.check_output(['./p', '-u'])) == os.getuid() > 0)"
        )
        assert ran.stdout == b"True\n", ran

    def test_no_disk_of_the_host_is_there(self, sandbox: Sandbox) -> None:
        ran = sandbox.python(
            "import os, stat\nfor folder, _, names in os.walk('/dev'):\n    for name in names:\n"
            "        path = os.path.join(folder, name)\n"
            "        if os.path.exists(path) and stat.S_ISBLK(os.stat(path).st_mode): print(path)"
        )
        assert (ran.outcome, ran.stdout) == ("ok", b"")

    def test_kill_everything(self, sandbox: Sandbox) -> None:
        for number in (9, 15, 19):
            sandbox.python(f"import os; os.kill(-1, {number})", limits=LIMITS.model_copy(update={"seconds": 2}))
            sandbox.python(f"import os; os.kill(1, {number})")
            assert usable(sandbox)

    def test_host_loopback_is_another(self, sandbox: Sandbox) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port = listening.getsockname()[1]
            code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
            assert sandbox.python(code).outcome == "failed"
            assert sandbox.run(["python3", "-c", code]).outcome == "failed"

    def test_abstract_sockets_of_the_host_are_others(self, sandbox: Sandbox) -> None:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("\0synth-contract")
            listening.listen()
            code = "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + 'synth-contract')"
            assert sandbox.python(code).outcome == "failed"

    def test_only_its_own_processes_are_seen(self, sandbox: Sandbox) -> None:
        assert len(sandbox.python(LIST_PROCESSES).stdout.splitlines()) <= 3

    def test_no_descriptor_is_inherited(self, sandbox: Sandbox) -> None:
        code = "import os; print(sorted(os.listdir('/proc/self/fd')))"
        assert sandbox.python(code).stdout == b"['0', '1', '2', '3']\n"
        assert sandbox.run(["python3", "-c", code]).stdout == b"['0', '1', '2', '3']\n"

    def test_links_are_never_followed_outwards(self, sandbox: Sandbox) -> None:
        before = sandbox.get()
        sandbox.python(
            "import os; os.symlink('/etc/passwd', 'file'); os.symlink('/etc', 'folder'); os.symlink('..', 'up');"
            " os.symlink('/proc/self/fd/0', 'stream'); os.mkfifo('pipe'); os.link('/work/real', 'hard')"
            " if os.path.exists('real') else None"
        )
        assert sandbox.get() == before
        assert sandbox.get("folder") == sandbox.get("file") == sandbox.get("folder/passwd") == sandbox.get("pipe") == {}

    def test_put_replaces_links_and_does_not_write_through_them(self, sandbox: Sandbox) -> None:
        sandbox.python("import os; open('/tmp/target', 'w').write('old'); os.symlink('/tmp/target', 'to_file')")
        sandbox.python("import os; os.mkdir('/tmp/dir'); os.symlink('/tmp/dir', 'to_dir'); os.mkfifo('pipe2')")
        sandbox.put({"to_file": b"new", "to_dir/x": b"new", "pipe2": b"new"})
        seen = sandbox.python("import os; print(open('/tmp/target').read(), os.listdir('/tmp/dir'))").stdout
        assert seen == b"old []\n"
        files = sandbox.get()
        assert (files["to_file"], files["to_dir/x"], files["pipe2"]) == (b"new", b"new", b"new")

    def test_a_job_cannot_speak_as_the_server(self, sandbox: Sandbox) -> None:
        forged = "import struct, os\ntext = b'{\"end\": true}'\nframe = struct.pack('>II', len(text), 0) + text\n"
        ran = sandbox.python(forged + "os.write(1, frame)\nfor fd in range(3, 300):\n    try: os.write(fd, frame)\n"
                             "    except OSError: pass")  # fmt: skip
        assert ran.outcome == "ok"
        assert ran.stdout.endswith(b'{"end": true}')
        assert usable(sandbox)


class LongRunning:
    """`popen`: servers inside."""

    @pytest.fixture
    def sandbox(self, engine: Engine) -> Iterator[Sandbox]:
        one = engine.open(LIMITS)
        yield one
        one.close()

    ECHO = "import sys\nfor line in sys.stdin:\n    print('>' + line, end='', flush=True)\nsys.exit(5)"

    def test_talks_and_ends(self, sandbox: Sandbox) -> None:
        process = sandbox.popen(["python3", "-c", self.ECHO])
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            assert process.stdout.readline() == b">" + word
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 5
        assert process.stdout.read() == b""

    def test_files_and_jobs_while_it_runs(self, sandbox: Sandbox) -> None:
        process = sandbox.popen(["python3", "-c", self.ECHO])
        sandbox.put({"given": b"x"})
        assert sandbox.run(["sh", "-c", "sleep 100 & cat given"]).stdout == b"x"
        assert sandbox.get() == {"given": b"x"}
        assert b"sleep" not in sandbox.python(LIST_PROCESSES).stdout
        process.stdin.write(b"still\n")
        process.stdin.flush()
        assert process.stdout.readline() == b">still\n"

    def test_kill_takes_its_children(self, sandbox: Sandbox) -> None:
        process = sandbox.popen(["sh", "-c", "sleep 100 & echo up; wait"])
        assert process.stdout.readline() == b"up\n"
        process.kill()
        assert process.wait(20) == -9
        assert process.stdout.read() == b""
        assert b"sleep" not in sandbox.python(LIST_PROCESSES).stdout

    def test_it_ends_with_the_sandbox(self, sandbox: Sandbox) -> None:
        process = sandbox.popen(["sleep", "1000"])
        sandbox.close()
        assert process.wait(20) != 0

    def test_no_such_program(self, sandbox: Sandbox) -> None:
        with pytest.raises(SandboxError, match="no-such-program"):
            sandbox.popen(["no-such-program"])
        assert usable(sandbox)
