"""The local engine by itself: what it leaves, what it refuses, and what happens when its parts are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.errors import UsageError
from synth.sandbox import Limits, SandboxError, cgroups, local, open_engine, slots
from synth.sandbox.engine import PARTS, Held, Probe
from synth.sandbox.local import LocalEngine

needs_bwrap = pytest.mark.skipif(
    shutil.which("bwrap") is None and not os.environ.get("CI"), reason="bubblewrap is not installed"
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"), reason="needs root: spare users and control groups"
)
SMALL = Limits(seconds=30, memory_mb=64, processes=16, disk_mb=8, inodes=512)


def jobs_alive() -> list[int]:
    """Processes of spare users, whoever started them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if slots.FIRST_UID <= folder.stat().st_uid < slots.FIRST_UID + slots.MOST:
                found.append(int(folder.name))
        except FileNotFoundError:
            pass
    return found


def children(pid: int) -> list[tuple[int, str]]:
    """(pid, state) of a process's children."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid:
            found.append((int(path.parent.name), state))
    return found


def soon(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def group_names(engine: LocalEngine) -> set[str]:
    return set(engine.groups.names()) if engine.groups else set()


@needs_bwrap
def test_nothing_is_left_after_close() -> None:
    with LocalEngine() as engine:
        boxes = [engine.open(SMALL) for _ in range(4)]
        numbers = {box.id.removeprefix("local-") for box in boxes}
        boxes[0].run(["sh", "-c", "sleep 100 & sleep 100"], limits=SMALL.model_copy(update={"seconds": 0.3}))
        boxes[1].popen(["sleep", "100"])
        keeper = engine.keeping.process.pid
        assert len(children(keeper)) == 4
        for box in boxes[:3]:
            box.close()
        assert [state for _, state in children(keeper)] == ["S"]  # no zombies, and one sandbox
        assert group_names(engine) & numbers <= {boxes[3].id.removeprefix("local-")}
    assert not Path(f"/proc/{keeper}").exists()
    assert not group_names(engine) & numbers


@needs_bwrap
@needs_root
def test_a_killed_pid_1_is_replaced_and_the_files_stay() -> None:
    with LocalEngine() as engine, engine.open(SMALL) as box:
        box.put({"kept": b"x"})
        (server,) = [pid for outer, _ in children(engine.keeping.process.pid) for pid, _ in children(outer)]
        os.kill(server, signal.SIGKILL)
        assert box.run(["true"]).outcome == "crashed"
        assert box.run(["cat", "kept"]).stdout == b"x"


@needs_bwrap
def test_a_killed_keeper_takes_all_with_it_and_is_replaced() -> None:
    with LocalEngine() as engine:
        box = engine.open(SMALL)
        process = box.popen(["sleep", "1000"])
        inside = {
            pid for outer, _ in children(engine.keeping.process.pid) for pid, _ in [(outer, ""), *children(outer)]
        }
        engine.keeping.process.kill()
        assert soon(lambda: not any(Path(f"/proc/{pid}").exists() for pid in inside))
        assert process.wait(20) == -9
        assert box.run(["true"]).outcome == "crashed"
        with pytest.raises(SandboxError, match="lost"):
            box.get()
        box.close()
        with engine.open(SMALL) as other:
            assert other.run(["true"]).outcome == "ok"


OWNER = """
import sys, threading
from synth.sandbox import Limits, open_engine
engine = open_engine("local")
limits = Limits(seconds=600, memory_mb=64, processes=16, disk_mb=8, inodes=512)
boxes = [engine.open(limits) for _ in range(int(sys.argv[1]))]
busy = "import os, time\\nos.fork()\\nos.setsid() if os.getpid() > 3 else None\\nwhile True: time.sleep(0.01)"
for box in boxes:
    threading.Thread(target=box.python, args=(busy,), daemon=True).start()
