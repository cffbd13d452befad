"""The engine without a daemon: bubblewrap, a system call filter, resource limits, and control groups where writable."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from synth.errors import UsageError
from synth.sandbox import cgroups, seccomp, slots
from synth.sandbox.channel import BOOT, ENVIRONMENT
from synth.sandbox.engine import Limits, Probe
from synth.sandbox.keeper import FILTER, INFO
from synth.sandbox.keeping import Keeping
from synth.sandbox.local_sandbox import SERVER_PROCESSES, LocalSandbox
from synth.sandbox.local_settings import LocalSettings
from synth.sandbox.probing import probe_engine
from synth.sandbox.rootfs import rootfs

MIB: Final = 1 << 20
GET_IT: Final = "install it (Debian, Ubuntu: apt-get install bubblewrap), or use docker"


class LocalEngine:
    """Sandboxes by bubblewrap. Raises UsageError where they cannot be had, or do not contain what they must."""

    name = "local"

    def __init__(self, **settings: Any) -> None:
        try:
            self.settings = LocalSettings(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"executors.local.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        self.bwrap = _bwrap()
        self.root = os.geteuid() == 0
        self.groups = cgroups.find()
        self._rootfs = rootfs(self.settings.state or default_state())
        self.files = self._rootfs.path
        self._lock = threading.RLock()
        self._keeping: Keeping | None = None
        self._sandboxes: set[LocalSandbox] = set()
        self._probe: Probe | None = None
        self._checked = self._closed = False
        self._removed = 0  # and not told yet
        self._remove_leftovers()

    def probe(self) -> Probe:
        """What is enforced here."""
        with self._lock:
            if self._probe is None:
                self._probe = probe_engine(self.name, self._open, f"bubblewrap {_version(self.bwrap)}, {self.bounds}")
            return self._probe

    @property
    def bounds(self) -> str:
        """By what trees are bounded, for people."""
        if self.groups is None:
            return "no writable control group"
        return f"control groups version {self.groups.version}"

    def open(self, limits: Limits, *, mounts: Mapping[str, Path] | None = None, system: bool = False) -> LocalSandbox:
        """A fresh sandbox. Raises UsageError where this machine cannot contain it, SandboxError where it breaks."""
        self._refuse_uncontained()
        return self._open(limits, mounts, system)

    def _refuse_uncontained(self) -> None:
        """Once per engine; a machine that was found to contain everything is not asked again before it boots."""
        with self._lock:
            if self._checked:
                return
            if self._known_good.exists():
                self._checked = True
                return
            refuse_uncontained(self.probe(), self.settings.allow_uncontained)
            if self.probe().contains:
                self._known_good.touch()
            self._checked = True

    @property
    def _known_good(self) -> Path:
        """A mark that lasts as long as the boot, for exactly this code, root file system, bubblewrap and groups."""
        sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.*"))]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        seen = repr((sources, boot, self.files.name, _version(self.bwrap), self.bounds))
        return slots.folder() / f"contains-{hashlib.sha256(seen.encode()).hexdigest()[:16]}"

    def _open(self, limits: Limits, mounts: Mapping[str, Path] | None = None, system: bool = False) -> LocalSandbox:
        sandbox = LocalSandbox(self, limits, dict(mounts or {}), system)
        try:
            sandbox.start()
        except BaseException:
            sandbox.close()
            raise
        with self._lock:
            self._sandboxes.add(sandbox)
        return sandbox

    def forget(self, sandbox: LocalSandbox) -> None:
        """A sandbox was closed."""
        with self._lock:
            self._sandboxes.discard(sandbox)

    def clean(self) -> int:
        """Kill and remove what dead owners left: control groups whose slot nobody holds. The count includes what went
        when this engine started."""
        with self._lock:
            self._remove_leftovers()
            count, self._removed = self._removed, 0
            return count

    def _remove_leftovers(self) -> None:
        for name in self.groups.names() if self.groups is not None else []:
            slot = slots.try_take(int(name)) if name.isdigit() else None
            if slot is None or self.groups is None:
                continue  # its owner lives
            with contextlib.closing(os.fdopen(slot.lock)):
                for path in self.groups.group(name).paths:
                    cgroups.remove(path)
                self._removed += 1

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for sandbox in list(self._sandboxes):
                sandbox.close()
            if self._keeping is not None:
                self._keeping.close()
                self._keeping = None
            if not self._closed:
                self._closed = True
                self._rootfs.close()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- for LocalSandbox

    @property
    def keeping(self) -> Keeping:
        """The keeper; started on first use, and anew where it died."""
        with self._lock:
            if self._keeping is None or not self._keeping.alive:
                if self._keeping is not None:
                    self._keeping.close()
                self._keeping = Keeping(root=self.root)
            return self._keeping

    def spawn_request(self, slot: slots.Slot, limits: Limits, group: cgroups.Group | None) -> dict[str, Any]:
        """What the keeper needs beside the command line."""
        return {
            "uid": slot.uid if self.root else None,
            "rlimits": _rlimits(limits, own_user=self.root),
            "procs": [str(path / "cgroup.procs") for path in group.paths] if group else [],
            "folders": [str(path) for path in group.paths] if group else [],
            "seccomp": base64.b64encode(_filter()).decode(),
        }

    def command(self, disk: str | None, limits: Limits, mounts: Mapping[str, Path], system: bool) -> list[str]:
        """bubblewrap's command line. `disk`: the keeper's mount with work/, tmp/, shm/; without it (not root) each
        is a tmpfs of its own."""
        python = Path("/usr/bin/python3")
        mounts = dict(mounts)
        if system:
            python = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
            if not python.is_relative_to("/usr"):
                mounts.setdefault(sys.base_prefix, Path(sys.base_prefix))
        words = [self.bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv"]
        if _version(self.bwrap) >= "0.8":
            words += ["--disable-userns"]
        for key, value in ENVIRONMENT.items():
            words += ["--setenv", key, value]
        words += self._system() if system else self._files()
        words += ["--proc", "/proc", "--dev", "/dev"]
        for name, place in (("shm", "/dev/shm"), ("tmp", "/tmp"), ("work", "/work")):  # noqa: S108  paths inside
            if disk is not None:
                words += ["--bind", f"{disk}/{name}", place]
            else:
                words += ["--size", str(limits.disk_mb * MIB), "--tmpfs", place]
        for place, source in sorted(mounts.items()):
            words += ["--ro-bind", self.keeping.reachable(source), place]
        words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work", "--hostname", "sandbox"]
        words += ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--as-pid-1"]
        return [*words, "--info-fd", str(INFO), "--seccomp", str(FILTER), "--", str(python), "-s", "-B", "-c", BOOT]

    def _files(self) -> list[str]:
        base = self.keeping.reachable(self.files)
        words = []
        for folder in ("usr", "etc", "opt"):
            words += ["--ro-bind", f"{base}/{folder}", f"/{folder}"]
        for name in ("bin", "lib", "lib64", "sbin"):
            words += ["--symlink", os.readlink(self.files / name), f"/{name}"]
        return words

    def _system(self) -> list[str]:
        base = self.keeping.reachable(self.files)
        # not the whole of /opt: nothing could be mounted in it
        words = ["--ro-bind", "/usr", "/usr", "--ro-bind", f"{base}/opt/inside", "/opt/inside"]
        for name in ("passwd", "group"):
            words += ["--ro-bind", f"{base}/etc/{name}", f"/etc/{name}"]
        for path in ("/etc/alternatives", "/etc/ld.so.cache"):
            if os.path.exists(path):
                words += ["--ro-bind", path, path]
        for path in ("/bin", "/lib", "/lib64", "/sbin"):
            if os.path.islink(path):
                words += ["--symlink", os.readlink(path), path]
            elif os.path.isdir(path):
                words += ["--ro-bind", path, path]
        return words


def refuse_uncontained(probe: Probe, allowed: bool) -> None:
    """Raise UsageError where code of strangers may not run."""
    if not probe.works:
        raise UsageError(f"the {probe.engine} sandbox does not work on this machine: {probe.detail}")
    if not probe.contains and not allowed:
        parts = ", ".join(f"{one.part} ({one.by})" for one in probe.open_parts)
        raise UsageError(
            f"the {probe.engine} sandbox does not contain everything on this machine: {parts}; run as root or where"
            f" control groups are writable, use docker, or accept it with executors: {{{probe.engine}:"
            f" {{allow_uncontained: true}}}}"
        )


def default_state() -> Path:
    """A cache folder; root's is not under a home that spare users cannot enter."""
    if os.geteuid() == 0:
        return Path("/var/cache/synth")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synth"


def _bwrap() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise UsageError(f"bubblewrap is not installed, and the local sandbox needs it: {GET_IT}")
    return found


def _version(bwrap: str) -> str:
    if bwrap not in _VERSIONS:
        said = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"(\d+)\.(\d+)", said)
        _VERSIONS[bwrap] = found[0] if found else "0.0"
    return _VERSIONS[bwrap]


_VERSIONS: dict[str, str] = {}


def _filter() -> bytes:
    try:
        return seccomp.program(platform.machine())
    except KeyError as error:
        raise UsageError(f"the local sandbox has no system call table for {error}; use docker") from error


def _rlimits(limits: Limits, *, own_user: bool) -> list[tuple[int, int]]:
    """(resource, limit) of every process. The number of processes counts per user: set only for a spare one."""
    found = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_FSIZE, limits.disk_mb * MIB),
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if own_user:
        found.append((resource.RLIMIT_NPROC, limits.processes + SERVER_PROCESSES + 4))
    return found
