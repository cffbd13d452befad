"""A container engine for the tests: the one that SANDBOX_DOCKER_HOST names, or a private daemon under a folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

READY_S = 60.0
NAMED = "SANDBOX_DOCKER_HOST"


def missing(reason: str) -> None:
    """Skip, but fail in continuous integration: there a skip would hide that nothing was tested."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI this is a failure (.ci/sandbox installs what is needed)")
    pytest.skip(reason)


def cannot_start() -> str | None:
    """Why no private daemon can run here, or None where it can."""
    if os.geteuid() != 0:
        return "a private docker daemon needs root; name an engine with SANDBOX_DOCKER_HOST"
    lacking = [name for name in ("dockerd", "containerd", "runc", "setpriv", "unshare") if shutil.which(name) is None]
    return f"no {', '.join(lacking)} on the PATH: apt-get install docker.io" if lacking else None


@contextmanager
def running(state: Path) -> Iterator[str]:
    """The host of an engine; a private one is stopped and its folder removed at the end."""
    if named := os.environ.get(NAMED):
        yield named
        return
    if reason := cannot_start():
        missing(reason)
    state.mkdir(parents=True, exist_ok=True)
    sock = state / "docker.sock"
    with (state / "log").open("wb") as log:
        # its mounts are its own; it ends with these tests even where they are killed
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", "unshare", "--mount", "--propagation", "private", "--",
             "dockerd", "--data-root", str(state / "data"), "--exec-root", str(state / "exec"),
             "--pidfile", str(state / "pid"), "-H", f"unix://{sock}", "--iptables=false", "--ip6tables=false",
             "--bridge=none", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false",
             "--storage-driver=overlay2"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _until_ready(daemon, f"unix://{sock}", state / "log")
        yield f"unix://{sock}"
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(state, ignore_errors=True)


def _until_ready(daemon: subprocess.Popen[bytes], host: str, log: Path) -> None:
    docker = pytest.importorskip("docker")
    until = time.monotonic() + READY_S
    while time.monotonic() < until and daemon.poll() is None:
        try:
            with docker.APIClient(base_url=host, version="1.41") as client:
                client.ping()
                return
        except (docker.errors.DockerException, OSError):
            time.sleep(0.1)
    tail = log.read_text(errors="replace")[-800:]
    missing(f"the private docker daemon did not start: {tail}")