print(engine.keeping.process.pid, *[box.id for box in boxes], flush=True)
sys.stdin.read()
"""


@needs_bwrap
@needs_root
@pytest.mark.slow
@pytest.mark.parametrize("keeper_too", [False, True])
def test_kill_9_of_a_run_with_20_busy_sandboxes(keeper_too: bool) -> None:
    before = set(jobs_alive())
    owner = subprocess.Popen([sys.executable, "-c", OWNER, "20"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    keeper, *names = owner.stdout.readline().decode().split()
    numbers = {name.removeprefix("local-") for name in names}
    assert len(numbers) == 20
    assert soon(lambda: len(set(jobs_alive()) - before) >= 80)  # bubblewrap twice, and two processes of each job
    if keeper_too:
        os.kill(int(keeper), signal.SIGKILL)
    owner.kill()
    owner.wait()
    with LocalEngine() as engine:
        if not keeper_too:
            assert soon(lambda: not Path(f"/proc/{keeper}").exists())
        engine.clean()
        assert soon(lambda: not group_names(engine) & numbers)
        assert soon(lambda: not set(jobs_alive()) - before)
        with engine.open(SMALL) as box:
            assert box.run(["true"]).outcome == "ok"


@needs_bwrap
@pytest.mark.slow
def test_64_at_once() -> None:
    failures: list[object] = []
    with LocalEngine() as engine:

        def episode(number: int) -> None:
            with engine.open(SMALL) as box:
                box.put({"m.py": b"N = %d" % number})
                for turn in range(8):
                    ran = box.python(f"import m; print(m.N + {turn})")
                    if (ran.outcome, ran.stdout) != ("ok", b"%d\n" % (number + turn)):
                        failures.append(ran)

        def guarded(number: int) -> None:
            try:
                episode(number)
            except SandboxError as error:
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not children(engine.keeping.process.pid)
    assert failures == []


@needs_bwrap
@needs_root
def test_what_a_dead_owner_left_is_removed_and_a_living_ones_is_not() -> None:
    with LocalEngine() as engine:
        assert engine.groups is not None
        slot = slots.take()
        group = engine.groups.group(str(slot.number))
        group.make()
        sleeper = subprocess.Popen(["sleep", "1000"])
        (group.paths[0] / "cgroup.procs").write_text(str(sleeper.pid))
        engine.clean()
        assert sleeper.poll() is None
        assert group.paths[0].exists()
        os.close(slot.lock)
        assert engine.clean() >= 1
        assert sleeper.wait(10) == -signal.SIGKILL
        assert not any(path.exists() for path in group.paths)


@needs_bwrap
def test_mounts_and_the_systems_own_programs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("there")
    tmp_path.chmod(0o755)  # rights hold as they are: what others may not read, jobs may not
    with LocalEngine() as engine, engine.open(SMALL, mounts={"/srv/given": tmp_path}, system=True) as box:
        assert box.run(["cat", "/srv/given/file"]).stdout == b"there"
        assert box.run(["touch", "/srv/given/new"]).outcome == "failed"
        assert box.run(["env"]).stdout.count(b"PATH=") == 1
        assert box.python("print(1)").stdout == b"1\n"
        with pytest.raises(SandboxError, match="nowhere"):
            engine.open(SMALL, mounts={"/srv/x": tmp_path / "nowhere"})


def test_without_bubblewrap_the_error_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="apt-get install bubblewrap"):
        open_engine("local")


def test_what_is_not_contained_is_refused_unless_allowed_by_name() -> None:
    held = tuple(Held(part, part != "memory", "tried") for part in PARTS)
    leaky = Probe("local", True, held, "")
    assert not leaky.contains
    with pytest.raises(UsageError, match=r"memory \(tried\).*allow_uncontained: true"):
        local.refuse_uncontained(leaky, allowed=False)
    local.refuse_uncontained(leaky, allowed=True)
    with pytest.raises(UsageError, match="no kernel support"):
        local.refuse_uncontained(Probe("local", False, (), "no kernel support"), allowed=True)
    assert Probe("local", True, tuple(Held(part, True, "") for part in PARTS), "").contains
    assert not Probe("local", True, tuple(Held(part, True, "") for part in PARTS[1:]), "").contains


@needs_bwrap
@needs_root
@pytest.mark.slow
def test_without_root_the_probe_tells_what_is_open() -> None:
    code = (
        "from synth.sandbox.local import LocalEngine; from pathlib import Path; import sys\n"
        "with LocalEngine(state=Path(sys.argv[1])) as engine:\n"
        "    print(*sorted(one.part for one in engine.probe().open_parts), sep=',')\n"
    )
    # the test's own python may lie under root's home: the copy in a root file system is everybody's
    with LocalEngine() as engine:
        python = engine.files / "usr/bin/python3"
    place = Path(tempfile.mkdtemp(prefix="synth-"))  # pytest's own folders are closed to others
    place.chmod(0o777)
    paths = [path for path in sys.path if path.endswith("site-packages")]
    environment = {
        "PYTHONPATH": os.pathsep.join([str(Path(local.__file__).parents[2]), *paths]),
        "PATH": "/usr/bin:/bin",
    }
    said = subprocess.run(
        [python, "-B", "-c", code, place / "state"],
        env=environment | {"XDG_RUNTIME_DIR": str(place)}, user=54321, group=54321, extra_groups=[],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    shutil.rmtree(place)
    assert said.stdout.strip() == "inodes,memory", said.stderr


def test_groups_of_version_2_are_found_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "unified"
    root.mkdir()
    (root / "cgroup.subtree_control").write_text("cpu memory pids\n")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"cgroup2 {root} cgroup2 rw 0 0\n")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    base = root / cgroups.FOLDER
    base.mkdir()
    (base / "cgroup.subtree_control").write_text("")
    found = cgroups.find(mounts)
    assert found is not None and found.version == 2
    assert (base / "cgroup.subtree_control").read_text() == "+memory +pids"
    group = found.group("7")
    group.make()
    for name in ("memory.max", "memory.swap.max", "pids.max"):
        (base / "7" / name).write_text("max")
    group.limit(64, 9)
    assert (base / "7/memory.max").read_text() == str(64 << 20)
    assert (base / "7/memory.swap.max").read_text() == "0"
    assert (base / "7/pids.max").read_text() == "9"
    (base / "7/memory.events").write_text("low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n")
    assert group.oom_kills() == 2
    (root / "cgroup.subtree_control").unlink()
    assert cgroups.find(mounts) is None
