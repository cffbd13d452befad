"""One hardened container: how it is created, started and attached to."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from synth.sandbox.channel import ENVIRONMENT
from synth.sandbox.docker_api import Api, Wire
from synth.sandbox.docker_image import UIDS
from synth.sandbox.docker_seccomp import profile
from synth.sandbox.docker_settings import DockerSettings
from synth.sandbox.engine import Limits
from synth.sandbox.ownership import Owner

LABEL = "synth.sandbox"  # its value: the owner
RUN_LABEL = "synth.run"
TMP_MB, SHM_MB = 16, 1  # of /tmp and /dev/shm
FILES = 1024  # open files of a process
PATH = "/usr/local/bin:/usr/bin:/bin"  # in images of others
SLACK_MB = 8  # for the server that is PID 1
MASKED = [  # an empty folder instead; the first two lines are what engines hide by default
    *("/proc/" + name for name in ("acpi", "asound", "kcore", "keys", "latency_stats", "sched_debug", "scsi")),
    *("/proc/timer_list", "/proc/timer_stats", "/sys/firmware"),
    *("/sys/" + name for name in ("block", "bus", "class", "dev", "devices", "fs/bpf", "hypervisor", "kernel")),
    *("/sys/module", "/sys/power"),
]


class Place(NamedTuple):
    """What of the limits is fixed when a container is created."""

    memory_mb: int
    processes: int
    disk_mb: int
    inodes: int

    @classmethod
    def of(cls, limits: Limits) -> Place:
        return cls(limits.memory_mb, limits.processes, limits.disk_mb, limits.inodes)


class Container(NamedTuple):
    """A running container and the pipes of its first process."""

    id: str
    user: str  # "uid:gid"
    wire: Wire


def start(
    api: Api, image: str, command: list[str], place: Place, settings: DockerSettings, owner: Owner, run: str
) -> Container:
    """Create a container, attach, start. It ends when the attached client does: a killed owner leaves nothing. Raises
    SandboxError; what was created by then is removed."""
    uid = random.SystemRandom().choice(UIDS)
    user = f"{uid}:{uid}"
    environment = {**ENVIRONMENT, **({"PATH": PATH} if settings.image else {})}
    made = api.create(
        image, command, host=_host(place, settings, uid), user=user, working_dir="/work", hostname="sandbox",
        environment=environment, network_disabled=True, labels={LABEL: str(owner), RUN_LABEL: run},
    )  # fmt: skip
    try:
        wire = api.attach(made)
        api.start(made)
    except BaseException:
        api.remove(made)
        raise
    return Container(made, user, wire)


def _host(place: Place, settings: DockerSettings, uid: int) -> dict[str, Any]:
    """The host's side: nothing of it is shared, everything is bounded."""
    own = f"uid={uid},gid={uid},nosuid,nodev"
    memory = f"{place.memory_mb + SLACK_MB}m"
    return {
        "network_mode": "none", "ipc_mode": "private", "read_only": True, "auto_remove": True, "init": False,
        "mem_limit": memory, "memswap_limit": memory, "pids_limit": place.processes + 1,  # + the server, PID 1
        "nano_cpus": int(settings.cpus * 1e9),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", "seccomp=" + profile()],
        "tmpfs": {
            "/work": f"{own},exec,size={place.disk_mb}m,nr_inodes={place.inodes},mode=0700",
            "/tmp": f"{own},noexec,size={TMP_MB}m,nr_inodes={place.inodes},mode=0700",  # noqa: S108
        },
        "shm_size": f"{SHM_MB}m",
        "ulimits": [
            {"Name": "nofile", "Soft": FILES, "Hard": FILES}, {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "log_config": {"Type": "none", "Config": {}},
        "runtime": settings.runtime, "masked_paths": MASKED,
    }  # fmt: skip
