"""What this machine has, and how to get what it has not. Every check is bounded in time and changes only caches."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from synth.errors import UsageError

TIMEOUT_S = 10


@dataclass(frozen=True)
class Finding:
    """One thing a run may use. `needed`: nothing works without it."""

    name: str
    present: bool
    detail: str
    how_to_get: str
    needed: bool = False


def examine() -> list[Finding]:
    """All checks, in the order of how much depends on them."""
    return [_python(), _ray(), _space(), _gpu(), _k2(), _docker(), _sandbox(), _npm(), _endpoint()]


def show(as_json: bool) -> None:
    """Print the findings; one JSON object per line with `as_json`."""
    for finding in examine():
        if as_json:
            print(json.dumps(asdict(finding)))
            continue
        mark = "ok     " if finding.present else "MISSING" if finding.needed else "absent "
        print(f"{mark} {finding.name:<10} {finding.detail}" + ("" if finding.present else f"; {finding.how_to_get}"))


def clean(as_json: bool) -> None:
    """Remove what killed runs left in the sandbox engines of this machine, and root file systems that nobody uses any
    more; say how much it was."""
    from synth.sandbox import open_engine
    from synth.sandbox.local import default_state
    from synth.sandbox.rootfs import remove_unused

    names: tuple[Literal["local", "docker"], ...] = ("local", "docker")
    for name in names:
        try:
            engine = open_engine(name)
        except UsageError as error:
            removed, detail = 0, str(error)
        else:
            removed, detail = engine.clean(), ""
            engine.close()
        _tell(as_json, name, removed, detail)
    _tell(as_json, "cache", remove_unused(default_state()), "")


def _tell(as_json: bool, name: str, removed: int, detail: str) -> None:
    told = {"engine": name, "removed": removed, "detail": detail}
    print(json.dumps(told) if as_json else f"{name:<8} {detail or f'{removed} left-overs removed'}")


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    from synth.models.k2.slots import cpus_here

    cpus = cpus_here()
    return Finding("python", sys.version_info >= (3, 11), f"{found}, {cpus} CPUs", "install python 3.11 or newer", True)


def _ray() -> Finding:
    try:
        found = version("ray")
    except PackageNotFoundError:
        return Finding("ray", False, "not installed", "`make setup` installs it", True)
    return Finding("ray", True, f"{found}, on this machine; a cluster with --ray-address", "", True)


def _space() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Finding(
        "disk", free > 1, f"{free:,.0f} GiB free here", "free 1 GiB, or give another folder with --out", True
    )


def _gpu() -> Finding:
    names = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    if names:
        return Finding("gpu", True, "; ".join(names.splitlines()), "")
    return Finding(
        "gpu",
        False,
        "no NVIDIA GPU seen",
        "only needed for large checkpoints: install the NVIDIA driver; the expert policy needs none",
    )


def _k2() -> Finding:
    """What a `kind: k2` model would run on with its defaults."""
    from synth.models.k2.checkpoints import problem_of
    from synth.models.k2.slots import cpus_here, gpus_here
    from synth.models.settings import K2Model

    defaults = K2Model(kind="k2")
    if problem := problem_of(defaults.model_copy(update={"checkpoint": "random"})):
        return Finding("k2", False, problem, "only needed for `kind: k2` models")
    bundled = problem_of(defaults)
    return Finding("k2", True, f"{defaults.slots(cpus_here(), gpus_here())}; {bundled or 'a model is bundled'}", "")


def _docker() -> Finding:
    from synth.sandbox.docker import left_overs
    from synth.sandbox.docker_api import Api
    from synth.sandbox.engine import SandboxError

    how = "only needed for sandboxes in containers; the local engine needs none"
    try:
        api = Api(timeout=TIMEOUT_S)
        left = len(left_overs(api))
    except (UsageError, SandboxError) as error:
        return Finding("docker", False, str(error), how)
    found = f"{api.version.get('Version')} at {api.host}"
    api.close()
    return Finding("docker", True, found + (f"; {left} left-overs, which --clean removes" if left else ""), how)


def _sandbox() -> Finding:
    from synth.doctor_sandbox import local_state

    contains, detail = local_state()
    how = "only needed where code is really run: install bubblewrap and run as root, or use docker"
    return Finding("sandbox", contains, detail, how)


def _npm() -> Finding:
    found = _output("npm", "--version")
    how = "only needed to harvest servers published on npm: install Node.js"
    return Finding("npm", bool(found), found or "no npm command", how)


def _endpoint() -> Finding:
    named = sorted(key for key in os.environ if key.endswith("_API_KEY") and os.environ[key])
    detail = f"keys in the environment: {', '.join(named)}" if named else "no *_API_KEY in the environment"
    return Finding(
        "endpoint",
        bool(named),
        detail,
        "only needed for `kind: openai` models: export the variable named by api_key_env",
    )


def _output(*command: str) -> str | None:
    """A command's stdout, or None where it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
