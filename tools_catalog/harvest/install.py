"""One server installed into a throw-away folder: npm into a prefix, PyPI into a virtual environment of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shutil
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import anyio
import anyio.abc

from tools_catalog.harvest import processes
from tools_catalog.harvest.environment import Workspace, _ask, bare, for_installer
from tools_catalog.harvest.outcome import HarvestFailure, plain
from tools_catalog.servers import ServerSpec

_TAIL = 6000
_GRACE = 2.0


async def install(spec: ServerSpec, space: Workspace) -> tuple[list[str], Path]:
    """Install `spec` and prepare its folders; returns the command to launch it and the folder of its scripts.

    Raises HarvestFailure with one reason. Bounded by `spec.install_timeout` seconds.
    """
    if not spec.version:
        raise HarvestFailure("unknown_version", "the list of servers names no version to install")
    _place_files(spec, space)
    if spec.registry == "npm":
        bin_dir = await _npm(spec, space)
        script = _npm_script(spec, space)
    else:
        bin_dir = await _pypi(spec, space)
        script = _pypi_script(spec, space)
    await _prepare(spec, space, bin_dir)
    return [str(bin_dir / script), *(space.fill(argument) for argument in spec.args)], bin_dir


def _place_files(spec: ServerSpec, space: Workspace) -> None:
    for root, files in ((space.work, spec.files), (space.home, spec.home_files)):
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


async def _run(
    command: Sequence[str], space: Workspace, env: Mapping[str, str], cwd: Path, seconds: float
) -> tuple[int, str]:
    """Exit status and the end of the output. Raises TimeoutError; the process group is ended in every case."""
    tail: deque[bytes] = deque(maxlen=16)
    process = await processes.start(command, env=env, cwd=cwd, cpu_seconds=int(seconds) * 4 + 10, pipe_stdin=False)

    async def drain(stream: anyio.abc.ByteReceiveStream | None) -> None:
        if stream is None:
            return
        try:
            async for chunk in stream:
                tail.append(chunk[-_TAIL:])
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(drain, process.stdout)
            group.start_soon(drain, process.stderr)
            finished = await processes.exited_within(process, seconds)
            await anyio.sleep(0.05)  # the last words are already in the pipe
            group.cancel_scope.cancel()
        if not finished:
            raise TimeoutError
    finally:
        with anyio.CancelScope(shield=True):
            await processes.stop(process, space.home, _GRACE if process.returncode is None else 0.0)
    status = process.returncode
    return (-1 if status is None else status), b"".join(tail)[-_TAIL:].decode("utf-8", "replace")


async def _install_with(command: Sequence[str], spec: ServerSpec, space: Workspace) -> None:
    try:
        status, output = await _run(command, space, for_installer(space), space.install, spec.install_timeout)
    except TimeoutError:
        raise HarvestFailure("install_timeout", f"not installed in {spec.install_timeout:g} s") from None
    if status != 0:
        raise HarvestFailure("install_failed", f"exit status {status}; output ends: {plain(output[-400:])}")


# -- npm --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def node_major() -> int | None:
    """The major version of node on PATH, or None."""
    match = re.match(r"v(\d+)\.", _ask(["node", "--version"]))
    return int(match.group(1)) if match else None


async def _npm(spec: ServerSpec, space: Workspace) -> Path:
    major = await anyio.to_thread.run_sync(node_major)
    if major is None or shutil.which("npm") is None:
        raise HarvestFailure("installer_missing", "node and npm are not on PATH")
    if spec.node is not None and major < spec.node:
        raise HarvestFailure("installer_missing", f"needs node {spec.node} or newer, found {major}")
    (space.install / "package.json").write_text('{"private": true}', encoding="utf-8")
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    if not spec.scripts:
        command.append("--ignore-scripts")
    await _install_with([*command, f"{spec.package}@{spec.version}", *spec.extra], spec, space)
    return space.install / "node_modules" / ".bin"


def _npm_script(spec: ServerSpec, space: Workspace) -> str:
    try:
        manifest = json.loads(
            (space.install / "node_modules" / spec.package / "package.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError) as error:
        raise HarvestFailure("no_command", f"its package.json cannot be read: {type(error).__name__}") from error
    base = spec.package.rsplit("/", 1)[-1]
    declared = manifest.get("bin") if isinstance(manifest, dict) else None
    names = [base] if isinstance(declared, str) else list(declared) if isinstance(declared, dict) else []
    return _choose(names, spec, base)


# -- PyPI -------------------------------------------------------------------------------------------------------


async def _pypi(spec: ServerSpec, space: Workspace) -> Path:
    own_pip = importlib.util.find_spec("pip") is not None
    venv = [sys.executable, "-m", "venv", *(["--without-pip"] if own_pip else []), str(space.install)]
    await _install_with(venv, spec, space)
    python = str(space.install / "bin" / "python")
    # our own pip drives the new environment where there is one: making a pip in each costs five seconds
    pip = [sys.executable, "-m", "pip", "--python", python] if own_pip else [python, "-m", "pip"]
    quiet = ["install", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    await _install_with([*pip, *quiet, f"{spec.package}=={spec.version}", *spec.extra], spec, space)
    return space.install / "bin"


def _pypi_script(spec: ServerSpec, space: Workspace) -> str:
    wanted = _normal(spec.package)
    for site in space.install.glob("lib/python*/site-packages"):
        for found in importlib.metadata.distributions(path=[str(site)]):
            if _normal(found.metadata["Name"] or "") == wanted:
                names = [e.name for e in found.entry_points if e.group == "console_scripts"]
                return _choose(names, spec, spec.package)
    raise HarvestFailure("no_command", "the installed distribution was not found")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _choose(names: list[str], spec: ServerSpec, base: str) -> str:
    """The script to launch: the listed one, the one named like the package, the only one, one that says mcp."""
    safe = [n for n in names if re.fullmatch(r"[A-Za-z0-9][\w.@-]*", n)]
    if spec.command is not None:
        if spec.command in safe:
            return spec.command
        raise HarvestFailure("no_command", f"ships no script {spec.command!r} ({plain(', '.join(safe[:8]))})")
    same = [n for n in safe if _normal(n) == _normal(base)]
    spoken = [n for n in safe if "mcp" in n.lower()]
    for candidates in (same, safe if len(safe) == 1 else [], spoken, safe):
        if candidates:
            return candidates[0]
    raise HarvestFailure("no_command", "ships no script that could be launched")


async def _prepare(spec: ServerSpec, space: Workspace, bin_dir: Path) -> None:
    env = bare(space, bin_dir)
    for line in spec.prepare:
        try:
            status, output = await _run(["sh", "-c", space.fill(line, quoted=True)], space, env, space.work, 60.0)
        except TimeoutError:
            raise HarvestFailure("prepare_failed", "preparation did not finish in 60 s") from None
        if status != 0:
            raise HarvestFailure("prepare_failed", f"exit status {status}; output ends: {plain(output[-300:])}")
